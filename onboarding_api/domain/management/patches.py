"""Replacing a device's credentials, and keeping the secrets that are named by their id.

The rules kept here (Hono's "patch mode"): without any id the new set replaces the old one. With one, a secret whose
id is stored keeps its confidential part unless it brings another; everything else of it is replaced, and what is not
mentioned is gone. In the end every secret has an id, and none lacks the part that makes it a secret.
"""

from collections.abc import Sequence

from onboarding_api.domain.errors import DocumentRefusedError
from onboarding_api.domain.hono import X509_CERT, Document
from onboarding_api.domain.management.credentials import CONFIDENTIAL, SEALED_KEY, Credential
from onboarding_api.domain.management.documents import NewId
from onboarding_api.domain.management.secrets import HASHED_PASSWORD, PSK, RPK

_KEPT = {**CONFIDENTIAL, RPK: ("key", "algorithm")}
_ESSENTIAL = {HASHED_PASSWORD: ("pwd-plain", "pwd-hash"), PSK: ("key", SEALED_KEY), RPK: ("key",)}
_METADATA = ("id", "enabled", "not-before", "not-after", "comment")


def adopt_credentials(stored: Sequence[Credential], requested: Sequence[Credential], new_id: NewId) -> list[Credential]:
    """Return the set that `requested` makes of `stored`; secrets may bring ids that are not stored (docs/bulk.md)."""
    known = {(each.type, each.auth_id, secret["id"]): secret for each in stored for secret in each.secrets}
    adopted = []
    for each in requested:
        before = [known.get((each.type, each.auth_id, secret.get("id"))) for secret in each.secrets]
        pairs = zip(each.secrets, before, strict=True)
        adopted.append(each.with_secrets([_keep(each.type, secret, old) if old else secret for secret, old in pairs]))
    return _completed(adopted, new_id)


def merge_credentials(stored: Sequence[Credential], requested: Sequence[Credential], new_id: NewId) -> list[Credential]:
    """Return the set that `requested` makes of `stored`."""
    if any("id" in secret for credential in requested for secret in credential.secrets):
        if not stored:
            raise DocumentRefusedError(_first_id(requested), "the device has no credentials whose secret this could be")
        by_name = {(each.type, each.auth_id): each for each in stored}
        requested = [
            _inherit(f"[{index}]", each, by_name.get((each.type, each.auth_id))) for index, each in enumerate(requested)
        ]
    return _completed(requested, new_id)


def _first_id(requested: Sequence[Credential]) -> str:
    return next(
        f"[{index}].secrets[{number}].id"
        for index, each in enumerate(requested)
        for number, secret in enumerate(each.secrets)
        if "id" in secret
    )


def _inherit(where: str, requested: Credential, stored: Credential | None) -> Credential:
    if stored is None:
        return requested
    known = {secret["id"]: secret for secret in stored.secrets}
    secrets = []
    for number, secret in enumerate(requested.secrets):
        if "id" in secret and secret["id"] not in known:
            reason = f"{requested.auth_id} has no secret of this id"
            raise DocumentRefusedError(f"{where}.secrets[{number}].id", reason)
        secrets.append(_keep(requested.type, secret, known[secret["id"]]) if "id" in secret else secret)
    return requested.with_secrets(secrets)


def _keep(kind: str, secret: Document, stored: Document) -> Document:
    """Return the secret with the stored one's confidential members, unless it has its own."""
    if kind == X509_CERT:
        return secret
    if kind in _KEPT:
        kept = {name: stored[name] for name in _KEPT[kind] if name in stored}
    else:
        kept = {name: value for name, value in stored.items() if name not in _METADATA}
    essential = _ESSENTIAL.get(kind, tuple(name for name in secret if name not in _METADATA))
    return secret if any(name in secret for name in essential) else kept | secret


def _completed(credentials: Sequence[Credential], new_id: NewId) -> list[Credential]:
    return [_complete(f"[{index}]", each, new_id) for index, each in enumerate(credentials)]


def _complete(where: str, credential: Credential, new_id: NewId) -> Credential:
    for number, secret in enumerate(credential.secrets):
        essential = _ESSENTIAL.get(credential.type)
        if essential and not any(name in secret for name in essential):
            member = f"{where}.secrets[{number}].{essential[0]}"
            raise DocumentRefusedError(member, f"a secret of {credential.auth_id} holds nothing")
    return credential.with_secrets([{"id": new_id()} | secret for secret in credential.secrets])
