"""Pre-shared keys that travel sealed: what `device export --with-secrets` writes, `device import` opens.

The rule kept here: a sealed key opens only for its tenant, auth-id and secret, under the key file that sealed it.
"""

from dataclasses import replace

from onboarding_api.domain.bulk.rows import Row
from onboarding_api.domain.errors import DocumentRefusedError, SealBrokenError
from onboarding_api.domain.hono import Document
from onboarding_api.domain.identifiers import TenantId
from onboarding_api.domain.management.credentials import SEALED_KEY, Credential
from onboarding_api.domain.management.documents import read_base64, write_base64
from onboarding_api.domain.management.secrets import PSK
from onboarding_api.domain.sealing import Seal
from onboarding_api.services.management.credentials import PURPOSE, psk_subject


def open_sealed_keys(seal: Seal, tenant: TenantId, row: Row) -> Row:
    """Return a row whose sealed pre-shared keys are opened, to be checked and sealed like all others."""
    if row.credentials is None:
        return row
    opened = [_opened(seal, tenant, f"[{index}]", each) for index, each in enumerate(row.credentials)]
    return replace(row, credentials=opened)


def _opened(seal: Seal, tenant: TenantId, where: str, value: object) -> object:
    if not isinstance(value, dict) or value.get("type") != PSK or not isinstance(value.get("secrets"), list):
        return value
    credential = Credential(PSK, str(value.get("auth-id")), value)
    secrets = [
        _opened_secret(seal, tenant, credential, f"{where}.secrets[{index}].{SEALED_KEY}", each)
        for index, each in enumerate(credential.secrets)
    ]
    return value | {"secrets": secrets}


def _opened_secret(seal: Seal, tenant: TenantId, credential: Credential, where: str, secret: object) -> object:
    if not isinstance(secret, dict) or SEALED_KEY not in secret:
        return secret
    rest: Document = {name: value for name, value in secret.items() if name != SEALED_KEY}
    sealed = read_base64(where, str(secret[SEALED_KEY]))
    try:
        key = seal.open_octets(sealed, PURPOSE, psk_subject(tenant, credential, {"id": ""} | rest))
    except (SealBrokenError, ValueError) as error:
        raise DocumentRefusedError(
            where, "sealed for another tenant, auth-id or id, or under another key file"
        ) from error
    return rest | {"key": write_base64(key)}
