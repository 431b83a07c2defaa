"""The formats of bulk files, without a registry: what rows mean, what is refused and where, and what comes back."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding_api.domain.bulk.batches import batches
from onboarding_api.domain.bulk.columns import as_meant, harmless
from onboarding_api.domain.bulk.json_lines import JsonLines, write_json_line
from onboarding_api.domain.bulk.rows import Fault, Position, Row
from onboarding_api.domain.bulk.table import Table, table_head, write_table_rows
from onboarding_api.domain.errors import ColumnsRefusedError
from tests.onboarding_api.actors import Json
from tests.onboarding_api.bulk import entries, faults, rows


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("hint", [False, True])
def test_what_spreadsheets_save_is_read_alike(separator: str, end: str, mark: str, hint: bool) -> None:
    lines = ["device-id|enabled|via|ext|ext.room|", 'd1|WAHR|"g1, g2"|"{""a"": 1}"|"7 ""b""' + end + 'c"|', "||||"]
    text = mark + (f"sep={separator}{end}" if hint else "") + "".join(line + end for line in lines)
    (row,) = rows(text.replace("|", separator))
    ext = {"a": 1, "room": f'7 "b"{end}c'}
    assert (row.device, row.document) == ("d1", {"enabled": True, "via": ["g1", "g2"], "ext": ext})
    assert row.credentials is None


def test_rows_of_one_device_are_its_credentials_and_their_secrets() -> None:
    one, two = rows(
        "device-id,enabled,type,auth-id,secret-id,key,pwd-plain\n"
        "d1,false,psk,p,s1,AQID,\n"
        "d1,,psk,p,s2,AQIE,\n"
        "d1,false,hashed-password,u,,,secret\n"
        "d2,,,,,,\n"
    )
    assert one.document == {"enabled": False}
    assert one.credentials == [
        {"type": "psk", "auth-id": "p", "secrets": [{"id": "s1", "key": "AQID"}, {"id": "s2", "key": "AQIE"}]},
        {"type": "hashed-password", "auth-id": "u", "secrets": [{"pwd-plain": "secret"}]},
    ]
    assert (two.device, two.credentials) == ("d2", [])


def test_a_bad_row_is_told_by_line_and_column_and_the_others_are_read() -> None:
    text = (
        "device-id,enabled,ext,via\n"  # 1
        "d1,perhaps,,\n"
        'd2,,"{""a"":",\n'
        "d/3,,,\n"
        ",true,,\n"
        "d4,,,\n"
        "d5,,,g1,surplus\n"
        'd6,,,"two\nlines"\n'
        'd8,,,"g"x\n'
        "d9,,[1],\n"
    )
    assert faults(text) == [
        (2, "enabled", "neither true nor false"),
        (3, "ext", "not JSON"),
        (4, "device-id", "a device id has 1 to 256 of the characters a-z A-Z 0-9 - _ . : = and is neither . nor .."),
        (5, "device-id", "must be given"),
        (7, "", "has 5 cells for 4 columns"),
        (10, "", "not a row of CSV: check its quotation marks"),
        (11, "ext", "Expected `object | null`, got `array`"),
    ]
    assert [entry.device for entry in entries(text) if isinstance(entry.content, Row)] == ["d4", "d6"]


def test_a_device_is_refused_whole_if_one_of_its_rows_is() -> None:
    head = b"device-id,via,type,auth-id,key\n"
    assert faults(head + b"d1,g,psk,p,AQID\nd1,,psk,\xfc,AQID\nd1,,psk,r,AQID\nd2,,,,\n") == [
        (2, "", "not UTF-8; save the file as CSV UTF-8")
    ]
    assert faults(head + b"d1,g,psk,p,AQID\nd1,h,psk,q,AQID\n") == [
        (2, "via", "line 3 contradicts the first row of this device")
    ]


@pytest.mark.parametrize(
    "head",
    [
        "",
        "\n",
        "id,enabled\n",
        "device-id,colour\n",
        "device-id,device-id\n",
        "device-id,,enabled\n",
        '"device-id\n',
        'sep="\ndevice-id\n',
        '"device-id" ,via\n',
    ],
)
def test_a_table_without_proper_columns_is_refused_as_a_whole(head: str) -> None:
    with pytest.raises(ColumnsRefusedError):
        entries(head + "d1,true\n")


def test_json_lines_are_refused_by_member() -> None:
    text = (
        '{"device-id":"d1","device":{"enabled":"no"}}\n'
        "\n"
        '{"device-id":"d2","devise":{}}\n'
        '{"device":{}}\n'
        "[]\n"
        "{\n"
        '{"device-id":"d3","device":null,"credentials":{}}\n'
        '{"device-id":"d4","device":[]}\n'
        '{"device-id":"d5","device":{"ext":{"a":"\\u0000"}}}\n' + "[" * 3000 + "\n"
        '{"device-id":"d6","device":null,"credentials":null}\n'
    )
    assert faults(text, JsonLines) == [
        (1, "device.enabled", "Expected `bool | null`, got `str`"),
        (3, "devise", "no such member; there are device-id, device and credentials"),
        (4, "device-id", "must be given"),
        (5, "", "Expected `object`"),
        (6, "", "not a JSON document"),
        (7, "credentials", "Expected `array`"),
        (8, "device", "Expected `object`"),
        (9, "device.ext.a", "holds a NUL character"),
        (10, "", "not a JSON document"),
    ]
    assert entries(text, JsonLines)[-1].content == Row("d6", {}, None)  # type: ignore[arg-type]


def test_refused_rows_are_written_such_that_they_are_the_same_rows() -> None:
    octets = 'device-id;via;ext.a\nd1;"a\nb";\'=1\n=d2;"x\nd3;ü\n'.encode() + b"d4;\xff\n"
    table = Table(io.BytesIO(octets))
    found = list(table.entries(Position()))
    refused = table.preamble() + "".join(table.refused(entry, Fault("via", 'wrong; "very"')) for entry in found)
    again = entries(refused)
    assert [entry.content for entry in again[:1]] == [entry.content for entry in found[:1]]
    assert again[2].content == found[2].content
    assert [entry.device for entry in again] == ["d1", '=d2;"x', "d3", "d4"]
    assert 'line 2: via: wrong; ""very""' in refused
    twice = Table(io.BytesIO(refused.encode()))
    assert "".join(twice.refused(entry, Fault("", "y")) for entry in twice.entries(Position())).count("line") == 4


def test_a_refused_json_line_carries_its_reason_once() -> None:
    lines = JsonLines(io.BytesIO(b'{"device-id": "d1", "device": 7}\n{oops\n[1]\n'))
    found = list(lines.entries(Position()))
    written = [lines.refused(entry, Fault("device", "r")) for entry in found]
    assert json.loads(written[0]) == {"rejected": "line 1: device: r", "device-id": "d1", "device": 7}
    assert written[1:] == ["{oops\n", "[1]\n"]
    again = JsonLines(io.BytesIO(written[0].encode()))
    (entry,) = again.entries(Position())
    assert again.refused(entry, Fault("", "s")) == '{"rejected": "line 1: s", "device-id": "d1", "device": 7}\n'


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"\\udfff": 1}', '{"a": "ü\\ud800"}'])
def test_a_json_line_that_no_utf_8_can_hold_is_refused_and_kept_as_it_means(text: str) -> None:
    lines = JsonLines(io.BytesIO(text.encode()))
    (entry,) = lines.entries(Position())
    assert entry.content == Fault("", "not a JSON document")
    written = lines.refused(entry, Fault("", "r")).encode()
    assert json.loads(written) == {"rejected": "line 1: r"} | json.loads(text)


def test_a_number_that_is_none_is_kept_as_it_was_written() -> None:
    lines = JsonLines(io.BytesIO(b'{"device-id": "d1", "n": 1e999}'))
    (entry,) = lines.entries(Position())
    assert lines.refused(entry, Fault("", "r")) == '{"device-id": "d1", "n": 1e999}\n'


@pytest.mark.parametrize("text", ["=1+1", "+49", "-1", "@SUM", "\tx", "\uff1dx", "'x", "'=x", "''"])
def test_no_exported_cell_begins_like_a_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert as_meant(harmless(text)) == text


@given(st.text())
def test_a_cell_that_was_made_harmless_means_what_it_meant(text: str) -> None:
    assert as_meant(harmless(text)) == text


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20).filter(
    lambda text: text.strip() != ""
)
JSONS = st.recursive(st.booleans() | st.integers(-(2**53), 2**53) | TEXTS, lambda inner: st.lists(inner, max_size=3))
OBJECTS = st.dictionaries(TEXTS, JSONS, max_size=3)
SECRETS = st.fixed_dictionaries({"id": TEXTS}, optional={"enabled": st.booleans(), "comment": TEXTS, "key": JSONS})
CREDENTIALS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["psk", "vendor"]),
        "auth-id": TEXTS,
        "secrets": st.lists(SECRETS, min_size=1, max_size=3),
    },
    optional={"enabled": st.booleans(), "ext": OBJECTS, "free": JSONS},
)
DEVICES = st.fixed_dictionaries(
    {},
    optional={
        "enabled": st.booleans(),
        "memberOf": st.lists(TEXTS, max_size=3, unique=True),
        "ext": OBJECTS,
        "downstream-message-mapper": TEXTS,
        "command-endpoint": st.fixed_dictionaries({"uri": TEXTS}),
    },
)


@given(
    st.from_regex(r"[a-zA-Z0-9_.:=-]{1,20}", fullmatch=True).filter(lambda device: device not in (".", "..")),
    DEVICES,
    st.lists(CREDENTIALS, max_size=3, unique_by=lambda each: (each["type"], each["auth-id"])),
    st.sampled_from([",", ";"]),
)
def test_what_is_exported_is_read_as_it_was(
    device: str, document: Json, credentials: list[Json], separator: str
) -> None:
    table = table_head(separator) + write_table_rows(device, document, credentials, separator)
    for octets, form in ((table, Table), (write_json_line(device, document, credentials), JsonLines)):
        (entry,) = entries(octets, form)
        assert entry.content == Row(device, document, credentials)  # type: ignore[arg-type]


def test_a_batch_holds_no_device_twice_and_few_passwords() -> None:
    password = {"type": "hashed-password", "auth-id": "u", "secrets": [{"pwd-plain": "x"}]}
    lines: list[Json] = [{"device-id": f"d{number % 700}"} for number in range(1500)]
    lines += [{"device-id": f"p{number}", "credentials": [password]} for number in range(100)]
    found = entries("".join(json.dumps(line) + "\n" for line in lines), JsonLines)
    cut = list(batches(found))
    assert [entry for batch in cut for entry in batch] == found
    for batch in cut:
        assert len({entry.device for entry in batch}) == len(batch) <= 1000
    assert max(sum(entry.device.startswith("p") for entry in batch if entry.device) for batch in cut) <= 33
