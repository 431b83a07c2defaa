"""Credentials: how to join one network (Easy Connect section 4.5.5)."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_protocol.dpp.enterprise import EnterpriseCredential
from onboarding_protocol.dpp.json_document import JsonObject, mend, take_object, take_text
from onboarding_protocol.dpp.jwk import decode_jwk, encode_jwk, encode_named_jwk
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError

PSK_OCTETS = 32
PASSPHRASE_MAX_OCTETS = 63
_SELECTORS = {
    "506F9A02": "dpp",
    "000FAC02": "psk",
    "000FAC06": "psk",
    "000FAC08": "sae",
    "000FAC01": "dot1x",
    "000FAC05": "dot1x",
}


class Akm(StrEnum):
    """Authentication and key management of a credential (Easy Connect section 4.5.5)."""

    PSK = "psk"
    SAE = "sae"
    PSK_SAE = "psk+sae"
    DPP = "dpp"
    DPP_SAE = "dpp+sae"
    DPP_PSK_SAE = "dpp+psk+sae"
    DOT1X = "dot1x"

    @property
    def takes_passphrase(self) -> bool:
        """Whether a station can join with a passphrase alone."""
        return self not in (Akm.DPP, Akm.DOT1X)

    @classmethod
    def parse(cls, text: str) -> "Akm":
        """Read a name, or suite selectors joined by `+`; ValueError for one that is not known."""
        parts = {_SELECTORS.get(part.upper(), part) for part in text.split("+")}
        return next((akm for akm in cls if set(akm.split("+")) == parts), None) or cls(text)


@dataclass(frozen=True, slots=True)
class Credential:
    """How to join a network."""

    akm: Akm
    passphrase: str | None = field(default=None, repr=False)
    psk: bytes | None = field(default=None, repr=False)
    """Pairwise master key, 32 octets, instead of a passphrase."""
    connector: str | None = field(default=None, repr=False)
    """Compact JWS; an enrollee verifies it with `Connection.network_access`."""
    signing_key: ec.EllipticCurvePublicKey | None = None
    """`csign`: whose signature the Connector carries."""
    privacy_key: ec.EllipticCurvePublicKey | None = None
    """`ppKey`: the configurator's privacy protection key."""
    enterprise: EnterpriseCredential | None = None

    def to_json(self) -> JsonObject:
        """Return the `cred` object; LocalProtocolError for a secret the standard does not allow."""
        if fault := self._fault():
            raise LocalProtocolError(fault)
        document: dict[str, object] = {"akm": self.akm.value}
        if self.psk is not None:
            document["psk_hex"] = self.psk.hex()
        elif self.passphrase is not None:
            document["pass"] = self.passphrase
        if self.connector is not None:
            document["signedConnector"] = self.connector
        if self.signing_key is not None:
            document["csign"] = encode_named_jwk(self.signing_key)
        if self.privacy_key is not None:
            document["ppKey"] = encode_jwk(self.privacy_key)
        if self.enterprise is not None:
            document["entCreds"] = self.enterprise.to_json()
        return document

    def for_version_1(self) -> "Credential":
        """Return the credential that a peer of version 1 reads: a Connector, or a secret, but not both."""
        if self.connector is not None and "dpp" in self.akm.split("+"):
            return replace(self, akm=Akm.DPP, passphrase=None, psk=None, privacy_key=None)
        return replace(self, connector=None, signing_key=None, privacy_key=None)

    @classmethod
    def from_json(cls, document: JsonObject) -> "Credential":
        """Read a `cred` object."""
        try:
            akm = Akm.parse(take_text(document, "akm"))
            psk = bytes.fromhex(take_text(document, "psk_hex")) if "psk_hex" in document else None
        except ValueError as error:
            raise RemoteProtocolError("a credential of a kind that is not known") from error
        passphrase = mend(take_text(document, "pass")) if "pass" in document else None
        signing_key = _read_key(document, "csign")
        connected = "signedConnector" in document and (signing_key is not None or "dpp" in akm.split("+"))
        enterprise = akm is Akm.DOT1X and "entCreds" in document
        credential = cls(
            akm,
            passphrase,
            psk,
            connector=take_text(document, "signedConnector") if connected else None,
            signing_key=signing_key,
            privacy_key=_read_key(document, "ppKey"),
            enterprise=EnterpriseCredential.from_json(take_object(document, "entCreds")) if enterprise else None,
        )
        if fault := credential._fault():
            raise RemoteProtocolError(fault)
        return credential

    def _fault(self) -> str | None:
        if self.connector is not None and self.signing_key is None:
            return "a Connector needs the key that signed it"
        if self.psk is not None and (len(self.psk) != PSK_OCTETS or self.akm is Akm.SAE):
            return f"a pairwise master key has {PSK_OCTETS} octets and does not go with SAE alone"
        if self.passphrase is None:
            return None if self.psk or not self.akm.takes_passphrase or "dpp" in self.akm else "a secret is missing"
        try:
            octets = self.passphrase.encode("utf-8")
        except UnicodeEncodeError:
            return "a passphrase is not Unicode"
        if any(octet < 0x20 or octet == 0x7F for octet in octets):
            return "a passphrase has a control character"
        fewest = 1 if self.akm is Akm.SAE else 8
        if not fewest <= len(octets) <= PASSPHRASE_MAX_OCTETS:
            return f"a passphrase has {fewest} to {PASSPHRASE_MAX_OCTETS} octets with {self.akm}"
        return None


def _read_key(document: JsonObject, name: str) -> ec.EllipticCurvePublicKey | None:
    # A key on another curve is of no use here; the passphrase beside it is.
    try:
        return decode_jwk(take_object(document, name)) if name in document else None
    except RemoteProtocolError:
        return None
