"""What is written is what the strictest parser reads; what is read is JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onboarding_protocol.dpp import Akm, ConfigurationObject, ConnectionStatus, Credential, EnrolleeRequest, Status
from onboarding_protocol.dpp.json_document import DEPTH_MAX, READ_DEPTH_MAX, decode_json, encode_json
from onboarding_protocol.errors import LocalProtocolError, RemoteProtocolError
from tests.protocol import samples


def nested(levels: int) -> dict[str, object]:
    document: dict[str, object] = {}
    for _ in range(levels - 1):
        document = {"x": document}
    return document


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        "\0",
        "\n",
        "\x1f",
        "\x7f",
        "\ud800",
        b"octets",
        {1, 2},
        object(),
        nested(9),
        [[[[[[[[[1]]]]]]]]],
    ],
)
def test_what_a_known_parser_breaks_on_is_not_written(value: object) -> None:
    for document in ({"x": value}, {"x": [value]}):
        with pytest.raises(LocalProtocolError):
            encode_json(document)
    with pytest.raises(LocalProtocolError):
        encode_json({"\n": 1})
    assert encode_json(nested(DEPTH_MAX)).count(b"{") == DEPTH_MAX


def test_text_is_written_raw_and_compactly() -> None:
    octets = encode_json({"name": 'Küche 一 🛰 "\\', "n": [1, True, None]})
    assert octets == '{"name":"Küche 一 🛰 \\"\\\\","n":[1,true,null]}'.encode()
    assert b"\\u" not in octets
    assert decode_json(octets + b"\0") == {"name": 'Küche 一 🛰 "\\', "n": [1, True, None]}


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"{",
        b"{}{}",
        b"\xff{}",
        b"\xef\xbb\xbf{}",
        b'{"x":NaN}',
        b'{"x":Infinity}',
        b'{"x":-Infinity}',
        b'{"x":1,"x":2}',
        b'{"y":{"x":1,"x":1}}',
        b'{"x":"\\ud800"}',
        b'{"\\udc00":1}',
        b'{"x":' + b"[" * 5000,
        b"[" * 100_000,
        b'{"x":' * 2000 + b"1" + b"}" * 2000,
        b'{"x":' + b"9" * 5000 + b"}",
        b'{"x":"\n"}',
        json.dumps(nested(READ_DEPTH_MAX + 1)).encode(),
    ],
)
def test_what_is_not_a_json_object_is_refused(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        decode_json(octets)
    assert len(str(refused.value)) < 60, "the document itself is not repeated"


def test_other_writers_habits_are_read() -> None:
    document = decode_json(b' {"f": 1.5, "u": "\\u00e9\\ud83d\\ude00\\u0000", "deep": [[[[[[[[[[[[]]]]]]]]]]]]} \0\0')
    assert document["f"] == 1.5
    assert document["u"] == "é😀\0"
    assert decode_json(json.dumps(nested(READ_DEPTH_MAX)).encode())


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(
        st.text(max_size=4),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(), lambda c: st.lists(c, max_size=3), max_leaves=8
        ),
        max_size=4,
    )
)
def test_whatever_is_written_is_read_back(document: dict[str, Any]) -> None:
    try:
        octets = encode_json(document)
    except LocalProtocolError:
        return
    assert decode_json(octets) == document
    assert len(octets.splitlines()) == 1


@pytest.mark.parametrize(
    ("ssid", "member"),
    [
        (b"kitchen", "ssid"),
        ("Café 🛰".encode(), "ssid64"),
        (b'quo"te', "ssid64"),
        (b"back\\slash", "ssid64"),
        (b"nul\0inside", "ssid64"),
        (b"\xff\xfe\x00", "ssid64"),
        (b" ", "ssid"),
        (b"x" * 32, "ssid"),
    ],
)
def test_any_ssid_comes_through(ssid: bytes, member: str) -> None:
    document = ConfigurationObject(ssid, Credential(Akm.PSK, samples.PASSPHRASE)).to_json()
    discovery = document["discovery"]
    assert isinstance(discovery, dict)
    assert member in discovery
    assert ConfigurationObject.from_json(decode_json(encode_json(document))).ssid == ssid


@pytest.mark.parametrize("ssid", [b"", b"x" * 33])
def test_an_ssid_of_another_length_is_neither_written_nor_read(ssid: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        samples.network(ssid=ssid).to_json()
    cred = {"akm": "psk", "pass": "12345678"}
    with pytest.raises(RemoteProtocolError):
        ConfigurationObject.from_json({"wi-fi_tech": "infra", "discovery": {"ssid": ssid.decode()}, "cred": cred})
    assert ConfigurationObject.from_json(samples.network().to_json()).ssid == samples.SSID


@pytest.mark.parametrize(
    "credential",
    [
        Credential(Akm.PSK, "short"),
        Credential(Akm.PSK, "x" * 64),
        Credential(Akm.PSK_SAE, ""),
        Credential(Akm.SAE, ""),
        Credential(Akm.SAE, "x" * 64),
        Credential(Akm.PSK, "with\nnewline"),
        Credential(Akm.SAE, "\ud800\ud800\ud800"),
        Credential(Akm.PSK),
        Credential(Akm.PSK, psk=b"short"),
        Credential(Akm.SAE, psk=bytes(32)),
    ],
)
def test_a_secret_that_the_standard_does_not_allow_is_neither_written_nor_read(credential: Credential) -> None:
    with pytest.raises(LocalProtocolError) as refused:
        credential.to_json()
    assert credential.passphrase is None or credential.passphrase not in str(refused.value) or not credential.passphrase
    document = {"akm": credential.akm.value, "pass": credential.passphrase}
    if credential.psk is not None:
        document = {"akm": credential.akm.value, "psk_hex": credential.psk.hex()}
    with pytest.raises(RemoteProtocolError):
        Credential.from_json(document)


@pytest.mark.parametrize(
    ("text", "akm"),
    [
        ("psk", Akm.PSK),
        ("psk+sae", Akm.PSK_SAE),
        ("sae+psk", Akm.PSK_SAE),
        ("000FAC02", Akm.PSK),
        ("000fac02+000fac08", Akm.PSK_SAE),
        ("506F9A02+000FAC02+000FAC06+000FAC08", Akm.DPP_PSK_SAE),
    ],
)
def test_names_and_suite_selectors_of_a_credential_are_read(text: str, akm: Akm) -> None:
    assert Akm.parse(text) is akm
    assert Credential.from_json({"akm": text, "pass": "12345678"}) == Credential(akm, "12345678")
    for wrong in ("", "wep", text + "+wep", "000FAC0"):
        with pytest.raises(RemoteProtocolError):
            Credential.from_json({"akm": wrong, "pass": "12345678"})


@pytest.mark.parametrize(
    "document",
    [
        {"result": "0"},
        {"result": True},
        {"result": 99},
        {},
        {"result": 0, "ssid64": "A"},
        {"result": 0, "ssid64": "AAAA" * 11},
        {"result": 0, "channelList": 5},
    ],
)
def test_a_connection_status_of_another_form_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(RemoteProtocolError):
        ConnectionStatus.from_json(document)
    assert ConnectionStatus.from_json({"result": 10}) == ConnectionStatus(Status.NO_AP)


def test_members_of_others_survive_and_members_of_the_standard_do_not_leak_into_them() -> None:
    request = EnrolleeRequest.from_json(
        {"name": "n", "wi-fi_tech": "infra", "netRole": "sta", "mudurl": "x", "/net/connman/iwd": {"hidden": True}}
    )
    assert request.members == {"/net/connman/iwd": {"hidden": True}}
    assert request.mud_url == "x"
    assert request.net_role == "sta"
    with pytest.raises(RemoteProtocolError):
        EnrolleeRequest.from_json({"name": 5, "netRole": "sta"})


@pytest.mark.parametrize(
    "member", [{"bandSupport": 81}, {"bandSupport": ["81"]}, {"bandSupport": [True]}, {"mudurl": 1}, {"pkcs10": "!"}]
)
def test_a_request_with_a_member_of_another_form_is_refused(member: dict[str, object]) -> None:
    whole = EnrolleeRequest("n", mud_url="https://example.com/mud", bands=(81, 115), signing_request=b"der")
    assert EnrolleeRequest.from_json(whole.to_json()) == whole
    with pytest.raises(RemoteProtocolError):
        EnrolleeRequest.from_json({**whole.to_json(), **member})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"Caf\u00c3\u00a9 \u00f0\u009f\u009b\u00b0", "Café 🛰"),
        ("Café", "Café"),
        (r"Caf\u00e9", "Café"),
        ("Café 🛰", "Café 🛰"),
        ("plain", "plain"),
    ],
)
def test_text_that_hostap_wrote_octet_by_octet_is_read_as_it_was_meant(written: str, meant: str) -> None:
    discovery, cred = f'"discovery":{{"ssid":"{written}"}}', f'"cred":{{"akm":"psk","pass":"{written} {written}"}}'
    network = ConfigurationObject.from_json(decode_json(f'{{"wi-fi_tech":"infra",{discovery},{cred}}}'.encode()))
    assert network.ssid == meant.encode()
    assert network.credential.passphrase == f"{meant} {meant}"


def test_more_tokens_than_a_known_parser_reads_are_not_written() -> None:
    assert encode_json({"x": [1] * 498})
    too_many: list[dict[str, object]] = [
        {"x": [1] * 499},
        {"x": [[]] * 499},
        {str(number): 0 for number in range(500)},
    ]
    for document in too_many:
        with pytest.raises(LocalProtocolError, match="500"):
            encode_json(document)


def test_members_that_are_not_modelled_survive_and_never_replace_our_own() -> None:
    document = {"name": "x", "wi-fi_tech": "infra", "netRole": "sta", "future": {"a": [1]}, "/net/example": "y"}
    request = EnrolleeRequest.from_json(document)
    assert request.members == {"future": {"a": [1]}, "/net/example": "y"}
    assert request.to_json() == document
    assert EnrolleeRequest("ours", members={"name": "theirs"}).to_json()["name"] == "ours"
