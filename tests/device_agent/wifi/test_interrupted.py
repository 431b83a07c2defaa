"""An attempt to join that is cancelled, or killed, leaves everything as it was."""

import asyncio
import sys

import pytest

from device_agent.wifi import JoinResult, afterwards
from device_agent.wifi.wpa_control import WpaControl
from device_agent.wifi.wpa_networks import NOTE, is_mark_of
from device_agent.wifi.wpa_supplicant import Patience, WpaSupplicantWifi
from onboarding_protocol.dpp import Status
from tests.device_agent.wifi.station import HOME, WRONG_KEY, found
from tests.device_agent.wifi.station import supplicant as supplicant
from tests.device_agent.wifi.station import wifi as wifi
from tests.device_agent.wifi.supplicant import Supplicant

JOIN = """
import asyncio, sys
from pathlib import Path
from device_agent.wifi.wpa_control import WpaControl
from device_agent.wifi.wpa_supplicant import Patience, WpaSupplicantWifi
from tests.device_agent.wifi.station import HOME
asyncio.run(WpaSupplicantWifi(WpaControl(Path(sys.argv[1])), Patience()).join(HOME))
"""


async def test_an_attempt_that_is_cancelled_leaves_nothing_behind(
    supplicant: Supplicant, wifi: WpaSupplicantWifi
) -> None:
    old = supplicant.add("Old", current=True)
    selected = asyncio.Event()

    def select(_: int) -> list[str]:
        selected.set()
        return []

    supplicant.on_select = select
    joining = asyncio.create_task(wifi.join(HOME))
    await selected.wait()
    joining.cancel()
    await asyncio.wait([joining])
    assert joining.cancelled()
    assert (supplicant.current, list(supplicant.networks)) == (old, [old])


@pytest.mark.parametrize("fate", ["gone", "hung"])
async def test_a_cancelled_attempt_ends_also_where_nothing_can_be_put_back(supplicant: Supplicant, fate: str) -> None:
    wifi = WpaSupplicantWifi(WpaControl(supplicant.path, reply_seconds=0.05), Patience(join=2.0), found)
    supplicant.add("Old", current=True)
    selected = asyncio.Event()

    def select(_: int) -> list[str]:
        selected.set()
        return []

    supplicant.on_select = select
    joining = asyncio.create_task(wifi.join(HOME))
    await selected.wait()
    if fate == "gone":
        supplicant.vanish()
    else:
        supplicant.answers |= dict.fromkeys(["REMOVE_NETWORK", "SELECT_NETWORK", "ENABLE_NETWORK"])
    joining.cancel()
    await asyncio.wait([joining])
    assert joining.cancelled()


async def test_what_hangs_while_it_is_put_back_is_not_waited_for(
    supplicant: Supplicant, wifi: WpaSupplicantWifi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(afterwards, "AFTERWARDS_S", 0.05)
    supplicant.add("Old", current=True)
    supplicant.answers["REMOVE_NETWORK"] = None
    supplicant.on_select = lambda number: [WRONG_KEY % number]
    assert (await wifi.join(HOME)).status is Status.AUTH_FAILURE
    assert "could not be put in order again: no answer" in caplog.text


async def test_what_was_there_is_put_back_however_often_the_attempt_is_cancelled(
    supplicant: Supplicant, wifi: WpaSupplicantWifi
) -> None:
    old, spare = supplicant.add("Old", current=True), supplicant.add("Spare")
    selected = asyncio.Event()

    def select(_: int) -> list[str]:
        selected.set()
        return []

    supplicant.on_select = select
    joining = asyncio.create_task(wifi.join(HOME))
    await selected.wait()
    while not joining.done():
        joining.cancel()
        await asyncio.sleep(0)
    assert joining.cancelled()
    assert (supplicant.current, supplicant.enabled) == (old, {old: True, spare: True})


@pytest.mark.parametrize("verb", ["ADD_NETWORK", "SET_NETWORK", "ATTACH", "SELECT_NETWORK", "STATUS"])
async def test_an_attempt_that_is_cancelled_before_an_answer_leaves_nothing_behind(
    supplicant: Supplicant, wifi: WpaSupplicantWifi, verb: str
) -> None:
    old, asleep = supplicant.add("Old", current=True), supplicant.add("Asleep", enabled=False)

    def cancel(heard: str) -> None:
        if heard == verb:
            joining.cancel()

    supplicant.overhear = cancel
    joining = asyncio.create_task(wifi.join(HOME))
    await asyncio.wait([joining])
    assert joining.cancelled()
    assert (supplicant.current, supplicant.enabled) == (old, {old: True, asleep: False})


async def killed_while_joining(supplicant: Supplicant) -> None:
    selected = asyncio.Event()

    def select(_: int) -> list[str]:
        selected.set()
        return []

    supplicant.on_select, before = select, supplicant.on_select
    agent = await asyncio.create_subprocess_exec(sys.executable, "-c", JOIN, supplicant.path)
    await selected.wait()
    agent.kill()
    await agent.wait()
    supplicant.on_select = before


@pytest.mark.parametrize("refused", [False, True])
async def test_an_agent_that_was_killed_in_an_attempt_finds_out_what_was_before_it(
    supplicant: Supplicant, wifi: WpaSupplicantWifi, refused: bool
) -> None:
    old, asleep = supplicant.add("Old", current=True), supplicant.add("Asleep", enabled=False)
    spare = supplicant.add("Spare")
    before = {old: True, asleep: False, spare: True}
    await killed_while_joining(supplicant)
    assert supplicant.enabled != before
    if refused:
        supplicant.on_select = lambda number: [WRONG_KEY % number]
        assert (await wifi.join(HOME)).status is Status.AUTH_FAILURE
        assert (supplicant.current, supplicant.enabled) == (old, before)
    else:
        assert await wifi.join(HOME) == JoinResult(Status.OK)
        ours = supplicant.current
        assert ours is not None
        assert supplicant.enabled == {**before, ours: True}
        assert is_mark_of(supplicant.networks[ours]["id_str"].strip('"'), HOME)


async def test_an_agent_that_was_killed_in_an_attempt_may_forget_it(
    supplicant: Supplicant, wifi: WpaSupplicantWifi
) -> None:
    old, asleep = supplicant.add("Old", current=True), supplicant.add("Asleep", enabled=False)
    await killed_while_joining(supplicant)
    await wifi.forget()
    assert (supplicant.current, supplicant.enabled) == (old, {old: True, asleep: False})


@pytest.mark.parametrize("note", ["", "x", "0ec1", "-1e", "99e", "0e.0d.1", "\N{ARABIC-INDIC DIGIT ONE}e"])
async def test_a_note_that_cannot_be_read_enables_nothing(
    supplicant: Supplicant, wifi: WpaSupplicantWifi, note: str
) -> None:
    asleep = supplicant.add("Asleep", enabled=False)
    supplicant.add("", enabled=False, mark=f"{NOTE}{note}")
    assert await wifi.join(HOME) == JoinResult(Status.OK)
    assert not supplicant.enabled[asleep]
    assert len(supplicant.networks) == 2
