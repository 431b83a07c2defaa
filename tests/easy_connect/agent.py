"""Our device agent on a virtual radio, with nobody else of its world: no API, no broker."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.easy_connect.radio import Radio
from tests.world.process import Process
from tests.world.world import BIN, Command

SSID = "Home"
PASSPHRASE = "correct horse battery"
_CONFIG = """\
state = "state"
serial = "SN-0001"
model = "demo-sensor"
firmware = "1.0.0"
window_seconds = 300

[wifi]
backend = "simulated"
networks = "networks.toml"
"""
_NETWORKS = f"""\
[[network]]
ssid = "{SSID}"
passphrase = "{PASSPHRASE}"
akm = "psk"
rssi = -48
channel = "81/6"
"""


@dataclass
class Agent:
    radio: Radio
    folder: Path
    process: Process

    @classmethod
    async def start(cls, radio: Radio) -> "Agent":
        """Make a factory-fresh device, print its label, and open its window."""
        folder = radio.folder / "device"
        folder.mkdir()
        (folder / "agent.toml").write_text(_CONFIG)
        (folder / "networks.toml").write_text(_NETWORKS)
        program: Command = [BIN / "device-agent", "--config", folder / "agent.toml"]
        label = await radio.run("device", "label", *program, "label", "--png", folder / "label.png")
        assert await label.finish() == 0, label.story
        agent = await radio.run("device", "agent", *program, "run", "--json", "--open")
        await agent.wait_event("window", open=True)
        return cls(radio, folder, agent)

    async def status(self) -> dict[str, object]:
        program: Command = [BIN / "device-agent", "--config", self.folder / "agent.toml", "status", "--json"]
        process = await self.radio.run("device", "status", *program)
        assert await process.finish() == 0, process.story
        answer: dict[str, object] = json.loads(process.text[-1])
        return answer
