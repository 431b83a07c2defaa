"""POST /v1/onboardings/{id}/device: the challenge, the proofs, the answer, and its repetition."""

import base64
import hashlib
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from onboarding_protocol.assignment import jwk_thumbprint, verify_assignment
from onboarding_protocol.identity import create_signing_request, sign_label_proof
from tests.onboarding_api.actors import (
    ISSUER,
    NOON,
    Api,
    FactoryDevice,
    Json,
    User,
    challenge_of,
    expect_problem,
    new_key,
)

Answer = Callable[[FactoryDevice, Json], Json]
TABLES = ("devices", "credentials", "owners", "hardware", "certificates")


def counts(api: Api) -> dict[str, int]:
    return {table: api.count(table) for table in TABLES}


def test_one_registration_makes_one_row_of_each_kind(api: Api, ann: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    response = ann.register(opened, device.answer(opened))
    assert response.status_code == 201
    assert counts(api) == dict.fromkeys(TABLES, 1)
    body = response.get_json()["device"]
    assert (body["tenant"], body["state"], body["serial"], body["claims_verified"]) == (
        "acme",
        "assigned",
        "SN-0001",
        False,
    )


def test_the_assignment_is_signed_and_bound_to_everything(ann: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    body = ann.register(opened, device.answer(opened)).get_json()
    assignment, thumbprint = verify_assignment(body["assignment"], None)
    leaf = base64.b64decode(body["x5c"][0])
    assert (assignment.issuer, assignment.tenant, assignment.device) == (ISSUER, "acme", body["device"]["id"])
    assert (assignment.nonce, assignment.sequence, assignment.issued_at) == (challenge_of(opened), 1, NOON)
    assert assignment.endpoint.url == "mqtts://broker.acme.example:8883"
    assert assignment.leaf == hashlib.sha256(leaf).digest()
    assert len(assignment.successors) == 1
    assert thumbprint not in assignment.successors
    certified = x509.load_der_x509_certificate(leaf).public_key()
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert certified.public_bytes(*spki) == device.key.public_key().public_bytes(*spki)
    assert jwk_thumbprint(device.key.public_key()) != thumbprint


def test_the_credential_is_shaped_as_hono_has_it(api: Api, ann: User, device: FactoryDevice) -> None:
    registered = ann.onboard(device)
    (row,) = api.rows("SELECT tenant_id, device_id, type, auth_id FROM credentials")
    identifier = registered["device"]["id"]
    assert row == ("acme", identifier, "x509-cert", f"CN={identifier},O=acme")


def test_the_same_request_gets_the_same_answer_byte_for_byte(api: Api, ann: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    body = device.answer(opened)
    first = ann.register(opened, body)
    api.now += 600
    second = ann.register(opened, body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.data == second.data
    assert counts(api) == dict.fromkeys(TABLES, 1)


def test_another_request_on_a_used_challenge_changes_nothing(api: Api, ann: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    body = device.answer(opened)
    first = ann.register(opened, body)
    device.key = new_key()
    expect_problem(ann.register(opened, device.answer(opened)), 409, "challenge-used")
    assert counts(api) == dict.fromkeys(TABLES, 1)
    assert ann.register(opened, body).data == first.data


def test_a_challenge_is_not_answered_after_five_minutes(api: Api, ann: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    api.now += 300
    expect_problem(ann.register(opened, device.answer(opened)), 410, "challenge-expired")
    assert counts(api) == dict.fromkeys(TABLES, 0)


def wrong_challenge(device: FactoryDevice, _opened: Json) -> Json:
    return device.answer_with(create_signing_request(device.key, bytes(16)))


def not_a_request(device: FactoryDevice, _opened: Json) -> Json:
    return device.answer_with(b"\x30\x03\x02\x01\x00")


def bent_signature(device: FactoryDevice, opened: Json) -> Json:
    request = create_signing_request(device.key, challenge_of(opened))
    return device.answer_with(request[:-1] + bytes([request[-1] ^ 1]))


def another_label(device: FactoryDevice, opened: Json) -> Json:
    return FactoryDevice(key=device.key).answer(opened)


def other_resets(device: FactoryDevice, opened: Json) -> Json:
    return device.answer(opened, resets=7)


def phone_signs(device: FactoryDevice, opened: Json) -> Json:
    request = create_signing_request(device.key, challenge_of(opened))
    proof = sign_label_proof(new_key(), request, 0)
    return device.answer_with(request, proof=base64.urlsafe_b64encode(proof).rstrip(b"=").decode())


def short_proof(device: FactoryDevice, opened: Json) -> Json:
    return device.answer(opened, proof="AAAA")


@pytest.mark.parametrize(
    ("answer", "slug"),
    [
        (wrong_challenge, "signing-request-refused"),
        (not_a_request, "signing-request-refused"),
        (bent_signature, "signing-request-refused"),
        (another_label, "label-proof-refused"),
        (other_resets, "label-proof-refused"),
        (phone_signs, "label-proof-refused"),
        (short_proof, "label-proof-refused"),
    ],
)
def test_a_wrong_answer_burns_the_challenge(
    api: Api, ann: User, device: FactoryDevice, answer: Answer, slug: str
) -> None:
    opened = ann.open(device)
    expect_problem(ann.register(opened, answer(device, opened)), 422, slug)
    expect_problem(ann.register(opened, device.answer(opened)), 410, "challenge-burnt")
    assert ann.read(opened)["state"] == "expired"
    assert counts(api) == dict.fromkeys(TABLES, 0)


def test_a_request_without_a_proof_is_refused_and_may_be_completed(ann: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    body = device.answer(opened)
    expect_problem(ann.register(opened, {**body, "proof": None}), 422, "label-proof-missing")
    assert ann.register(opened, body).status_code == 201


def test_a_challenge_of_one_onboarding_does_not_open_another(api: Api, ann: User, device: FactoryDevice) -> None:
    mine, other = ann.open(device), ann.open(FactoryDevice())
    expect_problem(ann.register(other, device.answer(mine)), 422, "signing-request-refused")
    assert counts(api) == dict.fromkeys(TABLES, 0)


def test_a_key_that_other_hardware_has_is_refused(api: Api, ann: User, zoe: User, device: FactoryDevice) -> None:
    ann.onboard(device)
    thief = FactoryDevice(key=device.key)
    opened = zoe.open(thief)
    problem = expect_problem(zoe.register(opened, thief.answer(opened)), 409, "key-already-registered")
    assert "acme" not in str(problem)
    assert counts(api) == dict.fromkeys(TABLES, 1)


def test_a_key_that_other_hardware_once_had_is_refused(ann: User, device: FactoryDevice) -> None:
    ann.onboard(device)
    thief = FactoryDevice(key=device.key)
    device.reset()
    ann.onboard(device)
    opened = ann.open(thief)
    expect_problem(ann.register(opened, thief.answer(opened)), 409, "key-already-registered")
