"""Accounts on real servers: several workers, a proxy before them, a provider beside them."""

import json
import time
from contextlib import closing
from pathlib import Path

import httpx

from onboarding_api.domain.audit import Chain
from onboarding_api.domain.identifiers import Timestamp
from onboarding_api.services.accounts import Accounts
from onboarding_api.services.audit import AuditTrail
from onboarding_api.storage.database import Database
from tests.onboarding_api.actors import PASSWORD, QUICK_HASHER, database_url
from tests.onboarding_api.processes import serving
from tests.onboarding_api.providers import AUDIENCE, OpenIdServer


async def test_workers_lock_out_together_and_see_a_session_end_at_once(folder: Path) -> None:
    async with serving(folder, "--workers", "2", "--trusted-proxies", "1") as (_, url):
        statuses = []
        for _ in range(12):  # each on a connection of its own, so that both workers answer
            async with httpx.AsyncClient(base_url=url, headers={"X-Forwarded-For": "203.0.113.9"}) as http:
                guess = {"username": "ann", "password": "a wrong password"}
                statuses.append((await http.post("/v1/tokens", json=guess)).status_code)
        assert statuses[:5] == [401] * 5
        assert 429 in statuses[5:]
        async with httpx.AsyncClient(base_url=url, headers={"X-Forwarded-For": "203.0.113.10"}) as http:
            login = await http.post("/v1/tokens", json={"username": "ann", "password": PASSWORD})
            bearer = {"Authorization": f"Bearer {login.json()['access_token']}"}
            assert (await http.delete("/v1/tokens", headers=bearer)).status_code == 204
        for _ in range(6):
            async with httpx.AsyncClient(base_url=url) as http:
                assert (await http.get("/v1/onboardings/any", headers=bearer)).status_code == 401
    with closing(Database(database_url(folder))) as database:
        told = [json.loads(entry.octets) for entry in AuditTrail(database).export(Chain("tenant:acme"), 0)]
        assert AuditTrail(database).verify(Chain("tenant:acme"))
    assert [entry["origin"]["address"] for entry in told[-2:]] == ["203.0.113.10"] * 2


async def test_a_server_takes_the_tokens_of_its_provider(folder: Path) -> None:
    now = int(time.time())
    with OpenIdServer.started() as provider, closing(Database(database_url(folder))) as database:
        Accounts(database, lambda n: b"a" * n, QUICK_HASHER).link("amy", provider.issuer, "sub-1", Timestamp(now))
        options = ["--openid-issuer", provider.issuer, "--openid-audience", AUDIENCE]
        async with serving(folder, *options) as (_, url), httpx.AsyncClient(base_url=url) as http:
            bearer = {"Authorization": f"Bearer {provider.token(iat=now, exp=now + 300)}"}
            assert (await http.get("/v1/tenants/acme", headers=bearer)).status_code == 200
            old = {"Authorization": f"Bearer {provider.token(iat=now - 600, exp=now - 300)}"}
            assert (await http.get("/v1/tenants/acme", headers=old)).status_code == 401
