"""What the agent does when Bluetooth ends, is missing, or is taken away."""

import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from dbus_fast.aio import MessageBus

from device_agent.errors import ControlError
from onboarding_protocol.dpp import Status
from tests.device_agent.scene import CONFIG, PATIENCE_S, Scene
from tests.virtual_bluez.conftest import ProgramError
from tests.world.process import Process
from tests.world.world import BIN, Command
from virtual_bluez.message_bus import PrivateBus


async def test_an_agent_that_is_told_to_stop_takes_its_advertisement_away(scene: Scene) -> None:
    agent = await scene.open_agent()
    phone = await scene.phone()
    await phone.connect()
    await phone.write(b"\0")
    agent.kill(signal.SIGTERM)
    assert await agent.finish(PATIENCE_S) == 0
    await phone.central.event("disconnected")
    with pytest.raises(ProgramError, match="Timeout"):
        await phone.central.ask("find", name=scene.key.name, timeout=0.5)
    assert not (scene.folder / "state" / "control.sock").exists()


@pytest.mark.parametrize("bus", ["unix:path=/nowhere/at/all", "garbage", "unix:abstract=nobody-listens-here"])
async def test_without_bluetooth_the_agent_keeps_running_and_says_why_no_window_opens(scene: Scene, bus: str) -> None:
    agent = await scene.agent("--open", bus=bus)
    trouble = await agent.wait_event("trouble")
    assert "Bluetooth" in str(trouble["what"])
    assert "bluetoothctl" in str(trouble["remedy"])
    with pytest.raises(Exception, match="Bluetooth cannot be used"):
        await scene.ask("open")
    assert (await scene.ask("status"))["window"] is None
    assert await agent.stop() == 0
    assert "Traceback" not in scene.log


async def test_whoever_opens_the_window_hears_of_a_bluetoothd_that_hangs(scene: Scene, tmp_path: Path) -> None:
    async with PrivateBus("hung", tmp_path) as bus:
        hung = await MessageBus(bus_address=bus.address).connect()
        await hung.request_name("org.bluez")
        hung.add_message_handler(lambda _: True)  # takes every call and answers none
        await scene.agent(bus=bus.address)
        with pytest.raises(ControlError, match="Bluetooth does not answer"):
            await scene.ask("open")
        hung.disconnect()


async def test_a_missing_adapter_is_named(scene: Scene) -> None:
    (scene.folder / "agent.toml").write_text(f'adapter = "hci7"\n{CONFIG}')
    agent = await scene.agent("--open")
    assert "hci7" in str((await agent.wait_event("trouble"))["what"])
    assert await agent.stop() == 0
    assert "Traceback" not in scene.log


async def test_a_broken_radio_for_wifi_does_not_keep_the_window_shut(scene: Scene) -> None:
    (scene.folder / "networks.toml").write_text("[[[")
    await scene.open_agent()
    assert "Correct the file" in scene.log


async def test_more_networks_than_a_request_may_carry_do_not_end_the_agent(scene: Scene) -> None:
    crowd = "".join(f'[[network]]\nssid = "{number:032}"\n' for number in range(300))
    (scene.folder / "networks.toml").write_text(crowd)
    agent = await scene.open_agent()
    phone = await scene.phone()
    await phone.connect()
    await phone.authenticate()
    assert not agent.ended


async def test_a_bus_that_ends_closes_the_window_and_the_agent_goes_on(tmp_path: Path, stack: AsyncExitStack) -> None:
    command: Command = [
        BIN / "virtual-bluez",
        "--party",
        "device",
        "--party",
        "phone",
        "--directory",
        tmp_path / "bus",
        "--json",
    ]
    radio = await Process.start("radio", command, tmp_path)
    stack.push_async_callback(radio.stop)
    buses = (await radio.wait_for(lambda event: "parties" in event))["parties"]
    assert isinstance(buses, dict)
    scene = Scene(tmp_path, None, 517, stack)  # type: ignore[arg-type]
    agent = await scene.agent("--open", bus=buses["device"])
    await agent.wait_event("window", open=True)
    radio.kill()
    await radio.finish()
    await agent.wait_event("window", open=False, why="Bluetooth has gone")
    with pytest.raises(Exception, match="Bluetooth"):
        await scene.ask("open")
    assert not agent.ended
    assert await agent.stop() == 0
    assert "Traceback" not in scene.log


async def test_a_device_whose_adapter_is_switched_off_and_on_opens_again(scene: Scene) -> None:
    agent = await scene.open_agent()
    await scene.power(on=False)
    await agent.wait_event("window", open=False, why="Bluetooth has gone")
    with pytest.raises(Exception, match="hci0 is switched off"):
        await scene.ask("open")
    await scene.power(on=True)
    await scene.ask("open")
    phone = await scene.phone()
    await phone.connect()
    assert await phone.give_wifi() is Status.OK


@pytest.mark.parametrize("peripheral", ["bluez", "bless"])
async def test_a_device_is_set_up_by_either_adapter(scene: Scene, peripheral: str) -> None:
    (scene.folder / "agent.toml").write_text(f'peripheral = "{peripheral}"\n{CONFIG}')
    agent = await scene.open_agent()
    phone = await scene.phone()
    await phone.connect()
    assert await phone.give_wifi() is Status.OK
    await agent.wait_event("window", open=False, why="the device is set up")
    await phone.central.event("disconnected")
    assert "Traceback" not in scene.log
