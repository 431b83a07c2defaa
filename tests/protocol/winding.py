"""One onboarding with everything that may be said beside the straight story."""

from cryptography.hazmat.primitives.serialization import Encoding

from onboarding_protocol.dpp import (
    CSR_ATTRIBUTES,
    Akm,
    AuthenticationResponse,
    ComebackDelay,
    ComebackRequest,
    ConfigurationObject,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfiguratorKey,
    Credential,
    EnrolleeRequest,
    EnterpriseCredential,
    Message,
    Status,
)
from tests.protocol import samples
from tests.protocol.pair import full_story

TOLD = full_story(mutual=True)
LEAF = samples.lean_leaf().public_bytes(Encoding.DER)
CONNECTED = ConfiguratorKey(samples.OPERATOR_KEY).credential(Akm.DPP, samples.OPERATIONAL_KEY.public_key())
WINDING: tuple[Message, ...] = (
    TOLD[0],
    AuthenticationResponse(Status.RESPONSE_PENDING),
    *TOLD[1:4],
    ConfigurationResponse(Status.CSR_NEEDED, csr_attributes=CSR_ATTRIBUTES),
    ConfigurationRequest(EnrolleeRequest("Gateway G2", signing_request=bytes(200))),
    ComebackDelay(500),
    ComebackRequest(),
    ConfigurationResponse(
        objects=(
            ConfigurationObject(samples.SSID, CONNECTED),
            ConfigurationObject(samples.SSID, Credential(Akm.DOT1X, enterprise=EnterpriseCredential((LEAF,)))),
        )
    ),
    *TOLD[5:],
)
