"""Debian's kernel, without what the guest does not need: an uncompressed image, and the modules it will load.

Emulated, a compressed kernel takes seconds to unpack itself; QEMU starts the ELF image inside it directly (PVH).
"""

import lzma
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

from tests.vm.debian import BuildError, run, unpack_one

_MODULE_FOLDERS = (
    "net", "crypto", "lib", "arch/x86/crypto", "drivers/bluetooth", "drivers/virtio", "drivers/char", "drivers/hid",
    "drivers/input", "drivers/net", "fs/9p", "fs/netfs", "fs/fscache",
)  # fmt: skip
_SETUP_SECTORS, _PAYLOAD = 0x1F1, 0x248  # Documentation/arch/x86/boot.rst, protocol 2.08


def extract_image(compressed: Path, image: Path) -> None:
    """Take the ELF image out of a bzImage."""
    kernel = compressed.read_bytes()
    offset, length = struct.unpack_from("<II", kernel, _PAYLOAD)
    begin = ((kernel[_SETUP_SECTORS] or 4) + 1) * 512 + offset
    payload = kernel[begin : begin + length]
    if payload.startswith(b"\xfd7zXZ\0"):
        elf = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(b"\x1f\x8b"):
        elf = zlib.decompressobj(31).decompress(payload)
    elif payload.startswith(b"\x28\xb5\x2f\xfd"):
        elf = subprocess.run(["zstd", "-dqc"], input=payload, stdout=subprocess.PIPE, check=False).stdout
    else:
        raise BuildError(f"{compressed.name} is compressed in a way that is not known here: {payload[:6].hex()}")
    if not elf.startswith(b"\x7fELF"):
        raise BuildError(f"{compressed.name} does not hold an ELF image")
    image.write_bytes(elf)


def install_kernel(deb: Path, tree: Path, image: Path, wanted: tuple[str, ...]) -> None:
    """Write the kernel's image, and into the tree the wanted modules with those they need."""
    everything = tree / "all-modules"
    everything.mkdir()
    folders = [f"./*lib/modules/*/kernel/{folder}/*" for folder in _MODULE_FOLDERS]
    unpack_one(deb, everything, "./boot/vmlinuz*", "./*lib/modules/*/modules.*", *folders)
    if (everything / "usr").exists():  # trixie
        (everything / "usr" / "lib").rename(everything / "lib")
    (release,) = (path.name for path in (everything / "lib" / "modules").iterdir())
    extract_image(everything / "boot" / f"vmlinuz-{release}", image)
    chroot(tree, "/sbin/depmod", "-b", "/all-modules", release)
    modules = Path("lib/modules") / release
    for module in wanted:
        shown = chroot(tree, "/sbin/modprobe", "-d", "/all-modules", "-S", release, "--show-depends", module)
        for line in shown.splitlines():
            if line.startswith("insmod"):
                file = Path(line.split()[1]).relative_to("/all-modules")
                (tree / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(everything / file, tree / file)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copyfile(everything / modules / name, tree / modules / name)
    shutil.rmtree(everything)
    chroot(tree, "/sbin/depmod", release)


def chroot(tree: Path, *command: str) -> str:
    """Run one of the guest's own programs on the host; without root in a user namespace of its own."""
    return run(["unshare", "--map-root-user", "chroot", tree, *command])
