"""A label as a person has it, a picture or its text, read into a `BootstrappingUri`.

A picture is really decoded. It may show other QR symbols, but only one device's label: with two, guessing would
provision the wrong one.
"""

import warnings
from pathlib import Path

import zxingcpp
from PIL import Image

from app_sim.errors import LabelAmbiguousError, LabelForeignError, LabelMissingError, LabelUnreadableError
from onboarding_protocol.bootstrapping import BootstrappingError, BootstrappingUri

_SCHEME = "DPP:"
_TOO_LARGE = Image.DecompressionBombWarning
"""Pillow's own bound, some 90 megapixels: a small file can claim to be a large picture and fill the memory."""

_QR = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])


def read_label(source: str) -> BootstrappingUri:
    """Return what the label says; `source` is the label's text, or the path of a picture of it."""
    text = source if source.startswith(_SCHEME) else _decode(Path(source))
    try:
        return BootstrappingUri.parse(text)
    except BootstrappingError as error:
        raise LabelForeignError(f"this is no device's label: {error}") from error


def _decode(path: Path) -> str:
    barcodes = zxingcpp.read_barcodes(_open(path), formats=_QR)
    texts = {barcode.text for barcode in barcodes}
    labels = [text for text in texts if text.startswith(_SCHEME)]
    if not texts:
        raise LabelMissingError(f"no QR symbol can be read in {path}")
    if not labels:
        raise LabelForeignError(f"the QR symbol in {path} is no device's label: its text does not start with {_SCHEME}")
    if len(labels) > 1:
        raise LabelAmbiguousError(f"{path} shows the labels of {len(labels)} devices")
    return labels[0]


def _open(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings(action="error", category=_TOO_LARGE), Image.open(path) as picture:
            opaque = Image.new("RGBA", picture.size, "white")
            opaque.alpha_composite(picture.convert("RGBA"))
            return opaque.convert("L")
    except FileNotFoundError as error:
        raise LabelUnreadableError(f"there is no file {path}, and it is no text that starts with {_SCHEME}") from error
    except (OSError, ValueError, SyntaxError, _TOO_LARGE, Image.DecompressionBombError) as error:
        # Pillow reports a broken PNG chunk as SyntaxError.
        raise LabelUnreadableError(f"{path} cannot be read as a picture") from error
