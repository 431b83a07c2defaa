"""GET /v1/onboardings/{id}/events, inside one process."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from onboarding_api.services.watching import StreamLimits
from tests.onboarding_api.actors import Api, FactoryDevice, Json, User, expect_problem


def events(response: TestResponse) -> Iterator[Json | None]:
    with closing(response):
        for octets in response.iter_encoded():
            text = octets.decode()
            assert text.endswith("\n\n")
            yield json.loads(text.partition("data: ")[2]) if text.startswith("event: onboarding\n") else None


def follow(user: User, opened: Json) -> TestResponse:
    response = user.get(f"/v1/onboardings/{opened['id']}/events")
    assert response.status_code == 200, response.text
    assert response.content_type == "text/event-stream"
    return response


def test_a_stream_tells_each_state_and_ends_at_connected(api: Api, ann: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    stream = events(follow(ann, opened))
    assert next(stream) == ann.read(opened)
    with ThreadPoolExecutor(1) as pool:
        assigned = pool.submit(next, stream)
        registered = ann.register(opened, device.answer(opened)).get_json()
        assert assigned.result(timeout=5) == ann.read(opened)
        connected = pool.submit(next, stream)
        api.device_connects(registered)
        assert (connected.result(timeout=5) or {})["state"] == "connected"
    assert list(stream) == []


def test_a_stream_of_what_is_over_says_so_and_ends(api: Api, ann: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    api.now += 300
    assert [event and event["state"] for event in events(follow(ann, opened))] == ["expired"]


@pytest.fixture
def impatient(folder: Path) -> Iterator[Api]:
    api = Api(folder, StreamLimits(count=2, life_s=60, keep_alive_s=0.05))
    yield api
    api.close()


def test_a_silent_stream_is_kept_alive_and_ends_after_its_time(impatient: Api, device: FactoryDevice) -> None:
    ann = impatient.sign_in("ann")
    stream = events(follow(ann, ann.open(device)))
    assert (next(stream) or {})["state"] == "open"
    assert next(stream) is None
    impatient.now += 60
    assert list(stream) == []


def test_streams_are_bounded_and_slots_come_back(impatient: Api, device: FactoryDevice) -> None:
    ann = impatient.sign_in("ann")
    opened = ann.open(device)
    first, second = follow(ann, opened), follow(ann, opened)
    refused = ann.get(f"/v1/onboardings/{opened['id']}/events")
    expect_problem(refused, 503, "too-many-streams")
    assert int(refused.headers["Retry-After"]) > 0
    next(events(first))
    first.close()
    follow(ann, opened).close()
    second.close()


def test_changes_of_others_wake_a_stream_but_tell_it_nothing(ann: User, zoe: User, device: FactoryDevice) -> None:
    opened = ann.open(device)
    stream = events(follow(ann, opened))
    next(stream)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, stream)
        for _ in range(5):
            zoe.onboard(FactoryDevice())
        ann.register(opened, device.answer(opened))
        assert (coming.result(timeout=5) or {})["state"] == "assigned"
