"""docs/protocol.md says what the code does: the diagram, the numbers, the examples."""

import json
import re

import pytest

from onboarding_protocol import gatt
from onboarding_protocol.assignment import ASSIGNMENT_MAX_OCTETS, ASSIGNMENT_TYPE
from onboarding_protocol.dpp import (
    MESSAGE_MAX_OCTETS,
    ComebackDelay,
    ComebackRequest,
    ConfigurationObject,
    ConnectionStatus,
    EnrolleeRequest,
)
from onboarding_protocol.dpp.attributes import AttributeId
from onboarding_protocol.dpp.connection import DROPS_MAX
from onboarding_protocol.dpp.json_document import DEPTH_MAX, READ_DEPTH_MAX, decode_json, encode_json
from onboarding_protocol.dpp.states import MESSAGE_PATIENCE_S, PATIENCE_S, State
from onboarding_protocol.encoding import base64url_decode
from onboarding_protocol.hint import Hint
from onboarding_protocol.identity import SIGNING_REQUEST_MAX_OCTETS
from onboarding_protocol.members import (
    CERTIFICATE_MAX_OCTETS,
    NETWORKS_MAX,
    TEXT_MAX_CHARACTERS,
    DeviceState,
    DeviceStatement,
    EndpointResult,
    EndpointStatus,
    Grant,
)
from tests.protocol import samples
from tests.protocol.diagram import DOCUMENT, diagram
from tests.protocol.pair import VECTOR, Pair, full_story

TEXT = DOCUMENT.read_text()
EXAMPLES = [block.replace("…", "AAAA") for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]


def test_the_diagram_is_what_the_table_gives() -> None:
    assert re.findall(r"```mermaid\n.*?```", TEXT, re.DOTALL) == [diagram()]
    assert all(state.name in diagram() for state in State)


@pytest.mark.parametrize(
    "words",
    [
        gatt.SERVICE_UUID,
        gatt.WRITE_CHARACTERISTIC_UUID,
        gatt.NOTIFY_CHARACTERISTIC_UUID,
        f"min(ATT_MTU \N{MINUS SIGN} {gatt.ATT_HEADER_OCTETS}, {gatt.CHUNK_MAX_OCTETS})",
        f"min(ATT_MTU \N{MINUS SIGN} {gatt.NOTIFICATION_HEADER_OCTETS}, {gatt.CHUNK_MAX_OCTETS})",
        f"{MESSAGE_MAX_OCTETS:,} octets",
        f"{MESSAGE_PATIENCE_S:.0f} s",
        f"{DROPS_MAX} messages",
        f"at most {DEPTH_MAX} levels",
        f"at most {READ_DEPTH_MAX} levels",
        f"{SIGNING_REQUEST_MAX_OCTETS:,} octets",
        f"{CERTIFICATE_MAX_OCTETS:,} octets",
        f"{ASSIGNMENT_MAX_OCTETS:,} octets",
        f"{TEXT_MAX_CHARACTERS} characters",
        f"{NETWORKS_MAX} networks",
        ASSIGNMENT_TYPE,
        VECTOR["uri"],
        samples.LABEL.code,
        samples.LABEL.name,
    ],
)
def test_the_document_names_this(words: str) -> None:
    assert words in " ".join(TEXT.split())
    assert words.strip() == words


def test_every_state_waits_as_long_as_the_document_says() -> None:
    for state, patience in PATIENCE_S.items():
        assert re.search(rf"`{state.name}` \| {patience:.0f} s", TEXT), state


def test_every_attribute_hint_and_word_of_ours_is_in_the_document() -> None:
    for identifier in AttributeId:
        assert f"`{identifier:04x}`" in TEXT, identifier
    for hint in Hint:
        assert f"| `{hint:02x}` |" in TEXT
    for word in (*DeviceState, *EndpointResult):
        assert f"`{word.value}`" in TEXT


def test_the_examples_are_read_by_the_code_and_written_the_same() -> None:
    request, response, status = (decode_json(example.encode()) for example in EXAMPLES[:3])
    enrollee = EnrolleeRequest.from_json(request)
    network = ConfigurationObject.from_json(response)
    report = ConnectionStatus.from_json(status)
    assert DeviceStatement.from_members({"/onboarding": {"state": "new"}}) is not None
    assert set(enrollee.members) == set(network.members) == set(report.members) == {"/onboarding"}
    assert Grant.from_members(network.members) is not None
    assert EndpointStatus.from_members(report.members) == EndpointStatus(EndpointResult.CONNECTED)
    for document, written in ((request, enrollee.to_json()), (response, network.to_json()), (status, report.to_json())):
        assert decode_json(encode_json(dict(written))) == document


def test_the_claims_of_the_example_are_the_claims_that_are_signed() -> None:
    claims = json.loads(EXAMPLES[4])
    token = samples.grant().assignment.split(".")[1]
    signed = json.loads(base64url_decode(token))
    assert list(claims) == list(signed)
    assert set(claims["endpoint"]) == set(signed["endpoint"])


def test_the_sizes_in_the_byte_tables_are_those_on_the_wire() -> None:
    pair = Pair.fixed()
    pair.tell(full_story())
    mutual = Pair.fixed()
    mutual.tell(full_story(mutual=True)[:4])
    mutual.tell([ComebackDelay(500), ComebackRequest(), ComebackDelay(500)])
    assert [len(octets) - 4 for octets in mutual.octets[4:]] == [18, 2, 19]
    for octets in (*pair.octets[:3], pair.octets[5], *mutual.octets[1:3]):
        assert f", {len(octets) - 4} octets |" in TEXT
    assert f"{len(samples.LABEL.spki)} octets" in TEXT
