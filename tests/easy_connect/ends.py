"""Both our ends, to be joined by a link."""

import time

from app_sim.easy_connect.configurator import Configured, Offer, configure
from app_sim.easy_connect.conversation import Conversation
from app_sim.easy_connect.enrollee import Enrolled, Enrollee
from app_sim.link import Link
from app_sim.progress import JsonLines, Progress
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import (
    Akm,
    Capability,
    Connection,
    EnrolleeRequest,
    Status,
)
from tests.protocol import samples

NOW = 1_700_000_000
OFFER = Offer(b"Home", Akm.PSK, samples.PASSPHRASE, {})


class Nowhere:
    """A text stream that forgets."""

    def write(self, _: str) -> int:
        return 0

    def flush(self) -> None:
        pass


PROGRESS = Progress(JsonLines(Nowhere()), time.monotonic)  # type: ignore[arg-type]  # all it needs


def our_enrollee(joining: Status = Status.OK) -> Enrollee:
    return Enrollee(EnrolleeRequest("us"), joining, NOW)


async def answer(link: Link, joining: Status = Status.OK) -> Enrolled:
    connection = Connection.responder(samples.LABEL_KEY, Capability.ENROLLEE)
    return await our_enrollee(joining).answer(Conversation(connection, link, time.monotonic))


async def give(link: Link, offer: Offer = OFFER, label: BootstrappingKey = samples.LABEL) -> Configured:
    connection = Connection.initiator(label, Capability.CONFIGURATOR)
    return await configure(Conversation(connection, link, time.monotonic), offer, PROGRESS)
