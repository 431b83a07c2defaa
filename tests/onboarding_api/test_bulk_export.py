"""device export: it restores what the API shows, and secrets only if it is told to."""

import base64
import json
import stat

import pytest

from onboarding_api.key_file import load_seal
from tests.onboarding_api.actors import Api, Json
from tests.onboarding_api.bulk import counts, line, lines_in, psk
from tests.onboarding_api.managers import Manager
from tests.onboarding_api.shell import Shell


@pytest.fixture
def shell(api: Api) -> Shell:
    return Shell.over(api.folder)


def test_an_export_restores_what_the_api_shows(shell: Shell, amy: Manager) -> None:
    certificate = {"type": "x509-cert", "auth-id": "CN=a,O=b", "secrets": [{"comment": "-1"}]}
    vendor = {"type": "vendor", "auth-id": "@v", "free": 1, "secrets": [{"x": "+1"}, {"y": 2}]}
    path = lines_in(
        shell.folder,
        line("=1", certificate, ext={"a": [1, None]}),
        line("d2", vendor, via=["g,1", "g2"]),
        line("d3", enabled=False, memberOf=["one", "two"]),
    )
    shell.ok("device", "import", "acme", path)
    first = shell.ok("device", "export", "acme")
    for form in ("ndjson", "csv"):
        target = shell.folder / f"export.{form}"
        shell.ok("device", "export", "acme", "--format", form, "--output", str(target))
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        cells = target.read_text().replace("\n", ",").split(",")
        assert not [cell for cell in cells if cell.startswith(("=", "@", "+"))]
        amy.send("DELETE", "/v1/devices/acme")
        assert counts(shell.events("device", "import", "acme", str(target))[-1]) == {"created": 3}
        assert without_status(shell.ok("device", "export", "acme")) == without_status(first)


def without_status(text: str) -> list[Json]:
    devices = [json.loads(each) for each in text.splitlines()]
    for device in devices:
        device["device"].pop("status")
    return devices


def test_an_export_holds_no_secret_unless_told_and_then_keys_are_sealed(api: Api, shell: Shell, amy: Manager) -> None:
    password = {"type": "hashed-password", "auth-id": "u", "secrets": [{"pwd-plain": "a secret"}]}
    shell.ok("device", "import", "acme", lines_in(shell.folder, line("d1", psk("p", "c2VjcmV0IGtleQ=="), password)))
    stored = api.rows("SELECT type, document FROM credentials ORDER BY type")
    for form in ("ndjson", "csv"):
        plain = shell.ok("device", "export", "acme", "--format", form)
        assert "$2a$" not in plain
        sealed = shell.folder / f"sealed.{form}"
        shell.ok("device", "export", "acme", "--format", form, "--with-secrets", "--output", str(sealed))
        assert "$2a$" in sealed.read_text()
        assert "c2VjcmV0IGtleQ" not in plain + sealed.read_text()
        (shell.folder / f"plain.{form}").write_text(plain)
        amy.send("DELETE", "/v1/devices/acme")
        (refused, done) = shell.events("device", "import", "acme", str(shell.folder / f"plain.{form}"), ends_with=3)[1:]
        assert counts(done) == {"rejected": 1}
        assert "holds nothing" in refused["errors"][0]["reason"]
        (refused, _) = shell.events("device", "import", "globex", str(sealed), ends_with=3)[1:]
        assert "sealed for another tenant" in refused["errors"][0]["reason"]
        (shell.folder / f"sealed.rejects.{form}").unlink()
        shell.ok("device", "import", "acme", str(sealed))
        now = api.rows("SELECT type, document FROM credentials ORDER BY type")
        assert now[0] == stored[0]
        assert opened(api, now[1]) == opened(api, stored[1]) == b"secret key"


def opened(api: Api, row: tuple[object, ...]) -> bytes:
    document = json.loads(row[1]) if isinstance(row[1], str) else row[1]
    secret = document["secrets"][0]  # type: ignore[index]
    seal = load_seal(api.key_file)
    return seal.open_octets(base64.b64decode(secret["sealed-key"]), "pre-shared key", f"acme\0p\0{secret['id']}")
