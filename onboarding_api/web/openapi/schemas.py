"""Shapes as JSON Schema: made from the types that read them, with what the domain demands beyond types.

Formats of ours (`x509-certificate`, `spki`, `distinguished-name`, …) name what no schema can say: base64 of DER, or a
text that `domain/management` reads.
"""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from onboarding_api.domain.hono import X509_CERT
from onboarding_api.domain.management import credentials, devices, secrets, tenants, trust_anchors
from onboarding_api.domain.management.documents import DEPTH_MAX
from onboarding_api.domain.management.identifiers import DEVICE_PATTERN, ID_MAX, TENANT_PATTERN
from onboarding_api.domain.management.search import POINTER_MAX, VALUE_MAX
from onboarding_api.domain.onboardings import OnboardingState
from onboarding_api.domain.ownership import HardwareState
from onboarding_api.web import bodies
from onboarding_api.web.openapi.operations import Schema

Members = dict[str, Any]


def ref(name: str) -> Schema:
    """Return a reference to one of the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def _text(**demands: object) -> Schema:
    return {"type": "string", **demands}


def _optional(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(items: Schema, **demands: object) -> Schema:
    return {"type": "array", "items": items, **demands}


def _object(members: Mapping[str, Schema], *optional: str, closed: bool = True) -> Schema:
    """An object whose members are all required but those named."""
    required = [name for name in members if name not in optional]
    return {"type": "object", "properties": members, "required": required, "additionalProperties": not closed}


TENANT_ID = _text(pattern=f"^(?!\\.{{1,2}}$){TENANT_PATTERN}{{1,{ID_MAX}}}$")
DEVICE_ID = _text(pattern=f"^(?!\\.{{1,2}}$){DEVICE_PATTERN}{{1,{ID_MAX}}}$")
UUID = _text(format="uuid")
MOMENT = _text(format="date-time")
_MOMENT_READ = _text(format="moment")
_CERTIFICATE, _SPKI = _text(format="x509-certificate"), _text(format="spki")
_BASE64, _DN, _TEMPLATE = _text(format="base64"), _text(format="distinguished-name"), _text(format="id-template")
_METADATA = {"not-before": _optional(_MOMENT_READ), "not-after": _optional(_MOMENT_READ)}


def _shape(kind: type, **demands: Schema) -> Members:
    """Return the schema of a type; `demands` replace members, with `_` for `-`."""
    _, parts = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}", schema_hook=_anything)
    schema = cast("Members", parts.pop(kind.__name__))
    ours: Members = _public(schema, parts)
    ours.pop("title", None)
    for name, demand in demands.items():
        ours["properties"][name if name in ours["properties"] else name.replace("_", "-")] = demand
    ours["required"] = ours.get("required", [])
    ours["additionalProperties"] = ours.get("additionalProperties") is not False
    return ours


def _anything(_: type) -> Members:
    return {"title": "anything"}


def _public(schema: Any, parts: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON is anything
    """Put the parts of a shape where they are used: their names are private. Defaults say nothing here."""
    if isinstance(schema, list):
        return [_public(each, parts) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _public(parts[schema["$ref"].rpartition("/")[2]], parts)
    return {
        name: _public(each, parts)
        for name, each in schema.items()
        if name not in ("default", "title", "description") or isinstance(each, dict)
    }


def _with(schema: Members, **members: Schema) -> Members:
    extended = schema["properties"] | {name.replace("_", "-"): each for name, each in members.items()}
    return schema | {"properties": extended}


_ANCHOR = _shape(
    trust_anchors._TrustedCa,
    cert=_optional(_CERTIFICATE),
    public_key=_optional(_SPKI),
    subject_dn=_optional(_DN),
    subject_dn_bytes=_optional(_text(format="distinguished-name-der")),
    ocsp_responder_cert=_optional(_CERTIFICATE),
    auth_id_template=_optional(_TEMPLATE),
    auto_provisioning_device_id_template=_optional(_TEMPLATE),
    **{name.replace("-", "_"): each for name, each in _METADATA.items()},
)
_GIVEN = ("public-key", "subject-dn", "not-before", "not-after")
_ANCHOR["anyOf"] = [
    {"required": ["cert"], "properties": {"cert": _CERTIFICATE}},
    {"required": list(_GIVEN), "properties": {name: {"type": "string"} for name in _GIVEN}},
]
_TENANT = _shape(
    tenants._Tenant,
    alias=_optional(_text(pattern=f"^{tenants._ALIAS.pattern}$")),
    ext=_optional({"type": "object", "properties": {"invalidate-cache-on-update": _optional({"type": "boolean"})}}),
    trusted_ca=_optional(_list(ref("TrustAnchor"))),
)
for _part in ("data-volume", "connection-duration"):
    _limits = next(each for each in _TENANT["properties"]["resource-limits"]["anyOf"] if "properties" in each)
    _volume = next(each for each in _limits["properties"][_part]["anyOf"] if "properties" in each)
    _volume["properties"]["effective-since"] = _MOMENT_READ

_DEVICE = _shape(devices._Device, status={})
_STATUS = _object(
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
_DEVICE_SHOWN = _with(_DEVICE, status=_STATUS) | {"required": ["status"]}


def _credential(kind: Schema, secret: Schema, auth_id: Schema, **demands: object) -> Members:
    secrets = _list(secret, minItems=1, **demands)
    return _shape(credentials._Standard, type=kind, auth_id=auth_id, secrets=secrets)


def _secret(kind: type, essential: str | None, **demands: Schema) -> Members:
    """A secret that brings what makes it one. Without, it must name a stored one by its id."""
    moments = {name.replace("-", "_"): each for name, each in _METADATA.items()}
    schema = _shape(kind, **moments, **demands)
    if essential is not None:
        of_its_own = {"required": [essential], "properties": {essential: {"type": "string"}}}
        schema["anyOf"] = [of_its_own, {"required": ["id"], "properties": {"id": {"type": "string"}}}]
    return schema


_AUTH_ID = _text(minLength=1, maxLength=ID_MAX)
_CREDENTIALS = [
    _credential({"const": secrets.HASHED_PASSWORD}, ref("Password"), _text(pattern=f"^[a-zA-Z0-9_=.-]{{1,{ID_MAX}}}$")),
    _credential({"const": secrets.PSK}, ref("PreSharedKey"), _AUTH_ID),
    _credential({"const": secrets.RPK}, ref("RawPublicKey"), _AUTH_ID),
]

_GRANT: Mapping[str, Schema] = {
    name: next(each for each in member["anyOf"] if each["type"] != "null")
    for name, member in _shape(bodies.GrantBody)["properties"].items()
    if "anyOf" in member
}
_PASSWORD_GRANT = {name: _GRANT[name] for name in ("username", "password")}

COMPONENTS: Mapping[str, Schema] = {
    "Problem": {
        "type": "object",
        "description": "A problem document (RFC 9457).",
        "properties": {
            "type": _text(pattern="^urn:onboarding:problem:[a-z-]+$"),
            "title": _text(),
            "status": {"type": "integer"},
            "detail": _text(),
            "remedy": _text(),
            "error": _text(description="On Hono's paths: the same as detail."),
            "errors": _list(_object({"member": _text(), "reason": _text()})),
            "request": _text(description="Which request this was; tell it to the operator."),
        },
        "required": ["type", "title", "status", "detail", "remedy"],
    },
    "Grant": {
        "oneOf": [
            _object({"grant_type": {"const": "password"}, **_PASSWORD_GRANT}, "grant_type"),
            _object({"grant_type": {"const": "refresh_token"}, "refresh_token": _GRANT["refresh_token"]}),
        ]
    },
    "Revocation": _shape(bodies.RevokeBody),
    "Token": _object(
        {
            "access_token": _text(),
            "token_type": {"const": "Bearer"},
            "expires_in": {"type": "integer", "minimum": 1},
            "refresh_token": _text(),
            "refresh_expires_in": {"type": "integer", "minimum": 1},
        }
    ),
    "Open": _shape(bodies.OpenBody, bootstrapping_key=_text(format="label-key", maxLength=256)),
    "SignedDevice": _shape(
        bodies.DeviceBody,
        csr=_text(format="signing-request"),
        proof=_optional(_text(format="label-proof", maxLength=256)),
    ),
    "OwnDevice": _object(
        {
            "id": _text(),
            "tenant": _text(),
            "state": {"enum": [state.value for state in HardwareState]},
            "owner": {"const": True},
            "serial": _optional(_text()),
            "model": _optional(_text()),
            "firmware": _optional(_text()),
            "claims_verified": {"type": "boolean"},
        }
    ),
    "Opened": _object(
        {
            "id": UUID,
            "challenge": _text(pattern="^[A-Za-z0-9_-]{22}$"),
            "expires_at": MOMENT,
            "device": _optional(ref("OwnDevice")),
        }
    ),
    "Onboarding": _object(
        {
            "id": UUID,
            "state": {"enum": [state.value for state in OnboardingState]},
            "expires_at": MOMENT,
            "device": _optional(ref("OwnDevice")),
            "assigned_at": _optional(MOMENT),
            "connected_at": _optional(MOMENT),
        }
    ),
    "Granted": _object({"device": ref("OwnDevice"), "assignment": _text(), "x5c": _list(_CERTIFICATE, minItems=1)}),
    "Created": _object({"id": _text(minLength=1, maxLength=ID_MAX)}),
    "TrustAnchor": _ANCHOR,
    "Tenant": _TENANT,
    "TenantFound": _with(_TENANT, id=TENANT_ID) | {"required": ["id"]},
    "Device": _DEVICE,
    "DeviceShown": _DEVICE_SHOWN,
    "DeviceFound": _with(_DEVICE_SHOWN, id=DEVICE_ID) | {"required": ["id", "status"]},
    "Password": _secret(
        secrets._Password,
        "pwd-plain",
        pwd_plain=_optional(_text(format="plain-password", minLength=1)),
        pwd_hash=_optional(_text(description="Of hash-function, which is sha-256 if absent.")),
        hash_function=_optional({"enum": [secrets.BCRYPT, *secrets._DIGESTS]}),
        salt=_optional(_BASE64),
    ),
    "PreSharedKey": _secret(secrets._PreSharedKey, "key", key=_optional(_text(format="base64", minLength=1))),
    "RawPublicKey": _secret(
        secrets._RawPublicKey, "key", key=_optional(_SPKI), cert=_optional(_CERTIFICATE), algorithm={"type": "null"}
    ),
    "CertificateSecret": _secret(secrets._Secret, None),
    "Credential": {
        "anyOf": [
            *_CREDENTIALS,
            _with(
                _credential({"const": X509_CERT}, ref("CertificateSecret"), _AUTH_ID, maxItems=1),
                cert={"type": "null"},
            ),
            _shape(credentials._Certified, type={"const": X509_CERT}, cert=_CERTIFICATE),
            _shape(
                credentials._Open,
                type=_text(
                    pattern=f"^{credentials._TYPE.pattern}$",
                    **{"not": {"enum": list(credentials._STANDARD)}},
                ),
                auth_id=_AUTH_ID,
                secrets=_list(_secret(secrets._Open, None), minItems=1),
            ),
        ]
    },
    "CredentialShown": {
        "type": "object",
        "properties": {
            "type": _text(),
            "auth-id": _text(),
            "enabled": {"type": "boolean"},
            "secrets": _list({"type": "object", "properties": {"id": _text()}, "required": ["id"]}, minItems=1),
        },
        "required": ["type", "auth-id", "secrets"],
    },
    "Filter": _object(
        {
            "field": ref("Pointer"),
            "value": {
                "anyOf": [{"type": "boolean"}, {"type": "number"}, _text(pattern="^[^\\x00]*$", maxLength=VALUE_MAX)]
            },
            "op": {"const": "eq"},
        },
        "op",
    ),
    "Order": _object({"field": ref("Pointer"), "direction": {"enum": ["asc", "desc", None]}}, "direction"),
    "Pointer": _text(
        pattern='^/[^"\\x00]+$',
        maxLength=POINTER_MAX,
        description=f"A JSON pointer (RFC 6901) that names a member, at most {DEPTH_MAX} levels deep.",
    ),
}
