"""POST /v1/tokens: user name and password for a short-lived access token."""

from flask import Blueprint, Response

from onboarding_api.services.registry import Registry
from onboarding_api.services.tokens import TOKEN_LIFE_S
from onboarding_api.web.bodies import SignInBody, read_body
from onboarding_api.web.shapes import json_response


def token_views(registry: Registry) -> Blueprint:
    """Return the sign-in view."""
    views = Blueprint("tokens", __name__)

    @views.post("/v1/tokens")
    def sign_in() -> Response:
        body = read_body(SignInBody)
        account = registry.accounts.sign_in(body.username, body.password)
        token = registry.tokens.issue(account, registry.clock())
        return json_response({"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFE_S})

    return views
