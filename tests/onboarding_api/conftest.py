"""A registry with two tenants and their users, made once by the real migrations and copied for each test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from onboarding_api.domain.accounts import Role
from onboarding_api.domain.identifiers import TenantId, Timestamp
from onboarding_api.key_file import create_key_file, load_seal
from onboarding_api.services.accounts import Accounts
from onboarding_api.services.signing_keys import ensure_signing_keys
from onboarding_api.services.tenants import Tenants
from onboarding_api.storage.database import Database
from onboarding_api.storage.migrations import upgrade
from tests.onboarding_api.actors import NOON, PASSWORD, QUICK_HASHER, Api, FactoryDevice, User
from tests.onboarding_api.managers import Manager
from tests.onboarding_api.postgresql import PostgreSQL

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
USERS = [
    ("ann", Role.OWNER, ACME),
    ("bob", Role.TECHNICIAN, ACME),
    ("zoe", Role.OWNER, GLOBEX),
    ("amy", Role.TENANT_ADMIN, ACME),
    ("gus", Role.TENANT_ADMIN, GLOBEX),
    ("root", Role.OPERATOR, None),
]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with PostgreSQL.started() as server:
        yield server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """The database that the test runs on; each test runs on both."""
    return str(request.param)


@pytest.fixture(scope="session")
def settled(kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("settled")
    if kind == "sqlite":
        settle(folder, f"sqlite:///{folder}/registry.db")
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        settle(folder, server.create("settled"))
        server.keep("settled")
    return folder


def settle(folder: Path, url: str) -> None:
    database = Database(url)
    upgrade(database)
    create_key_file(folder / "registry.key", os.urandom)
    seal = load_seal(folder / "registry.key")
    ensure_signing_keys(database, seal, os.urandom, Timestamp(NOON))
    tenants = Tenants(database, seal, os.urandom)
    tenants.create(ACME, "mqtts://broker.acme.example:8883", None, Timestamp(NOON))
    tenants.create(GLOBEX, "mqtts://broker.globex.example:8883", None, Timestamp(NOON))
    accounts = Accounts(database, os.urandom, QUICK_HASHER)
    for name, role, tenant in USERS:
        accounts.create(name, PASSWORD, role, tenant, Timestamp(NOON))
    database.close()


@pytest.fixture
def folder(kind: str, settled: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A registry's folder, in memory where that is possible: nothing here has to survive a power cut."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="registry-", dir=memory, ignore_cleanup_errors=True) as parent:
        yield _copy(settled, Path(parent) / "registry", kind, request)


def _copy(settled: Path, folder: Path, kind: str, request: pytest.FixtureRequest) -> Path:
    shutil.copytree(settled, folder)
    url = f"sqlite:///{folder}/registry.db"
    if kind == "postgresql":
        url = request.getfixturevalue("postgresql").fresh_copy()
    (folder / "database.url").write_text(url)
    return folder


@pytest.fixture
def api(folder: Path) -> Iterator[Api]:
    api = Api(folder)
    yield api
    api.close()


@pytest.fixture
def empty_url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database without tables."""
    if kind == "postgresql":
        url: str = request.getfixturevalue("postgresql").create()
        return url
    return f"sqlite:///{tmp_path}/registry.db"


@pytest.fixture
def ann(api: Api) -> User:
    return api.sign_in("ann")


@pytest.fixture
def bob(api: Api) -> User:
    return api.sign_in("bob")


@pytest.fixture
def zoe(api: Api) -> User:
    return api.sign_in("zoe")


@pytest.fixture
def root(api: Api) -> Manager:
    return Manager.of(api, "root")


@pytest.fixture
def amy(api: Api) -> Manager:
    return Manager.of(api, "amy")


@pytest.fixture
def device() -> FactoryDevice:
    return FactoryDevice()
