"""The story: a label, a device, an API, a Wi-Fi. Design, section 2, in the order in which it happens.

The order is the security: the challenge comes before the exchange that carries it, and no Wi-Fi credential leaves
the phone before the API has accepted the device. Whatever breaks, the same command may be run again.
"""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from app_sim.documents import CHALLENGE_EXPIRED, OpenedOnboarding, ProblemError
from app_sim.errors import AppError
from app_sim.exchange import Exchange
from app_sim.outcome import Outcome
from app_sim.phone import Claim, Phone
from app_sim.wifi import Network

One = TypeVar("One")
Other = TypeVar("Other")


async def onboard(label: str, phone: Phone) -> Outcome:
    """Onboard the device with this label, a picture or its text; AppError says at which step it ended and why."""
    key = phone.read_label(label)
    _, sighting = await _together(phone.sign_in(), phone.find(key))
    opened, exchange = await _together(phone.open(key), phone.connect(key, sighting))

    try:
        claim, network = await _claim(phone, exchange, opened)
    except ProblemError as problem:
        if problem.type != CHALLENGE_EXPIRED:
            raise
        opened = await phone.open(key)
        claim, network = await _claim(phone, exchange, opened)

    report = await phone.configure(exchange, network, claim.grant)
    while report is None:  # a wrong Wi-Fi password: the registration stands, only the exchange is new
        network = await phone.another_passphrase(network)
        exchange = await phone.authenticate_again(exchange, key)
        report = await phone.configure(exchange, network, None)
    await phone.hang_up()

    state = await phone.await_contact(opened)
    return Outcome(opened.id, claim.device, claim.grant is not None, network.ssid, report, state)


async def _claim(phone: Phone, exchange: Exchange, opened: OpenedOnboarding) -> tuple[Claim, Network]:
    statement = await phone.authenticate(exchange, opened.challenge)
    async with exchange.refused_on_failure():
        claim = await phone.claim(opened, statement)
        network = await phone.choose_network(exchange, statement.networks)
    return claim, network


async def _together(one: Coroutine[None, None, One], other: Coroutine[None, None, Other]) -> tuple[One, Other]:
    """Await both at once; the first error ends the other and is raised as itself, not as a group."""
    failure: AppError | ExceptionGroup[AppError]
    try:
        async with asyncio.TaskGroup() as tasks:
            first, second = tasks.create_task(one), tasks.create_task(other)
    except* AppError as failures:
        failure = failures.exceptions[0]
    else:
        return first.result(), second.result()
    raise failure
