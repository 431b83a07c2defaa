"""What a search may ask for at most: whatever fits into the head of a request is answered soon, on both databases."""

import json
from urllib.parse import urlencode

import pytest

from onboarding_api.domain.management.search import FILTERS_MAX, ORDERS_MAX, POINTER_MAX, VALUE_MAX
from onboarding_api.web.openapi.document import openapi_document
from tests.onboarding_api.actors import Json
from tests.onboarding_api.managers import Manager, expect_refusal, ids

PATHS = ["/v1/devices/acme", "/v1/tenants"]


@pytest.fixture(autouse=True)
def devices(root: Manager) -> None:
    members = {f"m{number}": "x" for number in range(FILTERS_MAX)}
    root.create("/v1/devices/acme/a", {"ext": members | {"flag": True, "b": {"c": "y" * VALUE_MAX}}})
    root.create("/v1/devices/acme/b", {"ext": members | {"flag": 1}})


def eq(field: str, value: object) -> Json:
    return {"field": field, "value": value}


def ask(manager: Manager, path: str, parameter: str, *given: Json) -> tuple[int, list[str]]:
    """Send this parameter so many times; return the status and the members that are refused."""
    query = urlencode([(parameter, json.dumps(each)) for each in given])
    answer = manager.send("GET", f"{path}?{query}")
    if answer.status_code != 400:
        return answer.status_code, []
    return 400, [each["member"] for each in expect_refusal(answer, 400, "document-refused")["errors"]]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("parameter", "most", "number"), [("filterJson", FILTERS_MAX, 1000), ("sortJson", ORDERS_MAX, 1700)]
)
def test_more_filters_or_orders_than_can_be_planned_are_refused(
    amy: Manager, path: str, parameter: str, most: int, number: int
) -> None:
    given = [{"field": f"/ext/m{each}"} | ({"value": "x"} if "filter" in parameter else {}) for each in range(number)]
    assert ask(amy, path, parameter, *given[:most])[0] in (200, 404)
    assert ask(amy, path, parameter, *given[: most + 1]) == (400, [parameter])
    assert ask(amy, path, parameter, *given) == (400, [parameter])


def test_as_many_filters_of_each_kind_as_are_allowed_are_answered(root: Manager) -> None:
    for value in ("x", "x*", "*x", "?"):
        filters = [eq(f"/ext/m{number}", value) for number in range(FILTERS_MAX)]
        sort = [{"field": f"/ext/m{number}", "direction": "desc"} for number in range(ORDERS_MAX)]
        assert ids(root.search("/v1/devices/acme", filters, sort, isGateway="false")) == ["a", "b"]


def test_what_is_said_twice_counts_once(root: Manager) -> None:
    many = 10 * FILTERS_MAX
    assert ids(root.search("/v1/devices/acme", [eq("/ext/m1", "x")] * many)) == ["a", "b"]
    descending = {"field": "/id", "direction": "desc"}
    sort: list[Json] = [descending, *[{"field": "/id"}] * many]
    assert ids(root.search("/v1/devices/acme", sort=sort)) == ["b", "a"]


def test_a_truth_and_a_number_are_not_the_same_said_twice(root: Manager) -> None:
    for flag, found in [(True, ["a"]), (1, ["b"])]:
        assert ids(root.search("/v1/devices/acme", [eq("/ext/flag", flag)])) == found
    with pytest.raises(AssertionError, match="no device matches"):
        root.search("/v1/devices/acme", [eq("/ext/flag", True), eq("/ext/flag", 1)])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("length", [VALUE_MAX + 1, 55_000])
@pytest.mark.parametrize("begins", ["", "*", "a*"])
def test_a_longer_value_is_refused(root: Manager, path: str, length: int, begins: str) -> None:
    value = begins + "y" * (length - len(begins))
    assert ask(root, path, "filterJson", eq("/ext/b/c", value)) == (400, ["filterJson.value"])


def test_a_value_of_the_greatest_length_is_found(root: Manager) -> None:
    for value in ("y" * VALUE_MAX, "*" + "y" * (VALUE_MAX - 1)):
        assert ids(root.search("/v1/devices/acme", [eq("/ext/b/c", value)])) == ["a"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "pointer", ["/" + "a" * POINTER_MAX, "/a" * 25, "ext", "/", '/"', "/a\0"], ids=["long", "deep", "a", "b", "c", "d"]
)
def test_a_pointer_that_is_refused_is_named_with_its_parameter(root: Manager, path: str, pointer: str) -> None:
    assert ask(root, path, "filterJson", eq(pointer, "x")) == (400, ["filterJson.field"])
    assert ask(root, path, "sortJson", {"field": pointer}) == (400, ["sortJson.field"])


@pytest.mark.parametrize("pointer", ["/" + "é" * (POINTER_MAX - 1), "/a" * 24])
def test_pointers_of_the_greatest_length_and_depth_are_answered(root: Manager, pointer: str) -> None:
    for path in PATHS:
        assert ask(root, path, "filterJson", *[eq(pointer[:-1] + str(n % 10), f"x{n}*") for n in range(FILTERS_MAX)])[
            0
        ] in (200, 404)
        assert ask(root, path, "sortJson", *[{"field": pointer[:-1] + str(n)} for n in range(ORDERS_MAX)])[0] == 200


def test_the_bounds_are_in_the_description() -> None:
    document = json.loads(openapi_document())
    shapes = document["components"]["schemas"]
    assert shapes["Pointer"]["maxLength"] == POINTER_MAX
    assert [each.get("maxLength") for each in shapes["Filter"]["properties"]["value"]["anyOf"]] == [
        None,
        None,
        VALUE_MAX,
    ]
    for path in ("/v1/tenants", "/v1/devices/{tenant}"):
        told = {each["name"]: each["description"] for each in document["paths"][path]["get"]["parameters"]}
        assert f"up to {FILTERS_MAX} " in told["filterJson"]
        assert f"up to {ORDERS_MAX} " in told["sortJson"]
