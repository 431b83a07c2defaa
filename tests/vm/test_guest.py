"""The bench itself: what the scenarios rely on."""

import pytest

from tests.vm.guest import Guest
from tests.world.process import ProcessError

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_program_in_the_guest_says_what_it_says_and_ends_as_it_ends(guest: Guest) -> None:
    process = await guest.start("command", ["sh", "-c", "echo one; echo aside >&2; echo two; exit 3"])
    assert await process.finish() == 3
    assert process.text == ["one", "two"]
    assert process.log.read_text().endswith("aside\n")


async def test_a_program_that_fails_or_is_missing_is_told(guest: Guest) -> None:
    with pytest.raises(ProcessError, match="false failed"):
        await guest.run("false")
    missing = await guest.start("missing", ["no-such-program"])
    assert await missing.finish() == 127
    assert "No such file" in missing.story


async def test_a_program_and_what_it_started_hear_a_signal(guest: Guest) -> None:
    process = await guest.start("shell", ["sh", "-c", "echo ready; sleep 1000; echo never"])
    await process.wait_line("ready")
    assert await process.stop() != 0
    assert "never" not in process.text
    assert not [line for line in await guest.run("ps", "-eo", "args") if line == "sleep 1000"]


async def test_both_sides_see_one_folder(guest: Guest) -> None:
    (guest.folder / "told").write_text("by the host\n")
    assert await guest.run("cat", guest.folder / "told") == ["by the host"]
    await guest.run("tee", guest.folder / "answered", given="by the guest\n")
    assert (guest.folder / "answered").read_text() == "by the guest\n"


async def test_our_programs_are_there(guest: Guest) -> None:
    for program in ("device-agent", "app-sim", "onboarding-api"):
        assert any("Usage" in line for line in await guest.run(program, "--help"))
