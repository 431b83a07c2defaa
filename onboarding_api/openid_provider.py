"""Fetching an OpenID provider's documents: little time, little memory, no redirects.

Asynchronous, because that can be ended at any moment: a blocking client looks at a deadline only between two pieces,
and into how many a head is cut, the other side decides.
"""

import asyncio

import httpx

from onboarding_api.domain.errors import OpenIdUnreachableError

OCTETS_MAX = 256 * 1024
SILENCE_S = 3.0
DEADLINE_S = 5.0
_RETRY_S = 30
_PLAIN = {"Accept": "application/json", "Accept-Encoding": "identity"}
"""Not compressed: a few octets may unfold to more than there is memory."""


def fetch(url: str, deadline_s: float = DEADLINE_S) -> bytes:
    """Return what is at `url`; a redirect is not followed, since it could lead anywhere."""
    try:
        return asyncio.run(_fetch(url, deadline_s))
    except TimeoutError as error:
        raise OpenIdUnreachableError("the OpenID provider's answer is too slow", _RETRY_S) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OpenIdUnreachableError("the OpenID provider cannot be reached", _RETRY_S) from error


async def _fetch(url: str, deadline_s: float) -> bytes:
    octets = bytearray()
    async with (
        asyncio.timeout(deadline_s),
        httpx.AsyncClient(timeout=SILENCE_S, follow_redirects=False) as client,
        client.stream("GET", url, headers=_PLAIN) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise OpenIdUnreachableError(f"the OpenID provider answered {response.status_code}", _RETRY_S)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise OpenIdUnreachableError("the OpenID provider's answer is encoded, unasked", _RETRY_S)
        async for chunk in response.aiter_raw():
            octets += chunk
            if len(octets) > OCTETS_MAX:
                raise OpenIdUnreachableError("the OpenID provider's answer is too long", _RETRY_S)
    return bytes(octets)
