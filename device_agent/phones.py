"""Which phone the device listens to.

One enrollee per peer, so that two phones never share a buffer. Before an Authentication Confirm has verified, the
newest Authentication Request wins; afterwards other peers are told that the device is busy, once each, until that
exchange has ended or its link is gone. Once the window has closed, only an exchange that got that far goes on. A
peer that has not shown in time that it knows the label is sent away: links are few, and anybody can make one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from device_agent.enrollee import Begun, Enrollee, Outcome, Say
from onboarding_protocol.dpp import ConnectionStatus
from onboarding_protocol.gatt import ATT_MTU_MIN
from onboarding_protocol.hint import Hint, encode_hint

PHONES_MAX = 8
"""Peers remembered at once; a controller has no more links."""
STRANGERS_MAX = 32
STRANGER_PATIENCE_S = 60.0
"""From linking to an Authentication Request with our label. Our app needs a second, a slow foreign one a few."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The peer's link is of no use."""


@dataclass(slots=True)
class Phone:
    """One connected peer."""

    enrollee: Enrollee
    mtu: int = ATT_MTU_MIN
    told_off: bool = False
    """It knows that nobody listens."""


@dataclass(slots=True)
class Phones:
    """The peers of one provisioning window, by the name the Bluetooth stack gives them."""

    new_enrollee: Callable[[], Enrollee]
    closed: bool = False
    """Whether the window has closed."""
    _phones: dict[str, Phone] = field(default_factory=dict)
    _strangers: dict[str, float] = field(default_factory=dict)
    """Peers that have not begun an exchange, and until when they may stay."""

    @property
    def deadline(self) -> float | None:
        """When `expire` wants to be called."""
        deadlines = [phone.enrollee.deadline for phone in self._phones.values()]
        return min((due for due in (*deadlines, *self._strangers.values()) if due is not None), default=None)

    @property
    def any_left(self) -> bool:
        """Whether a peer that has written is still linked."""
        return bool(self._phones)

    @property
    def busy(self) -> bool:
        """Whether an exchange with an authenticated phone goes on."""
        return any(phone.enrollee.authenticated for phone in self._phones.values())

    def mtu(self, peer: str) -> int:
        """Return the ATT_MTU of a peer's link, the smallest if it is gone."""
        phone = self._phones.get(peer)
        return ATT_MTU_MIN if phone is None else phone.mtu

    def linked(self, peer: str, now: float) -> None:
        """Give a peer that has linked some time to show why."""
        if len(self._strangers) < STRANGERS_MAX:
            self._strangers.setdefault(peer, now + STRANGER_PATIENCE_S)

    def written(self, peer: str, mtu: int, octets: bytes, now: float) -> Iterator[tuple[str, Outcome]]:
        """Take what a peer wrote."""
        phone = self._phones.get(peer)
        if phone is None:
            self.linked(peer, now)
            phone = self._admit(peer)
        phone.mtu = mtu
        refusal = self._refusal(phone)
        if refusal is not None:
            if not phone.told_off:
                phone.told_off = True
                yield peer, Say(encode_hint(refusal))
            return
        phone.told_off = False
        for outcome in phone.enrollee.receive(octets, now):
            if isinstance(outcome, Begun):
                self._strangers.pop(peer, None)
                self._renew_all_but(peer)
            yield peer, outcome

    def gone(self, peer: str) -> None:
        """Forget a peer whose link is lost."""
        self._phones.pop(peer, None)
        self._strangers.pop(peer, None)

    def expire(self, now: float) -> Iterator[tuple[str, Outcome | Leave]]:
        """Give up what is overdue with any peer."""
        for peer in [peer for peer, due in self._strangers.items() if now >= due]:
            del self._strangers[peer]
            yield peer, Leave()
        for peer, phone in list(self._phones.items()):
            for outcome in phone.enrollee.expire(now):
                yield peer, outcome

    def report(self, status: ConnectionStatus, now: float) -> Iterator[tuple[str, Outcome]]:
        """Say how joining went to the phone that waits for it."""
        for peer, phone in list(self._phones.items()):
            for outcome in phone.enrollee.report(status, now):
                yield peer, outcome

    def _refusal(self, phone: Phone) -> Hint | None:
        if phone.enrollee.authenticated:
            return None
        if self.closed:
            return Hint.WINDOW_CLOSED
        return Hint.BUSY if self.busy else None

    def _admit(self, peer: str) -> Phone:
        while len(self._phones) >= PHONES_MAX:
            quiet = (name for name, phone in self._phones.items() if not phone.enrollee.authenticated)
            self._phones.pop(next(quiet, next(iter(self._phones))))
        phone = self._phones[peer] = Phone(self.new_enrollee())
        return phone

    def _renew_all_but(self, peer: str) -> None:
        for name, phone in self._phones.items():
            if name != peer:
                phone.enrollee = self.new_enrollee()
