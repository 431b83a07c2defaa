"""The operational certificate's renewal, over the link that it has opened (ADR 0019).

The rules kept here: a certificate is renewed at a moment between two thirds and five sixths of its life that it draws
itself, so that a fleet spreads; time is the later of the clock and of what has passed for certain, so that a device
whose clock is behind renews, too; what does not verify changes nothing; the new certificate is stored before it is
used. Whoever gets no answer, or a refusal, asks again.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import Callable
from dataclasses import replace

import aiomqtt

from device_agent import clock
from device_agent.cancellation import heed_cancellation
from device_agent.errors import AgentError
from device_agent.record import Ownership, Record
from device_agent.store import Store
from onboarding_protocol.renewal import (
    Refused,
    RenewalError,
    Renewed,
    Validity,
    accept_renewed,
    answer_topic,
    create_renewal_request,
    read_answer,
    request_topic,
    validity_of,
)

LOOK_S = 60.0
"""How often the clock is looked at: it may be set while we wait."""
SILENCE_MAX_S = 6 * 3600.0
Told = Callable[..., None]
"""Hears an event's name and its facts."""
_KEPT = "The present one is kept, and the device asks again."


def due_at(certificate: bytes, validity: Validity) -> int:
    """Return when this certificate is to be renewed, in seconds since 1970."""
    drawn = int.from_bytes(hashlib.sha256(certificate).digest()[:8], "big") / 2**64
    return validity.begins + int(validity.life * (2 / 3 + drawn / 6))


def pause_s(validity: Validity, now: float, *, refused: bool) -> float:
    """Return how long to wait before the next request: the less life is left the shorter, after a refusal longer."""
    least = max(1.0, validity.life / 20_000)
    if refused:
        return max(least, validity.life / 200)
    return min(SILENCE_MAX_S, max(least, (validity.ends - now) / 20))


class Renewal:
    """Keeps one certificate from running out, over all links that it opens: a broken link is no reason to hurry."""

    def __init__(self, store: Store, ownership: Ownership, told: Told) -> None:
        self._store = store
        self.of = ownership
        self._told = told
        self._certificate = ownership.certificates[0]
        self._validity = validity_of(self._certificate)
        self._floor, self._began = store.record.clock_floor, time.monotonic()
        self._request = b""
        self._not_before = self._began
        self.renewed: Ownership | None = None
        """What the device holds now, once the certificate was renewed."""

    async def tend(self, client: aiomqtt.Client) -> None:
        """Stay on the link until it ends (MqttError), or until a new certificate is stored."""
        messages = aiter(client.messages)
        heed_cancellation()
        while self.renewed is None:
            if self.now() >= due_at(self._certificate, self._validity) and time.monotonic() >= self._not_before:
                self._pause(refused=False)
                await self._ask(client)
                heed_cancellation()
            try:
                async with asyncio.timeout(self._patience()):
                    message = await anext(messages)
            except TimeoutError:
                continue
            if isinstance(message.payload, bytes) and not self._hear(message.payload):
                self._pause(refused=True)

    def now(self) -> float:
        """Return the later of the clock and of what has passed for certain."""
        return max(time.time(), self._floor + time.monotonic() - self._began)

    @property
    def overdue(self) -> bool:
        """Whether the certificate has run out."""
        return self.now() >= self._validity.ends

    @property
    def clock_is_doubtful(self) -> bool:
        """Whether a certificate that seems out of its time may be in it."""
        return clock.is_doubtful(self._store.record.clock_floor)

    def _patience(self) -> float:
        due_s = due_at(self._certificate, self._validity) - self.now()
        return min(LOOK_S, max(due_s, self._not_before - time.monotonic(), 0.01))

    def _pause(self, *, refused: bool) -> None:
        pause = pause_s(self._validity, self.now(), refused=refused) * random.uniform(0.5, 1.0)  # noqa: S311 - a spread
        self._not_before = time.monotonic() + pause

    async def _ask(self, client: aiomqtt.Client) -> None:
        tenant, device = self.of.tenant, self.of.device
        try:
            self._request = create_renewal_request(self._store.operational_key, self._certificate)
        except AgentError as error:
            self._told("trouble", what=f"the certificate cannot be renewed: {error}", remedy=error.remedy)
            return
        await client.subscribe(answer_topic(tenant, device), qos=1)
        await client.publish(request_topic(tenant, device), self._request, qos=1)
        self._told("renewing")

    def _hear(self, payload: bytes) -> bool:
        """Return False if the answer is a refusal, or one that cannot be used."""
        answer = read_answer(payload, self._request)
        if answer is None:
            return True
        if isinstance(answer, Refused):
            self._told("renewal-refused", reason=answer.reason)
            return False
        try:
            self._take(answer)
        except RenewalError as error:
            self._told("trouble", what=f"the renewed certificate is refused: {error}", remedy=_KEPT)
        except AgentError as error:
            self._told("trouble", what=f"the renewed certificate cannot be kept: {error}", remedy=error.remedy)
        return self.renewed is not None

    def _take(self, answer: Renewed) -> None:
        validity = accept_renewed(answer, self._certificate)
        renewed = replace(self.of, certificates=(answer.leaf, *self.of.certificates[1:]))

        def change(record: Record) -> Record:
            if record.ownership != self.of:
                return record
            return replace(record, ownership=renewed, clock_floor=max(record.clock_floor, validity.begins))

        self._store.update(change)
        self.renewed = renewed
        self._told("renewed", ends=validity.ends)
