"""What a file holds, whatever its format: rows, and why one of them is refused."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from onboarding_api.domain.errors import DocumentRefusedError, RegistryError
from onboarding_api.domain.hono import Document
from onboarding_api.domain.identifiers import DeviceId, TenantId
from onboarding_api.domain.management.devices import read_device_document
from onboarding_api.domain.management.identifiers import read_device

_ANY_TENANT = TenantId("t")


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two rows of a file."""

    offset: int = 0
    line: int = 1
    """The number of the line that begins there."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row is refused; it says no value, since that could be a secret."""

    member: str
    """The member or column that is wrong; empty if it is the row as a whole."""
    reason: str

    @classmethod
    def of(cls, error: RegistryError, where: str = "") -> "Fault":
        """Return what an error says of a row."""
        if not isinstance(error, DocumentRefusedError):
            return cls(where, str(error))
        inner = error.member.removeprefix(where)
        return cls(f"{where}{'.' if where and inner and inner[0] != '[' else ''}{inner}", error.reason)

    def __str__(self) -> str:
        return f"{self.member}: {self.reason}" if self.member else self.reason


@dataclass(frozen=True, slots=True)
class Row:
    """One device with its credentials."""

    device: DeviceId
    document: Document
    """The device, checked."""
    credentials: Sequence[object] | None = field(repr=False)
    """As they are written, not checked yet; None says nothing about them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row as it stands in the file."""

    line: int
    after: Position
    """Where the next row begins."""
    content: Row | Fault
    device: str | None
    """The device id as it is written, if there is one."""
    source: Sequence[str] = field(repr=False)
    """Its text, record by record."""


class Format(Protocol):
    """How rows are written in a file. Made for one file, whose columns it may know."""

    def entries(self, at: Position) -> Iterator[Entry]:
        """Yield the rows from a position on."""

    def preamble(self) -> str:
        """Return what stands before the first row of a file of refused rows."""

    def told(self, fault: Fault) -> Fault:
        """Return a fault in the words of this format: the column instead of the member."""

    def refused(self, entry: Entry, fault: Fault) -> str:
        """Return a refused row with the reason, such that it can be corrected and read again."""


def read_row(identifier: object, device: object, credentials: object) -> Row:
    """Check what does not need the registry to be checked."""
    if not isinstance(identifier, str) or not identifier:
        raise DocumentRefusedError("device-id", "must be given")
    try:
        name = read_device(_ANY_TENANT, identifier).device
    except RegistryError as error:
        raise DocumentRefusedError("device-id", str(error)) from error
    if credentials is not None and not isinstance(credentials, list):
        raise DocumentRefusedError("credentials", "Expected `array`")
    return Row(name, read_device_document(device), credentials)
