"""One onboarding with fixed keys, as every test here and the benchmark tell it."""

import hashlib
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from onboarding_protocol.assignment import Assignment, Endpoint, TrustAnchor, sign_assignment
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import Akm, ConfigurationObject, ConnectionStatus, Credential, EnrolleeRequest, Status
from onboarding_protocol.identity import create_signing_request, sign_label_proof
from onboarding_protocol.members import (
    DeviceState,
    DeviceStatement,
    EndpointResult,
    EndpointStatus,
    Grant,
    HeardNetwork,
    Members,
)


def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


LABEL_KEY = key(0x54CE181A98525F217216F59B245F60E9DF30AC7F6B26C939418CFC3C42D1AFA0)
INITIATOR_KEY = key(0x15B2A83C5A0A38B61F2AA8200EE4994B8AFDC01C58507D10D0A38F7EEDF051BB)
OPERATIONAL_KEY = key(0x1001)
OPERATOR_KEY = key(0x1002)
ISSUER_KEY = key(0x1003)
LABEL = BootstrappingKey.from_public_key(LABEL_KEY.public_key())
INITIATOR_LABEL = BootstrappingKey.from_public_key(INITIATOR_KEY.public_key())
CHALLENGE = bytes.fromhex("13f4602a16daeb69712263b9c46cba31")
DEVICE = "9f86d081-884c-4d65-9a2f-eaa0c55ad015"
TENANT = "acme"
SSID = "Café 🛰".encode()
PASSPHRASE = "correct horse battery"
NETWORKS = tuple(HeardNetwork(f"network-{n}".encode(), -40 - 7 * n, akm) for n, akm in enumerate(["psk", "sae"] * 3))


def authority() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Acme Device CA")])
    return _certificate(name, ISSUER_KEY.public_key(), (x509.BasicConstraints(ca=True, path_length=0), True))


def lean_leaf(device: str = DEVICE) -> x509.Certificate:
    """Return an operational certificate with what path validation and lint ask for, and no more."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
    return _certificate(
        name,
        OPERATIONAL_KEY.public_key(),
        (x509.KeyUsage(True, False, False, False, False, False, False, False, False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.AuthorityKeyIdentifier(hashlib.sha256(b"issuer").digest()[:20], None, None), False),
    )


def assignment(leaf: bytes, challenge: bytes = CHALLENGE) -> Assignment:
    return Assignment(
        issuer="https://onboarding.example.com",
        tenant=TENANT,
        device=DEVICE,
        nonce=challenge,
        sequence=1,
        issued_at=1_750_000_000,
        endpoint=Endpoint("mqtts://mqtt.example.com:8883", TrustAnchor.from_certificate(authority())),
        leaf=hashlib.sha256(leaf).digest(),
        successors=(hashlib.sha256(b"next operator key").digest(),),
    )


def grant(challenge: bytes = CHALLENGE) -> Grant:
    leaf = lean_leaf().public_bytes(Encoding.DER)
    return Grant(sign_assignment(assignment(leaf, challenge), OPERATOR_KEY), (leaf,))


def statement(challenge: bytes = CHALLENGE) -> DeviceStatement:
    request = create_signing_request(OPERATIONAL_KEY, challenge)
    return DeviceStatement(
        state=DeviceState.NEW,
        serial="SN-4774LH2b4044",
        model="Gateway G2",
        firmware="1.4.2",
        signing_request=request,
        proof=sign_label_proof(LABEL_KEY, request, 0),
        networks=NETWORKS,
    )


def network(
    members: Members | None = None, akm: Akm = Akm.PSK_SAE, ssid: bytes = SSID, passphrase: str = PASSPHRASE
) -> ConfigurationObject:
    return ConfigurationObject(ssid, Credential(akm, passphrase), members or {})


def enrollee(members: Members | None = None) -> EnrolleeRequest:
    return EnrolleeRequest("Gateway G2", members=members or {})


def joined(result: EndpointResult = EndpointResult.CONNECTED) -> ConnectionStatus:
    return ConnectionStatus(Status.OK, SSID, "81/1,6", EndpointStatus(result).to_members())


def _certificate(
    name: x509.Name, public_key: ec.EllipticCurvePublicKey, *extensions: tuple[x509.ExtensionType, bool]
) -> x509.Certificate:
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Acme Device CA")])
    start = datetime(2025, 6, 15, tzinfo=UTC)
    serial = int.from_bytes(hashlib.sha256(name.public_bytes()).digest()[:16], "big") >> 1
    builder = x509.CertificateBuilder(issuer, name, public_key, serial, start, start + timedelta(days=90))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(ISSUER_KEY, hashes.SHA256())
