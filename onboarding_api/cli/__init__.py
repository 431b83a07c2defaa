"""The command line: one module per group. Errors are told once, here: what happened, and what to do next.

Ends with 0 if all was done, 1 if it was refused, 2 if the command is not understood; `device import` has more.
"""

import json
import os
import sys

import click
from click.types import BoolParamType

from onboarding_api.cli.audit import audit
from onboarding_api.cli.credentials import credential
from onboarding_api.cli.database import db
from onboarding_api.cli.description import openapi
from onboarding_api.cli.devices import device
from onboarding_api.cli.listen import listen
from onboarding_api.cli.serve import serve
from onboarding_api.cli.signing_keys import signing_key
from onboarding_api.cli.tenants import tenant
from onboarding_api.cli.users import user
from onboarding_api.domain.errors import RegistryError


@click.group(context_settings={"auto_envvar_prefix": "ONBOARDING", "help_option_names": ["-h", "--help"]})
def onboarding_api() -> None:
    """Onboarding API and tenant registry. Start with: db upgrade, tenant create, user create, serve."""


for command in (serve, listen, db, tenant, device, credential, user, audit, signing_key, openapi):
    onboarding_api.add_command(command)


def main() -> None:
    """Run one command."""
    try:
        onboarding_api()
    except RegistryError as error:
        if "--json" in sys.argv or BoolParamType.str_to_bool(os.environ.get("ONBOARDING_JSON", "")):
            click.echo(json.dumps({"error": str(error), "remedy": error.remedy} | dict(error.facts)), err=True)
        else:
            click.echo(f"onboarding-api: {error}\n{error.remedy}", err=True)
        sys.exit(1)
