"""A device's certificate is renewed: who is given a new one, who is not, and what the registry says afterwards."""

import base64
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509

from onboarding_api.domain.certificates import LEAF_LIFE_S
from onboarding_api.domain.identifiers import DeviceId, DeviceKey, TenantId
from onboarding_api.key_file import load_seal
from onboarding_api.services.renewals import Renewals
from onboarding_api.services.tenants import Authorities
from onboarding_protocol.renewal import (
    Answer,
    Refused,
    Renewed,
    accept_renewed,
    create_renewal_request,
    read_answer,
    validity_of,
    write_answer,
)
from tests.onboarding_api.actors import NOON, Api, FactoryDevice, Json, User, new_key
from tests.onboarding_api.managers import Manager

LATER = NOON + LEAF_LIFE_S * 3 // 4


def key_of(registered: Json, tenant: str = "acme") -> DeviceKey:
    return DeviceKey(TenantId(tenant), DeviceId(registered["device"]["id"]))


def leaf_of(registered: Json) -> bytes:
    return base64.b64decode(registered["x5c"][0])


def ask(api: Api, key: DeviceKey, request: bytes) -> Answer:
    authorities = Authorities(api.database, load_seal(api.key_file))
    answer = Renewals(api.database, authorities, os.urandom).answer(key, request, api.clock())
    assert read_answer(write_answer(answer), request) == answer
    return answer


def renew(api: Api, device: FactoryDevice, key: DeviceKey, certificate: bytes) -> Renewed:
    answer = ask(api, key, create_renewal_request(device.key, certificate))
    assert isinstance(answer, Renewed)
    return answer


def refusal(answer: Answer) -> str:
    assert isinstance(answer, Refused)
    return answer.reason


def test_a_device_is_given_a_newer_certificate_of_the_same_authority(
    api: Api, ann: User, device: FactoryDevice
) -> None:
    registered = ann.onboard(device)
    api.now = LATER
    renewed = renew(api, device, key_of(registered), leaf_of(registered))
    validity = accept_renewed(renewed, leaf_of(registered))
    assert validity.ends == LATER + LEAF_LIFE_S
    assert x509.load_der_x509_certificate(renewed.leaf).serial_number != (
        x509.load_der_x509_certificate(leaf_of(registered)).serial_number
    )


def test_the_old_certificate_is_superseded_and_the_trail_tells_it(
    api: Api, ann: User, amy: Manager, device: FactoryDevice
) -> None:
    registered = ann.onboard(device)
    key = key_of(registered)
    path = f"/v1/credentials/acme/{key.device}"
    before, etag = amy.get(path), amy.etag(path)
    api.now = LATER
    renewed = renew(api, device, key, leaf_of(registered))
    rows = api.rows("SELECT fingerprint, revocation, renews FROM certificates ORDER BY not_before")
    old, new = (hashlib.sha256(der).digest() for der in (leaf_of(registered), renewed.leaf))
    assert [(bytes(row[0]), row[1], row[2] and bytes(row[2])) for row in rows] == [
        (old, "superseded", None),
        (new, None, old),
    ]
    assert amy.get(path) != before
    assert amy.etag(path) != etag
    told = api.rows("SELECT entry FROM audit_entries WHERE chain = 'tenant:acme' ORDER BY sequence DESC")[0][0]
    assert b"device.certificate-renewed" in bytes(told)
    assert new.hex().encode() in bytes(told)


def test_who_asks_again_because_the_answer_was_lost_is_given_the_same_certificate(
    api: Api, ann: User, device: FactoryDevice
) -> None:
    registered = ann.onboard(device)
    api.now = LATER
    first = renew(api, device, key_of(registered), leaf_of(registered))
    api.now += 3600
    again = renew(api, device, key_of(registered), leaf_of(registered))
    assert again.leaf == first.leaf
    assert api.count("certificates") == 2


def test_a_renewed_certificate_is_renewed_in_its_turn_and_the_first_one_never_again(
    api: Api, ann: User, device: FactoryDevice
) -> None:
    registered = ann.onboard(device)
    api.now = LATER
    second = renew(api, device, key_of(registered), leaf_of(registered)).leaf
    api.now += LEAF_LIFE_S * 3 // 4
    third = renew(api, device, key_of(registered), second).leaf
    assert len({leaf_of(registered), second, third}) == 3
    request = create_renewal_request(device.key, leaf_of(registered))
    assert refusal(ask(api, key_of(registered), request)) == "other-certificate"


def test_several_listeners_give_one_certificate(api: Api, ann: User, device: FactoryDevice) -> None:
    registered = ann.onboard(device)
    api.now = LATER
    with ThreadPoolExecutor(6) as listeners:
        requests = [create_renewal_request(device.key, leaf_of(registered)) for _ in range(6)]
        answers = list(listeners.map(lambda request: ask(api, key_of(registered), request), requests))
    assert len({answer.leaf for answer in answers if isinstance(answer, Renewed)}) == 1
    assert all(isinstance(answer, Renewed) for answer in answers)
    assert api.count("certificates") == 2


def test_nobody_needs_a_new_certificate_in_the_first_half(api: Api, ann: User, device: FactoryDevice) -> None:
    registered = ann.onboard(device)
    request = create_renewal_request(device.key, leaf_of(registered))
    api.now = NOON + LEAF_LIFE_S // 2 - 3600
    assert refusal(ask(api, key_of(registered), request)) == "too-early"
    assert api.count("certificates") == 1


@pytest.mark.parametrize("what", ["device", "credential", "tenant"])
def test_what_is_disabled_is_not_renewed_and_not_answered_again(
    api: Api, ann: User, amy: Manager, root: Manager, device: FactoryDevice, what: str
) -> None:
    registered = ann.onboard(device)
    key = key_of(registered)
    api.now = LATER
    renew(api, device, key, leaf_of(registered))
    if what == "device":
        amy.put(f"/v1/devices/acme/{key.device}", {"enabled": False})
    elif what == "tenant":
        root.put("/v1/tenants/acme", {"enabled": False})
    else:
        amy.put(f"/v1/credentials/acme/{key.device}", [])
    request = create_renewal_request(device.key, leaf_of(registered))
    assert refusal(ask(api, key, request)) == "disabled"


def test_what_was_enabled_again_is_renewed(api: Api, ann: User, amy: Manager, device: FactoryDevice) -> None:
    registered = ann.onboard(device)
    key = key_of(registered)
    api.now = LATER
    amy.put(f"/v1/devices/acme/{key.device}", {"enabled": False})
    assert refusal(ask(api, key, create_renewal_request(device.key, leaf_of(registered)))) == "disabled"
    amy.put(f"/v1/devices/acme/{key.device}", {"enabled": True})
    renew(api, device, key, leaf_of(registered))


def test_requests_that_are_not_this_devices_are_refused(api: Api, ann: User, zoe: User, device: FactoryDevice) -> None:
    registered = ann.onboard(device)
    other = FactoryDevice()
    foreign = zoe.onboard(other)
    api.now = LATER
    key, leaf = key_of(registered), leaf_of(registered)
    good = create_renewal_request(device.key, leaf)
    told = {
        "another key": refusal(ask(api, key, create_renewal_request(new_key(), leaf))),
        "another certificate": refusal(ask(api, key, create_renewal_request(device.key, b"none"))),
        "another device": refusal(ask(api, key_of(foreign, "globex"), good)),
        "another tenant": refusal(ask(api, key_of(registered, "globex"), good)),
        "nobody": refusal(ask(api, DeviceKey(TenantId("acme"), DeviceId("nobody")), good)),
        "a changed request": refusal(ask(api, key, good[:-1] + bytes([good[-1] ^ 1]))),
        "too long": refusal(ask(api, key, bytes(9000))),
        "nothing": refusal(ask(api, key, b"")),
    }
    assert told == {
        "another key": "other-key",
        "another certificate": "other-certificate",
        "another device": "other-certificate",
        "another tenant": "unknown",
        "nobody": "unknown",
        "a changed request": "malformed",
        "too long": "malformed",
        "nothing": "malformed",
    }
    assert api.count("certificates") == 2


def test_a_certificate_from_before_another_onboarding_is_not_renewed(
    api: Api, ann: User, device: FactoryDevice
) -> None:
    registered = ann.onboard(device)
    old_key = device.key
    device.reset()
    again = ann.onboard(device)
    api.now = LATER
    request = create_renewal_request(old_key, leaf_of(registered))
    assert refusal(ask(api, key_of(again), request)) == "other-certificate"
    assert validity_of(renew(api, device, key_of(again), leaf_of(again)).leaf).ends == LATER + LEAF_LIFE_S


def test_a_short_life_does_not_begin_long_before_it(api: Api, ann: User, device: FactoryDevice) -> None:
    registered = ann.onboard(device)
    api.now = LATER
    authorities = Authorities(api.database, load_seal(api.key_file))
    renewals = Renewals(api.database, authorities, os.urandom, 20)
    answer = renewals.answer(key_of(registered), create_renewal_request(device.key, leaf_of(registered)), api.clock())
    assert isinstance(answer, Renewed)
    assert validity_of(answer.leaf).life == 40
