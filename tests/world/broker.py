"""Mosquitto as an endpoint: TLS, a client certificate demanded, and each device kept to its own topic."""

import datetime
import ipaddress
import os
import shutil
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LISTENER = "onboarding-listener"
_CONFIG = """\
listener {port} {address}
cafile {folder}/trusted.pem
certfile {folder}/broker.pem
keyfile {folder}/broker.key
require_certificate true
use_identity_as_username true
acl_file {folder}/acl
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
user {user}
"""
_ACL = f"""\
user {LISTENER}
topic read event/#
topic read renewal/#
topic write renewed/#

pattern write event/+/%u
pattern write renewal/+/%u
pattern read renewed/+/%u
"""


def program() -> str:
    """Return the path of Mosquitto, which Debian keeps in /usr/sbin."""
    found = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        raise FileNotFoundError("mosquitto is missing: apt-get install --no-install-recommends mosquitto")
    return found


_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class BrokerFiles:
    """The broker's own authority, its server certificate, and a client certificate for the API's listener."""

    def __init__(self, folder: Path, port: int, address: str = "127.0.0.1") -> None:
        self.folder = folder
        self.port = port
        self.address = address
        self._authority_key = ec.generate_private_key(ec.SECP256R1())
        folder.mkdir(parents=True)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Broker CA")])
        self._authority = self._sign(name, self._authority_key, is_authority=True)
        self._write("ca.pem", self._authority)
        self._issue("broker", address, ExtendedKeyUsageOID.SERVER_AUTH)
        self._issue("listener", LISTENER, ExtendedKeyUsageOID.CLIENT_AUTH)
        user = "root" if os.geteuid() == 0 else "mosquitto"  # ignored by Mosquitto unless it starts as root
        (folder / "mosquitto.conf").write_text(_CONFIG.format(port=port, address=address, folder=folder, user=user))
        (folder / "acl").write_text(_ACL)
        self.trust("")

    @property
    def authority(self) -> Path:
        """PEM of who vouches for the broker."""
        return self.folder / "ca.pem"

    @property
    def command(self) -> list[str | Path]:
        """How to start the broker."""
        return [program(), "-c", self.folder / "mosquitto.conf"]

    @property
    def url(self) -> str:
        """Where devices connect."""
        return f"mqtts://{self.address}:{self.port}"

    def trust(self, authorities: str) -> None:
        """Accept clients of these authorities (PEM), besides the API's listener."""
        (self.folder / "trusted.pem").write_text(self.authority.read_text() + authorities)

    def _issue(self, file: str, common_name: str, usage: x509.ObjectIdentifier) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        self._write(f"{file}.pem", self._sign(name, key, usage=usage))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / f"{file}.key").write_bytes(pem)
        (self.folder / f"{file}.key").chmod(0o600)

    def _sign(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        usage: x509.ObjectIdentifier | None = None,
        is_authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        issuer = name if is_authority else self._authority.subject
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            # Python 3.13 takes nothing less than what RFC 5280 asks for.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._authority_key.public_key()), critical=False
            )
        )
        if is_authority:
            builder = builder.add_extension(_SIGNS_CERTIFICATES, critical=True)
        if usage is not None:
            address = x509.IPAddress(ipaddress.ip_address(self.address))
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(self._authority_key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate) -> None:
        (self.folder / name).write_bytes(certificate.public_bytes(Encoding.PEM))
