"""Credentials by Hono's API.

The rules kept here: a plain password is hashed before the turn to write is taken and is stored nowhere; a pre-shared
key is sealed for its tenant, auth-id and secret, so that it opens nowhere else; the whole set is replaced or nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import bcrypt

from onboarding_api.domain.accounts import Principal
from onboarding_api.domain.errors import DeviceUnknownError, TenantUnknownError
from onboarding_api.domain.hono import Document
from onboarding_api.domain.identifiers import DeviceKey, Randomness, TenantId, Timestamp, Version, new_uuid
from onboarding_api.domain.management.credentials import SEALED_KEY, Credential, read_credentials
from onboarding_api.domain.management.documents import read_base64, write_base64
from onboarding_api.domain.management.patches import merge_credentials
from onboarding_api.domain.management.secrets import BCRYPT, BCRYPT_COST_MAX, HASHED_PASSWORD, PSK
from onboarding_api.domain.management.tenants import TenantState
from onboarding_api.domain.management.versions import Precondition
from onboarding_api.domain.sealing import Seal
from onboarding_api.services.hashing import Hashing
from onboarding_api.services.management.attempts import expect, until_settled
from onboarding_api.services.management.events import credentials_event
from onboarding_api.storage.audit import record
from onboarding_api.storage.credentials import CredentialSet, find_credentials, replace_credentials
from onboarding_api.storage.database import Database

PURPOSE = "pre-shared key"


@dataclass(frozen=True, slots=True)
class CredentialManagement:
    """Reads and replaces the credentials of devices."""

    database: Database
    seal: Seal
    randomness: Randomness
    hashing: Hashing = field(default_factory=Hashing)

    def read(self, principal: Principal, key: DeviceKey) -> tuple[Sequence[Credential], Version]:
        """Return a device's credentials and the version of the set."""
        principal.require_manager_of(key.tenant)
        found, version = self._find(key)
        return found.credentials, version

    def replace(
        self, principal: Principal, key: DeviceKey, document: object, precondition: Precondition, now: Timestamp
    ) -> Version:
        """Replace a device's credentials, keeping the secrets that the request names by id."""
        principal.require_manager_of(key.tenant)
        successor = Version(new_uuid(self.randomness))

        def attempt() -> Version:
            found, version = self._find(key)
            tenant = TenantState(key.tenant, version, found.tenant_document)
            requested = read_credentials(document, tenant.anchors)
            precondition.require(version)
            tenant.require_room_for_credentials(len(requested))
            merged = merge_credentials(found.credentials, requested, lambda: new_uuid(self.randomness))
            protected = [self.protect(key.tenant, each) for each in merged]
            with self.database.writing() as connection:
                expect(replace_credentials(connection, key, version, successor, protected))
                record(connection, principal.actor, now, credentials_event(key, successor, protected))
            return successor

        return until_settled(attempt)

    def _find(self, key: DeviceKey) -> tuple[CredentialSet, Version]:
        with self.database.reading() as connection:
            found = find_credentials(connection, key)
        if found is None:
            raise TenantUnknownError(f"there is no tenant {key.tenant}")
        if found.version is None:
            raise DeviceUnknownError(f"there is no device {key.device}")
        return found, found.version

    def protect(self, tenant: TenantId, credential: Credential) -> Credential:
        """Return a credential as it may be stored: passwords hashed, pre-shared keys sealed."""
        return credential.with_secrets([self._protect_secret(tenant, credential, each) for each in credential.secrets])

    def _protect_secret(self, tenant: TenantId, credential: Credential, secret: Document) -> Document:
        if credential.type == PSK and "key" in secret:
            rest = {name: value for name, value in secret.items() if name != "key"}
            key = read_base64("key", str(secret["key"]))
            sealed = self.seal.close_octets(key, PURPOSE, psk_subject(tenant, credential, secret), self.randomness)
            return rest | {SEALED_KEY: write_base64(sealed)}
        if credential.type == HASHED_PASSWORD and "pwd-plain" in secret:
            rest = {name: value for name, value in secret.items() if name != "pwd-plain"}
            return rest | {"pwd-hash": self._hash(str(secret["pwd-plain"])), "hash-function": BCRYPT}
        return secret

    def _hash(self, password: str) -> str:
        salt = bcrypt.gensalt(BCRYPT_COST_MAX, b"2a")
        with self.hashing.turn():
            return self.hashing.run(lambda: bcrypt.hashpw(password.encode(), salt)).decode("ascii")


def psk_subject(tenant: TenantId, credential: Credential, secret: Document) -> str:
    """Return what a sealed pre-shared key is bound to."""
    return f"{tenant}\0{credential.auth_id}\0{secret['id']}"
