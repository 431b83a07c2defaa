"""Fetching a provider's documents: whatever it sends and however slowly, little time and little memory are spent."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from onboarding_api.domain.errors import OpenIdConfigurationError, OpenIdUnreachableError
from onboarding_api.domain.identifiers import Timestamp
from onboarding_api.domain.openid import Provider, require_encrypted
from onboarding_api.openid_provider import OCTETS_MAX, fetch
from onboarding_api.services.openid import OpenId
from onboarding_api.storage.database import Database
from tests.onboarding_api.actors import NOON, database_url
from tests.onboarding_api.providers import AUDIENCE, OpenIdServer

OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[tuple[str, bytearray]]:
    """A server that takes one connection, and what it was asked."""
    asked = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                while b"\r\n\r\n" not in asked:
                    asked.extend(connection.recv(4096))
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/keys", asked
        finally:
            thread.join(10)
            assert not thread.is_alive()


def dripping(start: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """Send a piece from time to time, until nobody listens any more."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(start)
        connection.settimeout(0.02)
        while True:
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                connection.sendall(piece)
            except OSError:
                return

    return answer


@pytest.mark.parametrize(
    "answer",
    [dripping(OK, b"X-More: x\r\n"), dripping(OK + b"\r\n", b" "), dripping(b"HTTP/1.1 100 Continue\r\n\r\n", b"")],
    ids=["head", "body", "nothing"],
)
def test_a_provider_that_goes_on_for_ever_is_left_at_the_deadline(answer: Callable[[socket.socket], None]) -> None:
    with answering(answer) as (url, _), ThreadPoolExecutor(1) as executor:
        fetching = executor.submit(fetch, url, 0.3)
        with pytest.raises(OpenIdUnreachableError, match="too slow"):
            fetching.result(5)


def test_an_answer_that_was_made_small_is_not_made_large_here() -> None:
    octets = gzip.compress(b"{" + b" " * 50 * OCTETS_MAX + b"}")
    head = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(octets)
    with (
        answering(lambda connection: connection.sendall(OK + head + octets)) as (url, asked),
        pytest.raises(OpenIdUnreachableError, match="encoded"),
    ):
        fetch(url)
    assert b"accept-encoding: identity\r\n" in asked.lower()


def test_whoever_comes_while_the_first_keys_are_fetched_does_not_wait_for_long(folder: Path) -> None:
    come, go = threading.Event(), threading.Event()

    def fetch_late(_: str) -> bytes:
        come.set()
        go.wait(10)
        raise OpenIdUnreachableError("late", 30)

    with (
        OpenIdServer.started() as server,
        closing(Database(database_url(folder))) as database,
        ThreadPoolExecutor(1) as elsewhere,
    ):
        openid = OpenId(Provider(server.issuer, AUDIENCE), database, fetch_late, wait_s=0.05)
        first = elsewhere.submit(openid.read, server.token(), Timestamp(NOON))
        assert come.wait(10)
        try:
            with pytest.raises(OpenIdUnreachableError, match="being fetched"):
                openid.read(server.token(), Timestamp(NOON))
            assert not first.done()
        finally:
            go.set()
        with pytest.raises(OpenIdUnreachableError, match="late"):
            first.result(10)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9/keys", "http://localhost/keys"])
def test_an_issuer_elsewhere_cannot_have_us_ask_our_own_machine(folder: Path, uri: str) -> None:
    issuer, asked = "https://login.example", []

    def answer(url: str) -> bytes:
        asked.append(url)
        return msgspec.json.encode({"issuer": issuer, "jwks_uri": uri, "keys": []})

    with OpenIdServer.started() as server, closing(Database(database_url(folder))) as database:
        openid = OpenId(Provider(issuer, AUDIENCE), database, answer)
        with pytest.raises(OpenIdConfigurationError, match="not an https address"):
            openid.read(server.token(), Timestamp(NOON))
    assert asked == [f"{issuer}/.well-known/openid-configuration"]


@pytest.mark.parametrize("url", ["https://[bad", "https://[x", "https://", "", "https://a#b", "ftp://a"])
def test_what_is_no_address_is_refused_as_one(url: str) -> None:
    with pytest.raises(OpenIdConfigurationError):
        require_encrypted(url)
