"""The credentials of a device (Hono's `CommonCredential`): what somebody sends, and what may be shown.

The rules kept here: (type, auth-id) is unique in a set; confidential members are never shown; a certificate names its
credential itself, by the template of the tenant's authority that issued it if there is one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, cast

import msgspec

from onboarding_api.domain.errors import DocumentRefusedError, NameRefusedError
from onboarding_api.domain.hono import X509_CERT, Document
from onboarding_api.domain.management.certificates import issuer_name, read_certificate, subject_name, validity
from onboarding_api.domain.management.documents import (
    Closed,
    NonEmpty,
    read_shape,
    require_distinct,
    require_object,
    require_storable,
    write_shape,
)
from onboarding_api.domain.management.identifiers import ID_MAX
from onboarding_api.domain.management.names import normal_name
from onboarding_api.domain.management.secrets import HASHED_PASSWORD, PLAIN_PASSWORDS_MAX, PSK, RPK, read_secret
from onboarding_api.domain.management.templates import apply_template

_TYPE = re.compile(r"[a-z0-9-]{1,64}")
_PASSWORD_AUTH_ID = re.compile(r"[a-zA-Z0-9_=.-]+")
SEALED_KEY = "sealed-key"
"""How a pre-shared key is kept; the member does not exist outside the database."""
CONFIDENTIAL: Mapping[str, tuple[str, ...]] = {
    HASHED_PASSWORD: ("pwd-plain", "pwd-hash", "hash-function", "salt"),
    PSK: ("key", SEALED_KEY),
}
_STANDARD = (HASHED_PASSWORD, PSK, X509_CERT, RPK)


class _Open(msgspec.Struct, frozen=True, rename="kebab"):
    type: str
    auth_id: NonEmpty
    secrets: Annotated[list[Document], msgspec.Meta(min_length=1)]
    enabled: bool | None = None
    comment: str | None = None
    ext: Document | None = None


class _Standard(Closed, frozen=True):
    type: str
    auth_id: NonEmpty
    secrets: Annotated[list[Document], msgspec.Meta(min_length=1)]
    enabled: bool | None = None
    comment: str | None = None
    ext: Document | None = None


class _Certified(Closed, frozen=True):
    """An x509-cert credential with its certificate; auth-id and secrets beside it are ignored."""

    type: str
    cert: str
    auth_id: object = None
    secrets: object = None
    enabled: bool | None = None
    comment: str | None = None
    ext: Document | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential of a device."""

    type: str
    auth_id: str
    body: Document = field(repr=False)
    """The document without type and auth-id."""

    @property
    def secrets(self) -> list[Document]:
        """Its secrets."""
        return cast("list[Document]", self.body["secrets"])

    def with_secrets(self, secrets: Sequence[Document]) -> "Credential":
        """Return this credential with other secrets."""
        return Credential(self.type, self.auth_id, self.body | {"secrets": list(secrets)})

    def stored_document(self) -> Document:
        """Return the credential with all that is stored of it: hashes, sealed keys."""
        return {"type": self.type, "auth-id": self.auth_id} | self.body

    def document(self) -> Document:
        """Return the credential as GET shows it, without what is confidential."""
        hidden = CONFIDENTIAL.get(self.type, ())
        shown = [{name: value for name, value in each.items() if name not in hidden} for each in self.secrets]
        return {"type": self.type, "auth-id": self.auth_id} | self.body | {"secrets": shown}


def read_credentials(value: object, anchors: Sequence[Document]) -> list[Credential]:
    """Check a set of credentials that somebody sends; `anchors` are the tenant's."""
    if not isinstance(value, list):
        raise DocumentRefusedError("", "Expected `array`")
    credentials = [_read_credential(f"[{index}]", each, anchors) for index, each in enumerate(value)]
    names = [(each.type, each.auth_id) for each in credentials]
    require_distinct(names, "[{}].auth-id".format, "another credential of this type has this auth-id")
    plain = [
        f"[{index}].secrets[{number}].pwd-plain"
        for index, each in enumerate(credentials)
        for number, secret in enumerate(each.secrets)
        if each.type == HASHED_PASSWORD and "pwd-plain" in secret
    ]
    if len(plain) > PLAIN_PASSWORDS_MAX:
        reason = f"more than {PLAIN_PASSWORDS_MAX} plain passwords in one request; send the others hashed"
        raise DocumentRefusedError(plain[PLAIN_PASSWORDS_MAX], reason)
    return credentials


def _read_credential(where: str, value: object, anchors: Sequence[Document]) -> Credential:
    given = require_object(value, where)
    kind = given.get("type")
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise DocumentRefusedError(f"{where}.type", "must be given: 1 to 64 of the characters a-z 0-9 -")
    if kind == X509_CERT and given.get("cert") is not None:
        return _from_certificate(where, given, anchors)
    if kind == X509_CERT:
        given = {name: each for name, each in given.items() if name != "cert"}
    shape = read_shape(given, _Standard, where) if kind in _STANDARD else read_shape(given, _Open, where)
    if kind == X509_CERT and len(shape.secrets) != 1:
        raise DocumentRefusedError(f"{where}.secrets", "must hold exactly one")
    secrets = [read_secret(kind, f"{where}.secrets[{index}]", each) for index, each in enumerate(shape.secrets)]
    ids = [secret.get("id", index) for index, secret in enumerate(secrets)]
    require_distinct(ids, lambda index: f"{where}.secrets[{index}].id", "the id of another secret")
    body = write_shape(shape) if kind in _STANDARD else {name: each for name, each in given.items() if each is not None}
    return _credential(where, kind, _normal_auth_id(where, kind, shape.auth_id), body, secrets)


def _credential(where: str, kind: str, auth_id: str, body: Document, secrets: list[Document]) -> Credential:
    if len(auth_id) > ID_MAX:
        raise DocumentRefusedError(f"{where}.auth-id", f"longer than {ID_MAX} characters")
    require_storable(auth_id, f"{where}.auth-id")
    rest = {name: each for name, each in body.items() if name not in ("type", "auth-id", "cert")}
    return Credential(kind, auth_id, rest | {"secrets": secrets})


def _normal_auth_id(where: str, kind: str, auth_id: str) -> str:
    if kind == HASHED_PASSWORD and not _PASSWORD_AUTH_ID.fullmatch(auth_id):
        raise DocumentRefusedError(f"{where}.auth-id", "has other characters than a-z A-Z 0-9 - _ = .")
    if kind != X509_CERT:
        return auth_id
    try:
        return normal_name(auth_id)
    except NameRefusedError:
        return auth_id


def _from_certificate(where: str, given: Document, anchors: Sequence[Document]) -> Credential:
    shape = read_shape(given, _Certified, where)
    certificate = read_certificate(f"{where}.cert", shape.cert)
    subject = subject_name(f"{where}.cert", certificate)
    issuer = str(issuer_name(f"{where}.cert", certificate))
    templates = (anchor.get("auth-id-template") for anchor in anchors if anchor["subject-dn"] == issuer)
    template = next((each for each in templates if isinstance(each, str)), None)
    auth_id = str(subject) if template is None else apply_template(f"{where}.cert", template, subject)
    return _credential(where, shape.type, auth_id, write_shape(shape), [validity(certificate)])
