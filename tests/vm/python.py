"""Our programs' libraries, and all bytecode made ahead: under emulation, compiling takes longer than running."""

import sys
from pathlib import Path

from tests.vm.debian import run
from tests.vm.kernel import chroot
from tests.vm.recipe import CONSTRAINTS, Recipe

_GLIBC_MINORS = (17, 28, 31, 34, 35)
LIBRARIES = Path("usr/lib/python3/dist-packages")
PROJECT = Path("/opt/onboarding")
"""Where the guest finds our own code, put there at each boot."""


def install_libraries(recipe: Recipe, tree: Path, wheels: Path) -> None:
    """Install what our programs need, as wheels for the guest's Python, then compile everything."""
    platforms = [f"--platform=manylinux_2_{minor}_x86_64" for minor in _GLIBC_MINORS]
    wanted = ["--only-binary=:all:", f"--python-version={recipe.suite.python}", *platforms]
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--quiet",
        "--cache-dir",
        wheels,
    ]
    options: list[str | Path] = ["--no-compile", "--constraint", CONSTRAINTS, "--target", tree / LIBRARIES]
    run([*pip, "install", *wanted, *options, *recipe.requirements])
    (tree / LIBRARIES / "onboarding.pth").write_text(f"{PROJECT}\n")
    compiling = ("python3", "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash")
    chroot(tree, "/bin/sh", "-c", f"{' '.join(compiling)} /usr/lib/python3* || true")
