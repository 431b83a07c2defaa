import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from device_agent.trust_anchor import anchor_certificate, tls_context
from onboarding_protocol.assignment import TrustAnchor
from tests.device_agent.operator import certificate, new_key

HOST = "127.0.0.1"
NAME = "Endpoint CA"


class TlsServer:
    """A TLS server on loopback whose certificate is signed by `authority`."""

    def __init__(self, folder: Path, authority: ec.EllipticCurvePrivateKey, days: int = 30, host: str = HOST) -> None:
        key = new_key()
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        leaf = certificate("endpoint", key.public_key(), NAME, authority, names, days=days)
        (folder / "chain.pem").write_bytes(
            leaf.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "chain.pem")
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve_one)
        self._thread.start()

    def _serve_one(self) -> None:
        link, _ = self._listener.accept()
        with link:
            try:
                with self._context.wrap_socket(link, server_side=True) as tls:
                    tls.sendall(b"hello")
            except OSError:
                pass

    def close(self) -> None:
        self._thread.join()
        self._listener.close()


@pytest.fixture
def servers() -> Iterator[list[TlsServer]]:
    started: list[TlsServer] = []
    yield started
    for server in started:
        server.close()


def anchor(key: ec.EllipticCurvePrivateKey) -> TrustAnchor:
    return TrustAnchor.from_certificate(certificate(NAME, key.public_key(), NAME, key))


def greet(server: TlsServer, trusted: TrustAnchor | None) -> bytes:
    with socket.create_connection((HOST, server.port)) as link:
        context = tls_context(trusted)
        with context.wrap_socket(link, server_hostname=HOST) as tls:
            return tls.recv(5)


def test_a_server_of_the_anchor_is_trusted(tmp_path: Path, servers: list[TlsServer]) -> None:
    key = new_key()
    servers.append(TlsServer(tmp_path, key))
    assert greet(servers[0], anchor(key)) == b"hello"


@pytest.mark.parametrize(
    ("days", "host", "reason"),
    [(30, "127.0.0.2", "mismatch"), (-1, HOST, "expired")],
    ids=["another host", "expired"],
)
def test_a_server_of_the_anchor_is_refused_if_its_certificate_is_not_for_now_and_here(
    tmp_path: Path, servers: list[TlsServer], days: int, host: str, reason: str
) -> None:
    key = new_key()
    servers.append(TlsServer(tmp_path, key, days, host))
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        greet(servers[0], anchor(key))


@pytest.mark.parametrize("trusted", [anchor(new_key()), None], ids=["a namesake", "the system"])
def test_a_server_of_another_authority_is_refused(
    tmp_path: Path, servers: list[TlsServer], trusted: TrustAnchor | None
) -> None:
    servers.append(TlsServer(tmp_path, new_key()))
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(servers[0], trusted)


def test_an_anchor_vouches_and_does_nothing_else() -> None:
    key = new_key()
    made = anchor_certificate(anchor(key))
    assert made.public_key() == key.public_key()
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert len(tls_context(anchor(key)).get_ca_certs()) == 1
