"""Wi-Fi by wpa_supplicant's control interface, for devices without NetworkManager.

A network is added, tried and kept, or removed again: whatever fails, the networks that were there are enabled as they
were, and the one that was joined is selected again. What failed and why is read from the events of the attempt.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from device_agent.errors import WifiError
from device_agent.record import WifiProfile
from device_agent.wifi import ELSEWHERE, JoinResult, StationIdentity
from device_agent.wifi.address import Address, addresses, has_address, wait_for_address
from device_agent.wifi.afterwards import see_through
from device_agent.wifi.heard import channel_list, read_stations, strongest_of_each
from device_agent.wifi.wpa_attempt import Attempt
from device_agent.wifi.wpa_control import WpaControl, WpaEvents
from device_agent.wifi.wpa_networks import (
    MARK,
    NOTE,
    KnownNetwork,
    is_mark_of,
    note_of,
    options_of,
    read_networks,
    read_note,
)
from onboarding_protocol.dpp import Status
from onboarding_protocol.members import HeardNetwork

SCAN_S = 20.0
_BSS_FIELDS = 0x1 | 0x4 | 0x80 | 0x200 | 0x800 | 0x1000 | 0x20000
"""id, frequency, level, age, flags, SSID, and a line between stations."""
_NONE_WILL_BE_JOINED = {"CTRL-EVENT-NETWORK-NOT-FOUND", "CTRL-EVENT-SSID-TEMP-DISABLED"}
_BSS_PAGES_MAX = 32
"""A reply holds some dozens of stations."""
AddressWait = Callable[[str, frozenset[Address], float], Awaitable[bool]]
_NOTHING_BEFORE: frozenset[Address] = frozenset()
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an attempt may take, in seconds."""

    join: float = 25.0
    address: float = 20.0


def control_of(directory: Path, interface: str | None) -> WpaControl:
    """Return the control interface of this network interface, or of the first there is."""
    if interface is not None:
        return WpaControl(directory / interface)
    try:
        found = sorted(path for path in directory.iterdir() if path.is_socket() and _is_station(path.name))
    except OSError as error:
        raise WifiError(
            f"{directory} cannot be read: {error.strerror}",
            "Start wpa_supplicant with a control interface, or set wifi.control to its directory.",
        ) from error
    if not found:
        raise WifiError(f"wpa_supplicant serves no interface in {directory}", "Start it for your Wi-Fi interface.")
    return WpaControl(found[0])


class WpaSupplicantWifi:
    """The station that one wpa_supplicant drives."""

    def __init__(
        self,
        control: WpaControl,
        patience: Patience,
        wait: AddressWait = wait_for_address,
        online: Callable[[], bool] = has_address,
    ) -> None:
        self._control = control
        self._patience = patience
        self._wait = wait
        self._online = online
        self._turn = asyncio.Lock()

    async def scan(self) -> tuple[HeardNetwork, ...]:
        """Scan, and return the networks heard, strongest first."""
        async with self._turn, self._control.events() as events:
            await self._fresh_scan(events)
            return strongest_of_each(network for network, _ in await self._stations())

    async def join(
        self, profile: WifiProfile, identity: StationIdentity | None = None, *, gently: bool = False
    ) -> JoinResult:
        """Join and stay joined; a network that does not let us in leaves everything as it was."""
        async with self._turn:
            known = await self._settled()
            number = await self._made_from(profile, known)
            if number is not None and await self._is_joined(number):
                return await self._addressed(_NOTHING_BEFORE)
            others = any(network.enabled for network in known if network.number != number)
            if gently and others and await self._is_elsewhere():
                return JoinResult(Status.CONFIGURE_FAILURE, reason=ELSEWHERE)
            seen = any(network.ssid == profile.ssid for network, _ in await self._stations())
            options = options_of(profile, identity, hidden=not seen) if number is None else {}
            note = await self._add({"id_str": f'"{note_of(known)}"'})
            added = []
            try:
                if number is None:
                    number = await self._add(options)
                    added.append(number)
                result = await self._try(number)
            except BaseException:  # cancelled, too: nothing half done is left behind
                await see_through(self._put_back(known, note, added))
                raise
            if result.status is Status.OK:
                await see_through(self._keep(known, note, number))
                return result
            await see_through(self._put_back(known, note, added))
            return await self._with_channels(result, profile.ssid)

    def online(self) -> bool:
        """Whether the device has an address, in whatever network."""
        return self._online()

    async def forget(self) -> None:
        """Leave and remove every network that the agent has made, and have the rest saved."""
        async with self._turn:
            known = await self._settled()
            ours = [network for network in known if (await self._mark(network.number)).startswith(MARK)]
            for network in ours:
                await self._control.order(f"REMOVE_NETWORK {network.number}")
            if any(network.current for network in ours):
                await self._control.command("REASSOCIATE")  # with what is left, if anything is
            if await self._control.command("SAVE_CONFIG") != "OK" and await self._keeps_a_file():
                raise WifiError(
                    f"wpa_supplicant on {self._control.interface} could not write its configuration",
                    "See that its file and the folder of it can be written.",
                )

    async def _keeps_a_file(self) -> bool:
        return await self._control.command("GET update_config") != "0"

    async def _try(self, number: int) -> JoinResult:
        attempt = Attempt(number)
        before = addresses(self._control.interface)
        async with self._control.events() as events:
            events.forget()
            await self._control.order(f"SELECT_NETWORK {number}")
            if await self._is_joined(number):  # it was about to be, and says so no more
                return await self._addressed(before)
            try:
                async with asyncio.timeout(self._patience.join):
                    while (verdict := attempt.hear(await events.next())) is None:
                        pass
            except TimeoutError:
                verdict = attempt.given_up()
        return verdict if verdict.status is not Status.OK else await self._addressed(before)

    async def _addressed(self, before: frozenset[Address]) -> JoinResult:
        found = await self._wait(self._control.interface, before, self._patience.address)
        return JoinResult(Status.OK) if found else JoinResult(Status.CONFIGURE_FAILURE, reason="no-address")

    async def _add(self, options: dict[str, str]) -> int:
        adding = asyncio.create_task(self._control.number("ADD_NETWORK"))
        try:
            number = await asyncio.shield(adding)  # one whose number is not known could not be removed
            for name, value in options.items():
                await self._control.order(f"SET_NETWORK {number} {name} {value}")
        except BaseException:
            await see_through(self._take_away(adding))
            raise
        return number

    async def _take_away(self, adding: asyncio.Task[int]) -> None:
        with suppress(WifiError):
            await self._remove(await adding)

    async def _remove(self, number: int) -> None:
        await self._control.command(f"REMOVE_NETWORK {number}")

    async def _settled(self) -> list[KnownNetwork]:
        """Return its networks; what an attempt of an agent that was killed has left is put back before."""
        known = read_networks(await self._control.command("LIST_NETWORKS"))
        ours = {it.number: mark for it in known if (mark := await self._mark(it.number)).startswith(MARK)}
        note = next((number for number, mark in ours.items() if mark.startswith(NOTE)), None)
        if note is None:
            return known
        noted = {network.number: network for network in read_note(ours.pop(note))}
        tried = [number for number in ours if number not in noted]
        before = [noted.get(it.number, it) for it in known if it.number not in {note, *tried}]
        await see_through(self._put_back(before, note, tried))
        return before

    async def _put_back(self, known: Iterable[KnownNetwork], note: int, tried: Iterable[int]) -> None:
        for number in tried:
            await self._remove(number)
        current = next((network for network in known if network.current), None)
        if current is not None:
            await self._control.command(f"SELECT_NETWORK {current.number}")
        for network in known:
            if network.enabled and network is not current:
                await self._control.command(f"ENABLE_NETWORK {network.number}{' no-connect' if current else ''}")
        await self._remove(note)

    async def _keep(self, known: Iterable[KnownNetwork], note: int, joined: int) -> None:
        for network in known:
            if network.number == joined:
                continue
            if (await self._mark(network.number)).startswith(MARK):
                await self._remove(network.number)
            elif network.enabled:
                await self._control.command(f"ENABLE_NETWORK {network.number} no-connect")
        await self._remove(note)
        if await self._control.command("SAVE_CONFIG") != "OK":
            _log.info(
                "wpa_supplicant keeps no configuration (update_config=0): the agent adds the network at each start"
            )

    async def _made_from(self, profile: WifiProfile, known: Iterable[KnownNetwork]) -> int | None:
        for network in known:
            if is_mark_of(await self._mark(network.number), profile):
                return network.number
        return None

    async def _mark(self, number: int) -> str:
        return (await self._control.command(f"GET_NETWORK {number} id_str")).strip('"')

    async def _is_joined(self, number: int) -> bool:
        return await self._joined() == str(number)

    async def _joined(self) -> str | None:
        status = dict(line.partition("=")[::2] for line in (await self._control.command("STATUS")).split("\n"))
        return status.get("id") if status.get("wpa_state") == "COMPLETED" else None

    async def _is_elsewhere(self) -> bool:
        """Whether another network works; one that is about to be joined is waited for."""
        async with self._control.events() as events:
            try:
                async with asyncio.timeout(self._patience.join):
                    while await self._joined() is None:
                        if (await events.next()).name in _NONE_WILL_BE_JOINED:
                            return False
            except TimeoutError:
                return False
        return await self._wait(self._control.interface, _NOTHING_BEFORE, self._patience.address)

    async def _fresh_scan(self, events: WpaEvents) -> None:
        reply = await self._control.command("SCAN")
        if reply not in {"OK", "FAIL-BUSY"}:
            raise WifiError(
                f"{self._control.interface} cannot scan", "See that its radio is on: rfkill list, ip link show."
            )
        try:
            async with asyncio.timeout(SCAN_S):
                while (event := await events.next()).name != "CTRL-EVENT-SCAN-RESULTS":
                    if event.name == "CTRL-EVENT-SCAN-FAILED":
                        raise WifiError(f"{self._control.interface} could not scan", "Try again.")
        except TimeoutError as error:
            raise WifiError(f"a scan on {self._control.interface} did not end", "Restart wpa_supplicant.") from error

    async def _stations(self) -> list[tuple[HeardNetwork, int]]:
        heard: list[tuple[HeardNetwork, int]] = []
        first = 0
        for _ in range(_BSS_PAGES_MAX):
            page = await self._control.command(f"BSS RANGE={first}- MASK=0x{_BSS_FIELDS:x}")
            heard += read_stations(page)
            numbers = [int(number) for number in re.findall(r"^id=(\d{1,9})$", page, re.MULTILINE)]
            if not numbers:
                break
            first = max(numbers) + 1
        return heard

    async def _with_channels(self, result: JoinResult, ssid: bytes) -> JoinResult:
        heard_at = {frequency for network, frequency in await self._stations() if network.ssid == ssid}
        if result.status is Status.NO_AP or not heard_at:
            capability = await self._control.command("GET_CAPABILITY freq")
            heard_at = {int(frequency) for frequency in re.findall(r"= (\d{4}) MHz", capability)}
        return replace(result, channels=channel_list(heard_at))


def _is_station(name: str) -> bool:
    return not name.startswith("p2p-dev-") and name != "global"
