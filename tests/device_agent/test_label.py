import io
import re
from xml.etree import ElementTree

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from device_agent.label import Label
from onboarding_protocol.bootstrapping import BootstrappingKey, BootstrappingUri
from tests.device_agent.operator import new_key

URI = BootstrappingUri(BootstrappingKey.from_public_key(new_key().public_key()))
SERIALS = [None, "SN-1", "<&>\"' ]]> 🛰", "x" * 64]
SVG = "{http://www.w3.org/2000/svg}"
UPPER, LOWER, FULL = "▀▄█"


def read(picture: Image.Image) -> str:
    (found,) = zxingcpp.read_barcodes(picture)
    return found.text


@pytest.mark.parametrize("serial", SERIALS)
def test_the_png_is_read_by_a_scanner(serial: str | None) -> None:
    picture = Image.open(io.BytesIO(Label(URI, serial).to_png()))
    assert read(picture) == str(URI)
    assert picture.height > picture.width


@pytest.mark.parametrize("serial", SERIALS)
def test_the_svg_is_read_by_a_scanner_and_escapes_the_serial(serial: str | None) -> None:
    label = Label(URI, serial)
    document = ElementTree.fromstring(label.to_svg())  # our own document
    texts = [text.text for text in document.iter(f"{SVG}text")]
    assert texts == [label.code, *([] if serial is None else [serial])]
    assert all(float(text.attrib["y"]) < float(document.attrib["height"]) for text in document.iter(f"{SVG}text"))
    assert read(draw(document)) == str(URI)


def draw(document: ElementTree.Element) -> Image.Image:
    """Draw the strokes of segno's path: relative and absolute moves, horizontal lines, one module thick."""
    side = int(document.attrib["width"])
    picture = Image.new("L", (side, side), 255)
    pen = ImageDraw.Draw(picture)
    (path,) = (element for element in document.iter(f"{SVG}path") if element.get("stroke"))
    scale = float((re.findall(r"scale\(([\d.]+)\)", path.get("transform", "")) or ["1"])[0])
    x = y = 0.0
    for command, numbers in re.findall(r"([MmHh])([^MmHh]*)", path.attrib["d"]):
        values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
        if command == "h":
            pen.rectangle((x * scale, (y - 0.5) * scale, (x + values[0]) * scale - 1, (y + 0.5) * scale - 1), fill=0)
            x += values[0]
        elif command == "m":
            x, y = x + values[0], y + values[1]
        else:
            assert command == "M"
            x, y = values
    return picture


def test_the_terminals_symbol_is_read_by_a_scanner() -> None:
    label = Label(URI, "SN-1")
    lines = label.to_terminal().split("\n")
    assert [line.strip() for line in lines[-2:]] == [label.code, "SN-1"]
    rows = lines[:-2]
    picture = Image.new("L", (max(map(len, rows)) * 4, len(rows) * 8), 0)
    pen = ImageDraw.Draw(picture)
    for y, row in enumerate(rows):
        for x, block in enumerate(row):
            for half, shown in ((0, UPPER + FULL), (1, LOWER + FULL)):
                if block in shown:  # what is drawn is light, on a dark terminal
                    pen.rectangle((x * 4, y * 8 + half * 4, x * 4 + 3, y * 8 + half * 4 + 3), fill=255)
    assert read(picture) == str(URI)


def test_the_code_is_read_in_groups_of_four() -> None:
    assert re.fullmatch(r"([0-9A-Z]{4}-){3}[0-9A-Z]{4}", Label(URI).code)
    assert Label(URI).code.replace("-", "") == URI.key.code
