"""What an onboarding costs on the wire: `python -m tests.bench.exchange`.

Octets of each message, GATT operations at four values of ATT_MTU beside the figures the design was measured by, and
processor time of both ends together.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from onboarding_api.domain.certificates import create_authority, issue_leaf
from onboarding_api.domain.identifiers import AuthorityId, DeviceKey, TenantId, Timestamp, new_device_id
from onboarding_protocol.assignment import Endpoint, TrustAnchor, sign_assignment
from onboarding_protocol.dpp import ConfigurationRequest, ConfigurationResponse, Message
from onboarding_protocol.gatt import chunks
from onboarding_protocol.members import DeviceState, DeviceStatement, Grant
from tests.interop.play import play
from tests.protocol import samples
from tests.protocol.pair import Pair, full_story

MTUS = (23, 185, 247, 517)
EXCHANGES = 300
AIM_MS = 3.0
STANDARD = (
    "AuthenticationRequest",
    "AuthenticationResponse",
    "AuthenticationConfirm",
    "ConfigurationRequest",
    "ConfigurationResponse",
    "ConfigurationResult",
)
NOW = Timestamp(1_750_000_000)


@dataclass(frozen=True)
class Reference:
    """A row of the measured floor (protocol review, section 1.2)."""

    name: str
    octets: int
    operations: tuple[tuple[int, int], ...]
    """Writes and notifications at each ATT_MTU."""


R1 = Reference("R1", 3262, ((96, 71), (12, 10), (9, 8), (6, 5)))
RETRY = Reference("Wi-Fi only", 1069, ((27, 30), (5, 5), (3, 5), (3, 4)))


def onboarding() -> Sequence[Message]:
    """Return a full onboarding: label proof, six networks, a leaf as the API issues it, psk+sae."""
    key = DeviceKey(TenantId(samples.TENANT), new_device_id(lambda octets: bytes(range(octets))))
    authority = create_authority(AuthorityId("a"), key.tenant, samples.ISSUER_KEY, bytes(range(1, 17)), NOW)
    leaf = issue_leaf(authority, key, samples.OPERATIONAL_KEY.public_key(), bytes(range(1, 17)), NOW).der
    endpoint = Endpoint("mqtts://mqtt.example.com:8883", TrustAnchor.from_certificate(authority.certificate))
    assignment = replace(samples.assignment(leaf), device=key.device, endpoint=endpoint)
    token = sign_assignment(assignment, samples.OPERATOR_KEY)
    story = list(full_story())
    story[4] = ConfigurationResponse(objects=(samples.network(Grant(token, (leaf,)).to_members()),))
    return story


def retry() -> Sequence[Message]:
    """Return an exchange that gives an assigned device another network, no list of networks in it, as the reference."""
    story = list(full_story())
    statement = DeviceStatement(DeviceState.ASSIGNED)
    story[3] = ConfigurationRequest(samples.enrollee(statement.to_members()))
    story[4] = ConfigurationResponse(objects=(samples.network(),))
    return story


def operations(pair: Pair, story: Sequence[Message], mtu: int) -> tuple[int, int]:
    """Return writes (by the initiator, the phone) and notifications (by the device)."""
    counts = {True: 0, False: 0}
    for message, octets in zip(story, pair.octets, strict=True):
        counts[pair.sender(message.step) is pair.initiator] += len(list(chunks(octets, mtu)))
    return counts[True], counts[False]


def milliseconds(tell: Callable[[], None], times: int) -> float:
    """Return processor time of one call in the mean."""
    start = time.process_time()
    for _ in range(times):
        tell()
    return (time.process_time() - start) / times * 1000


def report(title: str, story: Sequence[Message], reference: Reference) -> list[str]:
    pair = Pair.fresh()
    pair.tell(story)
    lines = [title, f"  {'message':<26}{'octets':>8}"]
    for message, octets in zip(story, pair.octets, strict=True):
        lines.append(f"  {type(message).__name__:<26}{len(octets):>8}")
    total = sum(map(len, pair.octets))
    lines += [f"  {'total':<26}{total:>8}   {reference.name}: {reference.octets} ({total - reference.octets:+d})", ""]
    lines.append(f"  {'ATT_MTU':<10}{'writes + notifications':>24}{reference.name:>14}")
    for mtu, (writes, notifications) in zip(MTUS, reference.operations, strict=True):
        ours = "{} + {}".format(*operations(pair, story, mtu))
        lines.append(f"  {mtu:<10}{ours:>24}{f'{writes} + {notifications}':>14}")
    spent = milliseconds(lambda: Pair.fresh().tell(story), EXCHANGES)
    return [*lines, "", f"  processor time, both ends  {spent:.2f} ms (aim: at most {AIM_MS:.0f} ms)", ""]


def beside_wpa_supplicant() -> list[str]:
    """Measure the same Wi-Fi, psk and no members, given by either side to the other."""
    theirs_to_us, ours_to_them = play("wpa-configures-us"), play("we-configure-wpa-psk")
    ours = _interleave(ours_to_them["sent"], theirs_to_us["sent"])
    theirs = _interleave(theirs_to_us["received"], ours_to_them["received"])
    lines = [
        "The same Wi-Fi (psk, no members) beside wpa_supplicant 2.10",
        f"  {'message':<26}{'ours':>8}{'theirs':>8}",
    ]
    lines += [f"  {name:<26}{mine:>8}{its:>8}" for name, mine, its in zip(STANDARD, ours, theirs, strict=True)]
    return [*lines, "  (it adds a Connector and its signing key to every object)", ""]


def _interleave(initiator: object, responder: object) -> list[int]:
    if not isinstance(initiator, list) or not isinstance(responder, list):
        raise TypeError("a scenario did not say what it sent")
    return [octets for pair in zip(initiator, responder, strict=True) for octets in pair]


def main() -> None:
    lines = report("Onboarding", onboarding(), R1) + report("Wi-Fi-only retry", retry(), RETRY)
    lines += beside_wpa_supplicant()
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
