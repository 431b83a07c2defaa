"""Cutting bulk files into records: line ends, quotation marks, places, and what is too long or not UTF-8."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding_api.domain.bulk.json_lines import JsonLines
from onboarding_api.domain.bulk.records import RECORD_MAX, read_records
from onboarding_api.domain.bulk.rows import Fault, Position, Row
from onboarding_api.domain.bulk.table import Table
from onboarding_api.domain.errors import FileUnreadableError
from tests.onboarding_api.bulk import entries, rows


def test_a_quotation_mark_that_is_never_closed_costs_one_row() -> None:
    many = "".join(f"d{number},\n" for number in range(12_000))
    found = entries('device-id,via\nd,"g\n' + many)
    assert isinstance(found[0].content, Fault)
    assert found[0].content.reason == "has a quotation mark that is not closed"
    assert [(entry.line, entry.device) for entry in found[1:]] == [(n + 3, f"d{n}") for n in range(12_000)]


def test_every_kind_of_line_end_ends_a_row_whatever_the_others_are() -> None:
    found = entries('device-id,ext.a\nc1,x\rc2,y\r\nc3,z\n\rc4,"\rw"\r')
    assert [(entry.line, entry.device) for entry in found] == [(2, "c1"), (3, "c2"), (4, "c3"), (6, "c4")]
    assert [entry.content.document["ext"] for entry in found if isinstance(entry.content, Row)] == [
        {"a": "x"},
        {"a": "y"},
        {"a": "z"},
        {"a": "\rw"},
    ]


def test_a_quotation_mark_within_a_cell_is_none_and_keeps_no_other_row_from_being_read() -> None:
    octets = 'device-id,ext.a\nd1,5" pipe\nd2,x\nd3,6" pipe\nd4,"a ""b"\nd5,""\nd6,"""\n"\n'
    assert [(row.device, row.document.get("ext")) for row in rows(octets)] == [
        ("d1", {"a": '5" pipe'}),
        ("d2", {"a": "x"}),
        ("d3", {"a": '6" pipe'}),
        ("d4", {"a": 'a "b'}),
        ("d5", None),
        ("d6", {"a": '"\n'}),
    ]


def test_line_ends_are_found_wherever_the_file_is_read_in_pieces() -> None:
    for shift in range(4):
        octets = (
            b"device-id,via\r" + b"x" * (RECORD_MAX - 18 + shift) + b"\r\nd1,\r" + b"y" * 3 * RECORD_MAX + b"\rd2,\r\n"
        )
        found = entries(octets)
        assert [(entry.line, entry.device) for entry in found if isinstance(entry.content, Row)] == [
            (3, "d1"),
            (5, "d2"),
        ]
        assert found[-1].after.offset == len(octets)


@given(st.text(st.sampled_from('a",;\r\n '), max_size=40), st.sampled_from(",;"))
def test_no_record_holds_more_than_one_row(text: str, separator: str) -> None:
    octets = text.encode()
    found = list(read_records(io.BytesIO(octets), Position(), quoted=separator))
    assert "".join(_without_ends(each.text) for each in found) == _without_ends(text)
    for each in found:
        if each.fault is None:
            assert len(_lenient(each.text, separator)) <= 1


def _without_ends(text: str) -> str:
    return text.replace("\r", "").replace("\n", "")


def _lenient(text: str, separator: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


@given(st.lists(st.lists(st.text(st.sampled_from('a",;\r\n '), min_size=1), min_size=1, max_size=3), max_size=4))
def test_what_a_spreadsheet_writes_is_cut_into_its_rows(written: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r", quoting=csv.QUOTE_ALL).writerows(written)
    found = list(read_records(io.BytesIO(text.getvalue().encode()), Position(), quoted=","))
    assert [_lenient(each.text, ",") for each in found] == [[row] for row in written]


def test_utf_16_is_refused_with_what_to_do() -> None:
    with pytest.raises(FileUnreadableError) as refused:
        entries("device-id\nd1\n".encode("utf-16"))
    assert "UTF-8" in refused.value.remedy


def test_a_line_that_is_too_long_is_refused_and_the_next_one_is_read() -> None:
    long = b'{"device-id":"d1","device":{"ext":{"a":"' + b"x" * 3 * RECORD_MAX + b'"}}}\n'
    found = entries(long + b'{"device-id":"d2"}\n', JsonLines)
    assert [entry.device for entry in found] == [None, "d2"]
    assert found[0].content == Fault("", f"longer than {RECORD_MAX} octets: shorten it in this file")
    assert found[1].line == 2


def test_every_position_continues_where_it_stands() -> None:
    table = '\ufeffdevice-id,via,type,auth-id\nd1,"a\n\nb",psk,p\nd1,,psk,q\n\nd2,,,\nd3,"x\nd4,,,\n'.encode()
    lines = b'\xef\xbb\xbf{"device-id":"d1"}\n\n{"device-id":"d2"}\nnothing\n{"device-id":"d4"}'
    for octets, form in ((table, Table), (lines, JsonLines)):
        whole = entries(octets, form)
        assert len(whole) == 4
        for number, entry in enumerate(whole):
            assert list(form(io.BytesIO(octets)).entries(entry.after)) == whole[number + 1 :]


@given(st.binary(max_size=300), st.sampled_from(["", ",", ",;\t"]))
def test_no_octets_break_the_reader_and_none_are_lost(octets: bytes, quoted: str) -> None:
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        return
    found = list(read_records(io.BytesIO(octets), Position(), quoted=quoted))
    assert (found[-1].after.offset if found else 0) == len(octets)
    assert [each.line for each in found] == sorted({each.line for each in found})
    for form in (Table, JsonLines):
        after = [entry.after.line for entry in entries(b"device-id,via,ext,type,key\n" + octets, form)]
        assert after == sorted(set(after))
