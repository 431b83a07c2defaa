"""Our connection on a TCP stream to wpa_supplicant, and the commands that bring both together."""

import select
import socket
from typing import TypeVar

from onboarding_protocol.bootstrapping import BootstrappingKey, BootstrappingUri
from onboarding_protocol.dpp import (
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    Connection,
    Event,
    Message,
)
from tests.interop.wpa import WpaSupplicant

E = TypeVar("E", bound=Event)
Outcome = dict[str, object]
PORT = 8908
_PATIENCE_S = 10.0


class Link:
    """One of our connections on a TCP stream."""

    def __init__(self, stream: socket.socket, connection: Connection) -> None:
        self.stream, self.connection = stream, connection
        self.sent: list[int] = []
        self.received: list[int] = []
        stream.settimeout(_PATIENCE_S)

    def send(self, message: Message) -> None:
        """Send length and message in one piece: wpa_supplicant gives up on a length that comes alone."""
        octets = self.connection.send(message, 0)
        self.sent.append(len(octets))
        self.stream.sendall(octets)

    def wait(self, kind: type[E]) -> E:
        """Return the next event, which must be of this kind."""
        octets = 0
        while True:
            chunk = self.stream.recv(100)  # small on purpose: messages come in pieces
            if not chunk:
                raise EOFError("the peer closed the stream")
            octets += len(chunk)
            for event in self.connection.receive(chunk, 0):
                assert isinstance(event, kind), event
                self.received.append(octets)
                return event

    def silent(self, seconds: float) -> bool:
        """Return whether the peer says nothing for so long, and stays on the line."""
        return not select.select([self.stream], [], [], seconds)[0]

    def authenticate(self) -> None:
        """Go through the authentication as initiator."""
        self.send(AuthenticationRequest())
        self.wait(AuthenticationResponse)
        self.send(AuthenticationConfirm())

    def be_authenticated(self, own: Capability) -> None:
        """Go through the authentication as responder."""
        self.send(self.wait(AuthenticationRequest).answer(own))
        self.wait(AuthenticationConfirm)

    def enroll(self, request: ConfigurationRequest) -> ConfigurationResponse:
        """Be configured."""
        self.send(request)
        response = self.wait(ConfigurationResponse)
        self.send(ConfigurationResult())
        return response


def listen() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def accept(server: socket.socket, connection: Connection) -> Link:
    server.settimeout(_PATIENCE_S)
    return Link(server.accept()[0], connection)


def connect(connection: Connection) -> Link:
    return Link(socket.create_connection(("127.0.0.1", PORT), _PATIENCE_S), connection)


def their_label(wpa: WpaSupplicant, label: int | None = None) -> BootstrappingKey:
    """Return the key of this label of wpa_supplicant's, or of a new one."""
    if label is None:
        label = wpa.number("DPP_BOOTSTRAP_GEN type=qrcode")
    return BootstrappingUri.parse(wpa.command(f"DPP_BOOTSTRAP_GET_URI {label}")).key


def network(akm: str, ssid: bytes, passphrase: str) -> str:
    """Return a network as wpa_supplicant's commands take it."""
    return f"conf=sta-{akm} ssid={ssid.hex()} pass={passphrase.encode().hex()}"


def initiate(wpa: WpaSupplicant, key: BootstrappingKey, port: int, what: str) -> None:
    """Let wpa_supplicant connect to us and send its Authentication Request."""
    peer = wpa.number(f"DPP_QR_CODE {BootstrappingUri(key)}")
    reply = wpa.command(f"DPP_AUTH_INIT peer={peer} neg_freq=2437 {what} tcp_addr=127.0.0.1 tcp_port={port}")
    assert reply == "OK", reply
