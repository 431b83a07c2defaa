"""A QR symbol of characters, for a terminal."""

import zxingcpp

_PIXELS = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
"""Upper and lower module, 1 is dark: drawn light on dark, as most terminals are."""


def draw_symbol(text: str) -> str:
    """Return the text as a QR symbol, two modules to a character, with its quiet zone."""
    symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    image = symbol.to_image(scale=1, add_quiet_zones=True)
    height, width = image.shape
    octets = bytes(memoryview(image))  # type: ignore[arg-type]  # a buffer, though its stub does not say so
    dark = [[int(octet < 128) for octet in octets[row * width : (row + 1) * width]] for row in range(height)]
    if height % 2:
        dark.append([0] * width)
    rows = zip(dark[::2], dark[1::2], strict=True)
    return "\n".join("".join(_PIXELS[pair] for pair in zip(upper, lower, strict=True)) for upper, lower in rows)
