"""The onboarding API as the app uses it: sign in, open, register, follow. HTTP lives here and nowhere else.

A registration is repeated, byte for byte, when its answer may have been lost: the server answers the same bytes
alike. A refusal is raised as the API's own problem document.
"""

import asyncio
import base64
import contextlib
import ipaddress
import json
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Self
from urllib.parse import quote

import httpx

from app_sim.documents import (
    Document,
    OnboardingId,
    OnboardingState,
    OnboardingView,
    OpenedOnboarding,
    ProblemError,
    Registration,
    read_document,
    read_opened,
    read_registration,
    read_token,
    read_view,
)
from app_sim.errors import ApiAnswerError, ApiInsecureError, ApiUnreachableError
from app_sim.event_stream import event_data
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.encoding import base64url_encode
from onboarding_protocol.members import DeviceStatement

BACKOFF_S = (0.5, 1.0, 2.0)
"""Pauses before a registration is repeated; together with the time-outs well inside the device's 120 s."""

POLL_S = 1.0
STREAM_SILENCE_S = 40.0
"""The server sends a sign of life every 15 s."""

_TEMPORARY = {httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT}


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost")


class ApiClient:
    """One user's session with the API; an asynchronous context manager."""

    def __init__(self, url: str, request_s: float, backoff_s: Sequence[float] = BACKOFF_S) -> None:
        self._url = url
        self._request_s = request_s
        self._backoff_s = backoff_s
        try:
            self._http = httpx.AsyncClient(base_url=url, timeout=request_s)
        except httpx.InvalidURL as error:
            raise ApiUnreachableError(f"{url} is no URL") from error
        if self._http.base_url.scheme == "http" and not _is_this_machine(self._http.base_url.host):
            raise ApiInsecureError(f"{url} is not encrypted")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def sign_in(self, user: str, password: str) -> None:
        """Get an access token for everything that follows."""
        document = await self._ask("POST", "/v1/tokens", {"username": user, "password": password})
        self._http.headers["Authorization"] = f"Bearer {read_token(document)}"

    async def open_onboarding(self, key: BootstrappingKey) -> OpenedOnboarding:
        """Get a challenge for the device with this label."""
        body = {"bootstrapping_key": base64.b64encode(key.spki).decode("ascii")}
        return read_opened(await self._ask("POST", "/v1/onboardings", body))

    async def register(self, onboarding: OnboardingId, statement: DeviceStatement) -> Registration:
        """Relay the device's signing request; the networks it hears stay here."""
        claims = {"serial": statement.serial, "model": statement.model, "firmware": statement.firmware}
        body = {
            "csr": base64.b64encode(statement.signing_request or b"").decode("ascii"),
            "proof": base64url_encode(statement.proof or b""),
            "resets": statement.resets,
            **{name: text for name, text in claims.items() if text},
        }
        path = f"{_path(onboarding)}/device"
        return read_registration(await self._insist("POST", path, json.dumps(body).encode()))

    async def view(self, onboarding: OnboardingId) -> OnboardingView:
        """Return the onboarding as it stands."""
        return read_view(await self._ask("GET", _path(onboarding)))

    async def follow(self, onboarding: OnboardingId) -> AsyncGenerator[OnboardingState]:
        """Yield what was reached at each change, for ever; the caller says when it is enough.

        By the event stream; where that is not to be had, by asking again and again. An API that is away for a
        moment is waited for.
        """
        while True:
            with contextlib.suppress(ApiUnreachableError, ApiAnswerError, ProblemError):
                async with contextlib.aclosing(self._stream(onboarding)) as views:
                    async for view in views:
                        yield view.reached
            with contextlib.suppress(ApiUnreachableError):
                yield (await self.view(onboarding)).reached
            await asyncio.sleep(POLL_S)

    async def _stream(self, onboarding: OnboardingId) -> AsyncGenerator[OnboardingView]:
        patience = httpx.Timeout(self._request_s, read=STREAM_SILENCE_S)
        accept = {"Accept": "text/event-stream"}
        path = f"{_path(onboarding)}/events"
        try:
            async with self._http.stream("GET", path, headers=accept, timeout=patience) as response:
                if response.is_error:
                    await response.aread()
                _raise_for_problem(response)
                async for data in event_data(response.aiter_lines()):
                    yield read_view(read_document(data))
        except (httpx.TransportError, ValueError) as error:
            raise ApiUnreachableError(f"the event stream of {self._url} broke") from error

    async def _insist(self, method: str, path: str, content: bytes) -> Document:
        for pause_s in self._backoff_s:
            try:
                return await self._request(method, path, content)
            except ApiUnreachableError:
                pass
            except ProblemError as problem:
                if problem.status not in _TEMPORARY:
                    raise
            await asyncio.sleep(pause_s)
        return await self._request(method, path, content)

    async def _ask(self, method: str, path: str, body: Document | None = None) -> Document:
        return await self._request(method, path, None if body is None else json.dumps(body).encode())

    async def _request(self, method: str, path: str, content: bytes | None) -> Document:
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            response = await self._http.request(method, path, content=content, headers=headers)
        except httpx.TimeoutException as error:
            raise ApiUnreachableError(f"the onboarding API at {self._url} did not answer in time") from error
        except (httpx.TransportError, httpx.UnsupportedProtocol) as error:
            raise ApiUnreachableError(f"the onboarding API at {self._url} cannot be reached: {error}") from error
        _raise_for_problem(response)
        return read_document(response.content)


def _path(onboarding: OnboardingId) -> str:
    return f"/v1/onboardings/{quote(onboarding, safe='')}"


def _raise_for_problem(response: httpx.Response) -> None:
    if response.is_success:
        return
    if response.headers.get("Content-Type", "").partition(";")[0].strip() != "application/problem+json":
        if response.status_code in _TEMPORARY:
            raise ApiUnreachableError(f"the onboarding API is not available ({response.status_code})")
        raise ApiAnswerError(f"something that is not the onboarding API answered {response.status_code}")
    raise ProblemError(read_document(response.content), response.status_code)
