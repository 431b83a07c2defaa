"""Who takes part: a device with its label and keys, a user with a token, and an API whose clock can be moved."""

import base64
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from onboarding_api.app import DATABASE, create_app
from onboarding_api.config import Config
from onboarding_api.domain.accounts import Role
from onboarding_api.domain.identifiers import DeviceId, DeviceKey, TenantId, Timestamp
from onboarding_api.domain.openid import Provider
from onboarding_api.services.accounts import Accounts
from onboarding_api.services.contacts import Contacts
from onboarding_api.services.watching import StreamLimits
from onboarding_api.storage.contacts import Contact
from onboarding_api.storage.database import PATIENCE_S, Database
from onboarding_api.storage.tables import metadata
from onboarding_protocol.assignment import verify_assignment
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.identity import create_signing_request, sign_label_proof

NOON = 1_749_988_800
"""2025-06-15T12:00:00Z: in the past, so that real programs accept what was certified then."""
PASSWORD = "correct horse battery"
QUICK_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ISSUER = "https://onboarding.example"
Json = dict[str, Any]


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def challenge_of(opened: Json) -> bytes:
    return base64.urlsafe_b64decode(opened["challenge"] + "==")


@dataclass
class FactoryDevice:
    """A device: label key for ever, operational key until the next reset."""

    label: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    resets: int = 0

    @property
    def bootstrapping_key(self) -> BootstrappingKey:
        return BootstrappingKey.from_public_key(self.label.public_key())

    def reset(self) -> None:
        self.key = new_key()
        self.resets += 1

    def opening(self) -> Json:
        """The body that opens an onboarding for this device."""
        return {"bootstrapping_key": base64.b64encode(self.bootstrapping_key.spki).decode()}

    def answer(self, opened: Json, **changes: object) -> Json:
        """The body that a phone relays for this device's answer to a challenge."""
        return self.answer_with(create_signing_request(self.key, challenge_of(opened)), **changes)

    def answer_with(self, request: bytes, **changes: object) -> Json:
        proof = sign_label_proof(self.label, request, self.resets)
        body = {
            "csr": base64.b64encode(request).decode(),
            "proof": base64.urlsafe_b64encode(proof).rstrip(b"=").decode(),
            "resets": self.resets,
            "serial": "SN-0001",
            "model": "demo-sensor",
            "firmware": "1.0.0",
        }
        return {name: value for name, value in {**body, **changes}.items() if value is not None}


@dataclass
class User:
    """Somebody who is signed in."""

    client: FlaskClient
    token: str = field(repr=False)

    def post(self, path: str, body: Json) -> TestResponse:
        return self.client.post(path, json=body, headers=self._headers)

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, headers=self._headers)

    def open(self, device: FactoryDevice) -> Json:
        response = self.post("/v1/onboardings", device.opening())
        assert response.status_code == 201, response.text
        return document(response)

    def register(self, opened: Json, body: Json) -> TestResponse:
        return self.post(f"/v1/onboardings/{opened['id']}/device", body)

    def onboard(self, device: FactoryDevice) -> Json:
        opened = self.open(device)
        response = self.register(opened, device.answer(opened))
        assert response.status_code == 201, response.text
        return document(response)

    def read(self, opened: Json) -> Json:
        response = self.get(f"/v1/onboardings/{opened['id']}")
        assert response.status_code == 200, response.text
        return document(response)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class Api:
    """The application over one database, with a clock that only the test moves."""

    def __init__(
        self,
        folder: Path,
        limits: StreamLimits | None = None,
        trusted_proxies: int = 0,
        openid: Provider | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.folder = folder
        self.now = NOON
        self.database_url = database_url(folder)
        self.key_file = folder / "registry.key"
        config = Config(
            self.database_url,
            self.key_file,
            ISSUER,
            trusted_proxies=trusted_proxies,
            openid=openid,
            patience_s=patience_s,
        )
        self.app = create_app(config, clock=self.clock, limits=limits, hasher=QUICK_HASHER)
        self.database = Database(self.database_url)

    def clock(self) -> Timestamp:
        return Timestamp(self.now)

    def behind(self, proxies: int) -> "Api":
        """The same registry, served by a process that stands behind proxies."""
        return Api(self.folder, trusted_proxies=proxies)

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.database, os.urandom, QUICK_HASHER)

    def create_user(self, name: str, role: str, tenant: str | None) -> None:
        self.accounts.create(name, PASSWORD, Role(role), None if tenant is None else TenantId(tenant), self.clock())

    def sign_in(self, name: str, password: str = PASSWORD) -> User:
        client = self.app.test_client()
        response = client.post("/v1/tokens", json={"username": name, "password": password})
        assert response.status_code == 200, response.text
        return User(client, document(response)["access_token"])

    def device_connects(self, registered: Json) -> Contact:
        key = DeviceKey(TenantId(registered["device"]["tenant"]), DeviceId(registered["device"]["id"]))
        return Contacts(self.database).seen(key, sequence(registered), self.clock())

    def rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        with self.database.reading() as connection:
            return [tuple(row) for row in connection.execute(text(sql), parameters)]

    def count(self, table: str) -> int:
        number: int = self.rows(f"SELECT count(*) FROM {table}")[0][0]
        return number

    def stored(self) -> bytes:
        """Everything that is in the database, as octets."""
        if self.database.is_sqlite:
            return b"".join(path.read_bytes() for path in sorted(self.folder.glob("registry.db*")))
        values = [value for table in metadata.tables for row in self.rows(f"SELECT * FROM {table}") for value in row]
        return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)

    def close(self) -> None:
        self.database.close()
        self.app.extensions[DATABASE].close()
        for thread in threading.enumerate():
            if thread.name == "database-changes":
                thread.join(5)


def database_url(folder: Path) -> str:
    """Where the registry of a folder keeps its tables."""
    return (folder / "database.url").read_text()


def sequence(registered: Json) -> int:
    return verify_assignment(registered["assignment"], None)[0].sequence


def document(response: TestResponse) -> Json:
    parsed: Json = response.get_json(force=True)
    return parsed


def expect_problem(response: TestResponse, status: int, slug: str) -> Json:
    assert response.content_type == "application/problem+json", response.text
    problem = document(response)
    assert (response.status_code, problem["type"]) == (status, f"urn:onboarding:problem:{slug}"), problem
    assert problem["status"] == status
    assert problem["remedy"]
    return problem
