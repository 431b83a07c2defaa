"""What the guest is made of. An image is rebuilt exactly when something named here, or the builder, has changed."""

import hashlib
import json
import os
import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
_BUILDER = ("recipe.py", "debian.py", "kernel.py", "python.py", "image.py", "cpio.py", "inside/init")
_EXTRAS = ("agent", "api", "app")


@dataclass(frozen=True, slots=True)
class Suite:
    """A Debian release, and the Python that comes with it."""

    name: str
    python: str


SUITES = {suite.name: suite for suite in (Suite("bookworm", "3.11"), Suite("trixie", "3.13"))}
PACKAGES = (
    "base-files", "bluez", "bluez-test-tools", "busybox", "coreutils", "dash", "dbus", "dnsmasq-base", "grep",
    "hostapd", "iproute2", "iw", "kmod", "libc-bin", "libstdc++6", "mosquitto", "procps", "python3", "util-linux",
    "wpasupplicant",
)  # fmt: skip
FLAVOURS = {
    "plain": (),
    "network-manager": ("network-manager", "udev"),
    "systemd": ("network-manager", "systemd", "systemd-sysv", "udev", "dpkg", "tar", "libpam-systemd"),
}
"""What a flavour adds. `systemd` boots with systemd as PID 1, the others with `inside/init` alone."""

MODULES = (
    # Bluetooth. Without the four random number modules the kernel cannot make a key for LE Secure Connections.
    "hci_vhci", "uhid", "rfcomm", "bnep", "cmac", "ecb", "ecdh_generic", "algif_hash", "algif_skcipher",
    "drbg", "jitterentropy_rng", "sha512_generic", "ansi_cprng",
    # Wi-Fi
    "mac80211_hwsim", "ccm", "ctr", "gcm", "ghash_generic",
    # the guest's own link to its host, and its namespaces
    "virtio_pci", "virtio_console", "virtio_rng", "9p", "9pnet_virtio", "veth", "af_packet",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image. Two recipes with the same digest give the same guest, but for newer packages of the same names."""

    suite: Suite
    flavour: str
    packages: tuple[str, ...]
    modules: tuple[str, ...] = MODULES

    @property
    def requirements(self) -> tuple[str, ...]:
        """What our own programs need from PyPI, as pyproject.toml says."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"]
        return tuple(sorted({*project["dependencies"], *(line for extra in _EXTRAS for line in extras[extra])}))

    @property
    def digest(self) -> str:
        """Changes with everything that goes into the image."""
        made = hashlib.sha256(json.dumps([asdict(self), self.requirements]).encode())
        made.update(CONSTRAINTS.read_bytes())
        for name in _BUILDER:
            made.update((Path(__file__).parent / name).read_bytes())
        return made.hexdigest()[:16]

    def with_packages(self, packages: tuple[str, ...]) -> "Recipe":
        """Return this recipe with more Debian packages."""
        return replace(self, packages=tuple(sorted({*self.packages, *packages})))


def recipe(suite: str = "bookworm", flavour: str = "plain") -> Recipe:
    """Return the recipe of a flavour."""
    return Recipe(SUITES[suite], flavour, tuple(sorted({*PACKAGES, *FLAVOURS[flavour]})))


def cache() -> Path:
    """Where downloads and images are kept."""
    named = os.environ.get("ONBOARDING_VM_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "onboarding-vm"
