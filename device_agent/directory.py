"""The state directory itself: held by one process, readable by its user alone, each file replaced atomically.

A file is written beside its place, synced and renamed, so that a crash leaves the old or the new one. One process
at a time holds the directory (flock, which ends with the process); others may read.
"""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from device_agent.errors import StateError, StateInUseError


class StateDirectory:
    """A directory that anybody of its user may read; who writes holds it, from `hold` to `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def hold(self) -> "StateDirectory":
        """Make the directory if it is missing, 0700, and keep other writers out; StateInUseError if one is in."""
        self._descriptor = _hold(self.path)
        return self

    def close(self) -> None:
        """Leave the directory to others; nothing can be written any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read(self, name: str) -> bytes | None:
        """Return what a file holds, None if there is none."""
        path = self.path / name
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(
                f"{path} cannot be read: {error.strerror}", "Run this as the user that owns the directory."
            ) from error

    def stems(self, suffix: str) -> list[str]:
        """Return the names of the files that end so, without that end."""
        return [path.name.removesuffix(suffix) for path in self.path.glob(f"[!.]*{suffix}")]

    def write(self, name: str, content: bytes) -> None:
        """Replace the file; it is on disk when this returns."""
        if self._descriptor is None:
            raise StateError(f"the state directory {self.path} is not held", "Open it again.")
        beside = self.path / f".{name}.{secrets.token_hex(4)}.tmp"
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.rename(self.path / name)
            os.fsync(self._descriptor)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise StateError(
                f"{self.path / name} cannot be written: {error.strerror}",
                "Make room on the disk and see that the agent owns its state directory.",
            ) from error

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and what a crash has left half-written."""
        for path in [*(self.path / name for name in names), *self.path.glob(".*.tmp")]:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise StateError(f"{path} cannot be removed: {error.strerror}", "Remove it by hand.") from error


def _hold(directory: Path) -> int:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise StateError(
            f"the state directory {directory} cannot be made: {error.strerror}",
            "Run the agent as the user that owns it, or set `state` in the configuration.",
        ) from error
    if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
        os.close(descriptor)
        raise StateError(f"the state directory {directory} is open to others", f"chmod 700 {directory}")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StateInUseError(
            f"another process uses the state directory {directory}", "Stop that agent, or use another directory."
        ) from error
    return descriptor
