"""Every combination of roles, proofs, versions and networks, told from end to end."""

import itertools
from collections.abc import Sequence

import pytest

from onboarding_protocol.dpp import (
    Akm,
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ConfigurationObject,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    ConfiguratorKey,
    Credential,
    EnterpriseCredential,
    Message,
    State,
    Status,
)
from tests.protocol import samples
from tests.protocol.pair import Pair
from tests.protocol.winding import LEAF

KEY = ConfiguratorKey(samples.OPERATOR_KEY)
MUTUAL = AuthenticationResponse(initiator=samples.INITIATOR_LABEL)
PROOFS: dict[str, Sequence[Message]] = {
    "responder-only": [AuthenticationResponse()],
    "mutual": [MUTUAL],
    "pending": [AuthenticationResponse(Status.RESPONSE_PENDING), MUTUAL],
}
NOW = 1_800_000_000


def network(akm: Akm, pair: Pair, configurator: Capability) -> ConfigurationObject:
    end = pair.initiator if pair.initiator_capability is configurator else pair.responder
    if akm is Akm.DOT1X:
        return ConfigurationObject(samples.SSID, Credential(akm, enterprise=EnterpriseCredential((LEAF,))))
    passphrase = None if akm is Akm.DPP else samples.PASSPHRASE
    return ConfigurationObject(samples.SSID, KEY.credential(akm, end.peer_protocol_key, passphrase))


@pytest.mark.parametrize("initiator", [Capability.CONFIGURATOR, Capability.ENROLLEE])
@pytest.mark.parametrize("proof", PROOFS)
@pytest.mark.parametrize("versions", list(itertools.product((1, 2, 3), repeat=2)), ids=str)
def test_every_network_arrives(versions: tuple[int, int], proof: str, initiator: Capability) -> None:
    first_version = min(versions) == 1
    pair = Pair.fresh(initiator, versions, samples.INITIATOR_KEY)
    for akm in Akm:
        pair.tell([AuthenticationRequest(initiator, samples.CHALLENGE), *PROOFS[proof]])
        pair.tell([AuthenticationConfirm(samples.CHALLENGE), ConfigurationRequest(samples.enrollee())])
        assert pair.initiator.mutual is pair.responder.mutual is (proof != "responder-only")
        given = network(akm, pair, Capability.CONFIGURATOR)
        answer = ConfigurationResponse(objects=(given,), wants_status=False)
        configurator, enrollee = pair.sender(answer.step), pair.receiver(answer.step)
        (received,) = enrollee.receive(configurator.send(answer, pair.now), pair.now)
        assert isinstance(received, ConfigurationResponse)
        assert received.objects == ((given.for_version_1() if first_version else given),)
        credential = received.objects[0].credential
        if credential.connector is not None:
            assert enrollee.network_access(credential, NOW).signing_key == KEY.public_key
        assert ("dpp" in akm) <= (credential.connector is not None)
        configurator.receive(enrollee.send(ConfigurationResult(), pair.now), pair.now)
        assert (configurator.state, enrollee.state) == (State.COMPLETE, State.COMPLETE)
