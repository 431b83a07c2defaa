"""One D-Bus interface of one object: its methods, its properties, and how it describes itself."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import quoteattr

from dbus_fast import SignatureTree, Variant

__all__ = ["Call", "Interface", "Method"]


@dataclass(frozen=True, slots=True)
class Call:
    """A method call as it came over the bus."""

    sender: str
    arguments: list[Any]  # what D-Bus carries: shaped by the method's signature, which is checked before


@dataclass(frozen=True, slots=True)
class Method:
    """A method: the signatures of what it takes and gives, and what it does."""

    takes: str
    gives: str
    run: Callable[[Call], Awaitable[list[Any]]]


@dataclass(slots=True)
class Interface:
    """An interface; *writable* holds what follows when a property has been set."""

    name: str
    properties: dict[str, Variant] = field(default_factory=dict)
    methods: Mapping[str, Method] = field(default_factory=dict)
    writable: dict[str, Callable[[Variant], Awaitable[None]]] = field(default_factory=dict)

    def describe(self) -> str:
        """Return the interface as introspection XML; callers like dbus-next call nothing they did not read here."""
        lines = [f"<interface name={quoteattr(self.name)}>"]
        for name, method in self.methods.items():
            lines.append(f"<method name={quoteattr(name)}>")
            for direction, signature in (("in", method.takes), ("out", method.gives)):
                lines.extend(
                    f'<arg type="{each.signature}" direction="{direction}"/>' for each in SignatureTree(signature).types
                )
            lines.append("</method>")
        for name, value in self.properties.items():
            access = "readwrite" if name in self.writable else "read"
            lines.append(f'<property name={quoteattr(name)} type="{value.signature}" access="{access}"/>')
        lines.append("</interface>")
        return "".join(lines)
