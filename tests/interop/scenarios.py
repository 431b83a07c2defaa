"""What is tried against wpa_supplicant, in a network namespace of its own.

`unshare -rn --pid --fork --kill-child python -m tests.interop.scenarios NAME ARGUMENTS` prints what a test wants to
look at as one JSON object. The namespaces are needed because wpa_supplicant listens on every address, asks for
CAP_NET_RAW and leaves its parent.
"""

import fcntl
import functools
import json
import socket
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.dpp import (
    Akm,
    AuthenticationRequest,
    Capability,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    Connection,
    MessageDropped,
    Status,
)
from onboarding_protocol.members import DeviceStatement, Members
from tests.interop import roles, traps
from tests.interop.peer import (
    Outcome,
    accept,
    connect,
    initiate,
    listen,
    network,
    their_label,
)
from tests.interop.wpa import WpaSupplicant
from tests.protocol import samples

ENROLLEE, CONFIGURATOR = Capability.ENROLLEE, Capability.CONFIGURATOR
ODD_PASSPHRASE = 'a "quoted\\" 🛰 päss'
NOBODY = BootstrappingKey.from_public_key(samples.key(99).public_key())


def show(response: ConfigurationResponse) -> Outcome:
    """Return what an enrollee was given."""
    given = response.objects[0]
    return {
        "ssid": given.ssid.hex(),
        "akm": given.credential.akm,
        "passphrase": given.credential.passphrase,
        "objects": len(response.objects),
        "wants_status": response.wants_status,
    }


def wpa_configures_us(
    wpa: WpaSupplicant,
    akm: str = "psk",
    members: Members | None = None,
    passphrase: str = samples.PASSPHRASE,
    more: str = "",
) -> Outcome:
    configurator = wpa.number("DPP_CONFIGURATOR_ADD")
    with listen() as server:
        what = f"configurator={configurator} {network(akm, samples.SSID, passphrase)}{more}"
        initiate(wpa, samples.LABEL, server.getsockname()[1], what)
        link = accept(server, Connection.responder(samples.LABEL_KEY, ENROLLEE))
        with link.stream:
            link.be_authenticated(ENROLLEE)
            response = link.enroll(ConfigurationRequest(samples.enrollee(members)))
            wpa.wait("DPP-CONF-SENT")
    octets = {"sent": link.sent, "received": link.received}
    return show(response) | octets | {"request_octets": link.sent[-2], "state": link.connection.state.name}


def we_configure_wpa(
    wpa: WpaSupplicant,
    akm: Akm = Akm.PSK,
    members: Members | None = None,
    passphrase: str = samples.PASSPHRASE,
    delay_s: float = 0,
) -> Outcome:
    key = their_label(wpa)
    assert wpa.command("DPP_CONTROLLER_START tcp_port=8908 role=enrollee") == "OK"
    link = connect(Connection.initiator(key, CONFIGURATOR))
    with link.stream:
        link.authenticate()
        asked = link.wait(ConfigurationRequest)
        waited = link.silent(delay_s)
        link.send(ConfigurationResponse(objects=(samples.network(members, akm, passphrase=passphrase),)))
        result = link.wait(ConfigurationResult)
        wpa.wait("DPP-CONF-RECEIVED")
        wpa.wait("DPP-NETWORK-ID")
    return {
        "name": asked.request.name,
        "statement": DeviceStatement.from_members(asked.request.members),
        "result": result.status.name,
        "response_octets": link.sent[-1],
        "sent": link.sent,
        "received": link.received,
        "waited": waited,
        "network": wpa.network_block(),
    }


def we_ask_a_listening_configurator(wpa: WpaSupplicant, akm: str = "psk", members: Members | None = None) -> Outcome:
    configurator = wpa.number("DPP_CONFIGURATOR_ADD")
    given = f"configurator={configurator} {network(akm, samples.SSID, samples.PASSPHRASE)}"
    assert wpa.command(f"SET dpp_configurator_params  {given}") == "OK"
    key = their_label(wpa)
    assert wpa.command("DPP_CONTROLLER_START tcp_port=8908 role=configurator") == "OK"
    link = connect(Connection.initiator(key, ENROLLEE))
    with link.stream:
        link.authenticate()
        response = link.enroll(ConfigurationRequest(samples.enrollee(members)))
        wpa.wait("DPP-CONF-SENT")
    return show(response)


def wpa_read_another_label(wpa: WpaSupplicant) -> Outcome:
    configurator = wpa.number("DPP_CONFIGURATOR_ADD")
    with listen() as server:
        what = f"configurator={configurator} {network('psk', samples.SSID, samples.PASSPHRASE)}"
        initiate(wpa, NOBODY, server.getsockname()[1], what)
        link = accept(server, Connection.responder(samples.LABEL_KEY, ENROLLEE))
        with link.stream:
            dropped = link.wait(MessageDropped)
            return {"reason": dropped.reason.name, "state": link.connection.state.name, "silent": link.silent(0.2)}


def we_read_another_label(wpa: WpaSupplicant) -> Outcome:
    their_label(wpa)
    assert wpa.command("DPP_CONTROLLER_START tcp_port=8908 role=enrollee") == "OK"
    link = connect(Connection.initiator(NOBODY, CONFIGURATOR))
    with link.stream:
        link.send(AuthenticationRequest())
        answer = b"" if link.silent(0.5) else link.stream.recv(100)
    return {"answer": answer.hex(), "state": link.connection.state.name}


def both_want_to_configure(wpa: WpaSupplicant) -> Outcome:
    configurator = wpa.number("DPP_CONFIGURATOR_ADD")
    with listen() as server:
        what = f"role=configurator configurator={configurator} {network('psk', samples.SSID, samples.PASSPHRASE)}"
        initiate(wpa, samples.LABEL, server.getsockname()[1], what)
        link = accept(server, Connection.responder(samples.LABEL_KEY, CONFIGURATOR))
        with link.stream:
            answer = link.wait(AuthenticationRequest).answer(CONFIGURATOR)
            link.send(answer)
            verdict = wpa.wait("DPP-NOT-COMPATIBLE")
    return {"status": answer.status.name, "refused": answer.status is Status.NOT_COMPATIBLE, "verdict": verdict}


def filled_grant(octets: int) -> Members:
    """Return a Grant with so many more octets of certificates."""
    grant = samples.grant()
    return type(grant)(grant.assignment, (*grant.certificates, bytes(octets))).to_members()


ROLES = (
    roles.we_are_configured,
    roles.we_configure,
    roles.we_are_refused,
    roles.we_refuse,
    roles.we_give_a_connector_for_another_key,
    roles.we_give_a_certificate,
    roles.we_get_a_certificate,
    roles.the_page_configures,
    roles.the_page_enrolls,
    traps.we_send_a_trap,
)
STATEMENT = samples.statement().to_members()
SCENARIOS: dict[str, Callable[..., Outcome]] = {
    **{scenario.__name__.replace("_", "-"): scenario for scenario in ROLES},
    "wpa-configures-us": wpa_configures_us,
    "wpa-configures-us-sae": functools.partial(wpa_configures_us, akm="sae"),
    "wpa-configures-us-psk-sae": functools.partial(wpa_configures_us, akm="psk-sae"),
    "wpa-configures-us-status": functools.partial(wpa_configures_us, more=" conn_status=1"),
    "wpa-configures-us-selectors": functools.partial(wpa_configures_us, akm="psk-sae", more=" akm_use_selector=1"),
    "wpa-configures-us-odd-passphrase": functools.partial(wpa_configures_us, passphrase=ODD_PASSPHRASE),
    "wpa-configures-us-member": functools.partial(wpa_configures_us, members=STATEMENT),
    "we-configure-wpa-psk": we_configure_wpa,
    "we-configure-wpa-sae": functools.partial(we_configure_wpa, akm=Akm.SAE),
    "we-configure-wpa-psk-sae": functools.partial(we_configure_wpa, akm=Akm.PSK_SAE),
    "we-configure-wpa-grant": functools.partial(we_configure_wpa, members=samples.grant().to_members()),
    "we-configure-wpa-large-grant": functools.partial(we_configure_wpa, members=filled_grant(1400)),
    "we-configure-wpa-odd-passphrase": functools.partial(we_configure_wpa, passphrase=ODD_PASSPHRASE),
    "we-configure-wpa-late": functools.partial(we_configure_wpa, delay_s=3),
    "we-ask-wpa": we_ask_a_listening_configurator,
    "we-ask-wpa-member": functools.partial(we_ask_a_listening_configurator, members=STATEMENT),
    "wpa-read-another-label": wpa_read_another_label,
    "we-read-another-label": we_read_another_label,
    "both-want-to-configure": both_want_to_configure,
}


def raise_loopback() -> None:
    """Set `lo` up, as `ip link set lo up` would."""
    flags_up_and_running, set_flags = 0x41, 0x8914
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", flags_up_and_running))


def main() -> None:
    raise_loopback()
    with tempfile.TemporaryDirectory() as directory, WpaSupplicant(Path(directory)) as wpa:
        outcome = SCENARIOS[sys.argv[1]](wpa, **json.loads(sys.argv[2]))
    sys.stdout.write(json.dumps(outcome))


if __name__ == "__main__":
    main()
