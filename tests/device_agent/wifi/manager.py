"""A NetworkManager of our own on a real bus: one Wi-Fi interface, connections that work or fail as told.

The real one is met in the virtual machine. This one fails in ways that are hard to bring about there.
"""

import asyncio
from typing import Self

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from device_agent.wifi.network_manager import SERVICE

DEVICE = "/org/freedesktop/NetworkManager/Devices/1"
ROOT = "/org/freedesktop/NetworkManager"
FAILED, ACTIVATED, DEACTIVATED = 120, 2, 4
Settings = dict[str, dict[str, Variant]]


class RefusalError(Exception):
    """Answered with this D-Bus error."""


class Manager:
    """Serves one interface; `reasons` are those of NMDeviceStateReason with which activations fail, 0 for success."""

    def __init__(self, address: str) -> None:
        self._bus = MessageBus(bus_address=address)
        self.reasons: list[int] = []
        self.managed: object = True
        self.access_points: dict[str, dict[str, Variant]] = {}
        self.connections: dict[str, Settings] = {}
        self.persisted: dict[str, str] = {}
        self.active = "/"
        self.activated: list[str] = []
        self.scans: list[dict[str, Variant]] = []
        self.refused: set[str] = set()
        self.client = ""
        """Who asked last."""
        self.silent: set[str] = set()
        """Calls that are carried out and not answered, until `speak`."""
        self.read_only = False
        """Its disk."""
        self.undecided = False
        """Activations begin and come to no end."""
        self.begun, self.watched = asyncio.Event(), asyncio.Event()
        """An activation has begun; its state has been asked for."""
        self._unsaid: list[Message] = []
        self._of_active: dict[str, str] = {}
        self._states: dict[str, int] = {}
        self._number = 0

    async def __aenter__(self) -> Self:
        await self._bus.connect()
        self._bus.add_message_handler(self._serve)
        await self._bus.request_name(SERVICE)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._bus.disconnect()

    def hear(self, ssid: bytes, **facts: Variant) -> None:
        known = {
            "Ssid": Variant("ay", ssid), "Strength": Variant("y", 80), "Frequency": Variant("u", 2412),
            "Flags": Variant("u", 1), "WpaFlags": Variant("u", 0), "RsnFlags": Variant("u", 0x100),
        }  # fmt: skip
        self.access_points[f"{ROOT}/AccessPoint/{len(self.access_points)}"] = known | facts

    def add(self, settings: Settings, *, active: bool = False) -> str:
        self._number += 1
        path = f"{ROOT}/Settings/{self._number}"
        self.connections[path] = settings
        self.persisted[path] = "disk"
        if active:
            self._activate(path, ACTIVATED)
        return path

    def speak(self) -> None:
        self.silent.clear()
        while self._unsaid:
            self._bus.send(self._unsaid.pop(0))

    def _serve(self, message: Message) -> Message | bool | None:
        if message.message_type is not MessageType.METHOD_CALL or message.destination != SERVICE:
            return None
        self.client = message.sender or ""
        if message.member in self.refused:
            return Message.new_error(message, f"{SERVICE}.Refused", "secret words")
        try:
            signature, body = self._answer(message.path or "", message.member or "", message.body)
        except (RefusalError, KeyError):
            return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownObject", "no such thing")
        reply = Message.new_method_return(message, signature, body)
        if message.member not in self.silent:
            return reply
        self._unsaid.append(reply)
        return True

    def _answer(self, path: str, member: str, body: list[object]) -> tuple[str, list[object]]:
        match member, body:
            case "Get", [_, str() as name]:
                if name == "State":
                    self.watched.set()
                return "v", [self._properties(path)[name]]
            case "GetAll", _:
                return "a{sv}", [self._properties(path)]
            case "GetDevices", _:
                return "ao", [[DEVICE]]
            case "GetAllAccessPoints", _:
                return "ao", [[*self.access_points, f"{ROOT}/AccessPoint/gone"]]
            case "ListConnections", _:
                return "ao", [[*self.connections, f"{ROOT}/Settings/gone"]]
            case "GetSettings", _:
                return "a{sa{sv}}", [self.connections[path]]
            case "RequestScan", [dict() as options]:
                self.scans.append(options)
                self._signal(DEVICE, "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as", ["x", {}, []])
                return "", []
            case "AddAndActivateConnection2", [dict() as settings, _, _, dict() as options]:
                made = self.add(settings)
                self.persisted[made] = options["persist"].value
                return "ooa{sv}", [made, self._begin(made), {}]
            case "ActivateConnection", [str() as made, _, _]:
                self.connections[made]
                return "o", [self._begin(made)]
            case "Update2", [dict(), 1, _] if self.read_only:
                raise RefusalError
            case "Update2", [dict() as settings, int() as flags, _]:
                self.connections[path], self.persisted[path] = settings, {1: "disk", 2: "memory"}[flags]
                return "a{sv}", [{}]
            case "Delete", _:
                del self.connections[path]
                return "", []
        raise RefusalError

    def _properties(self, path: str) -> dict[str, Variant]:
        if path == DEVICE:
            return {
                "Interface": Variant("s", "wlan0"), "DeviceType": Variant("u", 2),
                "Managed": self.managed if isinstance(self.managed, Variant) else Variant("b", self.managed),
                "ActiveConnection": Variant("o", self.active), "LastScan": Variant("x", len(self.scans)),
            }  # fmt: skip
        if path in self._of_active:
            return {"Connection": Variant("o", self._of_active[path]), "State": Variant("u", self._states[path])}
        return self.access_points[path]

    def _begin(self, connection: str) -> str:
        self.activated.append(connection)
        reason = self.reasons.pop(0) if self.reasons else 0
        active = self._activate(connection, 1)
        self.begun.set()
        if self.undecided:
            return active
        if reason:
            self.active = "/"
            self._signal(DEVICE, f"{SERVICE}.Device", "StateChanged", "uuu", [FAILED, 50, reason])
            self._states[active] = DEACTIVATED
            self._signal(active, f"{SERVICE}.Connection.Active", "StateChanged", "uu", [DEACTIVATED, 1])
        else:
            self._states[active] = ACTIVATED
            self._signal(active, f"{SERVICE}.Connection.Active", "StateChanged", "uu", [ACTIVATED, 0])
        return active

    def _activate(self, connection: str, state: int) -> str:
        self.active = f"{ROOT}/ActiveConnection/{len(self._of_active)}"
        self._of_active[self.active], self._states[self.active] = connection, state
        return self.active

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[object]) -> None:
        self._bus.send(Message.new_signal(path, interface, member, signature, body))
