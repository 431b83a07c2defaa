"""Debian packages without installing them: apt resolves against an empty system, and the files are unpacked.

No maintainer script runs, so that what they would have made is made in `image.py`. The apt lists are our own: the
host may be any Debian, with any sources.
"""

import os
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_ONLY_FOR_MAINTAINER_SCRIPTS = (
    "perl*", "libperl*", "lib*-perl", "debconf", "libdebconf*", "usrmerge", "usr-is-merged", "gcc-1*-base", "adduser",
    "init-system-helpers", "media-types", "lsb-base", "sensible-utils", "ucf", "libdb5*", "libgdbm*", "netbase", "udev",
)  # fmt: skip
_LEFT_OUT = (
    "./usr/share/doc/*", "./usr/share/man/*", "./usr/share/locale/*", "./usr/share/info/*", "./usr/share/i18n/*",
    "./usr/share/bash-completion/*", "./usr/share/lintian/*", "./usr/share/perl*", "./usr/share/zoneinfo/*",
    "./usr/lib/x86_64-linux-gnu/gconv/*", "./usr/lib/x86_64-linux-gnu/perl*", "./lib/udev/hwdb.d/*",
    "./usr/lib/udev/hwdb.d/*", "./usr/lib/python3*/test/*", "./usr/lib/python3*/lib2to3/*",
    "./usr/lib/python3*/pydoc_data/*", "./usr/lib/python3*/ensurepip/*", "./usr/lib/python3*/idlelib/*",
)  # fmt: skip


class BuildError(Exception):
    """The image cannot be built; the text says why and what to do."""


def run(command: list[str | Path], **options: str | Path) -> str:
    """Run a program and return what it says; BuildError with its own words if it fails."""
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, **options)  # type: ignore[call-overload]
    if done.returncode != 0:
        raise BuildError(f"{' '.join(map(str, command[:6]))} … failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return str(done.stdout)


class Archive:
    """One Debian release as apt sees it, with its downloads kept in `folder`."""

    def __init__(self, folder: Path, suite: str) -> None:
        self._folder = folder
        self._suite = suite
        self._debs = folder / "debs"
        for made in (self._debs / "partial", folder / "lists" / "partial", folder / "empty" / "partial"):
            made.mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        sources = (f"{MIRROR} {suite}", f"{MIRROR} {suite}-updates", f"{SECURITY} {suite}-security")
        lines = "".join(f"deb [arch=amd64 signed-by={KEYRING}] {source} main\n" for source in sources)
        (folder / "sources.list").write_text(lines)

    def update(self) -> None:
        """Fetch the package lists."""
        if not Path(KEYRING).exists():
            raise BuildError(f"{KEYRING} is missing: apt-get install debian-archive-keyring")
        self._apt("apt-get", "update")

    def fetch(self, packages: tuple[str, ...]) -> list[Path]:
        """Download the packages with all they depend on; return their files."""
        listed = self._apt("apt-get", "-qq", "--print-uris", "install", *packages, debs=self._folder / "empty")
        self._apt("apt-get", "-q", "--download-only", "install", *packages)
        names = [line.split()[1] for line in listed.splitlines() if line.startswith("'")]
        return [self._debs / name for name in sorted(names)]

    def fetch_kernel(self) -> Path:
        """Download the newest kernel, without what would make it boot from a disk; return its file."""
        depends = self._apt("apt-cache", "depends", "linux-image-amd64")
        found = re.search(r"Depends: (linux-image-\d\S+)", depends)
        if found is None:
            raise BuildError(f"{self._suite} has no kernel for amd64; apt says:\n{depends}")
        listed = self._apt("apt-get", "-qq", "--print-uris", "download", found[1])
        deb = self._debs / listed.split()[1]
        if not deb.exists():
            self._apt("apt-get", "-q", "download", found[1], cwd=self._debs)
        return deb

    def _apt(self, program: str, *arguments: str, debs: Path | None = None, cwd: Path = Path("/")) -> str:
        settings = {
            "Dir::Etc::sourcelist": self._folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State::lists": self._folder / "lists",
            "Dir::State::status": self._folder / "status",
            "Dir::Cache::archives": debs or self._debs,
            "Dir::Cache::pkgcache": self._folder / "pkgcache.bin",
            "Dir::Cache::srcpkgcache": self._folder / "srcpkgcache.bin",
            "Debug::NoLocking": "1",
            "APT::Architecture": "amd64",
            "APT::Architectures": "amd64",
            "APT::Sandbox::User": "root",
            "APT::Install-Recommends": "false",
            "APT::Get::Assume-Yes": "true",
        }
        options = [f"-o{name}={value}" for name, value in settings.items()]
        return run([program, *options, *arguments], cwd=cwd)


def unpack(debs: list[Path], tree: Path, kept: tuple[str, ...]) -> None:
    """Unpack packages into a tree in which /bin, /sbin and /lib are links into /usr; `kept` ones in any case."""
    for folder in ("bin", "sbin", "lib", "lib64"):
        (tree / "usr" / folder).mkdir(parents=True)
        (tree / folder).symlink_to(f"usr/{folder}")
    excluded = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
    for deb in debs:
        package = deb.name.partition("_")[0]
        if package in kept or not any(fnmatch(package, pattern) for pattern in _ONLY_FOR_MAINTAINER_SCRIPTS):
            unpack_one(deb, tree, *excluded)


def unpack_one(deb: Path, tree: Path, *options: str) -> None:
    """Unpack one package, with these options of tar."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as reader:
        unpacked = subprocess.run(
            ["tar", "-x", "-C", tree, "--keep-directory-symlink", "--no-same-owner", "--wildcards", *options],
            stdin=reader.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
    # A pattern that is in no package of this release is no fault.
    faults = [line for line in unpacked.stderr.splitlines() if "Not found in archive" not in line]
    if unpacked.returncode != 0 and any("Exiting with failure" not in line for line in faults):
        raise BuildError(f"{deb.name} cannot be unpacked:\n{unpacked.stderr}")
