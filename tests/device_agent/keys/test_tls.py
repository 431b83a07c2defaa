"""TLS with a key that is wherever it is."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from device_agent.errors import KeyUnusableError
from device_agent.keys import KeyStore, TlsIdentity
from device_agent.keys.external import ExternalKey
from device_agent.keys.tls import show
from tests.device_agent.keys.places import DIGEST, IN_HARDWARE, PLACES
from tests.device_agent.operator import Operator, certificate, new_key


def server_and_client(context: ssl.SSLContext, version: ssl.TLSVersion, operator: Operator, folder: Path) -> str:
    """Shake hands in memory; return the name of the client as the server has seen it."""
    host = new_key()
    leaf = certificate("localhost", host.public_key(), "Devices CA", operator.authority_key)
    (folder / "host.pem").write_bytes(
        leaf.public_bytes(Encoding.PEM) + host.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "host.pem")
    server.load_verify_locations(cadata=operator.authority.public_bytes(Encoding.DER))
    server.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = version
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = context.wrap_bio(to_client, to_server)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (near, far) * 4:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    peer = far.getpeercert()
    assert peer is not None
    assert far.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
    return str(peer["subject"])


def client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("place", PLACES)
def test_tls_works_wherever_the_key_lives(
    keys: KeyStore, version: ssl.TLSVersion, operator: Operator, tmp_path: Path
) -> None:
    key = keys.create("operational-0")
    leaf = x509.load_der_x509_certificate(operator.certify(key.public_key()))
    (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    for _ in range(3):
        context = client_context()
        show(context, TlsIdentity(tmp_path / "leaf.pem", keys.tls_key("operational-0")))
        name = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
        assert str(name) in server_and_client(context, version, operator, tmp_path)


@pytest.mark.parametrize("place", IN_HARDWARE)
def test_a_certificate_for_another_key_is_refused_before_any_handshake(
    keys: KeyStore, operator: Operator, tmp_path: Path
) -> None:
    keys.create("operational-0")
    leaf = x509.load_der_x509_certificate(operator.certify(new_key().public_key()))
    (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    with pytest.raises(KeyUnusableError, match="not one for this key"):
        show(client_context(), TlsIdentity(tmp_path / "leaf.pem", keys.tls_key("operational-0")))
    with pytest.raises(KeyUnusableError, match="cannot be read"):
        show(client_context(), TlsIdentity(tmp_path / "none.pem", keys.tls_key("operational-0")))
    client_context().load_verify_locations(cadata=operator.authority.public_bytes(Encoding.DER))  # takes no blame


@pytest.mark.parametrize("place", PLACES)
def test_a_key_store_leaves_no_error_that_tls_would_take_for_its_own(keys: KeyStore, operator: Operator) -> None:
    keys.create("operational-0").sign(b"", DIGEST)
    client_context().load_verify_locations(cadata=operator.authority.public_bytes(Encoding.DER))


def test_a_key_that_fails_in_the_middle_of_a_handshake_ends_it(
    operator: Operator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(ExternalKey):
        def sign_digest(self, digest: bytes) -> tuple[int, int]:
            raise KeyUnusableError(f"no signature over {len(digest)} octets", "Put the token back.")

        def agree(self, peer: ec.EllipticCurvePublicKey) -> bytes:
            raise NotImplementedError

    key = Broken(new_key().public_key())
    leaf = x509.load_der_x509_certificate(operator.certify(key.public_key()))
    (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    context = client_context()
    show(context, TlsIdentity(tmp_path / "leaf.pem", key))
    with pytest.raises(ssl.SSLError):
        server_and_client(context, ssl.TLSVersion.TLSv1_3, operator, tmp_path)
    assert "no signature over 32 octets" in caplog.text
    assert "Put the token back." in caplog.text
