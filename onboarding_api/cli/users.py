"""onboarding-api user: create accounts."""

import os
import sys

import click

from onboarding_api.app import wall_clock
from onboarding_api.cli.options import console, current_database, database_option, json_option, tell
from onboarding_api.domain.accounts import Role
from onboarding_api.domain.identifiers import parse_tenant_id
from onboarding_api.services.accounts import Accounts


@click.group()
def user() -> None:
    """Create accounts."""


@user.command()
@click.argument("name")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--tenant", help="The tenant the account belongs to; operators have none.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, one line.")
@database_option
@json_option
def create(name: str, role: str, tenant: str | None, password_stdin: bool, database: str, as_json: bool) -> None:
    """Create an account that can sign in."""
    accounts = Accounts(current_database(database), os.urandom)
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    membership = None if tenant is None else parse_tenant_id(tenant)
    account = accounts.create(name, password, Role(role), membership, wall_clock(), console())
    document = {"id": account.id, "name": account.name, "role": role, "tenant": tenant}
    tell(as_json, document, f"user {account.name} created as {role}{f' of {tenant}' if tenant else ''}")
