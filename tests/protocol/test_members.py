"""Our members: whatever a device or phone writes there comes back, or RemoteProtocolError and nothing else."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onboarding_protocol.dpp.json_document import decode_json, encode_json
from onboarding_protocol.encoding import base64url_decode, base64url_encode
from onboarding_protocol.errors import RemoteProtocolError
from onboarding_protocol.identity import PROOF_OCTETS, RESETS_MAX, SIGNING_REQUEST_MAX_OCTETS
from onboarding_protocol.members import (
    CERTIFICATE_MAX_OCTETS,
    MEMBER,
    NETWORKS_MAX,
    DeviceState,
    DeviceStatement,
    EndpointResult,
    EndpointStatus,
    Grant,
    HeardNetwork,
)
from tests.protocol import samples

PRINTABLE = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cf", "Co", "Cn", "Zl", "Zp", "Zs")), min_size=1, max_size=64
)
NETWORKS = st.builds(HeardNetwork, st.binary(max_size=32), st.integers(-200, 100), PRINTABLE)
STATEMENTS = st.builds(
    DeviceStatement,
    state=st.sampled_from(DeviceState),
    resets=st.integers(0, RESETS_MAX),
    serial=st.none() | PRINTABLE,
    model=st.none() | PRINTABLE,
    firmware=st.none() | PRINTABLE,
    signing_request=st.none() | st.binary(min_size=1, max_size=300),
    proof=st.none() | st.binary(min_size=PROOF_OCTETS, max_size=PROOF_OCTETS),
    networks=st.lists(NETWORKS, max_size=NETWORKS_MAX).map(tuple),
)
GRANTS = st.builds(
    Grant,
    st.text(min_size=1, max_size=50, alphabet="abc.-_"),
    st.lists(st.binary(min_size=1, max_size=600), min_size=1, max_size=2).map(tuple),
)
STATUSES = st.builds(EndpointStatus, st.sampled_from(EndpointResult), st.none() | PRINTABLE)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=4), children, max_size=4),
    max_leaves=10,
)
MEMBERS: list[DeviceStatement | Grant | EndpointStatus] = [
    samples.statement(),
    samples.grant(),
    EndpointStatus(EndpointResult.CONNECTED, "x"),
]
READERS = (DeviceStatement, Grant, EndpointStatus)


@settings(deadline=None, max_examples=150)
@given(STATEMENTS | GRANTS | STATUSES)
def test_members_come_back_as_they_were_written(member: DeviceStatement | Grant | EndpointStatus) -> None:
    document = decode_json(encode_json(dict(member.to_members())))
    assert type(member).from_members(document) == member
    assert list(document) == [MEMBER]


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_a_hostile_member_raises_remote_protocol_error_only(data: st.DataObject) -> None:
    member = data.draw(st.sampled_from(MEMBERS))
    written = decode_json(encode_json(dict(member.to_members())))[MEMBER]
    assert isinstance(written, dict)
    written[data.draw(st.sampled_from(sorted(written)))] = data.draw(JSON)
    for reader in READERS:
        try:
            read = reader.from_members({MEMBER: written})
        except RemoteProtocolError:
            continue
        assert isinstance(read, reader)


@settings(deadline=None, max_examples=200)
@given(JSON)
def test_a_member_of_any_other_form_raises_remote_protocol_error_only(value: object) -> None:
    for reader in READERS:
        assert reader.from_members({}) is None
        try:
            read = reader.from_members({MEMBER: value})
        except RemoteProtocolError:
            continue
        assert read is None


def statement_with(**members: object) -> dict[str, object]:
    return {MEMBER: {"state": "new", **members}}


@pytest.mark.parametrize(
    "members",
    [
        {MEMBER: {}},
        {MEMBER: []},
        {MEMBER: "new"},
        {MEMBER: {"state": "stolen"}},
        statement_with(resets=-1),
        statement_with(resets=RESETS_MAX + 1),
        statement_with(resets=1.0),
        statement_with(resets=True),
        statement_with(resets=None),
        statement_with(serial="x" * 65),
        statement_with(serial="\x1b[2J"),
        statement_with(model="line\nbreak"),
        statement_with(firmware="right\u202eleft"),
        statement_with(serial=5),
        statement_with(csr=5),
        statement_with(csr=""),
        statement_with(csr="é"),
        statement_with(csr="AAA"),
        statement_with(csr=base64.b64encode(bytes(SIGNING_REQUEST_MAX_OCTETS + 1)).decode()),
        statement_with(proof=base64url_encode(bytes(63))),
        statement_with(proof=base64url_encode(bytes(65))),
        statement_with(proof=base64url_encode(bytes(64)) + "=="),
        statement_with(networks={}),
        statement_with(networks=["AAAA"]),
        statement_with(networks=[["AAAA", -40]]),
        statement_with(networks=[["AAAA", "-40", "psk"]]),
        statement_with(networks=[["AAAA", -400, "psk"]]),
        statement_with(networks=[["AAAA" * 11, -40, "psk"]]),
        statement_with(networks=[["A", -40, "psk"]]),
        statement_with(networks=[["AAAA", -40, "p\0k"]]),
    ],
)
def test_a_statement_of_a_wrong_form_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(RemoteProtocolError):
        DeviceStatement.from_members(members)
    read = DeviceStatement.from_members(statement_with())
    assert read == DeviceStatement(DeviceState.NEW)


@pytest.mark.parametrize(
    "grant",
    [
        {},
        {"assignment": "x"},
        {"x5c": ["AAAA"]},
        {"assignment": "", "x5c": ["AAAA"]},
        {"assignment": 5, "x5c": ["AAAA"]},
        {"assignment": "x", "x5c": []},
        {"assignment": "x", "x5c": "AAAA"},
        {"assignment": "x", "x5c": [None]},
        {"assignment": "x", "x5c": ["AAAA", None]},
        {"assignment": "x", "x5c": [""]},
        {"assignment": "x", "x5c": ["AAAA"] * 3},
        {"assignment": "x", "x5c": [base64.b64encode(bytes(CERTIFICATE_MAX_OCTETS + 1)).decode()]},
    ],
)
def test_a_grant_of_a_wrong_form_is_refused(grant: dict[str, object]) -> None:
    with pytest.raises(RemoteProtocolError):
        Grant.from_members({MEMBER: grant})
    assert Grant.from_members({MEMBER: {"assignment": "x", "x5c": ["AAAA"]}}) == Grant("x", (bytes(3),))


@pytest.mark.parametrize("status", [{}, {"endpoint": "gone"}, {"endpoint": 1}, {"endpoint": "refused", "reason": "\n"}])
def test_an_endpoint_status_of_a_wrong_form_is_refused(status: dict[str, object]) -> None:
    with pytest.raises(RemoteProtocolError):
        EndpointStatus.from_members({MEMBER: status})
    assert EndpointStatus.from_members({MEMBER: {"endpoint": "refused"}}) == EndpointStatus(EndpointResult.REFUSED)


def test_more_networks_than_fit_a_screen_are_left_out() -> None:
    read = DeviceStatement.from_members(statement_with(networks=[["AAAA", -40, "psk"]] * 100))
    assert read is not None
    assert len(read.networks) == NETWORKS_MAX


@pytest.mark.parametrize("text", ["A", "AAAAA", "A=", "AA==", "AA+A", "AA/A", "AA A", "AA\n", "é"])
def test_base64url_is_read_strictly(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        base64url_decode(text)
    assert base64url_decode("") == b""
    assert base64url_decode(base64url_encode(b"\xfb\xff")) == b"\xfb\xff"
