"""Whether a device's certificate is renewed: the decision, pure.

The rules kept here:
1. What an administrator has disabled, tenant, device or credential, is not renewed, and not answered again either.
2. The request is signed by the registered operational key, and bound to the certificate that counts now. It is renewed
   once: who asks again for the one before, because the answer was lost, is given the same certificate again.
3. Nothing is renewed in the first half of its life, so a device cannot have certificates without end.
"""

from dataclasses import dataclass

from onboarding_api.domain.certificates import Leaf
from onboarding_api.domain.hono import Document
from onboarding_api.domain.identifiers import AuthorityId, DeviceKey, HardwareId, Timestamp, Version
from onboarding_protocol.identity import OtherChallengeError, SigningRequestError, VerifiedSigningRequest
from onboarding_protocol.renewal import Refusal, Validity, is_early, verify_renewal_request


class RenewalRefusedError(Exception):
    """The certificate is not renewed."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Held:
    """The certificate that counts now."""

    authority: AuthorityId
    fingerprint: bytes
    validity: Validity
    renews: bytes | None
    """SHA-256 of the certificate that it has replaced by renewal."""
    certificate: bytes | None
    """DER, if it came by renewal."""


@dataclass(frozen=True, slots=True)
class Certified:
    """What the registry knows of a device that asks for a new certificate."""

    hardware: HardwareId
    operational_key: bytes
    """SHA-256 of its SubjectPublicKeyInfo."""
    enabled: bool
    """Tenant, device and the credential of its certificate."""
    tenant_version: Version
    version: Version
    credentials_version: Version
    credential: Document
    held: Held


@dataclass(frozen=True, slots=True)
class Renewal:
    """Everything one renewal writes."""

    key: DeviceKey
    before: Certified
    leaf: Leaf
    auth_id: str
    credential: Document
    version: Version
    now: Timestamp


def judge_renewal(
    certified: Certified | None, request: bytes, now: Timestamp
) -> tuple[Certified, VerifiedSigningRequest, bool]:
    """Return what is to be renewed, the request, and whether the answer is the one that was given before."""
    if certified is None:
        raise RenewalRefusedError(Refusal.UNKNOWN)
    if not certified.enabled:
        raise RenewalRefusedError(Refusal.DISABLED)
    verified, again = _verify(certified.held, request)
    if verified.spki_hash != certified.operational_key:
        raise RenewalRefusedError(Refusal.OTHER_KEY)
    if not again and is_early(certified.held.validity, now):
        raise RenewalRefusedError(Refusal.TOO_EARLY)
    return certified, verified, again


def _verify(held: Held, request: bytes) -> tuple[VerifiedSigningRequest, bool]:
    try:
        return verify_renewal_request(request, held.fingerprint), False
    except OtherChallengeError:
        pass
    except SigningRequestError as error:
        raise RenewalRefusedError(Refusal.MALFORMED) from error
    if held.renews is None or held.certificate is None:
        raise RenewalRefusedError(Refusal.OTHER_CERTIFICATE)
    try:
        return verify_renewal_request(request, held.renews), True
    except SigningRequestError as error:
        raise RenewalRefusedError(Refusal.OTHER_CERTIFICATE) from error
