"""Connectors: issued, verified, and refused for every reason there is."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from onboarding_protocol.dpp import (
    Akm,
    Capability,
    ConfigurationObject,
    ConfigurationResponse,
    ConfiguratorKey,
    Connector,
    ConnectorError,
    Credential,
    Group,
    NetworkAccess,
    timestamp,
)
from onboarding_protocol.dpp.json_document import decode_json, encode_json
from onboarding_protocol.dpp.jwk import decode_jwk, encode_jwk, encode_named_jwk, key_id
from onboarding_protocol.encoding import base64url_decode, base64url_encode
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError
from tests.protocol import samples
from tests.protocol.pair import Pair, full_story

KEY = ConfiguratorKey(samples.OPERATOR_KEY, samples.ISSUER_KEY.public_key())
DEVICE = samples.OPERATIONAL_KEY.public_key()
NOW = 1_800_000_000
TOKEN = Connector(DEVICE, (Group("home", "sta"), Group("*", "ap")), NOW + 60, 2).sign(samples.OPERATOR_KEY)
BOTH_ROLES = [Capability.CONFIGURATOR, Capability.ENROLLEE]

DPP_AKMS = [akm for akm in Akm if "dpp" in akm]


def parts(token: str) -> tuple[dict[str, object], dict[str, object]]:
    header, payload, _ = token.split(".")
    return decode_json(base64url_decode(header)), decode_json(base64url_decode(payload))


def signed(header: dict[str, object], payload: dict[str, object]) -> str:
    """Return a JWS over anything by the right key."""
    text = ".".join(base64url_encode(json.dumps(part).encode()) for part in (header, payload))
    r, s = decode_dss_signature(samples.OPERATOR_KEY.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{base64url_encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def test_a_connector_says_what_was_signed() -> None:
    connector = Connector.verify(TOKEN, KEY.public_key, DEVICE, NOW)
    assert connector.groups == (Group("home", "sta"), Group("*", "ap"))
    assert connector.expiry == NOW + 60
    assert connector.version == 2
    assert connector.net_access_key == DEVICE


def test_a_connector_is_written_as_the_standard_names_it() -> None:
    header, payload = parts(TOKEN)
    assert list(header) == ["typ", "kid", "alg"]
    assert header == {"typ": "dppCon", "kid": KEY.key_id, "alg": "ES256"}
    assert payload["groups"] == [{"groupId": "home", "netRole": "sta"}, {"groupId": "*", "netRole": "ap"}]
    assert payload["netAccessKey"] == encode_jwk(DEVICE)
    assert payload["expiry"] == "2027-01-15T08:01:00Z"
    assert payload["version"] == 2


HEADER, PAYLOAD = parts(TOKEN)


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ({"typ": "JWT"}, {}),
        ({"alg": "none"}, {}),
        ({"alg": "HS256"}, {}),
        ({"kid": "x"}, {}),
        ({"kid": key_id(samples.ISSUER_KEY.public_key())}, {}),
        ({}, {"groups": []}),
        ({}, {"groups": {}}),
        ({}, {"groups": ["*"]}),
        ({}, {"groups": [{"groupId": "*"}]}),
        ({}, {"netAccessKey": None}),
        ({}, {"netAccessKey": {**encode_jwk(DEVICE), "crv": "P-384"}}),
        ({}, {"netAccessKey": {**encode_jwk(DEVICE), "d": "AA"}}),
        ({}, {"netAccessKey": {**encode_jwk(DEVICE), "x": "AA"}}),
        ({}, {"netAccessKey": {**encode_jwk(DEVICE), "x": "!"}}),
        ({}, {"netAccessKey": encode_jwk(samples.LABEL.public_key)}),
        ({}, {"expiry": "yesterday"}),
        ({}, {"expiry": 1}),
        ({}, {"expiry": "2020-01-01T00:00:00Z"}),
        ({}, {"version": "2"}),
        ({}, {"version": True}),
    ],
)
def test_a_connector_that_is_signed_and_says_something_else_is_refused(
    header: dict[str, object], payload: dict[str, object]
) -> None:
    assert Connector.verify(signed(HEADER, PAYLOAD), KEY.public_key, DEVICE, NOW)
    with pytest.raises(ConnectorError):
        Connector.verify(signed(HEADER | header, PAYLOAD | payload), KEY.public_key, DEVICE, NOW)


def test_a_connector_is_refused_from_its_expiry_on() -> None:
    assert Connector.verify(TOKEN, KEY.public_key, DEVICE, NOW + 59).expiry == NOW + 60
    with pytest.raises(ConnectorError, match="expired"):
        Connector.verify(TOKEN, KEY.public_key, DEVICE, NOW + 60)


def test_a_connector_of_another_signer_or_for_another_device_is_refused() -> None:
    with pytest.raises(ConnectorError, match="another key"):
        Connector.verify(TOKEN, samples.ISSUER_KEY.public_key(), DEVICE, NOW)
    with pytest.raises(ConnectorError, match="network access key"):
        Connector.verify(TOKEN, KEY.public_key, samples.LABEL.public_key, NOW)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b", "a.b.c", f"{TOKEN}.", TOKEN[:-1], TOKEN + "A", "é.é.é", "e30.e30."]
)
def test_what_is_no_jws_is_refused(token: str) -> None:
    with pytest.raises(ConnectorError):
        Connector.verify(token, KEY.public_key, DEVICE, NOW)


def test_every_bit_of_a_connector_counts() -> None:
    octets = TOKEN.encode()
    for position in range(len(octets)):
        for bit in (0, 3):
            spoilt = octets[:position] + bytes([octets[position] ^ 1 << bit]) + octets[position + 1 :]
            try:
                connector = Connector.verify(spoilt.decode(), KEY.public_key, DEVICE, NOW)
            except ConnectorError:
                continue
            assert position == len(octets) - 1, "the last character of base64url has bits that stand for nothing"
            assert connector.groups[0].group_id == "home"


@pytest.mark.parametrize("initiator", BOTH_ROLES)
@pytest.mark.parametrize("akm", DPP_AKMS)
def test_an_enrollee_gets_a_connector_for_the_protocol_key_of_the_exchange(akm: Akm, initiator: Capability) -> None:
    pair = Pair.fresh(initiator)
    story = full_story(initiator)
    pair.tell(story[:4])
    configurator, enrollee = pair.sender(story[4].step), pair.receiver(story[4].step)
    passphrase = None if akm is Akm.DPP else samples.PASSPHRASE
    given = KEY.credential(akm, configurator.peer_protocol_key, passphrase, (Group("home"),), NOW + 60)
    received = pair.send(ConfigurationResponse(objects=(ConfigurationObject(samples.SSID, given),)))
    assert isinstance(received, ConfigurationResponse)
    credential = received.objects[0].credential
    assert credential == given
    access = enrollee.network_access(credential, NOW)
    assert access.key.public_key() == configurator.peer_protocol_key
    assert access.connector.groups == (Group("home"),)
    assert access.token == given.connector
    assert access.signing_key == KEY.public_key
    assert access.privacy_key == KEY.privacy_key
    with pytest.raises(ConnectorError):
        enrollee.network_access(credential, NOW + 60)
    pair.tell(story[5:])
    with pytest.raises(LocalProtocolError):
        enrollee.network_access(credential, NOW)


def test_a_connector_of_an_earlier_exchange_is_not_taken() -> None:
    pair = Pair.fresh()
    pair.tell(full_story()[:4])
    old = KEY.credential(Akm.DPP, pair.initiator.peer_protocol_key)
    pair.tell(full_story()[4:])
    pair.tell(full_story()[:4])
    with pytest.raises(ConnectorError):
        pair.responder.network_access(old, NOW)


def test_a_credential_without_a_connector_gives_no_access() -> None:
    for credential in (Credential(Akm.PSK, samples.PASSPHRASE), Credential(Akm.DPP)):
        with pytest.raises(ConnectorError, match="without"):
            NetworkAccess.verify(credential, samples.OPERATIONAL_KEY, NOW)


@pytest.mark.parametrize("akm", list(Akm))
def test_a_credential_with_a_connector_reads_as_it_was_written(akm: Akm) -> None:
    passphrase = samples.PASSPHRASE if akm.takes_passphrase else None
    credential = KEY.credential(akm, DEVICE, passphrase)
    document = decode_json(encode_json(credential.to_json()))
    assert Credential.from_json(document) == credential
    assert document["csign"] == encode_named_jwk(KEY.public_key)
    assert "kid" not in encode_jwk(KEY.public_key)


def test_a_connector_without_its_signing_key_is_neither_written_nor_read() -> None:
    credential = Credential(Akm.DPP, connector=TOKEN)
    with pytest.raises(LocalProtocolError):
        credential.to_json()
    with pytest.raises(RemoteProtocolError):
        Credential.from_json({"akm": "dpp", "signedConnector": TOKEN})
    with pytest.raises(LocalProtocolError):
        Connector(DEVICE, ()).sign(samples.OPERATOR_KEY)


@pytest.mark.parametrize("csign", [None, {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}, "x"])
def test_a_passphrase_is_taken_though_its_connector_is_of_no_use(csign: object) -> None:
    document = {"akm": "psk", "pass": samples.PASSPHRASE, "signedConnector": TOKEN, "ppKey": csign, "entCreds": 5}
    document |= {} if csign is None else {"csign": csign}
    assert Credential.from_json(document) == Credential(Akm.PSK, samples.PASSPHRASE)
    with pytest.raises(RemoteProtocolError):
        Credential.from_json(document | {"akm": "dpp"})


def test_a_configurators_key_is_its_own_and_named_by_its_point() -> None:
    one, other = ConfiguratorKey.generate(), ConfiguratorKey.generate()
    assert one.key_id != other.key_id
    assert len(base64url_decode(one.key_id)) == 32
    assert decode_jwk(encode_jwk(one.public_key)) == one.public_key


@given(st.integers(0, 253_402_300_799))
def test_points_in_time_are_those_of_the_calendar(seconds: int) -> None:
    text = timestamp.encode(seconds)
    assert text == (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ").zfill(
        20
    )
    assert timestamp.decode(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2000-02-29T23:59:59Z", 951_868_799),
        ("2027-01-15T10:01:00+02:00", NOW + 60),
        ("2027-01-15T06:31:00-01:30", NOW + 60),
    ],
)
def test_points_in_time_of_other_writers_are_read(text: str, seconds: int) -> None:
    assert timestamp.decode(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2027-01-15",
        "2027-01-15T08:01:00",
        "2027-13-15T08:01:00Z",
        "2027-00-15T08:01:00Z",
        "2027-02-29T08:01:00Z",
        "2027-01-00T08:01:00Z",
        "2027-01-15T24:01:00Z",
        "2027-01-15T08:60:00Z",
        "2027-01-15T08:01:61Z",
        "2027-01-15T08:01:00Z\n",
        "٢٠٢٧-01-15T08:01:00Z",
    ],
)
def test_what_is_no_point_in_time_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        timestamp.decode(text)
