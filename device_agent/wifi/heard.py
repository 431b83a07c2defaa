"""What wpa_supplicant says it hears, read: names with escapes, flags that are key managements, frequencies.

Anybody near can choose what stands here. What cannot be read is left out, never an error.
"""

import re
from collections.abc import Iterable

from onboarding_protocol.dpp.objects import SSID_MAX_OCTETS
from onboarding_protocol.members import HeardNetwork

AGE_MAX_S = 60
"""What was not heard for longer is gone."""
_ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "e": b"\x1b", "\\": b"\\", '"': b'"'}
_ESCAPED = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.))|([^\\]+)", re.DOTALL)
_ORDER = ("dpp", "psk", "sae")
_BANDS = (
    (2412, 2472, 2407, 81),
    (5180, 5240, 5000, 115),
    (5260, 5320, 5000, 118),
    (5500, 5720, 5000, 121),
    (5745, 5885, 5000, 125),
    (5955, 7115, 5950, 131),
)
"""First and last frequency, frequency of channel 0, operating class (IEEE 802.11 annex E, 20 MHz)."""


def decode_ssid(text: str) -> bytes | None:
    """Return the octets of a name as wpa_supplicant prints it; None if it is empty or no name."""
    octets = b""
    end = 0
    for part in _ESCAPED.finditer(text):
        if part.start() != end:
            return None
        end = part.end()
        if part[1] is not None:
            octets += bytes.fromhex(part[1])
        elif part[2] is not None:
            if part[2] not in _ESCAPES:
                return None
            octets += _ESCAPES[part[2]]
        else:
            octets += part[3].encode("utf-8", errors="surrogateescape")
    # A hidden network's name is empty, or zeros in its length.
    return octets if end == len(text) and len(octets) <= SSID_MAX_OCTETS and octets.strip(b"\0") else None


def decode_flags(flags: str) -> str:
    """Return what it takes to join: `psk`, `sae`, `psk+sae`, `dpp` and so on, `dot1x`, `owe`, `wep` or `open`."""
    parts = {part for group in re.findall(r"\[([^\]]*)\]", flags) for part in re.split(r"[-+/]", group)}
    personal = [akm for akm in _ORDER if akm.upper() in parts]
    if personal:
        return "+".join(personal)
    for flag, akm in (("EAP", "dot1x"), ("OWE", "owe"), ("WEP", "wep")):
        if flag in parts:
            return akm
    return "open" if not parts & {"WPA", "WPA2", "RSN"} else "unknown"


def channel_of(frequency: int) -> str | None:
    """Return operating class and channel, as `81/6`; None for a frequency outside the bands we know."""
    if frequency == 2484:
        return "82/14"
    for first, last, zero, operating_class in _BANDS:
        if first <= frequency <= last and (frequency - zero) % 5 == 0:
            return f"{operating_class}/{(frequency - zero) // 5}"
    return None


def channel_list(frequencies: Iterable[int]) -> str | None:
    """Return frequencies as a channel list, as `81/1,6,11,115/36`; None if none is known."""
    pairs = [channel.split("/") for frequency in sorted(set(frequencies)) if (channel := channel_of(frequency))]
    listed: list[str] = []
    previous = None
    for operating_class, channel in pairs:
        listed.append(channel if operating_class == previous else f"{operating_class}/{channel}")
        previous = operating_class
    return ",".join(listed) or None


def read_stations(blocks: str) -> list[tuple[HeardNetwork, int]]:
    """Read replies to `BSS RANGE=…`: each network with its frequency."""
    heard = []
    for block in blocks.split("====\n"):
        facts = dict(line.split("=", 1) for line in block.split("\n") if "=" in line)
        try:
            ssid = decode_ssid(facts["ssid"])
            level, frequency, age = int(facts["level"]), int(facts["freq"]), int(facts.get("age", "0"))
        except (KeyError, ValueError):
            continue
        if ssid is not None and age <= AGE_MAX_S:
            rssi = min(max(level, -200), 0)
            heard.append((HeardNetwork(ssid, rssi, decode_flags(facts.get("flags", ""))), frequency))
    return heard


def strongest_of_each(heard: Iterable[HeardNetwork]) -> tuple[HeardNetwork, ...]:
    """Return one network of each name and key management, strongest first."""
    strongest: dict[tuple[bytes, str], HeardNetwork] = {}
    for network in sorted(heard, key=lambda network: -network.rssi):
        strongest.setdefault((network.ssid, network.akm), network)
    return tuple(strongest.values())
