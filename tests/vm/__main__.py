"""`python -m tests.vm build | run COMMAND… | shell`: the bench by hand.

build            make the image, if there is none of this recipe
run COMMAND…     boot a guest, run the command as root, write what it says, exit with its code
shell            boot a guest and give a shell on its console
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.vm.channel import GuestError
from tests.vm.debian import BuildError
from tests.vm.guest import Guest
from tests.vm.image import Image, build, locked
from tests.vm.machine import command
from tests.vm.project import pack_project
from tests.vm.recipe import FLAVOURS, SUITES, recipe


def main() -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.vm", description=__doc__.partition("\n")[0])
    parser.add_argument("--suite", choices=sorted(SUITES), default="bookworm")
    parser.add_argument("--flavour", choices=sorted(FLAVOURS), default="plain")
    parser.add_argument("--package", action="append", default=[], help="one more Debian package in the image")
    parser.add_argument("--folder", type=Path, help="folder that the guest shares, under the same path; else a new one")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds that `run` may take")
    parser.add_argument("--fresh", action="store_true", help="build the image anew, with today's packages")
    parser.add_argument("action", choices=("build", "run", "shell"))
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    try:
        wanted = recipe(arguments.suite, arguments.flavour).with_packages(tuple(arguments.package))
        image = build(wanted, lambda sentence: print(sentence, file=sys.stderr), arguments.fresh)
        if arguments.action == "build":
            print(image.folder)
            return 0
        folder = (arguments.folder or Path(tempfile.mkdtemp(prefix="guest-"))).absolute()
        if arguments.action == "shell":
            return _shell(image, folder)
        return asyncio.run(_run(image, folder, arguments.command, arguments.timeout))
    except (BuildError, GuestError) as error:
        print(error, file=sys.stderr)
        return 125


async def _run(image: Image, folder: Path, wanted: list[str], timeout_s: float) -> int:
    begun = time.monotonic()
    async with Guest.boot(image, folder) as guest:
        print(f"up after {time.monotonic() - begun:.1f} s; logs in {folder}", file=sys.stderr)
        process = await guest.start("command", list(wanted))
        try:
            async with asyncio.timeout(timeout_s):
                async for line in process.lines():
                    print(line, flush=True)
                return await process.finish()
        except TimeoutError:
            print(f"not finished after {timeout_s:g} s", file=sys.stderr)
            return 124
        finally:
            sys.stderr.write((folder / "command.log").read_text(errors="replace"))


def _shell(image: Image, folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    pack_project(image.recipe.suite, folder)
    with locked("guest"):
        words = [os.fspath(word) for word in command(image, folder, None, "mon:stdio")]
        return os.spawnvp(os.P_WAIT, words[0], words)


if __name__ == "__main__":
    sys.exit(main())
