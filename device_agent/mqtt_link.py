"""An MQTT link that is gone once it is left, at whatever moment that is.

aiomqtt connects in a thread that no cancellation reaches, and closes nothing when it gives up waiting: TLS and CONNECT
would be finished for nobody, and the device be connected as whom it may no longer be. So its sockets are known here
from the first octet of TLS on, and ended when the link is left.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiomqtt

_TIMEOUT_S = 10.0
_KEEPALIVE_S = 60
_LEAVING_S = 1.0
"""How long to wait for the thread. It ends at once, unless it looks for the host or waits for TCP."""


class RefusedError(aiomqtt.MqttError):
    """The endpoint has ended the link before it accepted it."""


@asynccontextmanager
async def open_link(host: str, port: int, identifier: str, context: ssl.SSLContext) -> AsyncIterator[aiomqtt.Client]:
    """Connect, and disconnect at the end; MqttError or ValueError if that fails. The context is for one link only."""
    sockets = _Sockets(context)
    client = _Client(host, port, identifier=identifier, tls_context=context, timeout=_TIMEOUT_S, keepalive=_KEEPALIVE_S)
    connecting = asyncio.ensure_future(client.__aenter__())
    try:
        await asyncio.shield(connecting)
        try:
            yield client
        finally:
            await client.__aexit__(None, None, None)
    finally:
        sockets.end()
        await asyncio.wait([connecting], timeout=_LEAVING_S)


class _Client(aiomqtt.Client):
    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - aiomqtt's, only handed on
        super().__init__(*arguments, **named)
        # Whoever leaves does not ask why the link ended, and asyncio would complain of that.
        self._disconnected.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    # With TLS 1.3 a refused client certificate shows as a link that ends before the CONNACK. aiomqtt 2.5 goes on
    # waiting for it, until the refusal looks like silence.
    def _on_disconnect(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - paho's, only handed on
        if not self._connected.done():
            self._connected.set_exception(RefusedError("the link ended before it was accepted"))
        super()._on_disconnect(*arguments, **named)


class _Sockets:
    """The sockets of one TLS context, in whichever thread they are."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._begun: list[ssl.SSLSocket] = []
        self._ended = False
        sockets = self

        class Socket(ssl.SSLSocket):
            def do_handshake(self, block: bool = False) -> None:
                try:
                    sockets.begin(self)
                    super().do_handshake(block)
                except BaseException:
                    self.close()  # paho forgets it
                    raise

        context.sslsocket_class = Socket

    def begin(self, begun: ssl.SSLSocket) -> None:
        """Note a socket; ConnectionAbortedError if nobody waits for it any more."""
        self._begun.append(begun)  # first, so that one of two threads sees the other
        if self._ended:
            raise ConnectionAbortedError("the link was left")

    def end(self) -> None:
        """End them all, and those that are still to come."""
        self._ended = True
        for begun in self._begun:
            with suppress(OSError):
                socket.socket.shutdown(begun, socket.SHUT_RDWR)  # not SSLSocket's: another thread may be inside
