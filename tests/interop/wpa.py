"""Debian's wpa_supplicant without a radio, spoken to over its control socket."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Self

PACKAGE = "wpasupplicant"
"""Debian package that has the program."""
_PATIENCE_S = 10.0


def executable() -> str | None:
    return shutil.which("wpa_supplicant", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


class WpaSupplicant:
    """One process on `lo`. Commands are datagrams, and so are events once attached."""

    def __init__(self, directory: Path) -> None:
        self.configuration = directory / "wpa.conf"
        self.configuration.write_text(f"ctrl_interface={directory}/control\nupdate_config=1\ndpp_config_processing=1\n")
        program = executable()
        if program is None:
            raise FileNotFoundError(f"wpa_supplicant is not installed: apt-get install {PACKAGE}")
        # With -B the control socket is there once the command has returned.
        self._pid_file = directory / "pid"
        command = [program, "-B", "-P", str(self._pid_file), "-D", "none", "-i", "lo", "-c", str(self.configuration)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=_PATIENCE_S)
        self._events: list[str] = []
        self._control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._control.settimeout(_PATIENCE_S)
        self._control.bind(str(directory / "ours"))
        self._control.connect(str(directory / "control/lo"))
        assert self.command("ATTACH") == "OK"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        os.kill(int(self._pid_file.read_text()), signal.SIGKILL)  # it takes its time to go by itself
        os.waitpid(-1, 0)  # the first process of a namespace becomes the parent of whoever left his

    def command(self, text: str) -> str:
        """Send a command and return its reply; events that come first are kept."""
        self._control.send(text.encode())
        while (reply := self._receive()).startswith("<"):
            self._events.append(reply)
        return reply

    def number(self, text: str) -> int:
        """Send a command that replies with the id of what it made."""
        return int(self.command(text))

    def wait(self, name: str) -> str:
        """Return the next event of this name."""
        while True:
            found = next((event for event in self._events if event[3:].startswith(name)), None)
            if found is not None:
                self._events.remove(found)
                return found[3:]
            self._events.append(self._receive())

    def seen(self, name: str) -> str | None:
        """Return the oldest event of this name that has come already."""
        return next((event[3:] for event in self._events if event[3:].startswith(name)), None)

    def network_blocks(self) -> list[str]:
        """Return everything it wrote down of the networks it was given, one text each."""
        self.network_block()
        return self.configuration.read_text().split("network={")[1:]

    def network_block(self) -> str:
        """Return what it wrote down of the networks it was given."""
        assert self.command("SAVE_CONFIG") == "OK"
        return self.configuration.read_text().partition("network={")[2]

    def _receive(self) -> str:
        return self._control.recv(65536).decode(errors="replace").rstrip("\n")
