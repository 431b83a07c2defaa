"""onboarding-api serve: answer HTTP."""

import os
from contextlib import closing
from pathlib import Path

import click

from onboarding_api.cli.checking import Check, check_configuration
from onboarding_api.cli.options import (
    certificate_life_option,
    check_option,
    database_option,
    json_option,
    key_file_option,
    tell,
)
from onboarding_api.config import Config
from onboarding_api.domain.errors import AddressRefusedError, RegistryError
from onboarding_api.domain.openid import Provider
from onboarding_api.key_file import load_seal
from onboarding_api.services.signing_keys import open_signing_keys
from onboarding_api.services.token_keys import require_token_keys
from onboarding_api.serving import require_free
from onboarding_api.serving import serve as serve_forever
from onboarding_api.storage.database import Database
from onboarding_api.storage.migrations import require_current


@click.command()
@click.option(
    "--bind", envvar="ONBOARDING_BIND", default="127.0.0.1:8080", show_default=True, help="HOST:PORT to listen on."
)
@database_option
@key_file_option
@click.option(
    "--issuer",
    envvar="ONBOARDING_ISSUER",
    default="onboarding",
    show_default=True,
    help="Who we say we are; devices pin it.",
)
@click.option("--workers", envvar="ONBOARDING_WORKERS", default=1, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--streams",
    envvar="ONBOARDING_STREAMS",
    default=16,
    show_default=True,
    type=click.IntRange(1, 1024),
    help="Open event streams per worker.",
)
@click.option(
    "--management-body-max",
    envvar="ONBOARDING_MANAGEMENT_BODY_MAX",
    default=16_000,
    show_default=True,
    type=click.IntRange(1024, 1024 * 1024),
    help="Octets of a body on /v1/tenants, /v1/devices and /v1/credentials.",
)
@click.option(
    "--trusted-proxies",
    envvar="ONBOARDING_TRUSTED_PROXIES",
    default=0,
    show_default=True,
    type=click.IntRange(0, 16),
    help="How many proxies of yours stand before this server and append to X-Forwarded-For.",
)
@click.option("--openid-issuer", envvar="ONBOARDING_OPENID_ISSUER", help="Accept tokens of this OpenID provider.")
@click.option("--openid-audience", envvar="ONBOARDING_OPENID_AUDIENCE", help="What its tokens for us name as `aud`.")
@click.option("--openid-jwks-url", envvar="ONBOARDING_OPENID_JWKS_URL", help="Its keys, if it has no discovery.")
@click.option(
    "--account-rate",
    envvar="ONBOARDING_ACCOUNT_RATE",
    default=200.0,
    show_default=True,
    type=click.FloatRange(0, 1e6),
    help="Requests of one account per second, over all workers; 0 is no limit.",
)
@click.option(
    "--tenant-rate",
    envvar="ONBOARDING_TENANT_RATE",
    default=500.0,
    show_default=True,
    type=click.FloatRange(0, 1e6),
    help="Requests of one tenant's accounts per second, over all workers; 0 is no limit.",
)
@click.option(
    "--tenant-at-once",
    envvar="ONBOARDING_TENANT_AT_ONCE",
    default=2,
    show_default=True,
    type=click.IntRange(1, 8),
    help="Requests of one tenant that run at once in each worker; eight more wait.",
)
@click.option(
    "--drain",
    envvar="ONBOARDING_DRAIN",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 3600),
    help="Seconds to go on after SIGTERM while /readyz says no, so that a balancer notices.",
)
@certificate_life_option
@check_option
@json_option
def serve(
    bind: str,
    database: str,
    key_file: Path,
    issuer: str,
    workers: int,
    streams: int,
    management_body_max: int,
    trusted_proxies: int,
    openid_issuer: str | None,
    openid_audience: str | None,
    openid_jwks_url: str | None,
    account_rate: float,
    tenant_rate: float,
    tenant_at_once: int,
    drain: float,
    certificate_seconds: int,
    check_config: bool,
    as_json: bool,
) -> None:
    """Answer HTTP until SIGTERM. Prints one line when connections are accepted."""
    checks = [
        Check("bind", lambda: require_free(*_address(bind))),
        Check("database", lambda: _require_database(database)),
        Check("key-file", lambda: _require_keys(database, key_file)),
        Check("openid", lambda: _provider(openid_issuer, openid_audience, openid_jwks_url)),
    ]
    check_configuration(checks, only=check_config, as_json=as_json)
    host, port = _address(bind)
    url = f"http://{bind}"
    told = {"event": "ready", "url": url, "pid": os.getpid()}
    serve_forever(
        Config(
            database,
            key_file,
            issuer,
            management_body_max,
            streams,
            trusted_proxies=trusted_proxies,
            openid=_provider(openid_issuer, openid_audience, openid_jwks_url),
            account_rate=account_rate,
            tenant_rate=tenant_rate,
            tenant_at_once=tenant_at_once,
            drain_s=drain,
            certificate_life_s=certificate_seconds,
        ),
        host,
        port,
        workers,
        ready=lambda: tell(as_json, told, f"ready {url}"),
    )


def _require_database(url: str) -> None:
    with closing(Database(url)) as database:
        require_current(database)


def _require_keys(url: str, key_file: Path) -> None:
    """Refuse a key file that cannot be read or, if the database can be asked, that is another database's."""
    seal = load_seal(key_file)
    try:
        _require_database(url)
    except RegistryError:
        return
    with closing(Database(url)) as database:
        open_signing_keys(database, seal)
        require_token_keys(database, seal)


def _provider(issuer: str | None, audience: str | None, jwks_url: str | None) -> Provider | None:
    if issuer is None and audience is None and jwks_url is None:
        return None
    return Provider(issuer or "", audience or "", jwks_url)


def _address(bind: str) -> tuple[str, int]:
    host, _, port = bind.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise AddressRefusedError(f"not an address to listen on: {bind}")
    return host.strip("[]"), int(port)
