import asyncio
import os
import pty
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest

from app_sim.errors import (
    NobodyAnswersError,
    WifiNetworkMissingError,
    WifiNetworkUnsuitableError,
    WifiPasswordMissingError,
)
from app_sim.terminal import Terminal
from app_sim.text import shown
from app_sim.wifi import Network, Wifi
from onboarding_protocol.dpp import Akm
from onboarding_protocol.members import Grant, HeardNetwork
from tests.app_sim.device import HEARD

CANARY = "canary passphrase"


class Screen(StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    def write(self, text: str) -> int:
        if text.endswith(": "):
            self.asked.set()
        return super().write(text)


@contextmanager
def at_a_terminal(typed: str) -> Iterator[tuple[Terminal, int, "Screen"]]:
    """A real pseudo-terminal at which these lines have been typed already."""
    person, terminal = pty.openpty()
    try:
        os.write(person, typed.encode())
        screen = Screen()
        yield Terminal(terminal, screen), terminal, screen
    finally:
        os.close(person)
        os.close(terminal)


@pytest.mark.parametrize(
    ("offered", "akm"),
    [
        (["psk"], Akm.PSK),
        (["sae"], Akm.SAE),
        (["psk+sae"], Akm.PSK_SAE),
        (["psk", "sae"], Akm.PSK_SAE),
        (["psk", "open"], Akm.PSK),
        ([], Akm.PSK_SAE),
    ],
)
async def test_a_network_is_joined_in_the_way_the_device_hears_it(offered: list[str], akm: Akm) -> None:
    heard = [HeardNetwork(b"Home", -40, method) for method in offered]
    network = await Wifi(b"Home", [CANARY], None).choose(heard)
    assert network == Network(b"Home", akm, CANARY)


@pytest.mark.parametrize("akm", ["open", "dot1x", "\x1b[2J"])
async def test_a_network_without_a_password_cannot_be_given(akm: str) -> None:
    with pytest.raises(WifiNetworkUnsuitableError) as error:
        await Wifi(b"Cafe", [CANARY], None).choose([HeardNetwork(b"Cafe", -40, akm)])
    assert str(error.value).isprintable()


async def test_passwords_are_tried_in_order_and_unfit_ones_are_left_out() -> None:
    wifi = Wifi(b"Home", ["short", "first one", "x" * 64, "second one", "tab\tinside"], None)
    network: Network | None = await wifi.choose([])
    tried = []
    while network is not None:
        tried.append(network.passphrase)
        network = await wifi.another_passphrase(network)
    assert tried == ["first one", "second one"]


async def test_a_wpa3_network_takes_a_short_password() -> None:
    network = await Wifi(b"Next", ["short"], None).choose(HEARD)
    assert (network.akm, network.passphrase) == (Akm.SAE, "short")


async def test_only_unfit_passwords_are_as_none() -> None:
    with pytest.raises(WifiPasswordMissingError) as error:
        await Wifi(b"Home", ["canary"], None).choose(HEARD)
    assert "canary" not in f"{error.value} {error.value.remedy}"


def test_what_cannot_be_asked_for_must_be_given() -> None:
    with pytest.raises(WifiNetworkMissingError):
        Wifi(None, [CANARY], None)
    with pytest.raises(WifiPasswordMissingError):
        Wifi(b"Home", [], None)


async def test_a_person_picks_by_number_the_strongest_first() -> None:
    heard = [HeardNetwork(b"Weak", -80, "psk"), HeardNetwork(b"Home", -40, "psk"), HeardNetwork(b"Weak", -60, "psk")]
    with at_a_terminal(f"2\n{CANARY}\n") as (terminal, _, screen):
        network = await Wifi(None, [], terminal).choose(heard)
    assert network == Network(b"Weak", Akm.PSK, CANARY)
    assert screen.getvalue().index("Home") < screen.getvalue().index("Weak")
    assert screen.getvalue().count("Weak”\n") == 1


async def test_a_person_may_type_the_name_of_a_network_that_is_not_heard() -> None:
    with at_a_terminal(f"\n{'x' * 33}\nHidden\n{CANARY}\n") as (terminal, _, screen):
        network = await Wifi(None, [], terminal).choose([])
    assert network == Network(b"Hidden", Akm.PSK_SAE, CANARY)
    assert screen.getvalue().count("1 to 32 octets") == 2


async def test_a_person_is_asked_again_for_a_password_that_cannot_be_right_or_was_wrong() -> None:
    with at_a_terminal(f"short\n{CANARY}\nthe right one\n") as (terminal, _, screen):
        wifi = Wifi(b"Home", [], terminal)
        network = await wifi.choose(HEARD)
        again = await wifi.another_passphrase(network)
    assert again is not None
    assert again.passphrase == "the right one"
    assert "8 to 63" in screen.getvalue()
    assert "refuses this password" in screen.getvalue()


async def test_a_typed_password_is_shown_nowhere() -> None:
    with at_a_terminal("") as (terminal, descriptor, screen):
        asking = asyncio.ensure_future(Wifi(b"Home", [], terminal).choose(HEARD))
        await screen.asked.wait()
        assert not termios.tcgetattr(descriptor)[3] & termios.ECHO
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert termios.tcgetattr(descriptor)[3] & termios.ECHO


async def test_a_person_who_leaves_ends_the_question() -> None:
    with at_a_terminal("\x04") as (terminal, _, _), pytest.raises(NobodyAnswersError):
        await Wifi(None, [], terminal).choose(HEARD)


@pytest.mark.parametrize(
    "ssid", [b"\x1b[2J\x1b[H", b"\r\nError", b"\xff\xfe", "\u202egnp.exe".encode(), b"a\x00b", "\u2028".encode()]
)
async def test_a_network_s_name_cannot_write_on_the_screen(ssid: bytes) -> None:
    with at_a_terminal(f"1\n{CANARY}\n") as (terminal, _, screen):
        network = await Wifi(None, [], terminal).choose([HeardNetwork(ssid, -40, "psk")])
    assert network.ssid == ssid
    assert all(line.isprintable() for line in screen.getvalue().split("\n"))
    assert shown(ssid).isprintable()


def test_a_name_that_can_be_shown_is_shown_as_it_is() -> None:
    assert shown("Café 27 [bold]".encode()) == "Café 27 [bold]"


def test_neither_password_nor_grant_shows_in_a_network() -> None:
    network = Network(b"Home", Akm.PSK, CANARY)
    assert CANARY not in f"{network!r} {network.configuration(Grant('canary assignment', (b'x',)))!r}".replace(
        "canary assignment", ""
    )
