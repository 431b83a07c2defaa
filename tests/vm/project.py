"""Our own code for the guest, as it is now: packages, their commands, bytecode where this Python is the guest's."""

import compileall
import py_compile
import shutil
import sys
import tarfile
import tomllib
from pathlib import Path

from tests.vm.recipe import ROOT, Suite

_PACKAGES = ("onboarding_protocol", "device_agent", "app_sim", "onboarding_api")
_INSIDE = Path(__file__).parent / "inside"
_COMMAND = """\
#!/usr/bin/python3
import sys
from {module} import {function}
sys.exit({function}())
"""


def pack_project(suite: Suite, folder: Path) -> None:
    """Write `project.tar` into the folder."""
    staged = folder / "project"
    for source in (*(ROOT / package for package in _PACKAGES), _INSIDE):
        shutil.copytree(source, staged / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    _write_commands(staged / "bin")
    if f"{sys.version_info.major}.{sys.version_info.minor}" == suite.python:
        compileall.compile_dir(staged, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    with tarfile.open(folder / "project.tar", "w") as archive:
        archive.add(staged, ".")
    shutil.rmtree(staged)


def _write_commands(folder: Path) -> None:
    folder.mkdir()
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    for name, target in scripts.items():
        module, _, function = target.partition(":")
        if module.partition(".")[0] in _PACKAGES:
            (folder / name).write_text(_COMMAND.format(module=module, function=function))
            (folder / name).chmod(0o755)
