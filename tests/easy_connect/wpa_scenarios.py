"""`app-sim easy-connect` against Debian's wpa_supplicant over TCP, in a network namespace of its own.

`unshare -rn --pid --fork --kill-child python -m tests.easy_connect.wpa_scenarios NAME` prints what a test wants to
look at as one JSON object.
"""

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.interop.peer import PORT, network
from tests.interop.scenarios import raise_loopback
from tests.interop.wpa import WpaSupplicant
from tests.protocol import samples

Outcome = dict[str, object]
Scenario = Callable[[WpaSupplicant, Path], Outcome]
ROOT = Path(__file__).parents[2]
NAMESPACE = ("unshare", "-rn", "--pid", "--fork", "--kill-child")
"""Loopback of its own, no privilege needed, and nothing survives it."""
APP = Path(sys.executable).parent / "app-sim"
SSID = "Home"
NETWORK = network("{akm}", SSID.encode(), samples.PASSPHRASE)
_PATIENCE_S = 15.0


class App:
    """A running `app-sim easy-connect … --json`."""

    def __init__(self, *arguments: str | Path) -> None:
        command = [APP, "easy-connect", *arguments, "--json"]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines: list[Outcome] = []

    def next(self) -> Outcome:
        """Return the next line."""
        assert self._child.stdout is not None
        self.lines.append(json.loads(self._child.stdout.readline()))
        return self.lines[-1]

    def finish(self) -> Outcome:
        """Return everything it said, and its exit code."""
        out, errors = self._child.communicate(timeout=_PATIENCE_S)
        self.lines += [json.loads(line) for line in out.splitlines()]
        return {"lines": self.lines, "code": self._child.returncode, "errors": errors}


def uri_of(wpa: WpaSupplicant) -> str:
    return wpa.command(f"DPP_BOOTSTRAP_GET_URI {wpa.number('DPP_BOOTSTRAP_GEN type=qrcode')}")


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


def configure(wpa: WpaSupplicant, folder: Path, akm: str, *more: str) -> Outcome:
    uri = uri_of(wpa)
    assert wpa.command(f"DPP_CONTROLLER_START tcp_port={PORT} role=enrollee") == "OK"
    password = written(folder, "password", samples.PASSPHRASE + "\n")
    what = ("--ssid", SSID, "--akm", akm, *more)
    seen = App("configure", "--uri", uri, "--tcp", "127.0.0.1", "--password-file", password, *what).finish()
    wpa.wait("DPP-CONF-RECEIVED")
    wpa.wait("DPP-NETWORK-ID")
    return seen | {"network": wpa.network_block()}


def configure_with_member(wpa: WpaSupplicant, folder: Path) -> Outcome:
    members = written(folder, "members", json.dumps(samples.grant().to_members()))
    return configure(wpa, folder, "psk", "--members", str(members))


def configure_with_connector(wpa: WpaSupplicant, folder: Path, akm: str) -> Outcome:
    key = folder / "configurator.pem"
    seen = configure(wpa, folder, akm, "--configurator-key", str(key))
    return seen | {"mode": key.stat().st_mode & 0o777}


def enroll(wpa: WpaSupplicant, _: Path, akm: str, *more: str | Path, conf: str = "", sent: bool = True) -> Outcome:
    configurator = wpa.number("DPP_CONFIGURATOR_ADD")
    app = App("enroll", "--listen", "127.0.0.1:0", *more)
    listening = app.next()["listening"]
    assert isinstance(listening, dict)
    peer = wpa.number(f"DPP_QR_CODE {listening['uri']}")
    port = str(listening["address"]).partition(":")[2]
    given = f"configurator={configurator} {NETWORK.format(akm=akm)}{conf}"
    reply = wpa.command(f"DPP_AUTH_INIT peer={peer} neg_freq=2437 {given} tcp_addr=127.0.0.1 tcp_port={port}")
    assert reply == "OK", reply
    seen = app.finish()
    if sent:
        wpa.wait("DPP-CONF-SENT")
    return seen


def enroll_mutually(wpa: WpaSupplicant, folder: Path, as_somebody_else: bool = False) -> Outcome:
    own, other = (wpa.number("DPP_BOOTSTRAP_GEN type=qrcode") for _ in range(2))
    uri = wpa.command(f"DPP_BOOTSTRAP_GET_URI {own}")
    proven = other if as_somebody_else else own
    more = ("--timeout", "2") if as_somebody_else else ()
    return enroll(wpa, folder, "psk", "--peer", uri, *more, conf=f" own={proven}", sent=not as_somebody_else)


def enroll_with_member(wpa: WpaSupplicant, folder: Path) -> Outcome:
    members = written(folder, "members", json.dumps(samples.statement().to_members()))
    return enroll(wpa, folder, "psk", "--members", str(members), "--show-secrets")


def enroll_by_asking(wpa: WpaSupplicant, _: Path) -> Outcome:
    configurator = wpa.number("DPP_CONFIGURATOR_ADD")
    given = f"configurator={configurator} {NETWORK.format(akm='sae')}"
    assert wpa.command(f"SET dpp_configurator_params  {given}") == "OK"
    uri = uri_of(wpa)
    assert wpa.command(f"DPP_CONTROLLER_START tcp_port={PORT} role=configurator") == "OK"
    seen = App("enroll", "--tcp", "127.0.0.1", "--uri", uri, "--show-secrets").finish()
    wpa.wait("DPP-CONF-SENT")
    return seen


def configure_a_configurator(wpa: WpaSupplicant, folder: Path) -> Outcome:
    uri = uri_of(wpa)
    wpa.number("DPP_CONFIGURATOR_ADD")
    assert wpa.command(f"DPP_CONTROLLER_START tcp_port={PORT} role=configurator") == "OK"
    password = written(folder, "password", samples.PASSPHRASE)
    return App(
        "configure", "--uri", uri, "--tcp", f"127.0.0.1:{PORT}", "--ssid", SSID, "--password-file", password
    ).finish()


SCENARIOS: dict[str, Scenario] = {
    **{f"configure-{akm}": functools.partial(configure, akm=akm) for akm in ("psk", "sae", "psk+sae")},
    **{f"configure-{akm}": functools.partial(configure_with_connector, akm=akm) for akm in ("dpp", "dpp+psk+sae")},
    "configure-with-member": configure_with_member,
    "configure-a-configurator": configure_a_configurator,
    **{f"enroll-{akm}": functools.partial(enroll, akm=akm) for akm in ("psk", "sae", "dpp")},
    "enroll-status": functools.partial(enroll, akm="psk", conf=" conn_status=1"),
    "enroll-mutually": enroll_mutually,
    "enroll-somebody-else": functools.partial(enroll_mutually, as_somebody_else=True),
    "enroll-with-member": enroll_with_member,
    "enroll-by-asking": enroll_by_asking,
}


def main() -> None:
    raise_loopback()
    with tempfile.TemporaryDirectory() as directory, WpaSupplicant(Path(directory)) as wpa:
        outcome = SCENARIOS[sys.argv[1]](wpa, Path(directory))
    sys.stdout.write(json.dumps(outcome))


if __name__ == "__main__":
    main()
