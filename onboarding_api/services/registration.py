"""Registering the device: verify, decide, issue, sign and store, all or nothing.

The rules kept here, in this order:
1. The stored reply is looked up by onboarding and signing request before the challenge is judged.
2. A wrong signing request or label proof burns an unused challenge.
3. Who may have the device is judged (`domain/ownership.py`) on what the registry says now, and everything is signed
   before the turn to write is taken, so that writers hold it for as short as possible. The writing transaction then
   names what was judged; if that has changed, nothing is written, nothing was delivered, and all is done again.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from onboarding_api.domain.accounts import Principal
from onboarding_api.domain.audit import SERVICE, Action, Event, chain_of
from onboarding_api.domain.certificates import LEAF_LIFE_S, Leaf, issue_leaf, new_serial
from onboarding_api.domain.errors import (
    ConcurrentChangeError,
    KeyAlreadyRegisteredError,
    LabelProofMissingError,
    LabelProofRefusedError,
    OnboardingUnknownError,
    SigningRequestRefusedError,
)
from onboarding_api.domain.hono import auth_id, certificate_credential, device_document
from onboarding_api.domain.identifiers import (
    DeviceKey,
    HardwareId,
    OnboardingId,
    Randomness,
    Timestamp,
    Version,
    new_device_id,
    new_uuid,
)
from onboarding_api.domain.onboardings import DeviceView, Onboarding
from onboarding_api.domain.ownership import Claimant, HardwareState, Transition, judge_claim
from onboarding_api.domain.registrations import Granted, Registered, Registration, Submission
from onboarding_api.services.signing_keys import SigningKeys
from onboarding_api.services.tenants import Authorities
from onboarding_api.storage.audit import record
from onboarding_api.storage.database import Database
from onboarding_api.storage.onboardings import burn, find_onboarding
from onboarding_api.storage.registrations import find_standing, write_registration
from onboarding_protocol.assignment import Assignment, Endpoint, TrustAnchor, sign_assignment
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.identity import (
    LabelProofError,
    SigningRequestError,
    VerifiedSigningRequest,
    verify_label_proof,
    verify_signing_request,
)

_ATTEMPTS = 8
"""Each time one of several rivals wins, so this many at once for one device are all judged."""
Render = Callable[[Granted], bytes]
"""How an answer is written; it is stored as written."""


@dataclass(frozen=True, slots=True)
class Registrar:
    """Registers devices."""

    database: Database
    authorities: Authorities
    keys: SigningKeys
    issuer: str
    randomness: Randomness
    render: Render
    certificate_life_s: int = LEAF_LIFE_S

    def register(
        self, principal: Principal, onboarding: OnboardingId, submission: Submission, now: Timestamp
    ) -> Registered:
        """Register the device that answered this onboarding's challenge, or repeat the answer given before."""
        claimant = principal.claimant()
        digest = hashlib.sha256(submission.signing_request).digest()
        for _ in range(_ATTEMPTS):
            with self.database.reading() as connection:
                opened = find_onboarding(connection, claimant, onboarding)
            if opened is None:
                raise OnboardingUnknownError("there is no such onboarding")
            if reply := opened.reply_to(digest):
                return Registered(reply, replayed=True)
            opened.require_answerable(now)
            request = self._verify(opened, claimant, submission, now)
            registration = self._grant(opened, claimant, submission, request, now)
            try:
                with self.database.writing() as connection:
                    write_registration(connection, registration)
                    record(connection, principal.actor, now, *_events(registration))
            except ConcurrentChangeError:
                continue  # most likely the same request, sent twice at once: look for its answer
            return Registered(registration.reply, replayed=False)
        raise ConcurrentChangeError("this device keeps being changed by other requests")

    def _verify(
        self, opened: Onboarding, claimant: Claimant, submission: Submission, now: Timestamp
    ) -> VerifiedSigningRequest:
        if submission.proof is None:
            raise LabelProofMissingError("the request carries no proof by the label's key")
        label = BootstrappingKey(opened.label_spki)
        try:
            verified = verify_signing_request(submission.signing_request, opened.challenge)
            verify_label_proof(label, submission.signing_request, submission.resets, submission.proof)
        except SigningRequestError as error:
            self._burn(opened, claimant, now)
            raise SigningRequestRefusedError(error.reason) from error
        except LabelProofError as error:
            self._burn(opened, claimant, now)
            raise LabelProofRefusedError(str(error)) from error
        return verified

    def _burn(self, opened: Onboarding, claimant: Claimant, now: Timestamp) -> None:
        with self.database.writing() as connection:
            burn(connection, claimant, opened.id, now)

    def _grant(
        self,
        opened: Onboarding,
        claimant: Claimant,
        submission: Submission,
        request: VerifiedSigningRequest,
        now: Timestamp,
    ) -> Registration:
        hardware = HardwareId(BootstrappingKey(opened.label_spki).key_hash)
        with self.database.reading() as connection:
            standing = find_standing(connection, hardware, request.spki_hash)
        if standing.key_taken:
            raise KeyAlreadyRegisteredError("this operational key is registered for other hardware")
        before = standing.hardware
        transition = judge_claim(before, claimant, submission.resets)
        if transition is Transition.RENEW and before and before.holding:
            key = before.holding.key
        else:
            key = DeviceKey(claimant.tenant, new_device_id(self.randomness))
        sequence = before.sequence + 1 if before else 1
        authority = self.authorities.get(claimant.tenant, opened.tenancy.authority)
        serial = new_serial(self.randomness)
        leaf = issue_leaf(authority, key, request.public_key, serial, now, self.certificate_life_s)
        device = DeviceView(key, HardwareState.ASSIGNED, submission.claims, claims_verified=False)
        granted = Granted(device, self._assign(opened, key, leaf, sequence, now), leaf.der)
        return Registration(
            onboarding=opened.id,
            claimant=claimant,
            hardware=hardware,
            before=before,
            transition=transition,
            key=key,
            tenant=opened.tenancy.tenant,
            authority=authority.id,
            leaf=leaf,
            operational_key=request.spki_hash,
            resets=submission.resets,
            sequence=sequence,
            claims=submission.claims,
            auth_id=auth_id(key),
            credential=certificate_credential(leaf, new_uuid(self.randomness)),
            device=device_document(),
            version=Version(new_uuid(self.randomness)),
            digest=request.digest,
            reply=self.render(granted),
            now=now,
        )

    def _assign(self, opened: Onboarding, key: DeviceKey, leaf: Leaf, sequence: int, now: Timestamp) -> str:
        tenancy = opened.tenancy
        anchor = TrustAnchor(*tenancy.anchor) if tenancy.anchor else None
        assignment = Assignment(
            issuer=self.issuer,
            tenant=key.tenant,
            device=key.device,
            nonce=opened.challenge,
            sequence=sequence,
            issued_at=now,
            endpoint=Endpoint(tenancy.endpoint_url, anchor),
            leaf=leaf.fingerprint,
            successors=self.keys.successors,
        )
        return sign_assignment(assignment, self.keys.assignment)


def _events(registration: Registration) -> list[Event]:
    key, holding = registration.key, registration.before.holding if registration.before else None
    details: dict[str, str | int | None] = {
        "certificate": registration.leaf.fingerprint.hex(),
        "hardware": registration.hardware.hex(),
        "onboarding": registration.onboarding,
        "sequence": registration.sequence,
        "transition": registration.transition.value,
    }
    name = f"device/{key.device}"
    events = [Event(chain_of(key.tenant), Action.DEVICE_REGISTERED, name, registration.version, details=details)]
    if holding and holding.key != key:
        # What another tenant's user did to it, and who he is, is not the old tenant's to know.
        name = f"device/{holding.key.device}"
        events.append(Event(chain_of(holding.key.tenant), Action.DEVICE_LEFT, name, told_as=SERVICE))
    return events
