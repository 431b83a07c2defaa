"""What an import leaves beside its file: how far it came, and the rows that were refused.

The rules kept here: the checkpoint is bound to the file's octets, the tenant, the registry and the command; it is
replaced whole and reaches the disk; refused rows are written before the checkpoint that counts them, and what a killed
process wrote after it is cut off again. Both files are for their owner alone, because rows may hold secrets.
"""

import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from onboarding_api.domain.bulk.plan import Outcome
from onboarding_api.domain.bulk.rows import Position
from onboarding_api.domain.errors import (
    FileNotWritableError,
    ImportChangedError,
    ImportRunningError,
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What an import must have in common with the one that it continues."""

    file: str
    """Its SHA-256."""
    tenant: str
    registry: str
    format: str
    on_conflict: str


@dataclass(slots=True)
class Progress:
    """How far an import is."""

    id: str
    offset: int
    line: int
    refused_octets: int
    """The length of the file of refused rows."""
    counts: dict[str, int]

    @classmethod
    def none(cls) -> "Progress":
        """Return that of an import that begins."""
        return cls(str(uuid.uuid4()), 0, 1, 0, dict.fromkeys(Outcome, 0))

    @property
    def position(self) -> Position:
        """Where the next row begins."""
        return Position(self.offset, self.line)

    def reach(self, position: Position) -> None:
        """Everything before this position is done."""
        self.offset, self.line = position.offset, position.line


def take_turn(stream: BufferedReader) -> None:
    """Keep others from importing the same file until this process ends."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ImportRunningError("another process is importing this file") from error


def digest(stream: BufferedReader) -> str:
    """Return the SHA-256 of a file."""
    stream.seek(0)
    return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class _Noted:
    """The checkpoint as it is written."""

    terms: Terms
    progress: Progress
    form: Literal[1]


class Journal:
    """Checkpoint and refused rows of the import of one file."""

    def __init__(self, file: Path, terms: Terms, *, restart: bool, preamble: str) -> None:
        self.refused_path = file.with_name(f"{file.stem}.rejects{file.suffix}")
        self._path = file.with_name(file.name + ".checkpoint")
        self._terms = terms
        found = None if restart else self._read()
        self.resumed = found is not None
        self.progress = found or Progress.none()
        if not self.resumed and not restart and self.refused_path.exists():
            raise FileNotWritableError(f"{self.refused_path} holds the rows that an earlier import refused")
        self._refused = self._open_refused(preamble)
        self._write()

    def refuse(self, text: str) -> None:
        """Keep a refused row."""
        with _writing(self.refused_path):
            self._refused.write(text.encode())

    def advance(self) -> None:
        """Note down how far it came."""
        with _writing(self.refused_path):
            self._refused.flush()
            os.fsync(self._refused.fileno())
        self.progress.refused_octets = self._refused.tell()
        self._write()

    def close(self) -> None:
        """Leave both files as they are, for another run, which cuts off what could not be written."""
        with suppress(OSError):
            self._refused.close()

    def finish(self) -> None:
        """Remove the checkpoint, and the file of refused rows if there are none."""
        self._refused.close()
        if not self.progress.counts[Outcome.REJECTED]:
            self.refused_path.unlink()
        self._path.unlink()

    def _read(self) -> Progress | None:
        try:
            noted = msgspec.json.decode(self._path.read_bytes(), type=_Noted)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise ImportChangedError(f"{self._path} cannot be read, or was written by another program") from error
        before, now = asdict(noted.terms), asdict(self._terms)
        differing = [name.replace("_", "-") for name in now if before[name] != now[name]]
        if differing:
            raise ImportChangedError(f"the interrupted import had another {' and '.join(differing)}: {self._path}")
        return noted.progress

    def _write(self) -> None:
        write_private(self._path, msgspec.json.encode(_Noted(self._terms, self.progress, 1)))

    def _open_refused(self, preamble: str) -> BinaryIO:
        with _writing(self.refused_path):
            descriptor = os.open(self.refused_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            opened = os.fdopen(descriptor, "r+b")
            if os.fstat(descriptor).st_size < self.progress.refused_octets:
                opened.close()
                raise ImportChangedError(f"{self.refused_path} is shorter than the interrupted import left it")
            opened.truncate(self.progress.refused_octets)
            opened.seek(0, os.SEEK_END)
            if not opened.tell():
                opened.write(preamble.encode())
        return opened


def write_private(path: Path, octets: bytes) -> None:
    """Replace a file as a whole, durably, readable by its owner only."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with _writing(path):
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileNotWritableError(f"cannot write {path}: {error.strerror}") from error
