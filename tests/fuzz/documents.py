"""JSON documents to begin with: every member the standard has and ours, each at least once."""

import json

from cryptography.hazmat.primitives.serialization import Encoding

from onboarding_protocol.dpp import Akm, ConfigurationObject, ConfiguratorKey, Credential, EnterpriseCredential
from onboarding_protocol.dpp.attributes import AttributeId
from onboarding_protocol.dpp.enterprise import create_signing_request
from onboarding_protocol.dpp.json_document import JsonObject, encode_json
from tests.protocol import samples
from tests.protocol.pair import responder_chance

_ENROLLEE_KEY = responder_chance().protocol_key
_CONFIGURATOR = ConfiguratorKey(samples.OPERATOR_KEY, samples.ISSUER_KEY.public_key())
_CERTIFICATE = samples.authority().public_bytes(Encoding.DER)
_CREDENTIALS = (
    Credential(Akm.PSK, samples.PASSPHRASE),
    Credential(Akm.PSK, psk=bytes(32)),
    _CONFIGURATOR.credential(Akm.DPP_PSK_SAE, _ENROLLEE_KEY.public_key(), samples.PASSPHRASE, expiry=1_800_000_000),
    Credential(Akm.DOT1X, enterprise=EnterpriseCredential((_CERTIFICATE,), _CERTIFICATE, "radius.example.com")),
)
_REQUESTS: tuple[JsonObject, ...] = (
    samples.enrollee(samples.statement().to_members()).to_json(),
    {**samples.enrollee().to_json(), "mudurl": "https://example.com/mud", "bandSupport": [81, 115], "capabilities": 1},
    type(samples.enrollee())("x", signing_request=create_signing_request(_ENROLLEE_KEY, "x", bytes(64))).to_json(),
)
_OBJECTS: tuple[JsonObject, ...] = (
    samples.network(samples.grant().to_members()).to_json(),
    *(ConfigurationObject(b"Home", credential).to_json() for credential in _CREDENTIALS),
)

DOCUMENTS: dict[AttributeId, list[bytes]] = {
    AttributeId.CONFIGURATION_REQUEST: [encode_json(document) for document in _REQUESTS],
    AttributeId.CONFIGURATION_OBJECT: [
        *(encode_json(document) for document in _OBJECTS),
        json.dumps({"wi-fi_tech": "infra", "discovery": {"ssid": "é"}, "cred": {"akm": "000FAC02+000FAC08"}}).encode(),
    ],
    AttributeId.CONNECTION_STATUS: [encode_json(samples.joined().to_json())],
}
