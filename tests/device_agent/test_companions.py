"""Button and hooks of a real agent process: presses are octets in a FIFO, hooks are programs that write to another."""

import os
import struct
import time
from pathlib import Path

import pytest

from tests.device_agent.scene import Scene

EV_KEY = 1
KEY_RESTART = 408


class Button:
    """What presses the button of a scene."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDWR)

    def move(self, down: bool, at: float) -> None:
        seconds, fraction = divmod(at, 1)
        event = struct.pack("llHHi", int(seconds), int(fraction * 1e6), EV_KEY, KEY_RESTART, int(down))
        os.write(self._descriptor, event)

    def press(self) -> None:
        """Press it for a tenth of a second that has just passed."""
        now = time.monotonic()
        self.move(down=True, at=now - 0.2)
        self.move(down=False, at=now - 0.1)

    def unplug(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def button(scene: Scene) -> Button:
    hook = f'echo "$DEVICE_AGENT_EVENT $DEVICE_AGENT_SECONDS" >> {scene.folder}/hooked'
    (scene.folder / "agent.d").mkdir()
    (scene.folder / "agent.d" / "button.toml").write_text(
        f'[button]\ninput = "{scene.folder}/event0"\nkey = {KEY_RESTART}\nreset_seconds = 5\n'
        f"[hooks]\nwindow_open = ['/bin/sh', '-c', '{hook}']\nwindow_closed = ['/bin/sh', '-c', '{hook}']\n"
    )
    return Button(scene.folder / "event0")


async def test_a_press_opens_the_window_a_long_one_resets_and_hooks_hear_of_both(scene: Scene, button: Button) -> None:
    agent = await scene.agent()
    button.press()
    opened = await agent.wait_event("window", open=True)
    button.move(down=True, at=time.monotonic())
    await agent.wait_event("window", open=False, why="the device was reset")
    assert (await scene.ask("status"))["window"] is None
    await agent.stop()
    assert opened["seconds"] == 300
    assert (scene.folder / "hooked").read_text().splitlines()[0] == "window_open 300"


async def test_a_button_that_goes_is_told_once_and_the_device_goes_on(scene: Scene, button: Button) -> None:
    agent = await scene.agent()
    button.unplug()
    told = await agent.wait_event("trouble")
    assert "has gone" in str(told["what"])
    await scene.ask("open", seconds=60)
    await agent.wait_event("window", open=True)
