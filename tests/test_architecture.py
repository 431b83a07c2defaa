"""The import rules of docs/architecture.md, and the size of modules, read from the code itself."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINES_MAX = 300
OURS = {"onboarding_protocol", "device_agent", "app_sim", "onboarding_api", "virtual_bluez"}
ALLOWED = {
    "onboarding_protocol": {"cryptography", "jwt"},
    "device_agent": {
        "onboarding_protocol", "cryptography", "msgspec", "click", "qrcode", "segno", "PIL", "aiomqtt", "bless",
        "dbus_next", "dbus_fast", "tpm2_pytss", "pkcs11",
    },
    "app_sim": {
        "onboarding_protocol", "cryptography", "bleak", "httpx", "zxingcpp", "PIL", "click", "rich",
    },
    "onboarding_api": {
        "onboarding_protocol", "cryptography", "jwt", "flask", "werkzeug", "sqlalchemy", "alembic", "msgspec", "argon2",
        "granian", "aiomqtt", "paho", "structlog", "click", "bcrypt", "psycopg", "httpx", "prometheus_client",
    },
    "virtual_bluez": {"bumble", "dbus_fast", "click"},
}  # fmt: skip
FORBIDDEN_IN_PROTOCOL = {"asyncio", "socket", "time", "logging", "datetime", "threading", "os", "pathlib", "io"}
ONE_FILE_ONLY = {
    ("device_agent", "bless"): {"device_agent/peripheral/bless.py"},
    ("app_sim", "bleak"): {"app_sim/central.py"},
    ("onboarding_api", "paho"): {"onboarding_api/broker_session.py"},
    ("device_agent", "tpm2_pytss"): {"device_agent/keys/tpm.py"},
    ("device_agent", "pkcs11"): {"device_agent/keys/pkcs11.py"},
}
API_MAY_IMPORT = {"bootstrapping", "identity", "assignment", "encoding", "renewal"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


EVERY_MODULE = [pytest.param(package, path, id=name(path)) for package in sorted(OURS) for path in modules(package)]


@pytest.mark.parametrize(("package", "path"), EVERY_MODULE)
def test_a_module_imports_only_what_its_package_may(package: str, path: Path) -> None:
    allowed = ALLOWED[package] | sys.stdlib_module_names | {package}
    roots = {module.partition(".")[0] for module in imports(path)}
    assert roots <= allowed, f"{name(path)} imports {roots - allowed}"
    if package == "onboarding_protocol":
        assert not roots & FORBIDDEN_IN_PROTOCOL


@pytest.mark.parametrize("path", [pytest.param(param.values[1], id=param.id) for param in EVERY_MODULE])
def test_a_module_has_one_reason_to_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= LINES_MAX, f"{name(path)} has {lines} lines"
    assert path.stem not in {"utils", "util", "helpers", "common", "base", "manager", "handlers", "impl"}
    assert ast.get_docstring(ast.parse(text)), f"{name(path)} does not say what it is"


@pytest.mark.parametrize(("package", "library"), sorted(ONE_FILE_ONLY))
def test_a_bluetooth_library_is_known_to_one_file(package: str, library: str) -> None:
    users = {name(path) for path in modules(package) if any(m.partition(".")[0] == library for m in imports(path))}
    assert users == ONE_FILE_ONLY[package, library]


def test_the_api_knows_of_the_wire_only_identity_assignment_and_renewal() -> None:
    imported = {module for path in modules("onboarding_api") for module in imports(path)}
    used = {module.split(".")[1] for module in imported if module.startswith("onboarding_protocol.")}
    assert used <= API_MAY_IMPORT


def test_flask_stays_at_the_edge_and_sql_in_storage() -> None:
    for path in modules("onboarding_api"):
        layer = path.relative_to(ROOT / "onboarding_api").parts[0]
        roots = {module.partition(".")[0] for module in imports(path)}
        assert not roots & {"flask", "werkzeug"} or layer in {"web", "app.py", "serving.py"}, name(path)
        assert not roots & {"sqlalchemy", "alembic"} or layer == "storage", name(path)


def test_layers_of_the_api_import_in_one_direction() -> None:
    order = ["domain", "storage", "services", "web"]
    for path in modules("onboarding_api"):
        layer = path.relative_to(ROOT / "onboarding_api").parts[0]
        if layer not in order:
            continue
        above = order[order.index(layer) + 1 :]
        used = {m.split(".")[1] for m in imports(path) if m.startswith("onboarding_api.")}
        assert not used & set(above), f"{name(path)} imports {used & set(above)}"
