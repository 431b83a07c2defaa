"""What an operational certificate says, and who accepts it."""

import base64
import datetime
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from onboarding_api.domain.certificates import (
    AUTHORITY_LIFE_S,
    Authority,
    create_authority,
    issue_leaf,
    new_serial,
)
from onboarding_api.domain.identifiers import AuthorityId, DeviceId, DeviceKey, TenantId, Timestamp
from onboarding_api.services.tenants import TenantDirectory
from tests.onboarding_api.actors import NOON, Api, FactoryDevice, Json, User, new_key

HOUR, DAY = 3600, 24 * 3600
DEVICE = DeviceKey(TenantId("acme"), DeviceId("0c4f6a7e-0d34-4a3c-9d0f-7f1d7a1c5b9e"))


def leaf_of(registered: Json) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(registered["x5c"][0]))


def authority_at(now: int) -> Authority:
    return create_authority(AuthorityId("a"), DEVICE.tenant, new_key(), new_serial(bytes), Timestamp(now))


@pytest.fixture
def leaf(ann: User, device: FactoryDevice) -> x509.Certificate:
    return leaf_of(ann.onboard(device))


def test_the_server_alone_sets_the_subject(ann: User, device: FactoryDevice) -> None:
    registered = ann.onboard(device)
    assert leaf_of(registered).subject.rfc4514_string() == f"CN={registered['device']['id']},O=acme"


def test_a_leaf_lives_ninety_days_and_starts_an_hour_early(leaf: x509.Certificate) -> None:
    assert leaf.not_valid_before_utc.timestamp() == NOON - HOUR
    assert leaf.not_valid_after_utc.timestamp() == NOON + 90 * DAY


def test_a_leaf_never_outlives_its_authority() -> None:
    authority = authority_at(NOON)
    late = NOON + AUTHORITY_LIFE_S - 10 * DAY
    leaf = issue_leaf(authority, DEVICE, new_key().public_key(), bytes([64] * 16), Timestamp(late))
    assert leaf.not_after == authority.certificate.not_valid_after_utc.timestamp()


def test_a_leaf_has_exactly_the_extensions_of_a_client(leaf: x509.Certificate) -> None:
    found = {extension.oid: extension.critical for extension in leaf.extensions}
    assert found == {
        ExtensionOID.KEY_USAGE: True,
        ExtensionOID.EXTENDED_KEY_USAGE: False,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER: False,
    }
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_cert_sign, usage.key_agreement) == (True, False, False)
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]


def test_a_leaf_is_lean_enough_for_bluetooth(leaf: x509.Certificate) -> None:
    assert len(leaf.public_bytes(Encoding.DER)) <= 400


def test_serials_are_positive_and_sixteen_octets() -> None:
    for octets in (b"\x00" * 16, b"\xff" * 16):
        serial = new_serial(lambda n, octets=octets: octets[:n])  # type: ignore[misc]
        assert len(serial) == 16
        assert int.from_bytes(serial, "big", signed=True) >= 1 << 126


def test_cryptographys_verifier_accepts_leaf_and_authority(api: Api, leaf: x509.Certificate) -> None:
    pem = TenantDirectory(api.database).authority_pem(TenantId("acme"))
    authority = x509.load_pem_x509_certificate(pem.encode())
    anyone = verification.ExtensionPolicy.permit_all()
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store([authority]))
        .time(datetime.datetime.fromtimestamp(NOON + DAY, datetime.UTC))
        .extension_policies(ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(), ee_policy=anyone)
        .build_client_verifier()
    )
    assert verifier.verify(leaf, []).chain == [leaf, authority]


@pytest.mark.parametrize(("tenant", "accepted"), [("acme", True), ("globex", False)])
def test_openssl_accepts_a_leaf_under_its_own_tenant_only(
    api: Api, leaf: x509.Certificate, tmp_path: Path, tenant: str, accepted: bool
) -> None:
    (tmp_path / "ca.pem").write_text(TenantDirectory(api.database).authority_pem(TenantId(tenant)))
    (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-attime", str(NOON + DAY)]
    verdict = subprocess.run(
        [*command, "-CAfile", tmp_path / "ca.pem", tmp_path / "leaf.pem"], capture_output=True, check=False
    )
    assert (verdict.returncode == 0) is accepted, verdict.stderr


def test_an_authority_signs_leaves_only(api: Api) -> None:
    pem = TenantDirectory(api.database).authority_pem(TenantId("acme"))
    authority = x509.load_pem_x509_certificate(pem.encode())
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    key = authority.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
