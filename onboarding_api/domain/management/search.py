"""What a search asks for: filters, order, and one page (facts: Hono pages by page index, not by offset)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from onboarding_api.domain.errors import DocumentRefusedError

PAGE_SIZE, PAGE_SIZE_MAX = 30, 200
Pointer = tuple[str, ...]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Filter:
    """The member at `pointer` equals `value`; in a text `*` stands for any characters and `?` for one."""

    pointer: Pointer
    value: bool | int | float | str

    @property
    def has_wildcards(self) -> bool:
        """Whether the value is a pattern."""
        return isinstance(self.value, str) and ("*" in self.value or "?" in self.value)


@dataclass(frozen=True, slots=True)
class Order:
    """Sort by the member at `pointer`."""

    pointer: Pointer
    descending: bool


@dataclass(frozen=True, slots=True)
class Search:
    """All that a search says."""

    filters: tuple[Filter, ...] = ()
    orders: tuple[Order, ...] = ()
    page_size: int = PAGE_SIZE
    page_index: int = 0
    gateways: bool | None = None
    """Devices only: gateways alone, others alone, or both."""
    after: str | None = None
    """Devices only: go on behind this id ("" from the beginning) instead of at the page of this index."""

    @property
    def descending(self) -> bool | None:
        """Whether ids come in descending order; None if the order is another than by id alone."""
        if self.orders and self.orders[0].pointer != ("id",):
            return None
        return bool(self.orders and self.orders[0].descending)


@dataclass(frozen=True, slots=True)
class Found(Generic[Item]):
    """One page, and how many there are on all pages; who goes on behind an id does not have them counted."""

    total: int | None
    page: Sequence[Item]


def read_pointer(text: str) -> Pointer:
    """Read a JSON pointer (RFC 6901) that names a member."""
    if not text.startswith("/") or text == "/" or '"' in text or "\0" in text:
        raise DocumentRefusedError("field", "not a JSON pointer such as /ext/brand")
    return tuple(segment.replace("~1", "/").replace("~0", "~") for segment in text[1:].split("/"))
