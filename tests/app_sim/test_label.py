from pathlib import Path

import pytest
import segno
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image, ImageFilter

from app_sim.errors import AppError, LabelAmbiguousError, LabelForeignError, LabelMissingError, LabelUnreadableError
from app_sim.label import read_label
from onboarding_protocol.bootstrapping import BootstrappingKey, BootstrappingUri


def new_label() -> BootstrappingUri:
    key = BootstrappingKey.from_public_key(ec.generate_private_key(ec.SECP256R1()).public_key())
    return BootstrappingUri(key)


def draw(text: str, path: Path, scale: int = 8) -> Image.Image:
    segno.make(text, error="m", micro=False).save(str(path), scale=scale)
    with Image.open(path) as picture:
        return picture.convert("RGB")


def test_a_picture_of_a_label_gives_what_is_on_it(tmp_path: Path) -> None:
    label = new_label()
    draw(str(label), tmp_path / "label.png")
    assert read_label(str(tmp_path / "label.png")) == label


def test_the_text_of_a_label_is_taken_as_it_is() -> None:
    label = new_label()
    assert read_label(str(label)) == label


@pytest.mark.parametrize("angle", [17, 90, 180, 301])
def test_a_turned_label_is_read(tmp_path: Path, angle: int) -> None:
    label, path = new_label(), tmp_path / "label.png"
    draw(str(label), path).rotate(angle, expand=True, fillcolor="white").save(path)
    assert read_label(str(path)) == label


def test_a_blurred_photograph_is_read(tmp_path: Path) -> None:
    label, path = new_label(), tmp_path / "label.jpg"
    draw(str(label), tmp_path / "sharp.png").filter(ImageFilter.GaussianBlur(3)).save(path, quality=30)
    assert read_label(str(path)) == label


def test_a_label_on_a_transparent_ground_is_read(tmp_path: Path) -> None:
    label, path = new_label(), tmp_path / "label.png"
    segno.make(str(label)).save(str(path), scale=6, light=None)
    assert read_label(str(path)) == label


def test_a_symbol_that_is_blurred_beyond_reading_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "label.png"
    draw(str(new_label()), path).filter(ImageFilter.GaussianBlur(30)).save(path)
    with pytest.raises(LabelMissingError, match="no QR symbol") as refusal:
        read_label(str(path))
    assert "closer" in refusal.value.remedy


def side_by_side(first: str, second: str, folder: Path) -> str:
    left, right = draw(first, folder / "1.png"), draw(second, folder / "2.png")
    both = Image.new("RGB", (left.width + right.width, max(left.height, right.height)), "white")
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    both.save(folder / "both.png")
    return str(folder / "both.png")


def test_a_picture_of_two_devices_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelAmbiguousError, match="2 devices") as refusal:
        read_label(side_by_side(str(new_label()), str(new_label()), tmp_path))
    assert "one label" in refusal.value.remedy


def test_another_symbol_beside_the_label_does_no_harm(tmp_path: Path) -> None:
    label = new_label()
    assert read_label(side_by_side(str(label), "https://example.com/manual", tmp_path)) == label


@pytest.mark.parametrize("text", ["https://example.com", "WIFI:S:Home;P:canary;;", "DPP:", "DPP:K:AAAA;;", "DPP:V:2;;"])
def test_another_text_is_no_label_and_is_not_repeated(tmp_path: Path, text: str) -> None:
    draw(text, tmp_path / "other.png")
    with pytest.raises(LabelForeignError) as refusal:
        read_label(str(tmp_path / "other.png"))
    assert text not in str(refusal.value) or text == "DPP:"


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_a_file_that_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "label.png").write_bytes(content)
    with pytest.raises(LabelUnreadableError, match="cannot be read as a picture"):
        read_label(str(tmp_path / "label.png"))


def test_a_picture_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "label.png"
    draw(str(new_label()), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(AppError):
        read_label(str(path))


def test_a_picture_that_would_fill_the_memory_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 5_000)).save(path)
    with pytest.raises(LabelUnreadableError):
        read_label(str(path))


@pytest.mark.parametrize("name", ["missing.png", "", "."])
def test_what_is_no_file_is_refused_with_a_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabelUnreadableError) as refusal:
        read_label(str(tmp_path / name))
    assert refusal.value.remedy.endswith(".")
