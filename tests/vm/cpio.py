"""An initramfs in the kernel's own format (cpio "newc"): sorted, owned by root and without times, so reproducible."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def write_archive(tree: Path, archive: Path) -> None:
    """Write everything below `tree`."""
    with archive.open("wb") as out:
        for number, path in enumerate(_everything(tree), start=1):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                content = str(path.readlink()).encode()
            else:
                content = path.read_bytes() if stat.S_ISREG(mode) else b""
            _write_entry(out, path.relative_to(tree).as_posix(), number, mode, content)
        _write_entry(out, "TRAILER!!!", 0, 0, b"")


def _everything(tree: Path) -> Iterator[Path]:
    for path in sorted(tree.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _everything(path)


def _write_entry(out: BinaryIO, name: str, number: int, mode: int, content: bytes) -> None:
    encoded = name.encode() + b"\0"
    links, owner, group, modified, device = 1, 0, 0, 0, 0
    fields = (
        number,
        mode,
        owner,
        group,
        links,
        modified,
        len(content),
        device,
        device,
        device,
        device,
        len(encoded),
        0,
    )
    header = b"070701" + b"".join(b"%08X" % value for value in fields)
    for part in (header + encoded, content):
        out.write(part + bytes(-len(part) % 4))
