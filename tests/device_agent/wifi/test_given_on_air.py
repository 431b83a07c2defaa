"""The whole agent, configured by a phone's own Wi-Fi settings: a wpa_supplicant on a socket, Bluetooth simulated."""

import msgspec

from tests.device_agent.scene import Scene
from tests.device_agent.wifi.supplicant import Supplicant
from tests.device_agent.wifi.test_on_air import GIVEN, PASSPHRASE, events


async def test_the_agent_joins_what_it_is_given_while_the_window_is_open(scene: Scene) -> None:
    control = scene.folder / "c"
    control.mkdir()
    config = scene.folder / "agent.toml"
    settings = f'backend = "wpa_supplicant"\ncontrol = "{control}"\naddress_seconds = 1\n'
    config.write_text(f'state = "state"\n[wifi]\n{settings}')
    async with Supplicant(control) as supplicant:
        agent = await scene.open_agent()
        await supplicant.chirps.wait()
        assert len(supplicant.keys) == 1
        supplicant.chirps.clear()
        supplicant.emit(*events(GIVEN))
        await agent.wait_event("given-on-air")
        # `lo` has no address that others can reach, so the attempt fails, and the offer is made again.
        attempt = await agent.wait_event("attempt")
        assert attempt["wifi"] == "CONFIGURE_FAILURE"
        await supplicant.chirps.wait()
        assert supplicant.networks == {}
        record = msgspec.json.decode((scene.folder / "state" / "record.json").read_bytes())
        assert [wifi["passphrase"] for wifi in record["wifi"]] == [PASSPHRASE]
        await agent.stop()
        assert supplicant.keys == []
    assert PASSPHRASE not in scene.log
