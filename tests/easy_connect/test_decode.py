"""A captured exchange, readably; and whatever else is given to read."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from app_sim.cli import main
from app_sim.easy_connect.capture import Captured, Unreadable, read_capture
from app_sim.easy_connect.dissect import Dissector
from onboarding_protocol.dpp import ConfigurationResponse, State, delimit
from onboarding_protocol.members import Grant
from tests.protocol import samples
from tests.protocol.forge import K1, K2, KE
from tests.protocol.pair import Pair, full_story

TOLD = full_story()
RECORDED = Pair.at(State.COMPLETE, TOLD).octets
STREAM = b"".join(RECORDED)
KEYS = ["--key", f"ke={KE.hex()}", "--key", f"k1={K1.hex()}", "--key", f"k2={K2.hex()}"]
TITLES = [
    "Authentication Request",
    "Authentication Response",
    "Authentication Confirm",
    "GAS Initial Request",
    "GAS Initial Response",
    "Configuration Result",
    "Connection Status Result",
]
NAMED = list(zip(RECORDED, TITLES, strict=True))


def decode(octets: bytes | str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["easy-connect", "decode", "-", *arguments], input=octets)


def messages(result: Result) -> list[dict[str, object]]:
    return [line["message"] for line in map(json.loads, result.stdout.splitlines()) if "message" in line]


def assignment() -> str:
    response = TOLD[4]
    assert isinstance(response, ConfigurationResponse)
    grant = Grant.from_members(response.objects[0].members)
    assert grant is not None
    return grant.assignment


def fault(octets: bytes | str) -> str:
    result = decode(octets, "--json")
    assert result.exit_code == 1
    error = json.loads(result.stdout.splitlines()[-1])["error"]
    assert error["type"] == "capture-broken"
    return str(error["message"])


def test_an_exchange_is_shown_with_the_names_of_the_standard() -> None:
    result = decode(STREAM)
    assert result.exit_code == 0
    heads = [line for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert heads[0] == "Authentication Request, 197 octets at octet 4"
    assert [head.partition(",")[0] for head in heads] == TITLES
    assert "    Status (1): OK" in result.stdout.splitlines()
    assert "    Wrapped Data (41): closed" in result.stdout.splitlines()


def test_with_the_keys_everything_opens_and_secrets_stay_hidden() -> None:
    result = decode(STREAM, *KEYS)
    assert "closed" not in result.stdout
    assert result.stdout.count("opened with ke") == 6
    assert '"netRole": "sta"' in result.stdout
    for secret in (samples.PASSPHRASE, assignment(), samples.CHALLENGE.hex(), KE.hex()):
        assert secret not in result.output


def test_secrets_are_shown_to_whoever_asks() -> None:
    result = decode(STREAM, *KEYS, "--show-secrets")
    for secret in (samples.PASSPHRASE, assignment(), samples.CHALLENGE.hex()):
        assert secret in result.output


def test_a_wrong_key_opens_nothing_and_is_not_repeated() -> None:
    key = "ab" * 32
    result = decode(STREAM, "--key", f"ke={key}")
    assert result.exit_code == 0
    assert "closed: opens with none of ke" in result.stdout
    refused = decode(STREAM, "--key", f"kx={key}")
    assert refused.exit_code == 2
    assert key not in refused.output


def test_lines_of_hexadecimal_digits_are_the_same_exchange(tmp_path: Path) -> None:
    lines = [f"{'<>'[n % 2]} {octets.hex(' ')}  # {title}" for n, (octets, title) in enumerate(NAMED)]
    bare = [octets[4:].hex() for octets in RECORDED]
    (tmp_path / "capture").write_text("\n".join(lines))
    named = CliRunner().invoke(main, ["easy-connect", "decode", str(tmp_path / "capture"), "--json"])
    assert [message["name"] for message in messages(named)] == TITLES
    assert [message["direction"] for message in messages(named)] == list("<><><><")
    assert [message["name"] for message in messages(decode("\n".join(bare), "--json"))] == TITLES


@pytest.mark.parametrize("size", [20, 182, 500])
def test_chunks_of_both_directions_are_put_together(size: int) -> None:
    lines = []
    for number, octets in enumerate(RECORDED):
        lines += [f"{'<>'[number % 2]}{octets[at : at + size].hex()}" for at in range(0, len(octets), size)]
    assert [message["name"] for message in messages(decode("\n".join(lines), "--json"))] == TITLES


def test_a_hint_and_a_comeback_are_named() -> None:
    text = "ff01\n0c07\n0d07000000f4016c087fdd05506f9a1a010000\nf512"
    names = [message["name"] for message in messages(decode(text, "--json"))]
    assert names == ["Hint: busy", "GAS Comeback Request", "GAS Comeback Response", "Foreign message f5"]


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (STREAM[:300], "octet 201: the capture ends inside a message: 99 octets of it are here"),
        (b"\0\0\0\0" + STREAM, "octet 0: a message of 0 octets is announced"),
        (STREAM + b"\xff" * 8, f"octet {len(STREAM)}: a message of 4294967295 octets is announced"),
        (delimit(b"\x01abc"), "octet 4: 01 is no action octet"),
        (delimit(b"\x09\x50\x6f\x9a\x1b\x01\x00"), "octet 5: a vendor-specific frame that is not DPP"),
        (delimit(b"\x09\x50\x6f"), "octet 7: the frame ends inside its header"),
        (delimit(bytes.fromhex("09506f9a1a0100 0010 0500 00")), "octet 11: Status announces 5 octets, and 1 are left"),
        (delimit(bytes.fromhex("09506f9a1a0100 001001")), "octet 11: 3 octets are left, too few for an attribute"),
        (delimit(bytes.fromhex("0a01")), "octet 6: the advertisement protocol is not DPP's"),
        (delimit(bytes.fromhex("0b0100")), "octet 7: the frame ends inside its header"),
        ("ff01\nxyz", "line 2, octet 0: these are not pairs of hexadecimal digits"),
        ("# nothing\n 09506f", "line 2, octet 3: the frame ends inside its header"),
        ("000000c5\n0900", "line 1, octet 0: the capture ends inside a message"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_octet_and_its_reason(octets: bytes | str, expected: str) -> None:
    assert fault(octets).startswith(expected)


def test_what_comes_before_a_fault_is_shown() -> None:
    result = decode(STREAM[:-1], "--json")
    assert [message["name"] for message in messages(result)] == TITLES[:-1]
    (message,) = messages(decode(delimit(RECORDED[0][4:-1]), "--json"))
    assert message["name"] == "Authentication Request"
    assert isinstance(message["attributes"], list)
    assert len(message["attributes"]) == 4
    assert message["fault"]


def test_a_file_that_is_not_there_ends_with_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["easy-connect", "decode", str(tmp_path / "nothing")])
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 2


def test_an_empty_capture_is_an_empty_answer() -> None:
    result = decode(b"")
    assert (result.exit_code, result.output) == (0, "")


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_whatever_is_read_nothing_is_raised(octets: bytes) -> None:
    for item in read_capture(octets):
        assert isinstance(item, Captured | Unreadable)
        if isinstance(item, Captured):
            assert Dissector({"ke": KE}).dissect(item.message).octets == len(item.message)
