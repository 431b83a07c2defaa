"""How values are written as JSON. A member that has no value is null; moments are ISO 8601 in UTC."""

import base64

import msgspec
from flask import Response

from onboarding_api.domain.hono import iso
from onboarding_api.domain.identifiers import Timestamp
from onboarding_api.domain.onboardings import DeviceView, OnboardingView, OpenOnboarding
from onboarding_api.domain.registrations import Granted

Document = dict[str, object]


def json_response(document: Document, status: int = 200) -> Response:
    """Answer with a JSON document that no cache keeps."""
    return reply_response(msgspec.json.encode(document), status)


def reply_response(body: bytes, status: int) -> Response:
    """Answer with JSON that is already written."""
    return Response(body, status, {"Cache-Control": "no-store"}, content_type="application/json")


def shape_device(device: DeviceView) -> Document:
    """Write a device as its owner sees it."""
    return {
        "id": device.key.device,
        "tenant": device.key.tenant,
        "state": device.state.value,
        "owner": True,
        "serial": device.claims.serial,
        "model": device.claims.model,
        "firmware": device.claims.firmware,
        "claims_verified": device.claims_verified,
    }


def shape_opened(opened: OpenOnboarding) -> Document:
    """Write the answer to opening."""
    return {
        "id": opened.id,
        "challenge": base64.urlsafe_b64encode(opened.challenge).rstrip(b"=").decode("ascii"),
        "expires_at": iso(opened.expires_at),
        "device": shape_device(opened.device) if opened.device else None,
    }


def shape_onboarding(view: OnboardingView) -> Document:
    """Write an onboarding as it stands."""
    return {
        "id": view.id,
        "state": view.state.value,
        "expires_at": iso(view.expires_at),
        "device": shape_device(view.device) if view.device else None,
        "assigned_at": _moment(view.assigned_at),
        "connected_at": _moment(view.connected_at),
    }


def render_granted(granted: Granted) -> bytes:
    """Write the answer to registering; it is stored and repeated byte for byte."""
    leaf = base64.b64encode(granted.leaf).decode("ascii")
    document = {"device": shape_device(granted.device), "assignment": granted.assignment, "x5c": [leaf]}
    return msgspec.json.encode(document)


def _moment(moment: Timestamp | None) -> str | None:
    return None if moment is None else iso(moment)
