"""/v1/tokens: a password or a refresh token for a short-lived access token; and signing out. And the public keys."""

from flask import Blueprint, Response

from onboarding_api.services.registry import Registry
from onboarding_api.services.sessions import Opened
from onboarding_api.services.token_keys import RELOAD_S, TOKEN_LIFE_S
from onboarding_api.web.admission import admitting
from onboarding_api.web.authentication import principal
from onboarding_api.web.bodies import GrantBody, RevokeBody, read_body
from onboarding_api.web.origins import origin
from onboarding_api.web.refusals import BodyRefusedError
from onboarding_api.web.shapes import json_response


def token_views(registry: Registry) -> Blueprint:
    """Return the views of signing in and out."""
    views = Blueprint("tokens", __name__)

    @views.post("/v1/tokens")
    def grant() -> Response:
        body, now = read_body(GrantBody), registry.clock()
        if body.grant_type == "refresh_token":
            token = _given(body, "refresh_token")
            return _show(registry.sessions.refresh(token, origin(), now, admitting(token)))
        name, password = _given(body, "username"), _given(body, "password")
        account = registry.accounts.sign_in(name, password, origin(), now)
        return _show(registry.sessions.open(account, origin(), now))

    @views.delete("/v1/tokens")
    def sign_out() -> Response:
        registry.sessions.end(principal(registry), registry.clock())
        return Response(status=204)

    @views.post("/v1/tokens/revoke")
    def revoke() -> Response:
        token = read_body(RevokeBody).refresh_token
        registry.sessions.revoke(token, origin(), registry.clock(), admitting(token))
        return Response(status=204)

    @views.get("/.well-known/jwks.json")
    def keys() -> Response:
        response = json_response(registry.tokens.keys.ring(registry.clock()).document())
        response.headers["Cache-Control"] = f"public, max-age={RELOAD_S}"
        return response

    def _show(opened: Opened) -> Response:
        now = registry.clock()
        document = {
            "access_token": registry.tokens.issue(opened.account, now, opened.session),
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFE_S,
            "refresh_token": opened.token.text,
            "refresh_expires_in": opened.expires_at - now,
        }
        return json_response(document)

    return views


def _given(body: GrantBody, member: str) -> str:
    """Return a member that this grant needs, and refuse those of the other one."""
    wanted = {"refresh_token"} if body.grant_type == "refresh_token" else {"username", "password"}
    for name in ("username", "password", "refresh_token"):
        if (getattr(body, name) is not None) != (name in wanted):
            reason = "is missing" if name in wanted else f"does not belong to the grant {body.grant_type}"
            raise BodyRefusedError(name, reason)
    return str(getattr(body, member))
