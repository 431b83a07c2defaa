"""Schemathesis against a real server: `python -m tests.openapi.campaign EXAMPLES`, with all its checks and phases."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.onboarding_api.actors import PASSWORD
from tests.onboarding_api.conftest import settle
from tests.onboarding_api.processes import serving

HERE = Path(__file__).parent
EXAMPLES = 1000
_LIMITS = ("--account-rate", "0", "--tenant-rate", "0", "--streams", "256")
"""What is limited by frequency would only be answered 429; and a server that holds all the streams it can says 503, as
documented, which counts as a server's error."""
_OPTIONS = (*_LIMITS, "--workers", "2", "--trusted-proxies", "1")
"""`hooks.py` says from where each request comes."""


@contextmanager
def registry() -> Iterator[Path]:
    """Lend the folder of a registry on SQLite, in memory where that is possible."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="openapi-", dir=memory) as name:
        folder = Path(name)
        url = f"sqlite:///{folder}/registry.db"
        settle(folder, url)
        (folder / "database.url").write_text(url)
        yield folder


async def run(folder: Path, *options: str) -> tuple[int, str]:
    """Run schemathesis against a server over this registry; return its exit code and what it says."""
    async with serving(folder, *_OPTIONS) as (_, url):
        child = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "schemathesis",
            *("--config-file", str(HERE / "schemathesis.toml"), "run", f"{url}/openapi.json"),
            *("--no-color", *options),
            env={
                **os.environ,
                "SCHEMATHESIS_HOOKS": "tests.openapi.hooks",
                "OPENAPI_URL": url,
                "OPENAPI_PASSWORD": PASSWORD,
                "PYTHONPATH": str(HERE.parent.parent),
            },
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await child.communicate()
    return child.returncode or 0, said.decode(errors="replace")


def main() -> int:
    """Run the campaign; say what it found."""
    examples = sys.argv[1] if len(sys.argv) > 1 else str(EXAMPLES)
    with registry() as folder:
        code, said = asyncio.run(
            run(folder, "--max-examples", examples, "--generation-database", "none", *sys.argv[2:])
        )
    sys.stdout.write(said)
    return code


if __name__ == "__main__":
    sys.exit(main())
