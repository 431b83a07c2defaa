"""Searching tenants and devices: pages, filters, order, gateways."""

import json
from urllib.parse import urlencode

import pytest

from tests.onboarding_api.actors import Api, Json
from tests.onboarding_api.managers import Manager, expect_refusal, ids

DEVICES: dict[str, Json] = {
    "a": {"enabled": True, "ext": {"brand": "acme", "n": 1, "id": "$id:1"}},
    "b": {"enabled": False, "ext": {"brand": "Acme", "n": 2, "id": "$id:2"}, "via": ["gw"]},
    "c": {"ext": {"brand": "100%_[x]\\y", "n": 10.5, "id": "xid:2", "flag": True}},
    "d": {"ext": {"deep": {"er": "x"}, "n": "1", "a/b": "s", "flag": False}, "memberOf": ["g"]},
    "gw": {"memberOf": []},
}


@pytest.fixture(autouse=True)
def devices(api: Api, root: Manager) -> None:
    root.create("/v1/devices/globex/a", {"ext": {"brand": "acme"}})
    for identifier, document in DEVICES.items():
        root.create(f"/v1/devices/acme/{identifier}", document)
        api.now += 1


def eq(field: str, value: object) -> Json:
    return {"field": field, "value": value}


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([], "a b c d gw"),
        ([eq("/id", "a")], "a"),
        ([eq("/id", "g?")], "gw"),
        ([eq("/id", "?")], "a b c d"),
        ([eq("/enabled", True)], "a c d gw"),
        ([eq("/enabled", False)], "b"),
        ([eq("/ext/brand", "acme")], "a"),
        ([eq("/ext/brand", "?cme")], "a b"),
        ([eq("/ext/brand", "*CME")], ""),
        ([eq("/ext/brand", "*")], "a b c"),
        ([eq("/ext/brand", "100%_[x]*")], "c"),
        ([eq("/ext/brand", "*\\y")], "c"),
        ([eq("/ext/brand", "100%_[x]\\y")], "c"),
        ([eq("/ext/brand", "a%")], ""),
        ([eq("/ext/brand", "ac*e")], "a"),
        ([eq("/ext/brand", "\ud7ff*")], ""),
        ([eq("/ext/brand", "\U0010ffff*")], ""),
        ([eq("/id", "é*")], ""),
        ([eq("/id", "\ud7ff*")], ""),
        ([eq("/id", "g*"), eq("/ext/brand", "x*")], ""),
        ([eq("/ext/brand", "a" * 300 + "*")], ""),
        ([eq("/ext/brand", "a_me*")], ""),
        ([eq("/ext/id", "$id*")], "a b"),
        ([eq("/ext/id", "$id?2")], "b"),
        ([eq("/ext/id", "*id*2")], "b c"),
        ([eq("/ext/n", 1)], "a"),
        ([eq("/ext/n", 1.0)], "a"),
        ([eq("/ext/n", 10.5)], "c"),
        ([eq("/ext/n", "1")], "d"),
        ([eq("/ext/n", True)], ""),
        ([eq("/ext/n", 2**70)], ""),
        ([eq("/ext/flag", True)], "c"),
        ([eq("/ext/flag", False)], "d"),
        ([eq("/ext/flag", 1)], ""),
        ([eq("/ext/deep/er", "x")], "d"),
        ([eq("/ext/a~1b", "s")], "d"),
        ([eq("/ext/none", "x")], ""),
        ([eq("/ext", "x")], ""),
        ([eq("/id", 1)], ""),
        ([eq("/ext/brand", "a*"), eq("/ext/brand", "*e")], "a"),
        ([eq("/ext/brand", "acme"), eq("/ext/brand", "Acme")], ""),
        ([eq("/ext/brand", "?cme"), eq("/enabled", False)], "b"),
        ([eq("/status/created", "2025-06-15T12:00:01Z")], "b"),
        ([eq("/status/created", "2025-06-15T12:00:0?Z")], "a b c d gw"),
        ([eq("/status/auto-provisioned", False)], "a b c d gw"),
        ([eq("/status/auto-provisioned", "x")], ""),
    ],
)
def test_filters_find_exactly_what_matches_all_of_them(root: Manager, filters: list[Json], found: str) -> None:
    if found:
        assert ids(root.search("/v1/devices/acme", filters)) == found.split()
        return
    with pytest.raises(AssertionError, match="no device matches"):
        root.search("/v1/devices/acme", filters)


def test_a_result_is_the_whole_device_with_id_and_status(root: Manager) -> None:
    (found,) = root.search("/v1/devices/acme", [eq("/id", "b")])["result"]
    assert found == DEVICES["b"] | {"id": "b", "status": {"created": "2025-06-15T12:00:01Z"}}


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ([{"field": "/id", "direction": "desc"}], "gw d c b a"),
        ([{"field": "/status/created", "direction": "desc"}], "gw d c b a"),
        ([{"field": "/ext/n"}], "gw a b c d"),
        ([{"field": "/ext/n", "direction": "desc"}], "d c b a gw"),
        ([{"field": "/ext/brand", "direction": "asc"}], "d gw c b a"),
        ([{"field": "/ext/none"}, {"field": "/id", "direction": "desc"}], "gw d c b a"),
    ],
)
def test_results_come_in_the_order_asked_for(root: Manager, sort: list[Json], found: str) -> None:
    assert ids(root.search("/v1/devices/acme", sort=sort)) == found.split()


def test_pages_are_counted_and_one_beyond_the_end_is_empty(root: Manager) -> None:
    pages = [root.search("/v1/devices/acme", pageSize=2, pageOffset=index) for index in range(4)]
    assert [ids(page) for page in pages] == [["a", "b"], ["c", "d"], ["gw"], []]
    assert {page["total"] for page in pages} == {5}


@pytest.mark.parametrize(("direction", "expected"), [("asc", "a b c d gw"), ("desc", "gw d c b a")])
def test_a_script_goes_on_where_a_page_ended_and_misses_nothing(root: Manager, direction: str, expected: str) -> None:
    sort: list[Json] = [{"field": "/id", "direction": direction}]
    page = root.search("/v1/devices/acme", sort=sort, pageSize=2, pageToken="")
    seen = ids(page)
    while "next" in page:
        assert "total" not in page
        last = seen[-1]
        root.create(f"/v1/devices/acme/{last}0")  # beside where the page ended: before it or behind, nothing else moves
        page = root.search("/v1/devices/acme", sort=sort, pageSize=2, pageToken=page["next"])
        seen += ids(page)
    assert [each for each in seen if not each.endswith("0")] == expected.split()
    assert len(set(seen)) == len(seen)


def test_going_on_behind_the_last_is_empty_and_by_filter_too(root: Manager) -> None:
    disabled = [eq("/enabled", False)]
    first = root.search("/v1/devices/acme", disabled, pageSize=1, pageToken="")
    assert ids(first) == ["b"]
    assert root.search("/v1/devices/acme", disabled, pageSize=1, pageToken=first["next"]) == {"result": []}
    expect_refusal(root.send("GET", "/v1/devices/nobody?pageToken="), 404, "tenant-unknown")


@pytest.mark.parametrize(
    "query",
    [
        "pageToken=!",
        "pageToken=%00",
        "pageToken=AA",
        "pageToken=w6k",
        f"pageToken={'YQ' * 400}",
        "pageToken=&pageOffset=1",
        "pageToken=&sortJson=%7B%22field%22%3A%22/ext/n%22%7D",
    ],
)
def test_a_token_that_makes_no_sense_is_refused(root: Manager, query: str) -> None:
    expect_refusal(root.send("GET", f"/v1/devices/acme?{query}"), 400)


def test_tenants_are_not_paged_by_token(root: Manager) -> None:
    expect_refusal(root.send("GET", "/v1/tenants?pageToken="), 400)


def test_a_page_has_thirty_unless_another_size_is_asked_for(root: Manager) -> None:
    for number in range(40):
        root.create(f"/v1/devices/globex/n{number:02}")
    assert len(ids(root.search("/v1/devices/globex"))) == 30
    assert len(ids(root.search("/v1/devices/globex", pageSize=200))) == 41


@pytest.mark.parametrize(
    ("asked", "found"),
    [("true", "d gw"), ("TRUE", "d gw"), ("false", "a b c"), ("nonsense", "a b c"), ("", "a b c d gw")],
)
def test_gateways_are_those_named_as_such_and_members_of_groups(root: Manager, asked: str, found: str) -> None:
    assert ids(root.search("/v1/devices/acme", isGateway=asked)) == found.split()


def test_gateways_can_be_filtered_too(root: Manager) -> None:
    assert ids(root.search("/v1/devices/acme", [eq("/id", "g*")], isGateway="true")) == ["gw"]


@pytest.mark.parametrize(
    "query",
    [
        {"pageSize": "0"},
        {"pageSize": "-1"},
        {"pageSize": "201"},
        {"pageSize": "x"},
        {"pageSize": ""},
        {"pageOffset": "-1"},
        {"pageOffset": "1.5"},
        {"pageOffset": "99999999999999999999"},
        {"filterJson": "{"},
        {"filterJson": "[]"},
        {"filterJson": '{"field": "/id"}'},
        {"filterJson": '{"value": "x"}'},
        {"filterJson": '{"field": "/id", "value": null}'},
        {"filterJson": '{"field": "/id", "value": ["x"]}'},
        {"filterJson": '{"field": "/id", "value": "x", "op": "ne"}'},
        {"filterJson": '{"field": "/id", "value": "x", "more": 1}'},
        {"filterJson": '{"field": "id", "value": "x"}'},
        {"filterJson": '{"field": "/", "value": "x"}'},
        {"filterJson": '{"field": "/\\"", "value": "x"}'},
        {"filterJson": '{"field": "/a\\u0000", "value": "x"}'},
        {"filterJson": '{"field": "/a", "value": "x\\u0000"}'},
        {"filterJson": f'{{"field": "/a", "value": 1{"0" * 309}}}'},
        {"sortJson": '{"field": "/id", "direction": "ASC"}'},
        {"sortJson": '{"direction": "asc"}'},
        {"sortJson": '{"field": "/id", "other": 1}'},
    ],
)
@pytest.mark.parametrize("path", ["/v1/tenants", "/v1/devices/acme"])
def test_a_search_that_makes_no_sense_is_refused(root: Manager, path: str, query: dict[str, str]) -> None:
    response = root.client.get(path, query_string=query, auth=(root.name, root.password))
    expect_refusal(response, 400)


def test_finding_nothing_is_not_found(root: Manager) -> None:
    root.send("DELETE", "/v1/devices/acme")
    expect_refusal(root.send("GET", "/v1/devices/acme"), 404, "nothing-found")
    expect_refusal(root.send("GET", "/v1/devices/nobody"), 404, "tenant-unknown")


def test_tenants_are_searched_alike_and_have_no_status(root: Manager) -> None:
    root.create("/v1/tenants/zz", {"enabled": False, "ext": {"brand": "x"}})
    assert root.search("/v1/tenants", [eq("/ext/brand", "x")]) == {
        "total": 1,
        "result": [{"id": "zz", "enabled": False, "ext": {"brand": "x"}}],
    }
    assert ids(root.search("/v1/tenants", sort=[{"field": "/id", "direction": "desc"}])) == ["zz", "globex", "acme"]
    assert ids(root.search("/v1/tenants", pageSize=2, pageOffset=1)) == ["zz"]


ODD_POINTERS = ["/a\\", "/a.b", "/a[0]", "/$", "/'", "/a\ud800", "/" + "x/" * 400, "/é", "//", "/a\n", "/%", "/#-1"]


@pytest.mark.parametrize("pointer", ODD_POINTERS)
@pytest.mark.parametrize("parameter", ["filterJson", "sortJson"])
def test_an_odd_pointer_is_refused_or_finds_nothing(root: Manager, pointer: str, parameter: str) -> None:
    wanted = {"field": pointer} if parameter == "sortJson" else eq(pointer, "x")
    for path in ("/v1/devices/acme", "/v1/tenants"):
        answer = root.send("GET", f"{path}?{urlencode({parameter: json.dumps(wanted)})}")
        assert answer.status_code in (200, 400, 404), answer.text


ODD_NAMES = ["straße", "b\\s", "日本", "a b", "tab\t", "\x7f", "a.b", "[0]", "$", "'", "\\u00e9", "🜁", "", "\u2028"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_members_of_any_name_are_found_and_sorted_by(root: Manager, name: str) -> None:
    for device, value in [("x1", "b"), ("x2", "c"), ("x3", "a")]:
        root.create(f"/v1/devices/globex/{device}", {"ext": {name: value, "in": {name: {"n": value}}}})
    root.create("/v1/tenants/zz", {"ext": {name: "a"}})
    for pointer in (f"/ext/{name}", f"/ext/in/{name}/n"):
        assert ids(root.search("/v1/devices/globex", [eq(pointer, "a")])) == ["x3"]
        assert ids(root.search("/v1/devices/globex", [eq(pointer, "?")])) == ["x1", "x2", "x3"]
        sort: list[Json] = [{"field": pointer, "direction": "desc"}]
        assert ids(root.search("/v1/devices/globex", sort=sort)) == ["x2", "x1", "x3", "a"]
    assert ids(root.search("/v1/tenants", [eq(f"/ext/{name}", "a")])) == ["zz"]


@pytest.mark.parametrize("pointer", ["/via/0", "/via/-1", "/ext/d/e/0", "/ext/d/e/ 1", "/ext/d/e/2/f", "/via/0/x"])
def test_elements_of_arrays_cannot_be_addressed(root: Manager, pointer: str) -> None:
    root.create("/v1/devices/globex/x", {"via": ["gw"], "ext": {"d": {"e": [1, 2, {"f": 1}]}}})
    for value in ("gw", 1, 2, "*"):
        with pytest.raises(AssertionError, match="no device matches"):
            root.search("/v1/devices/globex", [eq(pointer, value)])
    for direction in ("asc", "desc"):
        sort: list[Json] = [{"field": pointer, "direction": direction}]
        assert ids(root.search("/v1/devices/globex", sort=sort)) == ["a", "x"]


def test_members_with_names_like_indexes_are_found(root: Manager) -> None:
    root.create("/v1/devices/globex/x", {"ext": {"0": {"-1": "y"}}})
    assert ids(root.search("/v1/devices/globex", [eq("/ext/0/-1", "y")])) == ["x"]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("asc", "none list object off on float whole big text1 text2"),
        ("desc", "text2 text1 big on float whole off none list object"),
    ],
)
def test_equal_values_leave_the_order_to_what_comes_next(root: Manager, direction: str, expected: str) -> None:
    root.send("DELETE", "/v1/devices/globex")
    values: Json = {"none": None, "list": ["z"], "object": {"z": 1}, "off": False, "on": True, "float": 1.0, "whole": 1}
    values |= {"big": 1e300, "text1": "1", "text2": "false"}
    for number, (device, value) in enumerate(values.items()):
        root.create(f"/v1/devices/globex/{device}", {"ext": {"n": value, "next": number}})
    sort: list[Json] = [{"field": "/ext/n", "direction": direction}, {"field": "/ext/next"}]
    assert ids(root.search("/v1/devices/globex", sort=sort)) == expected.split()


@pytest.mark.parametrize("big", [1e300, -1e300, 2.0**63, -(2.0**63), 1e29, 1.5e308])
def test_numbers_of_any_size_are_found(root: Manager, big: float) -> None:
    root.create("/v1/devices/globex/x", {"ext": {"n": big, "in": {"n": big}}})
    root.create("/v1/devices/globex/y", {"ext": {"n": str(big), "in": {"n": big / 4}}})
    root.create("/v1/tenants/zz", {"ext": {"n": big}})
    for pointer in ("/ext/n", "/ext/in/n"):
        assert ids(root.search("/v1/devices/globex", [eq(pointer, big)])) == ["x"]
        with pytest.raises(AssertionError, match="no device matches"):
            root.search("/v1/devices/globex", [eq(pointer, big * 1.1)])
    assert ids(root.search("/v1/tenants", [eq("/ext/n", big)])) == ["zz"]
