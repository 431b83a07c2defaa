"""onboarding-api device import: many devices from a file, in batches, with a journal of how far it came."""

import os
import stat
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import click

from onboarding_api.app import wall_clock
from onboarding_api.cli.import_report import JsonReport, Report, TerminalReport
from onboarding_api.cli.journal import Journal, Progress, Terms, digest, take_turn
from onboarding_api.cli.local import local_operator
from onboarding_api.cli.options import current_database, database_option, json_option, key_file_option, opened_seal
from onboarding_api.domain.bulk.batches import batches
from onboarding_api.domain.bulk.json_lines import JsonLines
from onboarding_api.domain.bulk.plan import OnConflict, Outcome
from onboarding_api.domain.bulk.rows import Entry, Fault, Format, Row
from onboarding_api.domain.bulk.table import Table
from onboarding_api.domain.errors import FileUnreadableError
from onboarding_api.domain.identifiers import TenantId
from onboarding_api.domain.management.identifiers import read_tenant
from onboarding_api.domain.sealing import Seal
from onboarding_api.services.bulk.imports import DeviceImport, Import
from onboarding_api.services.hashing import Hashing
from onboarding_api.services.management.credentials import CredentialManagement
from onboarding_api.services.management.tenants import TenantManagement
from onboarding_api.services.signing_keys import open_signing_keys
from onboarding_api.storage.database import Database

_FORMATS: dict[str, Callable[[BinaryIO], Format]] = {"csv": Table, "ndjson": JsonLines}
_SUFFIXES = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
REFUSED_SOME, INTERRUPTED = 3, 130
"""How the command ends if rows were refused, and if it was told to stop (as shells have it for SIGINT)."""


@dataclass(frozen=True, slots=True)
class _Order:
    """What the command line asks for."""

    tenant: TenantId
    path: Path
    format: str
    on_conflict: OnConflict
    dry_run: bool
    restart: bool


@click.command("import")
@click.argument("tenant")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(list(_FORMATS)), help="Default: by the file's name.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option(
    "--on-conflict",
    type=click.Choice([each.value for each in OnConflict]),
    default=OnConflict.SKIP.value,
    show_default=True,
    help="A row whose device exists: leave the device alone, replace it, or refuse the row.",
)
@click.option("--restart", is_flag=True, help="Forget an interrupted import of this file, and its refused rows.")
@database_option
@key_file_option
@json_option
def import_devices(
    tenant: str,
    path: Path,
    form: str | None,
    dry_run: bool,
    on_conflict: str,
    restart: bool,
    database: str,
    key_file: Path,
    as_json: bool,
) -> None:
    """Import devices with their credentials from FILE. Run the same command again to go on after an interruption.

    Ends with 3 if rows were refused; they are written beside FILE, to be corrected and imported.
    """
    form = form or _format_of(path)
    order = _Order(read_tenant(tenant), path, form, OnConflict(on_conflict), dry_run, restart)
    report: Report = JsonReport() if as_json else TerminalReport()
    try:
        with _open(path) as stream:
            opened = current_database(database)
            progress = _import(order, stream, opened, opened_seal(opened, key_file), report)
    except KeyboardInterrupt:
        click.echo("interrupted; run the same command again to go on", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(REFUSED_SOME if progress.counts[Outcome.REJECTED] else 0)


def _import(order: _Order, stream: BufferedReader, database: Database, seal: Seal, report: Report) -> Progress:
    take_turn(stream)
    TenantManagement(database, os.urandom).read(local_operator(), order.tenant)
    file = _FORMATS[order.format](stream)
    if order.dry_run:
        return _import_with(None, order, file, database, seal, report)
    with closing(_open_journal(order, stream, file, database, seal)) as journal:
        return _import_with(journal, order, file, database, seal, report)


def _import_with(
    journal: Journal | None, order: _Order, file: Format, database: Database, seal: Seal, report: Report
) -> Progress:
    progress = journal.progress if journal else Progress.none()
    this = Import(order.tenant, order.on_conflict, uuid.UUID(progress.id), order.dry_run)
    report.began(order.path.stat().st_size, progress, resumed=journal is not None and journal.resumed)
    threads = os.cpu_count() or 1
    credentials = CredentialManagement(database, seal, os.urandom, Hashing(threads))
    with ThreadPoolExecutor(threads) as executor:
        devices = DeviceImport(database, credentials, os.urandom, executor)
        _run(devices, this, file, progress, journal, report)
    if journal:
        journal.finish()
    refused = journal.refused_path if journal and progress.counts[Outcome.REJECTED] else None
    report.done(progress.counts, refused, dry_run=order.dry_run)
    return progress


def _run(
    devices: DeviceImport, this: Import, file: Format, progress: Progress, journal: Journal | None, report: Report
) -> None:
    principal = local_operator()
    for batch in batches(file.entries(progress.position)):
        rows = [(entry.line, entry.content) for entry in batch if isinstance(entry.content, Row)]
        verdicts = {each.line: each for each in devices.store(principal, this, rows, wall_clock())} if rows else {}
        for entry in batch:
            verdict = verdicts.get(entry.line)
            fault = entry.content if isinstance(entry.content, Fault) else verdict and verdict.fault
            if fault:
                _refuse(entry, file.told(fault), file, journal, report)
            progress.counts[verdict.outcome if verdict else Outcome.REJECTED] += 1
        progress.reach(batch[-1].after)
        if journal:
            journal.advance()
        report.advanced(progress)


def _refuse(entry: Entry, fault: Fault, file: Format, journal: Journal | None, report: Report) -> None:
    report.refused(entry, fault)
    if journal:
        journal.refuse(file.refused(entry, fault))


def _open_journal(order: _Order, stream: BufferedReader, file: Format, database: Database, seal: Seal) -> Journal:
    terms = Terms(
        file=digest(stream),
        tenant=order.tenant,
        registry=open_signing_keys(database, seal).successors[0].hex(),
        format=order.format,
        on_conflict=order.on_conflict,
    )
    return Journal(order.path, terms, restart=order.restart, preamble=file.preamble())


def _format_of(path: Path) -> str:
    try:
        return _SUFFIXES[path.suffix.lower()]
    except KeyError as error:
        raise FileUnreadableError(f"the name does not say what is in it: {path}") from error


def _open(path: Path) -> BufferedReader:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise FileUnreadableError(f"not a file that can be read again after an interruption: {path}")
        return path.open("rb")
    except OSError as error:
        raise FileUnreadableError(f"cannot read {path}: {error.strerror}") from error
