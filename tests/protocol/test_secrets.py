"""Every object of the wire, formatted every way: no secret shows."""

import base64
import dataclasses
import importlib
import pkgutil
import traceback

import pytest

import onboarding_protocol
from onboarding_protocol.assignment import AssignmentError, verify_assignment
from onboarding_protocol.bootstrapping import BootstrappingKey, BootstrappingUri
from onboarding_protocol.dpp import (
    Akm,
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ComebackDelay,
    ComebackDue,
    ComebackRequest,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    ConfiguratorKey,
    ConnectionStatusResult,
    Connector,
    Credential,
    DropReason,
    EnterpriseCredential,
    ExchangeFailed,
    ForeignMessage,
    MessageDropped,
    NetworkAccess,
    State,
)
from onboarding_protocol.dpp.attributes import AttributeId, Attributes, encode_attributes
from onboarding_protocol.dpp.authentication import Session
from onboarding_protocol.dpp.exchange import Exchange
from onboarding_protocol.dpp.frames import MessageReader
from onboarding_protocol.dpp.gas import Query
from onboarding_protocol.dpp.initiator import Initiator
from onboarding_protocol.dpp.keys import Transcript
from onboarding_protocol.dpp.responder import Responder
from onboarding_protocol.encoding import base64url_encode
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError
from onboarding_protocol.identity import verify_signing_request
from onboarding_protocol.members import DeviceState, DeviceStatement, EndpointResult, EndpointStatus
from onboarding_protocol.renewal import Refused, Renewed, Validity
from tests.protocol import forge, samples
from tests.protocol.pair import STORY, Pair, full_story, initiator_chance, responder_chance

STATEMENT = samples.statement()
GRANT = samples.grant()
assert STATEMENT.signing_request is not None
assert STATEMENT.proof is not None
RENEWED = Renewed(bytes(32), GRANT.certificates[0], GRANT.certificates[0])
CONFIGURATOR = ConfiguratorKey(samples.OPERATOR_KEY)
CONNECTOR = Connector(samples.OPERATIONAL_KEY.public_key())
CONNECTED = CONFIGURATOR.credential(Akm.DPP, samples.OPERATIONAL_KEY.public_key())
assert CONNECTED.connector is not None
PSK = bytes(range(100, 132))
WHOLE = encode_attributes(
    [(AttributeId.INITIATOR_NONCE, samples.CHALLENGE), (AttributeId.CONFIGURATION_OBJECT, samples.PASSPHRASE.encode())]
)


def reader_with_a_secret() -> MessageReader:
    reader = MessageReader()
    list(reader.receive(b"\0\0\1\0" + samples.PASSPHRASE.encode()))
    return reader


def used_exchange(state: State = State.RESPONDED) -> Exchange:
    exchange = Pair.at(state, full_story()).initiator._exchange
    assert exchange is not None
    return exchange


def used_initiator() -> Initiator:
    authentication = used_exchange().authentication
    assert isinstance(authentication, Initiator)
    return authentication


def used_responder() -> Responder:
    exchange = Pair.at(State.RESPONDED, full_story()).responder._exchange
    assert exchange is not None
    assert isinstance(exchange.authentication, Responder)
    return exchange.authentication


def used_session() -> Session:
    return used_exchange(State.CONFIGURATION_REQUESTED).established


OBJECTS: list[object] = [
    AuthenticationRequest(Capability.CONFIGURATOR, samples.CHALLENGE),
    AuthenticationResponse(),
    AuthenticationConfirm(samples.CHALLENGE),
    ConfigurationRequest(samples.enrollee(STATEMENT.to_members())),
    ConfigurationResponse(objects=(samples.network(GRANT.to_members()),)),
    ConfigurationResult(),
    ConnectionStatusResult(samples.joined()),
    MessageDropped(DropReason.DUPLICATE, "x"),
    ForeignMessage(b"\xff\x01"),
    ExchangeFailed("x"),
    samples.enrollee(STATEMENT.to_members()),
    samples.network(GRANT.to_members()),
    samples.joined(),
    Credential(Akm.SAE, samples.PASSPHRASE),
    Credential(Akm.PSK, psk=PSK),
    STATEMENT,
    DeviceStatement(DeviceState.NEW),
    *samples.NETWORKS[:1],
    GRANT,
    EndpointStatus(EndpointResult.CONNECTED),
    samples.assignment(GRANT.certificates[0]),
    samples.assignment(GRANT.certificates[0]).endpoint,
    samples.assignment(GRANT.certificates[0]).endpoint.anchor,
    verify_signing_request(STATEMENT.signing_request, samples.CHALLENGE),
    samples.LABEL,
    BootstrappingKey.from_spki(samples.LABEL.spki),
    BootstrappingUri(samples.LABEL),
    initiator_chance(),
    responder_chance(),
    Transcript(samples.CHALLENGE, bytes(16), bytes(32), bytes(32), bytes(32), forge.KE + forge.K1),
    used_initiator(),
    used_responder(),
    used_exchange(),
    used_exchange(State.CONFIGURATION_REQUESTED),
    used_session(),
    Query(),
    ComebackDelay(500),
    ComebackRequest(),
    ComebackDue(),
    RENEWED,
    Refused(bytes(32), "disabled"),
    Validity(0, 1),
    CONFIGURATOR,
    CONNECTOR,
    *CONNECTOR.groups,
    CONNECTED,
    NetworkAccess.verify(CONNECTED, samples.OPERATIONAL_KEY, 0),
    EnterpriseCredential((GRANT.certificates[0],)),
    Attributes.parse(WHOLE),
    reader_with_a_secret(),
]

SECRETS: dict[str, bytes] = {
    "passphrase": samples.PASSPHRASE.encode(),
    "psk": PSK,
    "challenge": samples.CHALLENGE,
    "R-nonce": responder_chance().nonce,
    "E-nonce": responder_chance().enrollee_nonce,
    "k1": forge.K1,
    "k2": forge.K2,
    "ke": forge.KE,
    "label key": (0x54CE181A98525F217216F59B245F60E9DF30AC7F6B26C939418CFC3C42D1AFA0).to_bytes(32, "big"),
    "protocol key": initiator_chance().protocol_key.private_numbers().private_value.to_bytes(32, "big"),
    "signing request": STATEMENT.signing_request[-40:],
    "proof": STATEMENT.proof,
    "signing key": samples.OPERATOR_KEY.private_numbers().private_value.to_bytes(32, "big"),
    "network access key": samples.OPERATIONAL_KEY.private_numbers().private_value.to_bytes(32, "big"),
    "connector": CONNECTED.connector[-86:].encode(),
    "assignment": GRANT.assignment.encode(),
}


def spellings(secret: bytes) -> list[str]:
    texts = [secret.hex(), base64url_encode(secret), base64.b64encode(secret).decode(), repr(secret)[2:-1]]
    return [*texts, secret.decode("ascii", "replace")]


@pytest.mark.parametrize("thing", OBJECTS, ids=lambda thing: type(thing).__name__)
def test_no_secret_shows_in_any_object(thing: object) -> None:
    shown = [repr(thing), str(thing), f"{thing}", f"{thing!a}", repr([thing]), repr({"x": thing})]
    for name, secret in SECRETS.items():
        for spelling in spellings(secret):
            assert not any(spelling in text for text in shown), name
    assert all(len(text) < 1500 for text in shown)


def test_every_dataclass_of_the_package_is_among_them() -> None:
    covered = {type(thing) for thing in OBJECTS}
    modules = [
        importlib.import_module(info.name)
        for info in pkgutil.walk_packages(onboarding_protocol.__path__, "onboarding_protocol.")
    ]
    known = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__.startswith("onboarding_")
    }
    assert known - covered == set()
    assert len(known) > 20


def test_no_secret_shows_in_a_connection_in_any_state() -> None:
    for state in State:
        pair = Pair.at(state, full_story())
        for end in pair.ends:
            for secret in SECRETS.values():
                assert not any(spelling in repr(end) for spelling in spellings(secret))
    assert len(STORY) == len(State) - 2


def test_no_secret_shows_in_an_error() -> None:
    short = Credential(Akm.PSK, "geheim")
    with pytest.raises(LocalProtocolError) as local:
        short.to_json()
    with pytest.raises(RemoteProtocolError) as remote:
        Credential.from_json({"akm": "psk", "pass": "geheim"})
    with pytest.raises(AssignmentError) as refused:
        verify_assignment(GRANT.assignment, frozenset())
    for caught in (local, remote, refused):
        text = "".join(traceback.format_exception(caught.value))
        assert "geheim" not in text.replace('"geheim"', "")
        assert GRANT.assignment[:40] not in text
