"""What hostap's JSON parser breaks on. Our writer never makes it, so these documents are written by hand."""

from collections.abc import Mapping

from onboarding_protocol.dpp import (
    Capability,
    ConfigurationRequest,
    Connection,
    Status,
    delimit,
    siv,
)
from onboarding_protocol.dpp.attributes import AttributeId, encode_attributes
from tests.interop.peer import Outcome, connect, their_label
from tests.interop.wpa import WpaSupplicant

_OBJECT = '{"wi-fi_tech":"infra","discovery":{"ssid":"x"},"cred":{"akm":"psk","pass":"long enough"},"/x":%s}'
TRAPS: Mapping[str, tuple[str, bool]] = {
    "integer": ("1", True),
    "raw-utf-8": ('"\u4e00"', True),
    "nine-levels": ("[" * 8 + "]" * 8, True),
    "float": ("1.5", False),
    "escape-of-a-low-octet-zero": ('"\\u4e00"', False),
    "backspace": ('"\\b"', False),
    "form-feed": ('"\\f"', False),
    "eleven-levels": ("[" * 11 + "]" * 11, False),
    "six-hundred-tokens": (f"[{','.join(['1'] * 600)}]", False),
}
"""Each with the member's value as JSON text, and whether wpa_supplicant 2.10 reads the object."""


def we_send_a_trap(wpa: WpaSupplicant, trap: str) -> Outcome:
    key = their_label(wpa)
    assert wpa.command("DPP_CONTROLLER_START tcp_port=8908 role=enrollee") == "OK"
    link = connect(Connection.initiator(key, Capability.CONFIGURATOR))
    with link.stream:
        link.authenticate()
        link.wait(ConfigurationRequest)
        link.stream.sendall(_response(link.connection, _OBJECT % TRAPS[trap][0]))
        read = link.stream.recv(100) != b""  # a Configuration Result, or it hangs up
    return {"read": read}


def _response(connection: Connection, document: str) -> bytes:
    # By way of private names: no public one leads around our own writer's refusal.
    exchange = connection._exchange
    assert exchange is not None
    before = encode_attributes([(AttributeId.STATUS, bytes([Status.OK]))])
    inner = encode_attributes(
        [
            (AttributeId.ENROLLEE_NONCE, exchange._enrollee_nonce),
            (AttributeId.CONFIGURATION_OBJECT, document.encode()),
        ]
    )
    wrapped = siv.wrap(exchange.established.encryption_key, inner, [before])
    return delimit(exchange._query.encode_response(before + encode_attributes([(AttributeId.WRAPPED_DATA, wrapped)])))
