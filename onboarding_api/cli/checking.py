"""Checking settings before anything starts: every problem at once, each with its remedy, and misspelt variables."""

import difflib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import click

from onboarding_api.domain.errors import RegistryError

_PREFIX = "ONBOARDING_"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a setting."""

    setting: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Check:
    """A setting, and what must succeed for it to be right."""

    setting: str
    attempt: Callable[[], object]

    def findings(self) -> Iterator[Finding]:
        """Try it."""
        try:
            self.attempt()
        except RegistryError as error:
            yield Finding(self.setting, str(error), error.remedy)


def check_configuration(checks: Sequence[Check], *, only: bool, as_json: bool) -> None:
    """Refuse to go on if anything is wrong; `only` ends here in any case, and then says so if all is well."""
    findings = [finding for check in checks for finding in check.findings()]
    warnings = list(unknown_variables(_program(), os.environ))
    if as_json and only:
        document = {"problems": [asdict(each) for each in findings], "warnings": [asdict(each) for each in warnings]}
        click.echo(json.dumps(document))
    else:
        for warning in warnings:
            click.echo(f"onboarding-api: warning: {warning.problem}\n{warning.remedy}", err=True)
        for finding in findings:
            click.echo(f"onboarding-api: {finding.problem}\n{finding.remedy}", err=True)
        if only and not findings:
            click.echo("the configuration is usable")
    if only or findings:
        sys.exit(1 if findings else 0)


def unknown_variables(program: click.Command, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Find variables that look like ours and that nothing reads."""
    known = set(_variables(program, _PREFIX.rstrip("_")))
    for name in sorted(environment):
        if name.startswith(_PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, 1)
            remedy = f"Did you mean {close[0]}?" if close else "Remove it; onboarding-api COMMAND --help names all."
            yield Finding(name, f"nothing reads the variable {name}", remedy)


def _variables(command: click.Command, prefix: str) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter.envvar, str):
            yield parameter.envvar
        yield f"{prefix}_{parameter.name}".upper()
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _variables(inner, f"{prefix}_{name}".replace("-", "_").upper())


def _program() -> click.Command:
    return click.get_current_context().find_root().command
