"""A registry with two tenants and their users, made once by the real migrations and copied for each test."""

import os
import shutil
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

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
USERS = [
    ("ann", Role.OWNER, ACME),
    ("bob", Role.TECHNICIAN, ACME),
    ("zoe", Role.OWNER, GLOBEX),
    ("root", Role.OPERATOR, None),
]


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("settled")
    database = Database(f"sqlite:///{folder}/registry.db")
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
    return folder


@pytest.fixture
def folder(settled: Path, tmp_path: Path) -> Path:
    shutil.copytree(settled, tmp_path / "registry")
    return tmp_path / "registry"


@pytest.fixture
def api(folder: Path) -> Api:
    return Api(folder)


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
def device() -> FactoryDevice:
    return FactoryDevice()
