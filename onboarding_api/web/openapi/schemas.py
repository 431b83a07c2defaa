"""The schemas of the document: made from the types that read them, with what the domain demands beyond types.

Formats of ours (`x509-certificate`, `spki`, `distinguished-name`, …) name what no schema can say: base64 of DER, or a
text that `domain/management` reads.
"""

from collections.abc import Mapping

from onboarding_api.domain.hono import X509_CERT
from onboarding_api.domain.management import credentials, devices, secrets, tenants, trust_anchors
from onboarding_api.domain.management.documents import DEPTH_MAX
from onboarding_api.domain.management.identifiers import DEVICE_PATTERN, ID_MAX, TENANT_PATTERN
from onboarding_api.domain.management.search import POINTER_MAX, VALUE_MAX
from onboarding_api.domain.onboardings import OnboardingState
from onboarding_api.domain.ownership import HardwareState
from onboarding_api.web import bodies
from onboarding_api.web.openapi.json_schema import Members, array, extended, object_of, optional, ref, shape_of, text
from onboarding_api.web.openapi.operations import Schema

TENANT_ID = text(pattern=f"^(?!\\.{{1,2}}$){TENANT_PATTERN}{{1,{ID_MAX}}}$")
DEVICE_ID = text(pattern=f"^(?!\\.{{1,2}}$){DEVICE_PATTERN}{{1,{ID_MAX}}}$")
UUID = text(format="uuid")
MOMENT = text(format="date-time")
_MOMENT_READ = text(format="moment")
_CERTIFICATE, _SPKI = text(format="x509-certificate"), text(format="spki")
_BASE64, _DN, _TEMPLATE = text(format="base64"), text(format="distinguished-name"), text(format="id-template")
_METADATA = {"not-before": optional(_MOMENT_READ), "not-after": optional(_MOMENT_READ)}

_ANCHOR = shape_of(
    trust_anchors._TrustedCa,
    cert=optional(_CERTIFICATE),
    public_key=optional(_SPKI),
    subject_dn=optional(_DN),
    subject_dn_bytes=optional(text(format="distinguished-name-der")),
    ocsp_responder_cert=optional(_CERTIFICATE),
    auth_id_template=optional(_TEMPLATE),
    auto_provisioning_device_id_template=optional(_TEMPLATE),
    **{name.replace("-", "_"): each for name, each in _METADATA.items()},
)
_GIVEN = ("public-key", "subject-dn", "not-before", "not-after")
_ANCHOR["anyOf"] = [
    {"required": ["cert"], "properties": {"cert": _CERTIFICATE}},
    {"required": list(_GIVEN), "properties": {name: {"type": "string"} for name in _GIVEN}},
]
_TENANT = shape_of(
    tenants._Tenant,
    alias=optional(text(pattern=f"^{tenants._ALIAS.pattern}$")),
    ext=optional({"type": "object", "properties": {"invalidate-cache-on-update": optional({"type": "boolean"})}}),
    trusted_ca=optional(array(ref("TrustAnchor"))),
)
for _part in ("data-volume", "connection-duration"):
    _limits = next(each for each in _TENANT["properties"]["resource-limits"]["anyOf"] if "properties" in each)
    _volume = next(each for each in _limits["properties"][_part]["anyOf"] if "properties" in each)
    _volume["properties"]["effective-since"] = _MOMENT_READ

_DEVICE = shape_of(devices._Device, status={})
_STATUS = object_of(
    {
        "created": MOMENT,
        "updated": MOMENT,
        "auto-provisioned": {"type": "boolean"},
        "auto-provisioning-notification-sent": {"type": "boolean"},
    },
    "updated",
    "auto-provisioned",
    "auto-provisioning-notification-sent",
)
_DEVICE_SHOWN = extended(_DEVICE, status=_STATUS) | {"required": ["status"]}


def _credential(kind: Schema, secret: Schema, auth_id: Schema, **demands: object) -> Members:
    secrets = array(secret, minItems=1, **demands)
    return shape_of(credentials._Standard, type=kind, auth_id=auth_id, secrets=secrets)


def _secret(kind: type, essential: str | None, **demands: Schema) -> Members:
    """A secret that brings what makes it one. Without, it must name a stored one by its id."""
    moments = {name.replace("-", "_"): each for name, each in _METADATA.items()}
    schema = shape_of(kind, **moments, **demands)
    if essential is not None:
        of_its_own = {"required": [essential], "properties": {essential: {"type": "string"}}}
        schema["anyOf"] = [of_its_own, {"required": ["id"], "properties": {"id": {"type": "string"}}}]
    return schema


_AUTH_ID = text(minLength=1, maxLength=ID_MAX)
_CREDENTIALS = [
    _credential({"const": secrets.HASHED_PASSWORD}, ref("Password"), text(pattern=f"^[a-zA-Z0-9_=.-]{{1,{ID_MAX}}}$")),
    _credential({"const": secrets.PSK}, ref("PreSharedKey"), _AUTH_ID),
    _credential({"const": secrets.RPK}, ref("RawPublicKey"), _AUTH_ID),
]

_GRANT: Mapping[str, Schema] = {
    name: next(each for each in member["anyOf"] if each["type"] != "null")
    for name, member in shape_of(bodies.GrantBody)["properties"].items()
    if "anyOf" in member
}
_PASSWORD_GRANT = {name: _GRANT[name] for name in ("username", "password")}

COMPONENTS: Mapping[str, Schema] = {
    "Problem": {
        "type": "object",
        "description": "A problem document (RFC 9457).",
        "properties": {
            "type": text(pattern="^urn:onboarding:problem:[a-z-]+$"),
            "title": text(),
            "status": {"type": "integer"},
            "detail": text(),
            "remedy": text(),
            "error": text(description="On Hono's paths: the same as detail."),
            "errors": array(object_of({"member": text(), "reason": text()})),
            "request": text(description="Which request this was; tell it to the operator."),
        },
        "required": ["type", "title", "status", "detail", "remedy"],
    },
    "Grant": {
        "oneOf": [
            object_of({"grant_type": {"const": "password"}, **_PASSWORD_GRANT}, "grant_type"),
            object_of({"grant_type": {"const": "refresh_token"}, "refresh_token": _GRANT["refresh_token"]}),
        ]
    },
    "Revocation": shape_of(bodies.RevokeBody),
    "Token": object_of(
        {
            "access_token": text(),
            "token_type": {"const": "Bearer"},
            "expires_in": {"type": "integer", "minimum": 1},
            "refresh_token": text(),
            "refresh_expires_in": {"type": "integer", "minimum": 1},
        }
    ),
    "Open": shape_of(bodies.OpenBody, bootstrapping_key=text(format="label-key", maxLength=256)),
    "SignedDevice": shape_of(
        bodies.DeviceBody,
        csr=text(format="signing-request"),
        proof=optional(text(format="label-proof", maxLength=256)),
    ),
    "OwnDevice": object_of(
        {
            "id": text(),
            "tenant": text(),
            "state": {"enum": [state.value for state in HardwareState]},
            "owner": {"const": True},
            "serial": optional(text()),
            "model": optional(text()),
            "firmware": optional(text()),
            "claims_verified": {"type": "boolean"},
        }
    ),
    "Opened": object_of(
        {
            "id": UUID,
            "challenge": text(pattern="^[A-Za-z0-9_-]{22}$"),
            "expires_at": MOMENT,
            "device": optional(ref("OwnDevice")),
        }
    ),
    "Onboarding": object_of(
        {
            "id": UUID,
            "state": {"enum": [state.value for state in OnboardingState]},
            "expires_at": MOMENT,
            "device": optional(ref("OwnDevice")),
            "assigned_at": optional(MOMENT),
            "connected_at": optional(MOMENT),
        }
    ),
    "Granted": object_of({"device": ref("OwnDevice"), "assignment": text(), "x5c": array(_CERTIFICATE, minItems=1)}),
    "Created": object_of({"id": text(minLength=1, maxLength=ID_MAX)}),
    "TrustAnchor": _ANCHOR,
    "Tenant": _TENANT,
    "TenantFound": extended(_TENANT, id=TENANT_ID) | {"required": ["id"]},
    "Device": _DEVICE,
    "DeviceShown": _DEVICE_SHOWN,
    "DeviceFound": extended(_DEVICE_SHOWN, id=DEVICE_ID) | {"required": ["id", "status"]},
    "Password": _secret(
        secrets._Password,
        "pwd-plain",
        pwd_plain=optional(text(format="plain-password", minLength=1)),
        pwd_hash=optional(text(description="Of hash-function, which is sha-256 if absent.")),
        hash_function=optional({"enum": [secrets.BCRYPT, *secrets._DIGESTS]}),
        salt=optional(_BASE64),
    ),
    "PreSharedKey": _secret(secrets._PreSharedKey, "key", key=optional(text(format="base64", minLength=1))),
    "RawPublicKey": _secret(
        secrets._RawPublicKey, "key", key=optional(_SPKI), cert=optional(_CERTIFICATE), algorithm={"type": "null"}
    ),
    "CertificateSecret": _secret(secrets._Secret, None),
    "Credential": {
        "anyOf": [
            *_CREDENTIALS,
            extended(
                _credential({"const": X509_CERT}, ref("CertificateSecret"), _AUTH_ID, maxItems=1),
                cert={"type": "null"},
            ),
            shape_of(credentials._Certified, type={"const": X509_CERT}, cert=_CERTIFICATE),
            shape_of(
                credentials._Open,
                type=text(
                    pattern=f"^{credentials._TYPE.pattern}$",
                    **{"not": {"enum": list(credentials._STANDARD)}},
                ),
                auth_id=_AUTH_ID,
                secrets=array(_secret(secrets._Open, None), minItems=1),
            ),
        ]
    },
    "CredentialShown": {
        "type": "object",
        "properties": {
            "type": text(),
            "auth-id": text(),
            "enabled": {"type": "boolean"},
            "secrets": array({"type": "object", "properties": {"id": text()}, "required": ["id"]}, minItems=1),
        },
        "required": ["type", "auth-id", "secrets"],
    },
    "Filter": object_of(
        {
            "field": ref("Pointer"),
            "value": {
                "anyOf": [{"type": "boolean"}, {"type": "number"}, text(pattern="^[^\\x00]*$", maxLength=VALUE_MAX)]
            },
            "op": {"const": "eq"},
        },
        "op",
    ),
    "Order": object_of({"field": ref("Pointer"), "direction": {"enum": ["asc", "desc", None]}}, "direction"),
    "Pointer": text(
        pattern='^/[^"\\x00]+$',
        maxLength=POINTER_MAX,
        description=f"A JSON pointer (RFC 6901) that names a member, at most {DEPTH_MAX} levels deep.",
    ),
}
