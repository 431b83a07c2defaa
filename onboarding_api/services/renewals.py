"""Renewing certificates: judge, issue and write, all or nothing; or say in one word why not.

The rules kept here: what counts is judged (`domain/renewals.py`) on what the registry says now, and the writing
transaction names what was judged; the new certificate comes from the authority that issued the one before, so that a
device can tell it from anybody else's, and never outlives it; the key stays the same.
"""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding

from onboarding_api.domain.audit import Action, Actor, Event, chain_of
from onboarding_api.domain.certificates import LEAF_LIFE_S, issue_leaf, new_serial
from onboarding_api.domain.errors import ConcurrentChangeError
from onboarding_api.domain.hono import auth_id, certificate_credential, iso
from onboarding_api.domain.identifiers import DeviceKey, Randomness, Timestamp, Version, new_uuid
from onboarding_api.domain.renewals import Certified, Renewal, RenewalRefusedError, judge_renewal
from onboarding_api.services.tenants import Authorities
from onboarding_api.storage.audit import record
from onboarding_api.storage.database import Database
from onboarding_api.storage.renewals import find_certified, write_renewal
from onboarding_protocol.identity import VerifiedSigningRequest
from onboarding_protocol.renewal import Answer, Refused, Renewed

_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Renewals:
    """Renews the certificates of devices."""

    database: Database
    authorities: Authorities
    randomness: Randomness
    certificate_life_s: int = LEAF_LIFE_S

    def answer(self, key: DeviceKey, request: bytes, now: Timestamp) -> Answer:
        """Return what a device is answered that asks for a new certificate; `key` is who it is for certain."""
        digest = hashlib.sha256(request).digest()
        for _ in range(_ATTEMPTS):
            with self.database.reading() as connection:
                certified = find_certified(connection, key)
            try:
                before, verified, again = judge_renewal(certified, request, now)
            except RenewalRefusedError as refusal:
                return Refused(digest, refusal.reason.value)
            if again and before.held.certificate is not None:
                return Renewed(digest, before.held.certificate, self._issuer(key, before))
            try:
                return Renewed(digest, self._renew(key, before, verified, now), self._issuer(key, before))
            except ConcurrentChangeError:
                continue  # another listener has most likely renewed it: look for its answer
        raise ConcurrentChangeError("this device keeps being changed by other requests")

    def _renew(self, key: DeviceKey, before: Certified, verified: VerifiedSigningRequest, now: Timestamp) -> bytes:
        authority = self.authorities.get(key.tenant, before.held.authority)
        serial = new_serial(self.randomness)
        leaf = issue_leaf(authority, key, verified.public_key, serial, now, self.certificate_life_s)
        secrets = certificate_credential(leaf, new_uuid(self.randomness))["secrets"]
        renewal = Renewal(
            key=key,
            before=before,
            leaf=leaf,
            auth_id=auth_id(key),
            credential={**before.credential, "secrets": secrets},
            version=Version(new_uuid(self.randomness)),
            now=now,
        )
        with self.database.writing() as connection:
            write_renewal(connection, renewal)
            record(connection, Actor(key.device, None, "device"), now, _event(renewal))
        return leaf.der

    def _issuer(self, key: DeviceKey, before: Certified) -> bytes:
        authority = self.authorities.get(key.tenant, before.held.authority)
        return authority.certificate.public_bytes(Encoding.DER)


def _event(renewal: Renewal) -> Event:
    details = {
        "certificate": renewal.leaf.fingerprint.hex(),
        "ends": iso(renewal.leaf.not_after),
        "renews": renewal.before.held.fingerprint.hex(),
    }
    chain, name = chain_of(renewal.key.tenant), f"device/{renewal.key.device}"
    return Event(chain, Action.CERTIFICATE_RENEWED, name, renewal.version, details=details)
