"""How QEMU runs the guest: emulated (TCG), so that it needs no rights and no hardware; slower than KVM, not different.

The choices are measured: q35 with an uncompressed kernel boots in half the time of a bzImage, `Nehalem` and
`cryptomgr.notests` each save half a second.
"""

from pathlib import Path

from tests.vm.image import Image
from tests.vm.inside.commands import PORT

MEMORY_MIB = 1536
_KERNEL_OPTIONS = (
    "console=ttyS0 quiet loglevel=4 rdinit=/init panic=-1 mitigations=off no_timer_check nokaslr random.trust_cpu=on "
    "audit=0 cryptomgr.notests "
    # On a busy host the kernel takes a wrong measure of the TSC, and all of the guest's time runs twice as fast.
    "clocksource=hpet"
)
_SYSTEMD = "/lib/systemd/systemd"


def command(image: Image, folder: Path, socket: Path | None, console: str) -> list[str | Path]:
    """Return QEMU's command line. `folder` is shared under its own path; without a socket the guest gives a shell."""
    options = [_KERNEL_OPTIONS, f"guest.folder={folder}"]
    if socket is None:
        options.append("guest.shell")
    if image.recipe.flavour == "systemd":
        options.append(f"guest.init={_SYSTEMD}")
    return [
        "qemu-system-x86_64",
        *("-M", "q35", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "Nehalem", "-smp", "2"),
        *("-m", str(MEMORY_MIB), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-nic", "none"),
        *("-kernel", image.kernel, "-initrd", image.system, "-append", " ".join(options)),
        *("-monitor", "none", "-serial", console, "-device", "virtio-rng-pci"),
        *("-fsdev", f"local,id=job,path={folder},security_model=none,multidevs=remap"),
        *("-device", "virtio-9p-pci,fsdev=job,mount_tag=job"),
        *(_port(socket) if socket is not None else ()),
    ]


def _port(socket: Path) -> list[str]:
    listening = f"socket,id=commands,path={socket},server=on,wait=off"
    return [
        "-chardev",
        listening,
        "-device",
        "virtio-serial-pci",
        "-device",
        f"virtserialport,chardev=commands,name={PORT}",
    ]
