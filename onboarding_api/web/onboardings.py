"""/v1/onboardings: open, register the device, read, follow."""

import msgspec
import structlog
from flask import Blueprint, Response

from onboarding_api.domain.onboardings import Claims, read_onboarding_id
from onboarding_api.domain.registrations import Submission
from onboarding_api.services.registry import Registry
from onboarding_api.services.watching import Following
from onboarding_api.web.authentication import principal
from onboarding_api.web.bodies import DeviceBody, OpenBody, base64_octets, base64url_octets, read_body
from onboarding_api.web.shapes import json_response, reply_response, shape_onboarding, shape_opened

_log = structlog.get_logger()


def onboarding_views(registry: Registry) -> Blueprint:
    """Return the views of the onboarding resource."""
    views = Blueprint("onboardings", __name__, url_prefix="/v1/onboardings")

    @views.post("")
    def open_onboarding() -> Response:
        who = principal(registry)
        body = read_body(OpenBody)
        label_key = base64_octets("bootstrapping_key", body.bootstrapping_key)
        opened = registry.onboardings.open(who, label_key, registry.clock())
        _log.info("onboarding.opened", onboarding=opened.id, tenant=who.tenant, user=who.user)
        response = json_response(shape_opened(opened), 201)
        response.headers["Location"] = f"/v1/onboardings/{opened.id}"
        return response

    @views.post("/<onboarding>/device")
    def register_device(onboarding: str) -> Response:
        who = principal(registry)
        submission = _submission(read_body(DeviceBody))
        registered = registry.registrar.register(who, read_onboarding_id(onboarding), submission, registry.clock())
        event = "device.registered.again" if registered.replayed else "device.registered"
        _log.info(event, onboarding=onboarding, tenant=who.tenant, user=who.user)
        return reply_response(registered.reply, 200 if registered.replayed else 201)

    @views.get("/<onboarding>")
    def read_onboarding(onboarding: str) -> Response:
        view = registry.onboardings.read(principal(registry), read_onboarding_id(onboarding), registry.clock())
        return json_response(shape_onboarding(view))

    @views.get("/<onboarding>/events")
    def follow_onboarding(onboarding: str) -> Response:
        following = registry.watching.follow(principal(registry), read_onboarding_id(onboarding))
        unbuffered = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Response(EventStream(following), 200, unbuffered, content_type="text/event-stream")

    return views


class EventStream:
    """Views as server-sent events (HTML standard section 9.2); a comment keeps the connection alive."""

    def __init__(self, following: Following) -> None:
        self._following = following

    def __iter__(self) -> "EventStream":
        return self

    def __next__(self) -> bytes:
        view = next(self._following)
        if view is None:
            return b": still here\n\n"
        return b"event: onboarding\ndata: " + msgspec.json.encode(shape_onboarding(view)) + b"\n\n"

    def close(self) -> None:
        """Give the stream's slot back; the server calls this however the stream ends."""
        self._following.close()


def _submission(body: DeviceBody) -> Submission:
    return Submission(
        signing_request=base64_octets("csr", body.csr),
        proof=None if body.proof is None else base64url_octets("proof", body.proof),
        resets=body.resets,
        claims=Claims(body.serial, body.model, body.firmware),
    )
