"""Private keys in a PKCS#11 token, through python-pkcs11: made there, not extractable, found by their labels.

A session is opened for each use: a token that was taken out and put back, or a PIN that changed, is then noticed and
repaired by itself.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import KDF, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, PKCS11Error
from pkcs11.util.ec import encode_named_curve_parameters

from device_agent.errors import KeyUnusableError
from device_agent.keys.external import FIELD_OCTETS, ExternalKey
from device_agent.keys.openssl import forget_errors

_PREFIX = "device-agent "
_Result = TypeVar("_Result")
_Work = Callable[[pkcs11.Session], _Result]


class TokenKeyStore:
    """The keys of this device in one token, told from others by the start of their labels."""

    def __init__(self, module: Path, token: str, pin_file: Path) -> None:
        self._token = _Token(module, token, pin_file)

    def find(self, name: str) -> ExternalKey | None:
        """Return the key, None if there is none."""

        def point(session: pkcs11.Session) -> bytes | None:
            found = session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.LABEL: _PREFIX + name})
            return next((_point(key[Attribute.EC_POINT]) for key in found), None)

        encoded = self._token.use(point)
        return None if encoded is None else TokenKey(self._token, _PREFIX + name, encoded)

    def create(self, name: str) -> ExternalKey:
        """Have the token make a key that it never gives away."""
        self.remove([name])

        def make(session: pkcs11.Session) -> bytes:
            curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
            public, _ = session.create_domain_parameters(KeyType.EC, curve, local=True).generate_keypair(
                store=True,
                label=_PREFIX + name,
                capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY | MechanismFlag.DERIVE,
                private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True},
            )
            return _point(public[Attribute.EC_POINT])

        return TokenKey(self._token, _PREFIX + name, self._token.use(make, writes=True))

    def names(self) -> Iterable[str]:
        """Return the names of the keys of this device."""

        def labels(session: pkcs11.Session) -> list[str]:
            keys = session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY})
            return [str(key.label) for key in keys]

        return [label.removeprefix(_PREFIX) for label in self._token.use(labels) if label.startswith(_PREFIX)]

    def remove(self, names: Iterable[str]) -> None:
        """Destroy keys in the token, the private one first: what is half destroyed is still found by its public one."""
        wanted = list(names)
        if not wanted:
            return

        def destroy(session: pkcs11.Session) -> None:
            for name in wanted:
                for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
                    for key in list(session.get_objects({Attribute.CLASS: kind, Attribute.LABEL: _PREFIX + name})):
                        key.destroy()

        self._token.use(destroy, writes=True)

    def tls_key(self, name: str) -> ExternalKey:
        """Return the key itself."""
        key = self.find(name)
        if key is None:
            raise KeyUnusableError(f"there is no key {name}", "Start over with `device-agent reset --yes`.")
        return key


class TokenKey(ExternalKey):
    """A key that one token can use."""

    def __init__(self, token: "_Token", label: str, point: bytes) -> None:
        super().__init__(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point))
        self._token = token
        self._label = label

    def sign_digest(self, digest: bytes) -> tuple[int, int]:
        """Sign in the token (CKM_ECDSA)."""
        octets = self._token.use(lambda session: self._key(session).sign(digest, mechanism=Mechanism.ECDSA))
        return int.from_bytes(octets[:FIELD_OCTETS]), int.from_bytes(octets[FIELD_OCTETS:])

    def agree(self, peer: ec.EllipticCurvePublicKey) -> bytes:
        """Agree in the token (CKM_ECDH1_DERIVE)."""
        numbers = peer.public_numbers()
        point = b"\x04" + numbers.x.to_bytes(FIELD_OCTETS) + numbers.y.to_bytes(FIELD_OCTETS)

        def agree(session: pkcs11.Session) -> bytes:
            secret = self._key(session).derive_key(
                KeyType.GENERIC_SECRET,
                FIELD_OCTETS * 8,
                mechanism_param=(KDF.NULL, None, point),
                template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
            )
            return bytes(secret[Attribute.VALUE])

        return self._token.use(agree)

    def _key(self, session: pkcs11.Session) -> pkcs11.PrivateKey:
        return session.get_key(ObjectClass.PRIVATE_KEY, KeyType.EC, label=self._label)


class _Token:
    """One token, for one use at a time."""

    def __init__(self, module: Path, label: str, pin_file: Path) -> None:
        self._module = module
        self._label = label
        self._pin_file = pin_file
        self._turn = threading.Lock()

    def use(self, work: _Work[_Result], *, writes: bool = False) -> _Result:
        with self._turn:
            try:
                with self._session(writes) as session:
                    return work(session)
            except pkcs11.exceptions.PinIncorrect as error:
                raise KeyUnusableError(
                    f"the token {self._label} refuses its PIN", f"Correct {self._pin_file}."
                ) from error
            except pkcs11.exceptions.PinLocked as error:
                raise KeyUnusableError(
                    f"the token {self._label} is locked after too many wrong PINs",
                    "Have its security officer unlock it.",
                ) from error
            except PKCS11Error as error:
                what = str(error) or type(error).__name__
                raise KeyUnusableError(
                    f"the token {self._label} cannot be used: {what}",
                    "See that keys.module is its library and keys.token its label: `pkcs11-tool --module … -L`.",
                ) from error
            finally:
                forget_errors()  # tokens in software use the same OpenSSL, and leave their errors behind

    @contextmanager
    def _session(self, writes: bool) -> Iterator[pkcs11.Session]:
        try:
            pin = self._pin_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise KeyUnusableError(
                f"the PIN file {self._pin_file} cannot be read", "Let the agent's user, and nobody else, read it."
            ) from error
        token = pkcs11.lib(str(self._module)).get_token(token_label=self._label)
        with token.open(rw=writes, user_pin=pin) as session:
            yield session


def _point(attribute: bytes) -> bytes:
    """Return the uncompressed point: CKA_EC_POINT is a DER OCTET STRING around it, some tokens give it bare."""
    return attribute[-(1 + 2 * FIELD_OCTETS) :]
