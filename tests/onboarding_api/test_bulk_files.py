"""The files of an import: the one that is read, and those that it leaves beside it."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from onboarding_api.domain.bulk.records import RECORD_MAX
from onboarding_api.domain.errors import (
    FileNotWritableError,
    FileUnreadableError,
    ImportRunningError,
    TenantUnknownError,
)
from tests.onboarding_api.actors import Api
from tests.onboarding_api.bulk import counts, line, lines_in
from tests.onboarding_api.processes import PROGRAM
from tests.onboarding_api.shell import Shell


@pytest.fixture
def shell(api: Api) -> Shell:
    return Shell.over(api.folder)


def test_a_file_whose_name_is_not_utf_8_is_imported_and_its_refused_rows_are_named(shell: Shell) -> None:
    path = lines_in(shell.folder, line("d 1"), name=os.fsdecode(b"d\xff.ndjson"))
    result = shell.run("device", "import", "acme", path)
    assert result.exit_code == 3
    assert "1 rejected" in result.stdout
    assert "d\ufffd.rejects.ndjson" in result.stdout


def test_two_processes_do_not_import_one_file(shell: Shell) -> None:
    path = Path(lines_in(shell.folder, line("d1")))
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert isinstance(shell.refused("device", "import", "acme", str(path)), ImportRunningError)


def test_refused_rows_of_an_earlier_import_are_not_overwritten(shell: Shell) -> None:
    path = lines_in(shell.folder, line("d 1"))
    assert shell.run("device", "import", "acme", path).exit_code == 3
    assert isinstance(shell.refused("device", "import", "acme", path), FileNotWritableError)
    assert shell.run("device", "import", "acme", path, "--restart").exit_code == 3


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_a_file_that_turns_out_unreadable_leaves_nothing_and_can_be_corrected(shell: Shell, form: str) -> None:
    path = shell.folder / f"devices.{form}"
    text = "device-id\nd1\n" if form == "csv" else '{"device-id": "d1"}\n'
    path.write_bytes(text.encode("utf-16"))
    before = set(shell.folder.iterdir())
    assert isinstance(shell.refused("device", "import", "acme", str(path)), FileUnreadableError)
    assert set(shell.folder.iterdir()) == before
    path.write_text(text)
    assert counts(shell.events("device", "import", "acme", str(path))[-1]) == {"created": 1}


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_a_row_that_is_too_long_is_told_to_be_corrected_where_it_is_whole(shell: Shell, form: str) -> None:
    path = shell.folder / f"devices.{form}"
    long = "x" * RECORD_MAX
    path.write_text(
        f"device-id,ext.a\nd1,{long}\nd2,\n"
        if form == "csv"
        else f'{{"device-id": "d1", "device": {{"ext": {{"a": "{long}"}}}}}}\n{{"device-id": "d2"}}\n'
    )
    _, rejected, done = shell.events("device", "import", "acme", str(path), ends_with=3)
    assert counts(done) == {"created": 1, "rejected": 1}
    assert "shorten it in this file" in rejected["errors"][0]["reason"]
    rejects = shell.folder / f"devices.rejects.{form}"
    assert len(rejects.read_text()) < RECORD_MAX + 1000
    assert counts(shell.events("device", "import", "acme", str(rejects), ends_with=3)[-1]) == {"rejected": 1}


def test_a_full_disk_is_told_and_the_import_goes_on_when_there_is_room(shell: Shell) -> None:
    path = lines_in(shell.folder, *(line("d 1", ext={"a": "x" * 60_000}) for _ in range(80)), line("d2"))
    limited = ["sh", "-c", 'ulimit -f 8192; exec "$0" "$@"', str(PROGRAM), "device", "import", "acme", path]
    ended = subprocess.run(
        limited, env=os.environ | shell.variables, cwd=shell.folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "cannot write" in ended.stderr
    assert "Traceback" not in ended.stderr
    events = shell.events("device", "import", "acme", path, ends_with=3)
    assert events[0]["event"] == "resumed"
    assert counts(events[-1]) == {"created": 1, "rejected": 80}
    assert len((shell.folder / "devices.rejects.ndjson").read_text().splitlines()) == 80


def test_what_cannot_be_imported_at_all_says_so_and_leaves_nothing(shell: Shell) -> None:
    there = lines_in(shell.folder, line("d1"))
    before = set(shell.folder.iterdir())
    assert isinstance(shell.refused("device", "import", "nobody", there), TenantUnknownError)
    assert isinstance(shell.refused("device", "export", "nobody"), TenantUnknownError)
    for name in ("none.csv", "database.url", ""):
        error = shell.refused("device", "import", "acme", str(shell.folder / name))
        assert isinstance(error, FileUnreadableError)
    assert set(shell.folder.iterdir()) == before
