"""Who is asking: the bearer token of a request (RFC 6750 section 2.1)."""

from flask import request

from onboarding_api.domain.accounts import Principal
from onboarding_api.domain.errors import TokenRefusedError
from onboarding_api.services.registry import Registry
from onboarding_api.web.admission import admitted
from onboarding_api.web.origins import origin


def principal(registry: Registry) -> Principal:
    """Return who is asking, or refuse the request."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenRefusedError("the request carries no bearer token")
    return admitted(registry.access.by_token(token.strip(), origin(), registry.clock()))
