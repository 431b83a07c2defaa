"""Many at once: threads here, processes in `test_server.py`. The database holds the rules, not the luck of the draw."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeVar

from tests.onboarding_api.actors import Api, FactoryDevice, User

CALLERS = 8
Answer = TypeVar("Answer")


def at_once(calls: Sequence[Callable[[], Answer]]) -> list[Answer]:
    start = Barrier(len(calls))

    def run(call: Callable[[], Answer]) -> Answer:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_copies_of_one_request_make_one_device_and_one_answer(api: Api, device: FactoryDevice) -> None:
    users = [api.sign_in("ann") for _ in range(CALLERS)]
    opened = users[0].open(device)
    body = device.answer(opened)
    answers = at_once([partial(user.register, opened, body) for user in users])
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: CALLERS - 1}
    assert len({answer.data for answer in answers}) == 1
    assert (api.count("devices"), api.count("certificates")) == (1, 1)


def test_one_challenge_registers_one_of_many_requests(api: Api, device: FactoryDevice) -> None:
    users = [api.sign_in("ann") for _ in range(CALLERS)]
    opened = users[0].open(device)
    bodies = [FactoryDevice(label=device.label).answer(opened) for _ in users]
    answers = at_once([partial(user.register, opened, body) for user, body in zip(users, bodies, strict=True)])
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: CALLERS - 1}
    assert (api.count("devices"), api.count("certificates")) == (1, 1)


def test_a_race_for_one_device_leaves_one_owner_and_counts_every_winner(api: Api, device: FactoryDevice) -> None:
    users = [api.sign_in(name) for name in ("ann", "bob", "zoe") * 2]
    answers = [user.open(device) for user in users]
    pairs = [(user, opened, device.answer(opened)) for user, opened in zip(users, answers, strict=True)]
    results = at_once([partial(user.register, opened, body) for user, opened, body in pairs])
    assert {result.status_code for result in results} == {201}
    for table in ("devices", "credentials", "owners", "hardware"):
        assert api.count(table) == 1
    assert api.rows("SELECT sequence FROM hardware") == [(len(users),)]
    assert api.rows("SELECT count(*) FROM certificates WHERE revoked_at IS NULL") == [(1,)]


def test_one_key_in_many_devices_is_registered_once(api: Api) -> None:
    key = FactoryDevice().key
    users = [api.sign_in(name) for name in ("ann", "zoe") * 3]
    devices = [FactoryDevice(key=key) for _ in users]
    openings = [user.open(device) for user, device in zip(users, devices, strict=True)]
    bodies = [device.answer(opened) for device, opened in zip(devices, openings, strict=True)]
    calls = [partial(user.register, *each) for user, *each in zip(users, openings, bodies, strict=True)]
    assert Counter(answer.status_code for answer in at_once(calls)) == {201: 1, 409: len(users) - 1}
    assert api.count("hardware") == 1


def test_a_contact_and_a_takeover_cannot_both_win(api: Api, ann: User, zoe: User, device: FactoryDevice) -> None:
    registered = ann.onboard(device)
    opened = zoe.open(device)
    body = device.answer(opened)
    with ThreadPoolExecutor(2) as pool:
        contact = pool.submit(api.device_connects, registered)
        takeover = pool.submit(zoe.register, opened, body)
    locked = api.rows("SELECT tenant_id, state FROM hardware") == [("acme", "connected")]
    assert takeover.result().status_code == (409 if locked else 201)
    assert contact.result().value == ("first" if locked else "unknown")
