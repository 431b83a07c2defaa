"""What a search asks for: filters, order, and one page (facts: Hono pages by page index, not by offset).

The rule kept here: whatever fits into a request is little work to plan. A database takes longer for each filter than
for the one before, and knows bounds of its own, beyond which it only fails.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from onboarding_api.domain.errors import DocumentRefusedError
from onboarding_api.domain.management.documents import DEPTH_MAX, require_storable

PAGE_SIZE, PAGE_SIZE_MAX = 30, 200
FILTERS_MAX, ORDERS_MAX = 16, 8
VALUE_MAX, POINTER_MAX = 1024, 512
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


def distinct_filters(given: Iterable[Filter], where: str) -> tuple[Filter, ...]:
    """Return each filter once; refuse too many."""
    distinct = tuple({(each.pointer, type(each.value), each.value): each for each in given}.values())
    if len(distinct) > FILTERS_MAX:
        raise DocumentRefusedError(where, f"more than {FILTERS_MAX} filters")
    return distinct


def distinct_orders(given: Iterable[Order], where: str) -> tuple[Order, ...]:
    """Return the first order by each member, since a second one has nothing left to decide; refuse too many."""
    first: dict[Pointer, Order] = {}
    for each in given:
        first.setdefault(each.pointer, each)
    if len(first) > ORDERS_MAX:
        raise DocumentRefusedError(where, f"more than {ORDERS_MAX} orders")
    return tuple(first.values())


def read_filter(field: str, value: bool | int | float | str, where: str) -> Filter:
    """Read what a member must equal."""
    require_storable(value, f"{where}.value")
    if isinstance(value, str) and len(value) > VALUE_MAX:
        raise DocumentRefusedError(f"{where}.value", f"longer than {VALUE_MAX} characters")
    return Filter(read_pointer(field, f"{where}.field"), value)


def read_pointer(text: str, where: str) -> Pointer:
    """Read a JSON pointer (RFC 6901) that names a member."""
    if not text.startswith("/") or text == "/" or '"' in text or "\0" in text:
        raise DocumentRefusedError(where, "not a JSON pointer such as /ext/brand")
    pointer = tuple(segment.replace("~1", "/").replace("~0", "~") for segment in text[1:].split("/"))
    if len(text) > POINTER_MAX or len(pointer) > DEPTH_MAX:
        raise DocumentRefusedError(where, f"longer than {POINTER_MAX} characters or deeper than {DEPTH_MAX} levels")
    return pointer
