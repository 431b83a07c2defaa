"""The audit trail as the tests read it."""

import json

from onboarding_api.domain.audit import Chain
from onboarding_api.services.audit import AuditTrail
from tests.onboarding_api.actors import Api, Json

ACME, SERVICE = Chain("tenant:acme"), Chain("service")


def lines(api: Api, chain: Chain = ACME) -> list[bytes]:
    return [entry.octets for entry in AuditTrail(api.database).export(chain, 0)]


def entries(api: Api, chain: Chain = ACME) -> list[Json]:
    return [json.loads(line) for line in lines(api, chain)]


def newest(api: Api, chain: Chain = ACME) -> Json:
    return entries(api, chain)[-1]
