"""Enterprise credentials: CSR_NEEDED, the signing request, the certificates."""

import base64
import itertools

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from onboarding_protocol.dpp import (
    CSR_ATTRIBUTES,
    Akm,
    Capability,
    ComebackDelay,
    ComebackRequest,
    ConfigurationObject,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    Credential,
    DropReason,
    EnrolleeRequest,
    EnterpriseCredential,
    ExchangeFailed,
    MessageDropped,
    State,
    Status,
)
from onboarding_protocol.dpp.attributes import AttributeId, encode_attributes
from onboarding_protocol.dpp.enterprise import create_signing_request, verify_signing_request
from onboarding_protocol.dpp.json_document import decode_json, encode_json
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError
from onboarding_protocol.identity import create_signing_request as identity_request
from tests.protocol import forge, samples
from tests.protocol.pair import LENGTH_OCTETS, Pair, full_story, snapshot, twin

BOTH_ROLES = [Capability.CONFIGURATOR, Capability.ENROLLEE]
DEMAND = ConfigurationResponse(Status.CSR_NEEDED, csr_attributes=CSR_ATTRIBUTES)
AUTHORITY = samples.authority().public_bytes(Encoding.DER)
LEAF = samples.lean_leaf().public_bytes(Encoding.DER)
ENTERPRISE = EnterpriseCredential((AUTHORITY, LEAF), AUTHORITY, "radius.example.com")
PASSWORD = bytes(range(64))


def demanded(initiator: Capability = Capability.CONFIGURATOR) -> Pair:
    pair = Pair.fresh(initiator)
    pair.tell([*full_story(initiator)[:4], DEMAND])
    return pair


@pytest.mark.parametrize("initiator", BOTH_ROLES)
def test_an_enrollee_is_asked_for_a_signing_request_and_gets_its_certificate(initiator: Capability) -> None:
    pair = demanded(initiator)
    enrollee, configurator = pair.receiver(DEMAND.step), pair.sender(DEMAND.step)
    assert pair.initiator.state is State.AUTHENTICATED
    request = enrollee.signing_request("Gateway G2")
    asked = pair.send(ConfigurationRequest(EnrolleeRequest("Gateway G2", signing_request=request)))
    assert isinstance(asked, ConfigurationRequest)
    assert asked.request.signing_request == request
    configurator.verify_signing_request(request)
    pair.tell([ComebackDelay(500), ComebackRequest()])
    network = ConfigurationObject(samples.SSID, Credential(Akm.DOT1X, enterprise=ENTERPRISE))
    answered = pair.send(ConfigurationResponse(objects=(network,), wants_status=False))
    assert isinstance(answered, ConfigurationResponse)
    enterprise = answered.objects[0].credential.enterprise
    assert enterprise is not None
    assert set(enterprise.certificates) == {AUTHORITY, LEAF}
    assert enterprise.server_name == "radius.example.com"
    assert enterprise.authority == AUTHORITY
    pair.tell([ConfigurationResult(status_follows=False)])
    assert pair.initiator.state is pair.responder.state is State.COMPLETE


def test_the_second_request_has_a_nonce_and_a_token_of_its_own() -> None:
    pair = demanded()
    pair.tell(full_story()[3:])
    first, second = pair.octets[3], pair.octets[5]
    assert (first[LENGTH_OCTETS + 1], second[LENGTH_OCTETS + 1]) == (1, 2)
    assert first[30:60] != second[30:60], "the same request under the same nonce would read the same"


def test_the_first_request_again_is_a_duplicate_and_answers_nothing() -> None:
    pair = demanded()
    (event,) = pair.initiator.receive(pair.octets[3], pair.now)
    assert isinstance(event, MessageDropped)
    assert event.reason is DropReason.DUPLICATE
    assert pair.initiator.state is State.AUTHENTICATED


def test_a_bad_signing_request_ends_the_exchange_with_its_status() -> None:
    pair = demanded()
    pair.tell(full_story()[3:4])
    failed = pair.send(ConfigurationResponse(Status.CSR_BAD))
    assert isinstance(failed, ExchangeFailed)
    assert failed.status is Status.CSR_BAD


def test_a_signing_request_of_another_exchange_or_key_is_refused() -> None:
    one, other = demanded(), demanded()
    with pytest.raises(RemoteProtocolError):
        one.initiator.verify_signing_request(other.responder.signing_request("x"))
    one.initiator.verify_signing_request(one.responder.signing_request("x"))


@pytest.mark.parametrize(
    ("der", "words"),
    [
        (b"", "PKCS#10"),
        (b"0" * 100, "PKCS#10"),
        (create_signing_request(samples.OPERATIONAL_KEY, "x", PASSWORD), None),
        (create_signing_request(samples.OPERATIONAL_KEY, "x", bytes(64)), "not made in this exchange"),
        (create_signing_request(samples.LABEL_KEY, "x", PASSWORD), "protocol key"),
        (identity_request(samples.OPERATIONAL_KEY, PASSWORD), "not made in this exchange"),
    ],
)
def test_a_signing_request_needs_key_signature_and_password(der: bytes, words: str | None) -> None:
    if words is None:
        verify_signing_request(der, samples.OPERATIONAL_KEY.public_key(), PASSWORD)
        return
    with pytest.raises(RemoteProtocolError, match=words):
        verify_signing_request(der, samples.OPERATIONAL_KEY.public_key(), PASSWORD)


def test_every_signed_bit_of_a_signing_request_counts() -> None:
    der = create_signing_request(samples.OPERATIONAL_KEY, "x", PASSWORD)
    signed = x509.load_der_x509_csr(der).tbs_certrequest_bytes
    start = der.index(signed)
    for position, bit in itertools.product(range(start, start + len(signed)), (0, 5)):
        flipped = der[:position] + bytes([der[position] ^ 1 << bit]) + der[position + 1 :]
        with pytest.raises(RemoteProtocolError):
            verify_signing_request(flipped, samples.OPERATIONAL_KEY.public_key(), PASSWORD)


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_a_name_that_no_certificate_can_have_is_refused(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        demanded().responder.signing_request(name)


@pytest.mark.parametrize(
    "enterprise", [ENTERPRISE, EnterpriseCredential((LEAF,)), EnterpriseCredential((LEAF,), eap_methods=(13, 25))]
)
def test_an_enterprise_credential_reads_as_it_was_written(enterprise: EnterpriseCredential) -> None:
    read = EnterpriseCredential.from_json(decode_json(encode_json(enterprise.to_json())))
    assert set(read.certificates) == set(enterprise.certificates)
    assert (read.authority, read.server_name) == (enterprise.authority, enterprise.server_name)
    assert read.eap_methods == enterprise.eap_methods


def test_the_certificate_of_a_bag_is_the_one_that_holds_the_key() -> None:
    assert ENTERPRISE.certificate_of(samples.OPERATIONAL_KEY.public_key()).public_bytes(Encoding.DER) == LEAF
    for enterprise in (ENTERPRISE, EnterpriseCredential((b"x",))):
        with pytest.raises(RemoteProtocolError):
            enterprise.certificate_of(samples.LABEL.public_key)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"certBag": 1},
        {"certBag": "!"},
        {"certBag": "AAAA"},
        {"certBag": "MAA="},
        {"certBag": "MIAGCSqGSIb3DQEHAqCAMIACAQExADCABgkqhkiG9w0BBwEAAKAAMQAAAAAAAAA="},
        {**ENTERPRISE.to_json(), "caCert": "!"},
        {**ENTERPRISE.to_json(), "trustedEapServerName": 1},
        {**ENTERPRISE.to_json(), "eapMethods": 13},
        {**ENTERPRISE.to_json(), "eapMethods": ["13"]},
        {**ENTERPRISE.to_json(), "eapMethods": [True]},
    ],
)
def test_what_is_no_enterprise_credential_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(RemoteProtocolError):
        EnterpriseCredential.from_json(document)


@pytest.mark.parametrize("certificates", [(), (b"x",), (LEAF, b"")])
def test_what_is_no_certificate_is_not_sent(certificates: tuple[bytes, ...]) -> None:
    with pytest.raises(LocalProtocolError):
        EnterpriseCredential(certificates).to_json()


@pytest.mark.parametrize("attributes", [None, b"!", b"AAA"])
def test_a_demand_without_readable_attributes_ends_the_exchange(attributes: bytes | None) -> None:
    pair = Pair.at(State.CONFIGURATION_REQUESTED, full_story())
    inner = [(AttributeId.ENROLLEE_NONCE, forge.ENROLLEE_NONCE)]
    inner += [] if attributes is None else [(AttributeId.CSR_ATTRIBUTES, attributes)]
    octets = forge.configuration_response(encode_attributes(inner), status=bytes([Status.CSR_NEEDED]))
    (event,) = pair.responder.receive(octets, pair.now)
    assert isinstance(event, ExchangeFailed)


def test_every_bit_flip_and_cut_of_a_demand_is_dropped() -> None:
    pair = Pair.at(State.CONFIGURATION_REQUESTED, full_story())
    octets = twin(pair.initiator).send(DEMAND, pair.now)
    before, accepted = snapshot(pair.responder), set()
    for position, bit in itertools.product(range(LENGTH_OCTETS, len(octets)), range(8)):
        spoilt = twin(pair.responder)
        flipped = octets[:position] + bytes([octets[position] ^ 1 << bit]) + octets[position + 1 :]
        (event,) = spoilt.receive(flipped, pair.now)
        if isinstance(event, MessageDropped):
            assert snapshot(spoilt) == before
        else:
            accepted.add(position - LENGTH_OCTETS)
    assert accepted == {8}, "the third octet of the advertisement protocol"


def test_p256_only() -> None:
    with pytest.raises(RemoteProtocolError):
        verify_signing_request(
            create_signing_request(ec.derive_private_key(5, ec.SECP384R1()), "x", PASSWORD),
            samples.OPERATIONAL_KEY.public_key(),
            PASSWORD,
        )


def test_a_certificate_of_an_unknown_version_is_the_peers_fault() -> None:
    document = dict(EnterpriseCredential((samples.lean_leaf().public_bytes(Encoding.DER),)).to_json())
    bag = base64.b64decode(str(document["certBag"]))
    assert bag.count(b"\xa0\x03\x02\x01\x02") == 1
    document["certBag"] = base64.b64encode(bag.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x0b")).decode()
    with pytest.raises(RemoteProtocolError, match="certBag"):
        EnterpriseCredential.from_json(document)
