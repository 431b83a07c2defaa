"""The OpenAPI document is about this application, all of it, and only it."""

import json
import re
from http import HTTPStatus

from click.testing import CliRunner

from onboarding_api.cli import onboarding_api
from onboarding_api.web.openapi.document import OPERATIONS, openapi_document
from onboarding_api.web.problems import PROBLEMS
from tests.onboarding_api.actors import Api

DOCUMENT = json.loads(openapi_document())


def test_every_route_is_described_and_nothing_else(api: Api) -> None:
    routes = {
        (method, re.sub("<([a-z]+)>", r"{\1}", rule.rule))
        for rule in api.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(each.method, each.path) for each in OPERATIONS} == routes
    assert len({each.name for each in OPERATIONS}) == len(OPERATIONS)


def test_every_problem_can_be_met_somewhere() -> None:
    documented = {refusal for each in OPERATIONS for refusal in each.every_refusal}
    assert set(PROBLEMS) <= documented, {each.__name__ for each in set(PROBLEMS) - documented}


def test_every_error_names_its_problem_types() -> None:
    for path in DOCUMENT["paths"].values():
        for operation in path.values():
            assert "500" in operation["responses"]
            for status, response in operation["responses"].items():
                if int(status) >= 400 and "application/problem+json" in response["content"]:
                    types = response["content"]["application/problem+json"]["schema"]["properties"]["type"]["enum"]
                    assert types
                    assert all(each.startswith("urn:onboarding:problem:") for each in types)
                    assert HTTPStatus(int(status))


def test_it_is_served_and_printed_alike(api: Api) -> None:
    served = api.app.test_client().get("/openapi.json")
    printed = CliRunner().invoke(onboarding_api, ["openapi"]).stdout_bytes
    assert served.data == openapi_document() == printed.rstrip(b"\n")
    assert DOCUMENT["openapi"] == "3.1.0"


def test_references_lead_somewhere() -> None:
    text = openapi_document().decode()
    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert name in DOCUMENT["components"]["schemas"]
