"""Enterprise credentials (Easy Connect section 4.5.6): a certificate for the enrollee's protocol key.

The configurator asks for a PKCS#10 request, has an authority sign it, and sends the certificates as a degenerate
PKCS#7 bag. A request proves by its challengePassword that it was made in this exchange. The certificates of a bag
have no order; the enrollee's is the one that holds its key.
"""

import base64
import hmac
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, NameOID

from onboarding_protocol.dpp.json_document import JsonObject, take_text
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError

EAP_TLS = 13
"""The one EAP method the standard names."""
CSR_ATTRIBUTES = bytes.fromhex("300b06092a864886f70d010907")
"""CsrAttrs that ask for a challengePassword and nothing else, DER."""


@dataclass(frozen=True, slots=True)
class EnterpriseCredential:
    """`entCreds`: how to join with EAP-TLS."""

    certificates: tuple[bytes, ...]
    """DER, in no particular order: the enrollee's and those that lead to its authority."""
    authority: bytes | None = None
    """DER certificate of the authority that vouches for the network's server."""
    server_name: str | None = None
    """What the server's certificate must be for."""
    eap_methods: tuple[int, ...] = (EAP_TLS,)

    def to_json(self) -> JsonObject:
        """Return the `entCreds` object; LocalProtocolError for what is no certificate."""
        from cryptography.hazmat.primitives.serialization import pkcs7  # brings `email`; few devices need it

        try:
            parsed = [x509.load_der_x509_certificate(der) for der in self.certificates]
            bag = pkcs7.serialize_certificates(parsed, Encoding.DER)
        except (ValueError, TypeError) as error:
            raise LocalProtocolError("an enterprise credential has at least one certificate, in DER") from error
        document: dict[str, object] = {"certBag": base64.b64encode(bag).decode("ascii")}
        if self.authority is not None:
            document["caCert"] = base64.b64encode(self.authority).decode("ascii")
        if self.server_name is not None:
            document["trustedEapServerName"] = self.server_name
        return {**document, "eapMethods": list(self.eap_methods)}

    @classmethod
    def from_json(cls, document: JsonObject) -> "EnterpriseCredential":
        """Read an `entCreds` object."""
        from cryptography.hazmat.primitives.serialization import pkcs7

        try:
            bag = pkcs7.load_der_pkcs7_certificates(take_base64(document, "certBag"))
            certificates = tuple(certificate.public_bytes(Encoding.DER) for certificate in bag)
        # BER is a warning, and an error to some; an unknown version of a certificate is no ValueError.
        except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm, Warning) as error:
            raise RemoteProtocolError("a certBag that is not PKCS#7 with certificates") from error
        methods = document.get("eapMethods", [EAP_TLS])
        if not isinstance(methods, list) or not all(type(method) is int for method in methods):
            raise RemoteProtocolError("EAP methods that are no numbers")
        return cls(
            certificates,
            take_base64(document, "caCert") if "caCert" in document else None,
            take_text(document, "trustedEapServerName") if "trustedEapServerName" in document else None,
            tuple(methods),
        )

    def certificate_of(self, key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        """Return the certificate that holds this key; RemoteProtocolError if there is none."""
        for der in self.certificates:
            try:
                certificate = x509.load_der_x509_certificate(der)
                if certificate.public_key() == key:
                    return certificate
            except (ValueError, UnsupportedAlgorithm):
                continue
        raise RemoteProtocolError("no certificate of the bag is ours")


def create_signing_request(key: ec.EllipticCurvePrivateKey, name: str, challenge_password: bytes) -> bytes:
    """Return a DER PKCS#10 request for `key` with this common name."""
    try:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    except ValueError as error:
        raise LocalProtocolError(f"not a common name: {error}") from error
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    password = base64.b64encode(challenge_password)
    signed = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, password).sign(key, hashes.SHA256())
    return signed.public_bytes(Encoding.DER)


def verify_signing_request(der: bytes, key: ec.EllipticCurvePublicKey, challenge_password: bytes) -> None:
    """Return only if the request is signed by this key and has this challengePassword; else RemoteProtocolError."""
    try:
        request = x509.load_der_x509_csr(der)
        passwords = [a.value for a in request.attributes if a.oid == AttributeOID.CHALLENGE_PASSWORD]
        fits = request.public_key() == key and request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise RemoteProtocolError("the signing request is not a DER PKCS#10 request") from error
    if not fits:
        raise RemoteProtocolError("the signing request is not signed by the enrollee's protocol key")
    if len(passwords) != 1 or not hmac.compare_digest(passwords[0], base64.b64encode(challenge_password)):
        raise RemoteProtocolError("the signing request was not made in this exchange")


def take_base64(document: JsonObject, name: str) -> bytes:
    """Return the octets of a base64 member; RemoteProtocolError otherwise."""
    try:
        return base64.b64decode(take_text(document, name), validate=True)
    except ValueError as error:
        raise RemoteProtocolError(f"member {name!r} is not base64") from error
