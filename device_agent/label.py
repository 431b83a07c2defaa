"""The label: a QR symbol of the bootstrapping URI, with the code and the serial number in clear under it."""

import io
from dataclasses import dataclass
from xml.sax.saxutils import escape

import qrcode
import segno
from PIL import Image, ImageDraw, ImageFont

from onboarding_protocol.bootstrapping import BootstrappingUri

_MODULE = 10  # pixels, and SVG units, per module
_QUIET_ZONE = 4  # modules, ISO/IEC 18004 section 6.3.8
_LINE = 44
_TEXT = 34


@dataclass(frozen=True, slots=True)
class Label:
    """What is printed on one device."""

    uri: BootstrappingUri
    serial: str | None = None

    @property
    def code(self) -> str:
        """The label code in groups of four, as a person reads and types it."""
        code = self.uri.key.code
        return "-".join(code[start : start + 4] for start in range(0, len(code), 4))

    @property
    def lines(self) -> list[str]:
        """The text under the symbol."""
        return [self.code] if self.serial is None else [self.code, self.serial]

    def to_terminal(self) -> str:
        """Return the symbol in half blocks, dark on light, with the text under it."""
        code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=_QUIET_ZONE)
        code.add_data(str(self.uri))
        drawing = io.StringIO()
        code.print_ascii(out=drawing, invert=True)
        rows = drawing.getvalue().rstrip("\n").split("\n")
        width = max(len(row) for row in rows)
        return "\n".join([*rows, *(line.center(width).rstrip() for line in self.lines)])

    def to_svg(self) -> str:
        """Return the label as an SVG document."""
        symbol = self._symbol()
        side = symbol.symbol_size(scale=_MODULE, border=_QUIET_ZONE)[0]
        height = side + _LINE * len(self.lines)
        drawing = symbol.svg_inline(scale=_MODULE, border=_QUIET_ZONE, omitsize=False)
        texts = "".join(
            f'<text x="{side / 2:g}" y="{side + _LINE * row + _TEXT / 2:g}" text-anchor="middle" '
            f'font-family="monospace" font-size="{_TEXT}">{escape(line)}</text>'
            for row, line in enumerate(self.lines)
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {height}" width="{side}" height="{height}">'
            f'<rect width="{side}" height="{height}" fill="#fff"/>{drawing}{texts}</svg>\n'
        )

    def to_png(self) -> bytes:
        """Return the label as a PNG picture."""
        drawing = io.BytesIO()
        self._symbol().save(drawing, kind="png", scale=_MODULE, border=_QUIET_ZONE)
        symbol = Image.open(drawing).convert("L")
        picture = Image.new("L", (symbol.width, symbol.height + _LINE * len(self.lines)), 255)
        picture.paste(symbol, (0, 0))
        pen, font = ImageDraw.Draw(picture), ImageFont.load_default(_TEXT)
        for row, line in enumerate(self.lines):
            pen.text((symbol.width / 2, symbol.height + _LINE * row), line, fill=0, font=font, anchor="mm")
        out = io.BytesIO()
        picture.save(out, "PNG")
        return out.getvalue()

    def _symbol(self) -> segno.QRCode:
        return segno.make(str(self.uri), error="m", micro=False)
