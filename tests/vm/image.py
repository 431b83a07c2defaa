"""The image: a kernel, and one initramfs that is the whole system. No disk, no installation, no change that stays."""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.vm.cpio import write_archive
from tests.vm.debian import Archive, unpack
from tests.vm.kernel import chroot, install_kernel
from tests.vm.python import install_libraries
from tests.vm.recipe import FLAVOURS, Recipe, cache

_USERS = """\
root:x:0:0:root:/root:/bin/sh
messagebus:x:101:101::/nonexistent:/usr/sbin/nologin
dnsmasq:x:104:65534::/nonexistent:/usr/sbin/nologin
mosquitto:x:105:105::/nonexistent:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUPS = "root:x:0:\nmessagebus:x:101:\nnetdev:x:102:\nbluetooth:x:103:\nmosquitto:x:105:\nnogroup:x:65534:\n"
_FILES = {
    "etc/passwd": _USERS,
    "etc/group": _GROUPS,
    "etc/hostname": "guest\n",
    "etc/hosts": "127.0.0.1 localhost guest\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
}


@dataclass(frozen=True, slots=True)
class Image:
    """A guest that can be booted."""

    recipe: Recipe
    folder: Path

    @property
    def kernel(self) -> Path:
        """The uncompressed kernel."""
        return self.folder / "vmlinux"

    @property
    def system(self) -> Path:
        """The initramfs."""
        return self.folder / "system.cpio"

    @property
    def manifest(self) -> Path:
        """Every Debian package in it, with its version, one a line."""
        return self.folder / "manifest.txt"


def build(recipe: Recipe, tell: Callable[[str], None] = lambda _: None, fresh: bool = False) -> Image:
    """Return the image of a recipe, built if there is none; `fresh` builds it in any case."""
    image = Image(recipe, cache() / f"{recipe.suite.name}-{recipe.flavour}-{recipe.digest}")
    with locked("build"):
        if fresh or not image.manifest.exists():
            _build(image, _timed(tell))
    return image


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one process of this machine at a time do this."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(image: Image, tell: Callable[[str], None]) -> None:
    suite = image.recipe.suite.name
    for stale in _older_than_the_newest(image):
        shutil.rmtree(stale, ignore_errors=True)
    shutil.rmtree(image.folder, ignore_errors=True)
    tree = image.folder / "tree"
    tree.mkdir(parents=True)
    archive = Archive(cache() / suite, suite)
    archive.update()
    kernel, debs = archive.fetch_kernel(), archive.fetch(image.recipe.packages)
    tell(f"{len(debs) + 1} packages are here")
    unpack(debs, tree, FLAVOURS[image.recipe.flavour])
    tell("unpacked")
    install_kernel(kernel, tree, image.kernel, image.recipe.modules)
    tell("the kernel is in")
    install_libraries(image.recipe, tree, cache() / "pip")
    tell("the libraries are in")
    _configure(tree)
    write_archive(tree, image.system)
    shutil.rmtree(tree)
    image.manifest.write_text("".join(f"{deb.name}\n" for deb in [*debs, kernel]))
    tell(f"packed: {image.system.stat().st_size >> 20} MiB")


def _older_than_the_newest(image: Image, kept: int = 3) -> list[Path]:
    made = cache().glob(f"{image.recipe.suite.name}-{image.recipe.flavour}-*")
    return sorted(made, key=lambda folder: folder.stat().st_mtime, reverse=True)[kept:]


def _configure(tree: Path) -> None:
    for folder in ("dev", "proc", "sys", "run", "tmp", "root", "opt", "var/lib", "var/log"):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    for name, target in (("run", "../run"), ("lock", "../run/lock")):
        link = tree / "var" / name
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)
        if not link.is_symlink():
            link.symlink_to(target)
    for name, text in _FILES.items():
        (tree / name).write_text(text)
    shutil.rmtree(tree / "boot", ignore_errors=True)
    shutil.copy(Path(__file__).parent / "inside" / "init", tree / "init")
    (tree / "init").chmod(0o755)
    chroot(tree, "/sbin/ldconfig")


def _timed(tell: Callable[[str], None]) -> Callable[[str], None]:
    begun = time.monotonic()
    return lambda sentence: tell(f"{time.monotonic() - begun:6.1f} s  {sentence}")
