"""What the agent's events mean to people: a moment that a lamp or a hook reacts to, and a sentence. Pure.

The journal's events are the one seam: whoever wants to know what happens listens there and changes nothing.
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum

from onboarding_protocol.dpp import Status
from onboarding_protocol.members import EndpointResult

Facts = Mapping[str, object]


class Moment(StrEnum):
    """Something that is worth a lamp or a program; the names of `[hooks]` in the configuration."""

    READY = "ready"
    WINDOW_OPEN = "window_open"
    WINDOW_CLOSED = "window_closed"
    EXCHANGE = "exchange"
    EXCHANGE_FAILED = "exchange_failed"
    JOINED = "joined"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    FAILED = "failed"


_NAMED = {
    "ready": Moment.READY,
    "exchange": Moment.EXCHANGE,
    "exchange-failed": Moment.EXCHANGE_FAILED,
}


class Moments:
    """Finds the moments in one agent's events; remembers only whether the endpoint was reached."""

    def __init__(self) -> None:
        self._connected = False

    def of(self, event: str, facts: Facts) -> Moment | None:
        """Return the moment that this event is, if it is one."""
        if event == "window":
            return Moment.WINDOW_OPEN if facts.get("open") else Moment.WINDOW_CLOSED
        if event == "attempt":
            return self._attempt(facts)
        if event == "state":
            before, self._connected = self._connected, facts.get("contact") == EndpointResult.CONNECTED
            if before != self._connected:
                return Moment.CONNECTED if self._connected else Moment.DISCONNECTED
        return _NAMED.get(event)

    def _attempt(self, facts: Facts) -> Moment | None:
        if facts.get("wifi") != Status.OK.name:
            return Moment.FAILED
        return None if facts.get("endpoint") == EndpointResult.CONNECTED else Moment.JOINED


def sentence(event: str, facts: Facts) -> str:
    """Return what happened, for a person who reads a log; one line, whatever the facts hold."""
    words = _SENTENCES.get(event)
    readable = {name: value if isinstance(value, int) else on_one_line(value) for name, value in facts.items()}
    return _list(event, readable) if words is None else words(readable)


def on_one_line(value: object) -> str:
    """Return a text without anything that a terminal or a log would take for more than text."""
    text = str(value)
    return text if text.isascii() and text.isprintable() else json.dumps(text)


def _window(facts: Facts) -> str:
    if facts.get("open"):
        return f"The provisioning window is open for {facts.get('seconds')} s, name {facts.get('advertises')}"
    return f"The provisioning window is closed: {facts.get('why')}"


def _attempt(facts: Facts) -> str:
    told = [f"Wi-Fi {facts.get('wifi')}"]
    if facts.get("endpoint"):
        told.append(f"endpoint {facts['endpoint']}")
    if facts.get("reason"):
        told.append(str(facts["reason"]))
    return f"First attempt with this configuration: {', '.join(told)}"


def _state(facts: Facts) -> str:
    owner = "nobody's" if facts.get("tenant") is None else f"{facts['tenant']}'s device {facts.get('device')}"
    return f"The device is {facts.get('state')}, {owner}, endpoint {facts.get('contact')}"


def _list(event: str, facts: Facts) -> str:
    return " ".join([event, *(f"{name}={value}" for name, value in facts.items())])


_SENTENCES: dict[str, Callable[[Facts], str]] = {
    "ready": lambda facts: f"Ready for commands on {facts.get('control')}",
    "window": _window,
    "exchange": lambda facts: f"The phone {facts.get('phone')} has proved that it saw the label",
    "exchange-failed": lambda facts: f"An exchange with a phone failed: {facts.get('detail')}",
    "attempt": _attempt,
    "state": _state,
    "renewing": lambda _: "A new certificate was asked for",
    "renewed": lambda facts: f"The certificate was renewed; it ends at {facts.get('ends')} (seconds since 1970)",
    "renewal-refused": lambda facts: f"The certificate is not renewed: {facts.get('reason')}. It is asked for again",
    "trouble": lambda facts: f"{facts.get('what')}. {facts.get('remedy')}",
}
