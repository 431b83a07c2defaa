"""Keys at rest, and what never shows."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from onboarding_api.domain.accounts import Account, Role
from onboarding_api.domain.errors import KeyFileRefusedError, SealBrokenError
from onboarding_api.domain.identifiers import TenantId, UserId
from onboarding_api.domain.management.credentials import Credential
from onboarding_api.domain.management.secrets import _Password, _PreSharedKey
from onboarding_api.domain.sealing import Seal
from onboarding_api.key_file import create_key_file, load_seal
from onboarding_api.services.signing_keys import SigningKeys, open_signing_keys
from onboarding_api.services.tenants import Authorities
from onboarding_api.services.token_keys import TokenKeys
from onboarding_api.storage.credentials import CredentialSet
from onboarding_api.storage.signing_keys import SealedSigningKey
from onboarding_api.storage.tenants import SealedAuthority
from onboarding_api.web.bodies import GrantBody
from tests.onboarding_api.actors import PASSWORD, Api, FactoryDevice, User, new_key
from tests.onboarding_api.managers import Manager
from tests.onboarding_api.processes import serving


def test_no_private_key_can_be_read_in_the_database(api: Api, ann: User, device: FactoryDevice) -> None:
    ann.onboard(device)
    seal = load_seal(api.key_file)
    ((identifier,),) = api.rows("SELECT authority_id FROM tenant_authorities WHERE tenant_id = 'acme'")
    authority = Authorities(api.database, seal).get(TenantId("acme"), identifier)
    keys = open_signing_keys(api.database, seal)
    stored = api.stored()
    token_key = TokenKeys(api.database, seal).ring(api.clock()).signing
    for key in (authority.key, keys.assignment, token_key):
        secret = key.private_numbers().private_value.to_bytes(32, "big")
        assert secret not in stored
        assert key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) not in stored
    assert PASSWORD.encode() not in stored


@pytest.mark.parametrize(("purpose", "subject"), [("token", "acme"), ("tenant authority", "globex")])
def test_a_sealed_key_opens_only_for_its_purpose_and_subject(purpose: str, subject: str) -> None:
    seal, key = Seal(os.urandom(32)), new_key()
    sealed = seal.close(key, "tenant authority", "acme", os.urandom)
    assert seal.open(sealed, "tenant authority", "acme").private_numbers() == key.private_numbers()
    with pytest.raises(SealBrokenError):
        seal.open(sealed, purpose, subject)
    with pytest.raises(SealBrokenError):
        Seal(os.urandom(32)).open(sealed, "tenant authority", "acme")


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert create_key_file(path, os.urandom)
    first = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not create_key_file(path, os.urandom)
    assert path.read_bytes() == first
    assert load_seal(path)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    create_key_file(path, os.urandom)
    path.chmod(0o640)
    with pytest.raises(KeyFileRefusedError, match="accessible to others"):
        load_seal(path)


@pytest.mark.parametrize("content", [b"", b"c2hvcnQ=", b"not base64 at all"])
def test_what_is_not_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileRefusedError) as refusal:
        load_seal(path)
    assert "--key-file" in refusal.value.remedy


def test_no_value_shows_its_secret() -> None:
    secret, key = b"canary-canary-canary-canary-cana", new_key()
    shown = [
        Seal(secret),
        SealedSigningKey("token", 0, b"", secret),
        SealedAuthority("a", "acme", "", b"", secret),  # type: ignore[arg-type]
        Account(UserId("u"), "ann", None, Role.OPERATOR, secret.decode()),
        GrantBody("ann", secret.decode(), secret.decode()),
        Credential("psk", "a", {"secrets": [{"key": secret.decode()}]}),
        CredentialSet({}, None, [Credential("psk", "a", {"secrets": [{"key": secret.decode()}]})]),
        _Password(pwd_plain=secret.decode(), pwd_hash=secret.decode()),
        _PreSharedKey(key=secret.decode()),
        SigningKeys(key, ()),
    ]
    for value in shown:
        assert "canary" not in repr(value)
        assert "PrivateKey" not in repr(value)


async def test_a_statement_that_fails_is_logged_without_what_it_was_to_store(api: Api, root: Manager) -> None:
    root.create("/v1/devices/acme/d1")
    path = "/v1/credentials/acme/d1"
    async with serving(api.folder) as (process, url), httpx.AsyncClient(base_url=url, auth=("root", PASSWORD)) as http:
        with credentials_cannot_be_stored(api):
            answer = await http.put(path, json=SECRETS)
        assert answer.status_code == 500, answer.text
        logged = process.log.read_text()
    (failed,) = [line for line in logged.splitlines() if "request.failed" in line]
    assert json.loads(failed)["route"] == "/v1/credentials/<tenant>/<device>"
    assert "INSERT INTO credentials" in failed
    for secret in ("canary", "Y2FuYXJ5", "$2a$10$", "sealed-key", "pwd-hash", "a-type-of-ones-own", path):
        assert secret not in logged
        assert secret not in answer.text


SECRETS = [
    {"type": "a-type-of-ones-own", "auth-id": "a", "secrets": [{"token": "canary-token"}]},
    {"type": "psk", "auth-id": "b", "secrets": [{"key": "Y2FuYXJ5LWtleQ=="}]},
    {"type": "hashed-password", "auth-id": "c", "secrets": [{"pwd-plain": "canary-plain"}]},
    {
        "type": "hashed-password",
        "auth-id": "d",
        "secrets": [{"hash-function": "sha-256", "pwd-hash": "Y2FuYXJ5" * 5 + "Y2E=", "salt": "Y2FuYXJ5LXNhbHQ="}],
    },
]


@contextmanager
def credentials_cannot_be_stored(api: Api) -> Iterator[None]:
    """Have each INSERT into them fail as a database in trouble would: not by a rule that the registry knows."""
    if api.database.is_sqlite:
        trigger = "CREATE TRIGGER trouble BEFORE INSERT ON credentials BEGIN INSERT INTO gone SELECT 1; END"
    else:
        trouble = (
            "CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO gone SELECT 1; END $$"
        )
        trigger = f"{trouble}; CREATE TRIGGER trouble BEFORE INSERT ON credentials EXECUTE FUNCTION trouble()"
    with api.database.writing() as connection:
        connection.exec_driver_sql(trigger)
    try:
        yield
    finally:
        with api.database.writing() as connection:
            end = "DROP TRIGGER trouble" + ("" if api.database.is_sqlite else " ON credentials; DROP FUNCTION trouble")
            connection.exec_driver_sql(end)


def test_logs_hold_neither_passwords_nor_tokens_nor_proofs(
    api: Api, ann: User, device: FactoryDevice, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = ann.open(device)
    body = device.answer(opened)
    ann.register(opened, body)
    api.app.test_client().post("/v1/tokens", json={"username": "ann", "password": "a wrong canary"})
    logged = "".join(capfd.readouterr())
    assert "device.registered" in logged
    for secret in (PASSWORD, "canary", ann.token, body["proof"], body["csr"], opened["challenge"]):
        assert secret not in logged
