"""Refusals of an onboarding: challenges, requests, proofs, ownership."""

from onboarding_api.domain.errors.refusal import RegistryError


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


class TenantDisabledError(RegistryError):
    """The operator has disabled the tenant, so it takes no devices."""

    remedy = "Ask the operator of this service to enable your tenant; what is registered already stays."


class DeviceDisabledError(RegistryError):
    """An administrator has disabled this device or the credential of its certificate; onboarding must not undo that."""

    remedy = "Ask your tenant's administrator to enable the device and its certificate's credential, or to delete it."


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
