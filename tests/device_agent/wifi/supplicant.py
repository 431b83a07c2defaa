"""A wpa_supplicant of our own on a real control socket: it keeps networks, answers as told, and sends any event.

The real one is met in the virtual machine. This one says what the real one says once in a blue moon.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

Answer = str | bytes | None | Callable[[str], str | bytes | None]
HEADER = "network id / ssid / bssid / flags"


class Supplicant:
    """Serves one interface. `answers` replaces what it says to a command; None means silence."""

    def __init__(self, directory: Path, interface: str = "lo") -> None:
        self.path = directory / interface
        self.answers: dict[str, Answer] = {}
        self.on_select: Callable[[int], list[str]] = lambda number: [
            f"CTRL-EVENT-CONNECTED - completed [id={number} id_str=]"
        ]
        self.overhear: Callable[[str], None] = lambda _: None
        """Hears the verb of each command, once it is carried out and before its answer can be read."""
        self.networks: dict[int, dict[str, str]] = {}
        self.enabled: dict[int, bool] = {}
        self.current: int | None = None
        self.globals = {"update_config": "1", "dpp_config_processing": "0"}
        self.commands: list[str] = []
        self.saved = 0
        self.on_chirp: list[str] = []
        self.chirps = asyncio.Event()
        self.keys: list[str] = []
        """Keys it was lent and has not been told to forget."""
        self._attached: set[str | bytes] = set()
        self._next = 0

    async def __aenter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._serve)
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.vanish()

    def vanish(self) -> None:
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def add(self, ssid: str, *, enabled: bool = True, current: bool = False, mark: str = "") -> int:
        number = self._new({"ssid": ssid, "id_str": f'"{mark}"'})
        self.enabled[number] = enabled
        if current:
            self.current = number
        return number

    def emit(self, *events: str | bytes) -> None:
        for event in events:
            octets = event if isinstance(event, bytes) else f"<3>{event}".encode()
            for listener in list(self._attached):
                try:
                    self._socket.sendto(octets, listener)
                except OSError:
                    self._attached.discard(listener)

    def _serve(self) -> None:
        octets, sender = self._socket.recvfrom(65536)
        command = octets.decode(errors="surrogateescape")
        self.commands.append(command)
        verb, _, rest = command.partition(" ")
        answer = self.answers.get(command, self.answers.get(verb, lambda _: self._obey(verb, rest, sender)))
        reply = answer(rest) if callable(answer) else answer
        if reply is not None:
            with suppress(ConnectionRefusedError):  # whoever asked has gone
                self._socket.sendto(reply if isinstance(reply, bytes) else reply.encode(), sender)
        self.overhear(verb)
        if verb == "SELECT_NETWORK" and reply == "OK\n":
            self.emit(*self.on_select(int(rest)))
        if verb == "DPP_CHIRP" and reply == "OK\n":
            self.chirps.set()
            self.emit(*self.on_chirp)
        if verb == "SCAN" and reply == "OK\n":
            self.emit("CTRL-EVENT-SCAN-STARTED ", "CTRL-EVENT-SCAN-RESULTS ")

    def _obey(self, verb: str, rest: str, sender: str | bytes) -> str:
        words = rest.split(" ")
        match verb:
            case "ATTACH":
                self._attached.add(sender)
            case "DETACH":
                self._attached.discard(sender)
            case "ADD_NETWORK":
                return f"{self._new({})}\n"
            case "SET_NETWORK":
                self.networks[int(words[0])][words[1]] = rest.split(" ", 2)[2]
            case "GET_NETWORK":
                return self.networks[int(words[0])].get(words[1], "FAIL\n")
            case "REMOVE_NETWORK":
                number = int(rest)
                del self.networks[number], self.enabled[number]
                self.current = None if self.current == number else self.current
            case "SELECT_NETWORK":
                self.enabled = {number: number == int(rest) for number in self.enabled}
                self.current = int(rest)
            case "ENABLE_NETWORK":
                self.enabled[int(words[0])] = True
            case "LIST_NETWORKS":
                return "\n".join([HEADER, *map(self._line, self.networks)]) + "\n"
            case "STATUS":
                return f"wpa_state={'SCANNING' if self.current is None else 'ASSOCIATING'}\nid={self.current}\n"
            case "BSS":
                return ""
            case "GET_CAPABILITY" if rest == "dpp":
                return "DPP=2"
            case "GET_CAPABILITY":
                return "Mode[G] Channels:\n 1 = 2412 MHz\n 6 = 2437 MHz (NO_IR)\n"
            case "GET" if rest in self.globals:
                return self.globals[rest]
            case "SET":
                self.globals[words[0]] = words[1]
            case "SAVE_CONFIG":
                self.saved += 1
            case "DPP_BOOTSTRAP_GEN":
                self.keys.append(rest.partition("key=")[2])
                return f"{len(self.keys)}\n"
            case "DPP_BOOTSTRAP_REMOVE":
                self.keys.remove(self.keys[int(rest) - 1])
            case "SCAN" | "REASSOCIATE" | "DPP_LISTEN" | "DPP_CHIRP" | "DPP_STOP_LISTEN" | "DPP_STOP_CHIRP":
                pass
            case _:
                return "UNKNOWN COMMAND\n"
        return "OK\n"

    def _new(self, options: dict[str, str]) -> int:
        number, self._next = self._next, self._next + 1
        self.networks[number], self.enabled[number] = options, False
        return number

    def _line(self, number: int) -> str:
        flags = ("" if self.enabled[number] else "[DISABLED]") + ("[CURRENT]" if number == self.current else "")
        return f"{number}\t{self.networks[number].get('ssid', '')}\tany\t{flags}"
