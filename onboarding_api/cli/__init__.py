"""The command line: one module per group. Errors are told once, here: what happened, and what to do next."""

import sys

import click

from onboarding_api.cli.audit import audit
from onboarding_api.cli.database import db
from onboarding_api.cli.description import openapi
from onboarding_api.cli.listen import listen
from onboarding_api.cli.serve import serve
from onboarding_api.cli.signing_keys import signing_key
from onboarding_api.cli.tenants import tenant
from onboarding_api.cli.users import user
from onboarding_api.domain.errors import RegistryError


@click.group(context_settings={"auto_envvar_prefix": "ONBOARDING", "help_option_names": ["-h", "--help"]})
def onboarding_api() -> None:
    """Onboarding API and tenant registry. Start with: db upgrade, tenant create, user create, serve."""


for command in (serve, listen, db, tenant, user, audit, signing_key, openapi):
    onboarding_api.add_command(command)


def main() -> None:
    """Run one command."""
    try:
        onboarding_api()
    except RegistryError as error:
        click.echo(f"onboarding-api: {error}\n{error.remedy}", err=True)
        sys.exit(1)
