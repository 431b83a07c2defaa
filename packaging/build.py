"""`make deb`: the agent as a Debian package, with the libraries it was tested with and without root or a chroot.

The same commit, constraints and target give the same octets: times are the commit's, owners are root, no path of this
machine gets in. Libraries are wheels for Debian 12's Python, whatever Python and machine build the package.
"""

import gzip
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
PYTHON = "3.11"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
LIBRARIES = "usr/lib/device-agent"
DOCUMENTATION = "usr/share/doc/device-agent"
OURS = ("device_agent", "onboarding_protocol")
FILES = {
    "device-agent": "usr/bin/device-agent",
    "device-agent.service": "lib/systemd/system/device-agent.service",
    "sysusers.conf": "usr/lib/sysusers.d/device-agent.conf",
    "dbus.conf": "usr/share/dbus-1/system.d/device-agent.conf",
    "polkit.rules": "usr/share/polkit-1/rules.d/50-device-agent.rules",
    "udev.rules": "lib/udev/rules.d/60-device-agent.rules",
    "config.toml": "etc/device-agent/config.toml",
    "copyright": f"{DOCUMENTATION}/copyright",
    "lintian-overrides": "usr/share/lintian/overrides/device-agent",
    "examples/clock.conf": f"{DOCUMENTATION}/examples/clock.conf",
    "examples/led.conf": f"{DOCUMENTATION}/examples/led.conf",
    "../docs/running.md": f"{DOCUMENTATION}/running.md",
}
EXECUTABLE = {"usr/bin/device-agent", "DEBIAN/postinst", "DEBIAN/prerm", "DEBIAN/postrm"}


def build(folder: Path, architecture: str) -> Path:
    """Build the package for one architecture in `folder`; return its file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tree = folder / f"device-agent-{architecture}"
    shutil.rmtree(tree, ignore_errors=True)
    _libraries(tree / LIBRARIES, project, architecture)
    for source, target in FILES.items():
        _copy(HERE / source, tree / target)
    (tree / "etc/device-agent/config.d").mkdir()
    moment = _moment()
    _changelog(tree, project["version"], moment)
    _control(tree, project["version"], architecture)
    _settle(tree)
    package = folder / f"device-agent_{project['version']}_{architecture}.deb"
    command: list[str | Path] = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", tree, package]
    _run(command, SOURCE_DATE_EPOCH=str(moment))
    return package


def _libraries(target: Path, project: dict[str, object], architecture: str) -> None:
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["agent"]]  # type: ignore[index,misc]
    machine = MACHINES[architecture]
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in (17, 26, 28, 34, 36)]
    options = ["--only-binary=:all:", f"--python-version={PYTHON}", "--implementation=cp", *platforms]
    options += ["--no-compile", "--quiet", "--disable-pip-version-check", "--no-warn-conflicts", "--upgrade"]
    constraints: list[str | Path] = ["--constraint", ROOT / ".ci" / "constraints.txt"]
    _run([sys.executable, "-m", "pip", "install", *options, *constraints, "--target", target, *wanted])
    shutil.rmtree(target / "bin", ignore_errors=True)
    for made_here in [*target.glob("*.dist-info/RECORD"), *target.glob("*.dist-info/REQUESTED")]:
        made_here.unlink()
    for name in OURS:
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _changelog(tree: Path, version: str, moment: int) -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(moment))
    text = (
        f"device-agent ({version}) stable; urgency=medium\n\n  * As of this commit of the onboarding project.\n\n"
        f" -- Onboarding maintainers <maintainers@onboarding.invalid>  {date}\n"
    )
    path = tree / DOCUMENTATION / "changelog.gz"
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def _control(tree: Path, version: str, architecture: str) -> None:
    kilobytes = sum(path.stat().st_size // 1024 + 1 for path in tree.rglob("*") if path.is_file())
    folder = tree / "DEBIAN"
    for script in ("postinst", "prerm", "postrm"):
        _copy(HERE / "scripts" / script, folder / script)
    facts = {"version": version, "architecture": architecture, "kilobytes": str(kilobytes)}
    (folder / "control").write_text((HERE / "control").read_text(encoding="utf-8").format_map(facts))
    (folder / "conffiles").write_text("/etc/device-agent/config.toml\n")


def _settle(tree: Path) -> None:
    """Give every file the mode that it has in every build."""
    for path in tree.rglob("*"):
        name = path.relative_to(tree).as_posix()
        path.chmod(0o755 if path.is_dir() or name in EXECUTABLE else 0o644)
    tree.chmod(0o755)


def _moment() -> int:
    """Return the time that the package's files bear: $SOURCE_DATE_EPOCH, or the commit's."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(told.stdout) if told.returncode == 0 else 0


def _run(command: list[str | Path], **environment: str) -> None:
    done = subprocess.run(command, env={**os.environ, **environment}, check=False, stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(f"packaging: {' '.join(map(str, command[:4]))} … failed; what it said is above.")


def main() -> None:
    """Build the packages that are named, amd64's if none is."""
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    for architecture in sys.argv[1:] or ["amd64"]:
        if architecture not in MACHINES:
            sys.exit(f"packaging: there are no wheels for {architecture}. Name one of: {', '.join(MACHINES)}.")
        package = build(folder, architecture)
        print(f"{package.relative_to(ROOT)}: {package.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
