"""Refusals of the registry's documents: tenants, devices, credentials."""

from collections.abc import Mapping

from onboarding_api.domain.errors.refusal import MemberRefusedError, RegistryError


class IdentifierRefusedError(RegistryError):
    """A name has characters or a length that its kind does not allow."""

    remedy = "Choose another name."

    def __init__(self, sentence: str, parameter: str | None = None) -> None:
        super().__init__(sentence)
        self.parameter = parameter

    @property
    def facts(self) -> Mapping[str, object]:
        """The part of the path that it is, if it is one."""
        return {} if self.parameter is None else {"errors": [{"member": self.parameter, "reason": str(self)}]}


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


class CredentialUnknownError(RegistryError):
    """The device has no credentials of this type and auth-id."""

    remedy = "Look what there is: onboarding-api credential list TENANT DEVICE."


class LimitReachedError(RegistryError):
    """The tenant's registration limits allow no more devices or credentials."""

    remedy = "Have an administrator remove some first, or the operator raise the tenant's registration-limits."


class PreconditionRefusedError(RegistryError):
    """If-Match is there but says nothing that could be read; taken for absent, it would protect nothing."""

    remedy = "Send the resource's ETag in If-Match, or leave the header out to change it in whatever version it is."

    @property
    def facts(self) -> Mapping[str, object]:
        """The header."""
        return {"errors": [{"member": "If-Match", "reason": str(self)}]}


class VersionMismatchError(RegistryError):
    """The resource is not in the version that If-Match names."""

    remedy = "Read the resource again, apply the change to what it is now, and send its new ETag."


class DocumentRefusedError(MemberRefusedError):
    """A tenant, device, credential or search has a member that is not what it should be."""


class NameRefusedError(RegistryError):
    """A text is not a distinguished name."""

    remedy = "Write it as in RFC 2253, for example CN=device,O=company."
