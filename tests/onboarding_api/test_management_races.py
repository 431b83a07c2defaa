"""Many managers at once: the database holds the rules."""

from collections import Counter
from functools import partial

from tests.onboarding_api.actors import Api
from tests.onboarding_api.managers import Manager, base64_of, certificate
from tests.onboarding_api.test_races import CALLERS, at_once


def managers(api: Api) -> list[Manager]:
    everybody = [Manager.of(api, "root") for _ in range(CALLERS)]
    everybody[0].get("/v1/tenants/acme")
    return everybody


def test_one_id_is_created_once(api: Api) -> None:
    everybody = managers(api)
    for path in ("/v1/tenants/new", "/v1/devices/acme/new"):
        answers = at_once([partial(each.send, "POST", path, {}) for each in everybody])
        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: CALLERS - 1}


def test_a_limit_holds_against_rivals(api: Api, root: Manager) -> None:
    root.put("/v1/tenants/acme", {"registration-limits": {"max-devices": 3}})
    answers = at_once([partial(each.send, "POST", "/v1/devices/acme", {}) for each in managers(api)])
    assert Counter(answer.status_code for answer in answers) == {201: 3, 403: CALLERS - 3}
    assert api.count("devices") == 3


def test_of_rivals_with_one_version_one_wins(api: Api, root: Manager) -> None:
    root.create("/v1/devices/acme/d1")
    for path in ("/v1/tenants/acme", "/v1/devices/acme/d1", "/v1/credentials/acme/d1"):
        body: object = [] if "credentials" in path else {}
        version = root.etag(path)
        answers = at_once([partial(each.send, "PUT", path, body, if_match=version) for each in managers(api)])
        assert Counter(answer.status_code for answer in answers) == {204: 1, 412: CALLERS - 1}


def test_without_a_version_all_win_one_after_the_other(api: Api, root: Manager) -> None:
    root.create("/v1/devices/acme/d1")
    answers = at_once([partial(each.send, "PUT", "/v1/devices/acme/d1", {}) for each in managers(api)])
    assert Counter(answer.status_code for answer in answers) == {204: CALLERS}


def test_an_auth_id_an_alias_and_an_authority_are_taken_once(api: Api, root: Manager) -> None:
    everybody = managers(api)
    for number in range(CALLERS):
        root.create(f"/v1/devices/acme/d{number}")
        root.create(f"/v1/tenants/t{number}")
    psk = [{"type": "psk", "auth-id": "a", "secrets": [{"key": "AQID"}]}]
    authority = {"trusted-ca": [{"cert": base64_of(certificate("CN=ca"))}]}
    for pattern, body in (
        ("/v1/credentials/acme/d{}", psk),
        ("/v1/tenants/t{}", {"alias": "x"}),
        ("/v1/tenants/t{}", authority),
    ):
        calls = [partial(each.send, "PUT", pattern.format(number), body) for number, each in enumerate(everybody)]
        answers = at_once(calls)
        assert Counter(answer.status_code for answer in answers) == {204: 1, 409: CALLERS - 1}
    assert (api.count("credentials"), api.count("trust_anchors")) == (1, 1)


def test_one_name_becomes_the_id_or_the_alias_of_one_tenant(api: Api, root: Manager) -> None:
    everybody = managers(api)
    for number in range(CALLERS // 2):
        root.create(f"/v1/tenants/t{number}")
    calls = [partial(each.send, "POST", "/v1/tenants/x") for each in everybody[CALLERS // 2 :]]
    calls += [
        partial(each.send, "PUT", f"/v1/tenants/t{number}", {"alias": "x"})
        for number, each in enumerate(everybody[: CALLERS // 2])
    ]
    won = Counter(answer.status_code // 100 for answer in at_once(calls))
    assert won == {2: 1, 4: CALLERS - 1}
