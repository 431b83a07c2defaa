"""The secrets of a credential, as somebody sends them: checked, one shape per type.

The rules kept here: a plain password decides over a hash beside it; a hash must be one that somebody can verify; a
secret without its confidential part passes only if it has an id, because it may mean a stored one (`patches.py`).
"""

import re
from collections.abc import Callable

from onboarding_api.domain.errors import DocumentRefusedError
from onboarding_api.domain.hono import X509_CERT, Document
from onboarding_api.domain.management.certificates import (
    certificate_key,
    read_algorithm,
    read_certificate,
    read_key,
    validity,
)
from onboarding_api.domain.management.documents import (
    Closed,
    NonEmpty,
    normal_moment,
    read_base64,
    read_shape,
    write_base64,
    write_shape,
)

HASHED_PASSWORD, PSK, RPK = "hashed-password", "psk", "rpk"
BCRYPT, BCRYPT_COST_MAX = "bcrypt", 10
PASSWORD_OCTETS_MAX = 72
"""Bcrypt looks at no more. Longer ones are refused: a truncated password would accept others."""
PLAIN_PASSWORDS_MAX = 16
"""In one request: each takes bcrypt a twentieth of a second, and a body has room for hundreds."""
_BCRYPT = re.compile(r"\$2a\$(\d\d)\$[./A-Za-z0-9]{53}")
_DIGESTS = {"sha-256": 32, "sha-512": 64}
"""How many octets each has."""


class _Secret(Closed, frozen=True):
    id: NonEmpty | None = None
    enabled: bool | None = None
    not_before: str | None = None
    not_after: str | None = None
    comment: str | None = None


class _Password(_Secret, frozen=True):
    pwd_plain: str | None = None
    pwd_hash: str | None = None
    hash_function: str | None = None
    salt: str | None = None

    def __repr__(self) -> str:
        return f"_Password(id={self.id!r})"


class _PreSharedKey(_Secret, frozen=True):
    key: str | None = None

    def __repr__(self) -> str:
        return f"_PreSharedKey(id={self.id!r})"


class _RawPublicKey(_Secret, frozen=True):
    key: str | None = None
    algorithm: str | None = None
    cert: str | None = None


class _Open(_Secret, frozen=True, forbid_unknown_fields=False):
    """The members that every secret has; others are free."""


def read_secret(kind: str, where: str, value: Document) -> Document:
    """Check a secret of a credential of this type and bring it into normal form."""
    document = _READERS.get(kind, _read_open)(where, value)
    for member in ("not-before", "not-after"):
        if document.get(member) is not None:
            document[member] = normal_moment(f"{where}.{member}", str(document[member]))
    if "not-before" in document and str(document["not-before"]) > str(document.get("not-after", "~")):
        raise DocumentRefusedError(f"{where}.not-after", "before `not-before`")
    return document


def _read_certificate_secret(where: str, value: Document) -> Document:
    return write_shape(read_shape(value, _Secret, where))


def _read_password(where: str, value: Document) -> Document:
    secret = read_shape(value, _Password, where)
    document = write_shape(secret)
    for member in ("pwd-plain", "pwd-hash", "hash-function", "salt"):
        document.pop(member, None)
    if secret.pwd_plain is not None:
        if not 1 <= len(secret.pwd_plain.encode()) <= PASSWORD_OCTETS_MAX:
            raise DocumentRefusedError(f"{where}.pwd-plain", f"has not 1 to {PASSWORD_OCTETS_MAX} octets")
        return document | {"pwd-plain": secret.pwd_plain}
    if secret.pwd_hash is not None:
        return document | _read_hash(where, secret.pwd_hash, secret.hash_function or "sha-256", secret.salt)
    if secret.id is None:
        raise DocumentRefusedError(f"{where}.pwd-plain", "must be given, or `pwd-hash`, or the id of a stored secret")
    return document


def _read_hash(where: str, pwd_hash: str, function: str, salt: str | None) -> Document:
    hashed: Document = {"pwd-hash": pwd_hash, "hash-function": function}
    if function == BCRYPT:
        match = _BCRYPT.fullmatch(pwd_hash)
        if not match or not 4 <= int(match.group(1)) <= BCRYPT_COST_MAX:
            raise DocumentRefusedError(f"{where}.pwd-hash", f"not a $2a$ bcrypt hash of cost 4 to {BCRYPT_COST_MAX}")
        return hashed
    if function not in _DIGESTS:
        raise DocumentRefusedError(f"{where}.hash-function", "not one of bcrypt, sha-256, sha-512")
    octets = read_base64(f"{where}.pwd-hash", pwd_hash)
    if len(octets) != _DIGESTS[function]:
        raise DocumentRefusedError(f"{where}.pwd-hash", f"has not the {_DIGESTS[function]} octets of {function}")
    hashed["pwd-hash"] = write_base64(octets)
    if salt is not None:
        hashed["salt"] = write_base64(read_base64(f"{where}.salt", salt))
    return hashed


def _read_pre_shared_key(where: str, value: Document) -> Document:
    secret = read_shape(value, _PreSharedKey, where)
    document = write_shape(secret)
    if secret.key is not None:
        octets = read_base64(f"{where}.key", secret.key)
        if not octets:
            raise DocumentRefusedError(f"{where}.key", "empty")
        document["key"] = write_base64(octets)
    elif secret.id is None:
        raise DocumentRefusedError(f"{where}.key", "must be given, or the id of a stored secret")
    return document


def _read_raw_public_key(where: str, value: Document) -> Document:
    secret = read_shape(value, _RawPublicKey, where)
    document = write_shape(secret)
    document.pop("algorithm", None)
    if document.pop("cert", None) is not None:
        certificate = read_certificate(f"{where}.cert", secret.cert or "")
        key, algorithm = certificate_key(f"{where}.cert", certificate)
        return document | {"key": key, "algorithm": algorithm} | validity(certificate)
    if secret.key is not None:
        octets = read_base64(f"{where}.key", secret.key)
        given = None if secret.algorithm is None else read_algorithm(f"{where}.algorithm", secret.algorithm)
        algorithm = read_key(f"{where}.key", octets, given)
        return document | {"key": write_base64(octets), "algorithm": algorithm}
    if secret.id is None:
        raise DocumentRefusedError(f"{where}.key", "must be given, or `cert`, or the id of a stored secret")
    return document


def _read_open(where: str, value: Document) -> Document:
    read_shape(value, _Open, where)
    return {name: each for name, each in value.items() if each is not None or name not in _COMMON}


_COMMON = ("id", "enabled", "not-before", "not-after", "comment")
_READERS: dict[str, Callable[[str, Document], Document]] = {
    HASHED_PASSWORD: _read_password,
    PSK: _read_pre_shared_key,
    X509_CERT: _read_certificate_secret,
    RPK: _read_raw_public_key,
}
