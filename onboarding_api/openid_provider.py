"""Fetching an OpenID provider's documents: little time, little memory, no redirects."""

import time

import httpx

from onboarding_api.domain.errors import OpenIdUnreachableError

OCTETS_MAX = 256 * 1024
SILENCE_S = 3.0
DEADLINE_S = 5.0
_RETRY_S = 30


def fetch(url: str) -> bytes:
    """Return what is at `url`; a redirect is not followed, since it could lead anywhere."""
    ends_at = time.monotonic() + DEADLINE_S
    octets = bytearray()
    try:
        with (
            httpx.Client(timeout=SILENCE_S, follow_redirects=False) as client,
            client.stream("GET", url, headers={"Accept": "application/json"}) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise OpenIdUnreachableError(f"the OpenID provider answered {response.status_code}", _RETRY_S)
            for chunk in response.iter_bytes():
                octets += chunk
                if len(octets) > OCTETS_MAX or time.monotonic() > ends_at:
                    raise OpenIdUnreachableError("the OpenID provider's answer is too long or too slow", _RETRY_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OpenIdUnreachableError("the OpenID provider cannot be reached", _RETRY_S) from error
    return bytes(octets)
