"""What the device says of itself in a Configuration Request, made fresh for every exchange."""

from dataclasses import dataclass

from device_agent.record import NONCES_KEPT
from device_agent.store import Store
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import EnrolleeRequest
from onboarding_protocol.identity import create_signing_request, sign_label_proof
from onboarding_protocol.members import DeviceState, DeviceStatement, HeardNetwork


@dataclass(frozen=True, slots=True)
class Particulars:
    """What the manufacturer says of this device."""

    serial: str | None = None
    model: str | None = None
    firmware: str | None = None


def make_request(
    store: Store, particulars: Particulars, challenge: bytes, heard: tuple[HeardNetwork, ...]
) -> EnrolleeRequest:
    """Return the request that answers this challenge; the challenge is on disk before it is answered.

    A device that holds an assignment offers no signing request: it takes Wi-Fi only.
    """
    record = store.record
    signing_request = proof = None
    if record.state is DeviceState.NEW:
        store.remember_nonce(challenge, NONCES_KEPT)
        signing_request = create_signing_request(store.operational_key, challenge)
        proof = sign_label_proof(store.bootstrapping_key, signing_request, record.resets)
    statement = DeviceStatement(
        state=record.state,
        resets=record.resets,
        serial=particulars.serial,
        model=particulars.model,
        firmware=particulars.firmware,
        signing_request=signing_request,
        proof=proof,
        networks=heard,
    )
    name = BootstrappingKey.from_public_key(store.bootstrapping_key.public_key()).name
    return EnrolleeRequest(name, members=statement.to_members())
