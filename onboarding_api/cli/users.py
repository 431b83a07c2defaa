"""onboarding-api user: create accounts, list, change, link and delete them."""

import ipaddress
import json
import os
import sys

import click

from onboarding_api.app import wall_clock
from onboarding_api.cli.options import console, current_database, database_option, json_option, tell
from onboarding_api.domain.accounts import Account, Role
from onboarding_api.domain.identifiers import parse_tenant_id
from onboarding_api.domain.openid import require_encrypted
from onboarding_api.services.accounts import NO_PASSWORD, Accounts

_stdin_option = click.option("--password-stdin", is_flag=True, help="Read the password from standard input, one line.")


@click.group()
def user() -> None:
    """Create accounts, list, change, link and delete them."""


@user.command()
@click.argument("name")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--tenant", help="The tenant the account belongs to; operators have none.")
@_stdin_option
@click.option("--no-password", is_flag=True, help="The account will only sign in at a linked OpenID provider.")
@database_option
@json_option
def create(
    name: str, role: str, tenant: str | None, password_stdin: bool, no_password: bool, database: str, as_json: bool
) -> None:
    """Create an account that can sign in."""
    accounts = _accounts(database)
    password = None if no_password else _password(password_stdin)
    membership = None if tenant is None else parse_tenant_id(tenant)
    account = accounts.create(name, password, Role(role), membership, wall_clock(), console())
    _tell(as_json, account, f"created as {role}{f' of {tenant}' if tenant else ''}")


@user.command("list")
@click.option("--tenant", help="Only the accounts of this tenant.")
@database_option
@json_option
def list_users(tenant: str | None, database: str, as_json: bool) -> None:
    """List the accounts."""
    found = _accounts(database).list(None if tenant is None else parse_tenant_id(tenant))
    if as_json:
        click.echo(json.dumps([_document(each) for each in found]))
    for each in [] if as_json else found:
        place = f" of {each.tenant}" if each.tenant else ""
        click.echo(f"{each.name}  {each.role.value}{place}{'  disabled' if each.disabled else ''}")


@user.command()
@click.argument("name")
@_stdin_option
@database_option
@json_option
def password(name: str, password_stdin: bool, database: str, as_json: bool) -> None:
    """Change a password, and end the account's sessions."""
    changed = _accounts(database).change_password(name, _password(password_stdin), wall_clock(), console())
    _tell(as_json, changed, "has a new password; its sessions have ended")


@user.command()
@click.argument("name")
@database_option
@json_option
def disable(name: str, database: str, as_json: bool) -> None:
    """Keep an account from doing anything, and end its sessions."""
    _tell(as_json, _accounts(database).disable(name, wall_clock(), console()), "is disabled; its sessions have ended")


@user.command()
@click.argument("name")
@database_option
@json_option
def enable(name: str, database: str, as_json: bool) -> None:
    """Let a disabled account sign in again."""
    _tell(as_json, _accounts(database).enable(name, wall_clock(), console()), "can sign in again")


@user.command()
@click.argument("name")
@database_option
@json_option
def delete(name: str, database: str, as_json: bool) -> None:
    """Delete an account with its sessions. Devices that it owned stay, without an owner."""
    _tell(as_json, _accounts(database).delete(name, wall_clock(), console()), "is deleted")


@user.command()
@click.argument("name")
@click.option("--address", help="Forget also what came from this address.")
@database_option
@json_option
def unlock(name: str, address: str | None, database: str, as_json: bool) -> None:
    """Forget refused sign-ins, so that the account need not wait."""
    try:
        place = None if address is None else str(ipaddress.ip_address(address))
    except ValueError as error:
        raise click.UsageError(f"not an address: {address}") from error
    _tell(as_json, _accounts(database).unlock(name, place, wall_clock(), console()), "need not wait any more")


@user.command()
@click.argument("name")
@click.option("--issuer", required=True, help="The OpenID provider, exactly as its tokens name it.")
@click.option("--subject", required=True, help="Who it is there: the claim `sub`.")
@database_option
@json_option
def link(name: str, issuer: str, subject: str, database: str, as_json: bool) -> None:
    """Let somebody at an OpenID provider be this account."""
    require_encrypted(issuer)
    linked = _accounts(database).link(name, issuer, subject, wall_clock(), console())
    _tell(as_json, linked, f"is {subject} at {issuer}")


def _accounts(database: str) -> Accounts:
    return Accounts(current_database(database), os.urandom)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed


def _document(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "name": account.name,
        "role": account.role.value,
        "tenant": account.tenant,
        "disabled": account.disabled,
        "password": account.password_hash != NO_PASSWORD,
    }


def _tell(as_json: bool, account: Account, sentence: str) -> None:
    named = {"id": account.id, "name": account.name, "role": account.role.value, "tenant": account.tenant}
    tell(as_json, named, f"user {account.name} {sentence}")
