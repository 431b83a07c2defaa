"""All services of one process, built once around one database."""

from dataclasses import dataclass

from argon2 import PasswordHasher

from onboarding_api.domain.certificates import LEAF_LIFE_S
from onboarding_api.domain.identifiers import Clock, Randomness
from onboarding_api.domain.openid import Provider
from onboarding_api.domain.sealing import Seal
from onboarding_api.services.accounts import Accounts
from onboarding_api.services.audit import AuditTrail
from onboarding_api.services.management.access import Access
from onboarding_api.services.management.credentials import CredentialManagement
from onboarding_api.services.management.devices import DeviceManagement
from onboarding_api.services.management.tenants import TenantManagement
from onboarding_api.services.onboardings import Onboardings
from onboarding_api.services.openid import Fetch, OpenId
from onboarding_api.services.readiness import Readiness
from onboarding_api.services.registration import Registrar, Render
from onboarding_api.services.sessions import Sessions
from onboarding_api.services.signing_keys import open_signing_keys
from onboarding_api.services.tenants import Authorities
from onboarding_api.services.token_keys import TokenKeys
from onboarding_api.services.tokens import Tokens
from onboarding_api.services.watching import StreamLimits, Watching
from onboarding_api.storage.changes import Changes
from onboarding_api.storage.database import Database


@dataclass(frozen=True, slots=True)
class Registry:
    """What the web layer calls."""

    accounts: Accounts
    tokens: Tokens
    sessions: Sessions
    onboardings: Onboardings
    registrar: Registrar
    watching: Watching
    access: Access
    tenants: TenantManagement
    devices: DeviceManagement
    credentials: CredentialManagement
    audit: AuditTrail
    readiness: Readiness
    clock: Clock


def open_registry(
    database: Database,
    seal: Seal,
    issuer: str,
    limits: StreamLimits,
    *,
    render: Render,
    clock: Clock,
    randomness: Randomness,
    hasher: PasswordHasher | None = None,
    openid: tuple[Provider, Fetch] | None = None,
    certificate_life_s: int = LEAF_LIFE_S,
) -> Registry:
    """Open the signing keys and join the services."""
    keys = open_signing_keys(database, seal)
    onboardings = Onboardings(database, randomness)
    accounts = Accounts(database, randomness, hasher)
    tokens = Tokens(issuer, TokenKeys(database, seal), randomness)
    provider = None if openid is None else OpenId(openid[0], database, openid[1])
    return Registry(
        accounts=accounts,
        tokens=tokens,
        sessions=Sessions(database, seal, randomness),
        onboardings=onboardings,
        registrar=Registrar(
            database, Authorities(database, seal), keys, issuer, randomness, render, certificate_life_s
        ),
        watching=Watching(onboardings, Changes(database), limits, clock),
        access=Access(database, accounts, tokens, randomness, provider),
        tenants=TenantManagement(database, randomness),
        devices=DeviceManagement(database, randomness),
        credentials=CredentialManagement(database, seal, randomness),
        audit=AuditTrail(database),
        readiness=Readiness(database, seal),
        clock=clock,
    )
