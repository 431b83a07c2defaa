"""How long a secret can be reached: k1 and k2 until both ends have proven themselves, ke until the exchange ends."""

import gc
from types import FunctionType, ModuleType

import pytest

from onboarding_protocol.dpp import Connection, State
from onboarding_protocol.dpp.keys import agree
from tests.protocol import forge, samples
from tests.protocol.pair import Pair, full_story, initiator_chance, responder_chance

TOLD = full_story()
M_X = agree(initiator_chance().protocol_key, samples.LABEL.public_key)
N_X = agree(initiator_chance().protocol_key, responder_chance().protocol_key.public_key())
AUTHENTICATING = (State.REQUESTED, State.RESPONSE_PENDING, State.RESPONDED)
CONFIGURING = (State.AUTHENTICATED, State.CONFIGURATION_REQUESTED, State.CONFIGURED, State.JOINING)


def reachable(connection: Connection) -> bytes:
    """Return all octets that can be reached from a connection, but for what belongs to modules and classes."""
    found, seen = bytearray(), set[int]()
    queue: list[object] = [connection]
    while queue:
        thing = queue.pop()
        if id(thing) in seen or isinstance(thing, ModuleType | type):
            continue
        seen.add(id(thing))
        if isinstance(thing, bytes | bytearray):
            found += thing + b"|"
        elif isinstance(thing, FunctionType):
            queue += thing.__closure__ or ()
        else:
            queue += gc.get_referents(thing)
    return bytes(found)


def test_what_is_reachable_is_found() -> None:
    assert forge.K1 in reachable(Pair.at(State.REQUESTED, TOLD).initiator)
    assert M_X in reachable(Pair.at(State.REQUESTED, TOLD).responder)
    assert M_X + N_X in reachable(Pair.at(State.RESPONDED, TOLD).initiator)


@pytest.mark.parametrize("state", list(State))
def test_intermediate_secrets_are_let_go_when_both_ends_are_proven(state: State) -> None:
    pair = Pair.at(state, TOLD)
    for end in pair.ends:
        octets = reachable(end)
        for secret in (forge.K1, forge.K2, M_X, N_X):
            assert secret not in octets or state in AUTHENTICATING


@pytest.mark.parametrize("state", [state for state in State if state is not State.RESPONDED])
def test_the_session_key_is_let_go_when_the_exchange_ends(state: State) -> None:
    pair = Pair.at(state, TOLD)
    for end in pair.ends:
        assert (forge.KE in reachable(end)) is (state in CONFIGURING)
        assert end.authenticated is (state in CONFIGURING)
