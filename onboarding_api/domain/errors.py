"""What can go wrong, in the registry's own words. No class here knows HTTP: `web/problems.py` has the one mapping.

A class exists where a caller acts differently. `str(error)` says what happened, `remedy` what to do next, and
`facts` what a program may read. None of them names another tenant, another user or a secret.
"""

from collections.abc import Mapping
from typing import ClassVar


class RegistryError(Exception):
    """Base of all refusals; never raised itself."""

    remedy: ClassVar[str]

    @property
    def facts(self) -> Mapping[str, object]:
        """Machine-readable particulars of this refusal."""
        return {}


class IdentifierRefusedError(RegistryError):
    """A name has characters or a length that its kind does not allow."""

    remedy = "Choose another name."


class TenantExistsError(RegistryError):
    """This tenant id is taken."""

    remedy = "Choose another tenant id, or use the tenant that exists: onboarding-api tenant list."


class TenantUnknownError(RegistryError):
    """There is no such tenant."""

    remedy = "Create it first: onboarding-api tenant create TENANT --endpoint mqtts://HOST:PORT."


class EndpointMissingError(RegistryError):
    """The tenant has no endpoint, so its devices would have nowhere to connect."""

    remedy = "Have the operator give it one: onboarding-api tenant endpoint TENANT --endpoint mqtts://HOST:PORT."


class EndpointRefusedError(RegistryError):
    """The endpoint's address or its trust anchor cannot be assigned to a device."""

    remedy = "Give mqtts://HOST:PORT, and a PEM certificate of a P-256 authority if the endpoint has a private one."


class UserExistsError(RegistryError):
    """This user name is taken."""

    remedy = "Choose another user name."


class UserRefusedError(RegistryError):
    """Role, tenant and password do not make an account."""

    remedy = "Operators have no tenant, all other roles need one; a password has at least 8 characters."


class CredentialsRefusedError(RegistryError):
    """User name or password is wrong. Which of them is not said, and costs the same time."""

    remedy = "Check user name and password."


class TokenRefusedError(RegistryError):
    """The access token is absent, expired, foreign or forged."""

    remedy = "Sign in again: POST /v1/tokens."


class RoleRefusedError(RegistryError):
    """The account may not do this."""

    remedy = "Sign in with an account that belongs to the tenant whose device this will be."


class BootstrappingKeyRefusedError(RegistryError):
    """The label's key is not a compressed P-256 SubjectPublicKeyInfo."""

    remedy = "Send field K of the label's DPP URI unchanged."


class OnboardingUnknownError(RegistryError):
    """This user has no such onboarding. Another user's looks exactly like none."""

    remedy = "Open a new onboarding: POST /v1/onboardings."


class ChallengeExpiredError(RegistryError):
    """The challenge was not answered in time."""

    remedy = "Open a new onboarding and start a new exchange with the device."


class ChallengeUsedError(RegistryError):
    """The challenge registered another signing request; that registration stands."""

    remedy = "Repeat the request that was answered, byte for byte, or open a new onboarding."


class ChallengeBurntError(RegistryError):
    """The challenge was answered wrongly before; an answer is judged once."""

    remedy = "Open a new onboarding and start a new exchange with the device."


class SigningRequestRefusedError(RegistryError):
    """The signing request does not verify, or does not carry this onboarding's challenge."""

    remedy = "Open a new onboarding; the device must sign its challenge with the key it will use."


class LabelProofMissingError(RegistryError):
    """The request has no proof by the label's key."""

    remedy = "Relay the device's member `proof` with its signing request."


class LabelProofRefusedError(RegistryError):
    """The proof was not made by this label's key over this request and reset counter."""

    remedy = "Scan the label of the device that you are talking to, and open a new onboarding."


class DeviceOwnedElsewhereError(RegistryError):
    """The device is connected for somebody else. Who, and whether of this tenant, is not said."""

    remedy = "Its present owner must release it first."


class KeyAlreadyRegisteredError(RegistryError):
    """The operational key belongs to other hardware; keys are unique across tenants."""

    remedy = "Reset the device so that it makes a new key, then onboard it again."


class ResetsBehindError(RegistryError):
    """The reset counter is lower than one this hardware has already shown."""

    remedy = "Relay the device's present reset counter; an older signing request cannot be used again."


class TooManyStreamsError(RegistryError):
    """This process holds as many open streams as it may."""

    remedy = "Poll GET /v1/onboardings/{id}, or open the stream again later."

    def __init__(self, sentence: str, retry_after_s: int) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class KeyFileRefusedError(RegistryError):
    """The key-encryption key cannot be read, or others could read it."""

    remedy = "Give --key-file (ONBOARDING_KEY_FILE) a file of mode 0600; onboarding-api db upgrade creates one."


class SealBrokenError(RegistryError):
    """A stored private key does not open: it was sealed under another key-encryption key, or altered."""

    remedy = "Start with the key file that this database was created with."


class AddressRefusedError(RegistryError):
    """The address to listen on is malformed or taken."""

    remedy = "Give --bind (ONBOARDING_BIND) a free HOST:PORT."


class BrokerRefusedError(RegistryError):
    """The broker's address, its authority, or our certificate there cannot be used."""

    remedy = "Give --broker mqtts://HOST:PORT and readable PEM files as --broker-ca, --certificate and --key."


class DatabaseUnusableError(RegistryError):
    """The database URL is wrong, or what it names cannot be opened."""

    remedy = "Give --database (ONBOARDING_DATABASE) a URL such as sqlite:////var/lib/onboarding/registry.db."


class DatabaseUnreachableError(DatabaseUnusableError):
    """The database server does not answer, or has just ended our connection."""

    remedy = "Try again shortly; if it stays, check that the server runs and that --database names it."


class SchemaOutdatedError(RegistryError):
    """The database's tables are not the ones this program needs."""

    remedy = "Run: onboarding-api db upgrade --database URL --key-file FILE"


class ConcurrentChangeError(RegistryError):
    """Somebody else changed the same rows at the same time, more often than we care to repeat."""

    remedy = "Send the same request again."


class ManagementRefusedError(RegistryError):
    """The account may not manage this."""

    remedy = "Sign in as the tenant's administrator or, for what the operator decides, as an operator."


class DeviceUnknownError(RegistryError):
    """The tenant has no such device."""

    remedy = "Check the device id: GET /v1/devices/{tenant}."


class NothingFoundError(RegistryError):
    """A search matched nothing; Hono tells this as not found."""

    remedy = "Search with fewer or other filters."


class DeviceExistsError(RegistryError):
    """This device id is taken in its tenant."""

    remedy = "Choose another device id, or update the device that exists."


class AliasTakenError(RegistryError):
    """Another tenant has this alias."""

    remedy = "Choose another alias."


class TrustAnchorTakenError(RegistryError):
    """Another tenant trusts an authority of this name, and the two are not in one trust anchor group."""

    remedy = "Remove the authority, or put both tenants into one trust-anchor-group."

    def __init__(self, sentence: str, subject_dn: str) -> None:
        super().__init__(sentence)
        self.subject_dn = subject_dn

    @property
    def facts(self) -> Mapping[str, object]:
        """The name in conflict."""
        return {"subject-dn": self.subject_dn}


class CredentialTakenError(RegistryError):
    """Another device of the tenant has credentials of this type and auth-id."""

    remedy = "Choose another auth-id, or remove the other device's credentials first."


class LimitReachedError(RegistryError):
    """The tenant's registration limits allow no more devices or credentials."""

    remedy = "Remove some first, or have the operator raise the tenant's registration-limits."


class VersionMismatchError(RegistryError):
    """The resource is not in the version that If-Match names."""

    remedy = "Read the resource again, apply the change to what it is now, and send its new ETag."


class DocumentRefusedError(RegistryError):
    """A tenant, device, credential or search has a member that is not what it should be."""

    remedy = "Correct the member named in `errors` and send the request again."

    def __init__(self, member: str, reason: str) -> None:
        super().__init__(f"{member}: {reason}" if member else reason)
        self.member = member
        self.reason = reason

    @property
    def facts(self) -> Mapping[str, object]:
        """The member and what is wrong with it."""
        return {"errors": [{"member": self.member, "reason": self.reason}]}


class NameRefusedError(RegistryError):
    """A text is not a distinguished name."""

    remedy = "Write it as in RFC 2253, for example CN=device,O=company."
