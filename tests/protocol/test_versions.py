"""Peers of other protocol versions."""

import pytest

from onboarding_protocol.dpp import (
    Akm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ConfigurationObject,
    ConfigurationResponse,
    ConfigurationResult,
    ConfiguratorKey,
    Connection,
    ConnectionStatusResult,
    ExchangeFailed,
    State,
    Status,
)
from onboarding_protocol.dpp.attributes import AttributeId, Attributes
from onboarding_protocol.dpp.frames import decode_frame
from onboarding_protocol.errors import LocalProtocolError
from tests.protocol import forge, samples
from tests.protocol.forge import Items
from tests.protocol.pair import LENGTH_OCTETS, Pair, full_story

BOTH_ROLES = [Capability.CONFIGURATOR, Capability.ENROLLEE]
WITH_VERSION_1 = [(1, 1), (1, 2), (2, 1), (3, 1)]


def version_attribute(octets: bytes) -> bytes | None:
    _, body = decode_frame(octets[LENGTH_OCTETS:])
    return Attributes.parse(body).find(AttributeId.PROTOCOL_VERSION)


@pytest.mark.parametrize("initiator", BOTH_ROLES)
@pytest.mark.parametrize(("versions", "agreed"), [((2, 2), 2), ((2, 3), 2), ((3, 2), 2), ((3, 3), 3)])
def test_versions_2_and_3_tell_the_same_story(versions: tuple[int, int], agreed: int, initiator: Capability) -> None:
    pair = Pair.fresh(initiator, versions)
    story = full_story(initiator)
    pair.tell(story[:3])
    assert [version_attribute(octets) for octets in pair.octets[:2]] == [bytes([version]) for version in versions]
    assert pair.initiator.version == pair.responder.version == agreed
    pair.tell(story[3:])
    assert pair.initiator.state is pair.responder.state is State.COMPLETE


@pytest.mark.parametrize("initiator", BOTH_ROLES)
@pytest.mark.parametrize("versions", WITH_VERSION_1)
def test_with_version_1_the_exchange_ends_with_one_object(versions: tuple[int, int], initiator: Capability) -> None:
    pair = Pair.fresh(initiator, versions)
    story = full_story(initiator)
    pair.tell(story[:4])
    assert version_attribute(pair.octets[1]) is None
    networks = (samples.network(), samples.network(ssid=b"second"))
    response = ConfigurationResponse(objects=networks)
    configurator, enrollee = pair.sender(response.step), pair.receiver(response.step)
    (event,) = enrollee.receive(configurator.send(response, pair.now), pair.now)
    assert event == ConfigurationResponse(objects=networks[:1], wants_status=False)
    assert configurator.state is State.COMPLETE
    assert configurator.deadline is None
    before = enrollee.state
    assert enrollee.send(ConfigurationResult(), pair.now) == b"", "there is no such message"
    assert (before, enrollee.state) == (State.CONFIGURED, State.COMPLETE), "complete when it has stored the object"
    with pytest.raises(LocalProtocolError):
        enrollee.send(ConnectionStatusResult(samples.joined()), pair.now)


@pytest.mark.parametrize("versions", WITH_VERSION_1)
def test_with_version_1_exchanges_follow_each_other_and_refusals_still_count(versions: tuple[int, int]) -> None:
    pair = Pair.fresh(versions=versions)
    story = full_story()
    for _ in range(2):
        pair.tell(story[:4])
        (event,) = pair.responder.receive(pair.initiator.send(story[4], pair.now), pair.now)
        assert isinstance(event, ConfigurationResponse)
        pair.responder.send(ConfigurationResult(), pair.now)
    pair.tell(story[:4])
    assert isinstance(pair.send(ConfigurationResponse(Status.CONFIGURE_FAILURE)), ExchangeFailed)


@pytest.mark.parametrize(("akm", "left"), [(Akm.DPP_PSK_SAE, Akm.DPP), (Akm.DPP_SAE, Akm.DPP), (Akm.PSK, Akm.PSK)])
def test_version_1_reads_a_connector_or_a_secret_but_not_both(akm: Akm, left: Akm) -> None:
    key = ConfiguratorKey(samples.OPERATOR_KEY, samples.ISSUER_KEY.public_key())
    credential = key.credential(akm, samples.OPERATIONAL_KEY.public_key(), samples.PASSPHRASE)
    plain = ConfigurationObject(samples.SSID, credential).for_version_1().credential
    assert plain.akm is left
    assert (plain.connector is None) == (left is Akm.PSK)
    assert (plain.passphrase is None) == (left is Akm.DPP)
    assert plain.privacy_key is None


@pytest.mark.parametrize("version", [0, 4, -1])
def test_a_version_that_is_not_spoken_is_refused_at_once(version: int) -> None:
    with pytest.raises(LocalProtocolError):
        Connection.initiator(samples.LABEL, Capability.ENROLLEE, version=version)
    with pytest.raises(LocalProtocolError):
        Connection.responder(samples.LABEL_KEY, Capability.ENROLLEE, version=version)


@pytest.mark.parametrize(("octet", "agreed"), [(0, 1), (1, 1), (2, 2), (3, 2), (9, 2), (255, 2)])
def test_a_version_of_the_future_is_met_with_our_own(octet: int, agreed: int) -> None:
    pair = Pair.fixed()
    clear: Items = [*forge.REQUEST_CLEAR[:3], (AttributeId.PROTOCOL_VERSION, bytes([octet]))]
    (event,) = pair.responder.receive(forge.authentication_request(clear), pair.now)
    assert isinstance(event, AuthenticationRequest)
    answer = pair.responder.send(AuthenticationResponse(), pair.now)
    assert version_attribute(answer) == (None if agreed == 1 else b"\x02")


def test_nothing_of_a_session_is_asked_before_there_is_one() -> None:
    connection = Connection.responder(samples.LABEL_KEY, Capability.ENROLLEE)
    for question in ("version", "mutual", "peer_protocol_key"):
        with pytest.raises(LocalProtocolError):
            getattr(connection, question)
