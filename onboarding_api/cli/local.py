"""Who uses the command line: whoever may open the database and the key file, which is an operator."""

import json
from typing import BinaryIO

import click
import msgspec

from onboarding_api.cli.options import console
from onboarding_api.domain.accounts import Principal, Role
from onboarding_api.domain.errors import DocumentRefusedError
from onboarding_api.domain.identifiers import UserId

DOCUMENT_MAX = 1024 * 1024
document_argument = click.argument("document", metavar="FILE", type=click.File("rb"))
document_option = click.option(
    "--document", type=click.File("rb"), help="JSON document as Hono's API has it; - is standard input."
)
version_option = click.option("--if-version", help="Only if it still has this version (show --json tells it).")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def local_operator() -> Principal:
    """Return who runs this command, as the audit trail names him."""
    actor = console()
    return Principal(UserId(actor.role), None, Role.OPERATOR, actor.name, actor.origin)


def read_json(file: BinaryIO) -> object:
    """Return the JSON document of a file."""
    octets = file.read(DOCUMENT_MAX + 1)
    if len(octets) > DOCUMENT_MAX:
        raise DocumentRefusedError("", f"the document is longer than {DOCUMENT_MAX} octets")
    try:
        return msgspec.json.decode(octets)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentRefusedError("", "not a JSON document in UTF-8") from error


def confirm(yes: bool, question: str) -> None:
    """Ask before something is destroyed; end the command unless the answer is yes."""
    if not yes:
        click.confirm(question, abort=True, err=True)


def show(as_json: bool, document: object) -> None:
    """Show a document: one line for a script, indented for a person."""
    click.echo(json.dumps(document) if as_json else json.dumps(document, indent=2, ensure_ascii=False))


def table(titles: list[str], rows: list[list[str]]) -> str:
    """Return a table for a terminal; nothing in a cell can steer the terminal."""
    cells = [titles, *([_printable(cell) for cell in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(titles))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "\n".join(padded)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text)
