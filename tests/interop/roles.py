"""Every role towards wpa_supplicant: who begins, who configures, who proves what, and with which credentials."""

import base64
import socket
import time
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID

from onboarding_protocol.bootstrapping import BootstrappingKey, BootstrappingUri
from onboarding_protocol.dpp import (
    CSR_ATTRIBUTES,
    Akm,
    AuthenticationConfirm,
    AuthenticationRequest,
    AuthenticationResponse,
    Capability,
    ComebackDelay,
    ComebackRequest,
    ConfigurationObject,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfigurationResult,
    ConfiguratorKey,
    Connection,
    Credential,
    EnrolleeRequest,
    EnterpriseCredential,
    ExchangeFailed,
    Status,
)
from tests.interop.peer import PORT, Outcome, accept, connect, initiate, listen, network, their_label
from tests.interop.wpa import WpaSupplicant
from tests.protocol import page, samples

ENROLLEE, CONFIGURATOR = Capability.ENROLLEE, Capability.CONFIGURATOR
EITHER = ENROLLEE | CONFIGURATOR
SECOND_SSID = b"second"
EXPIRY = 4_108_838_340  # 2100-03-15T23:59:00Z
MUD_URL = "https://example.com/gateway.json"
SERVER_NAME = "radius.example.com"
NETWORKS = {
    "psk": "sta-psk",
    "sae": "sta-sae",
    "psk+sae": "sta-psk-sae",
    "dpp": "sta-dpp",
    "dpp+sae": "sta-sae-dpp",
    "dpp+psk+sae": "sta-psk-sae-dpp",
}
_SCAN = f"DPP_QR_CODE {BootstrappingUri(samples.INITIATOR_LABEL)}"


class Table:
    """Both ends brought together, whoever begins. We become `own`, though we may be able to be `either`."""

    def __init__(
        self,
        wpa: WpaSupplicant,
        own: Capability,
        we_begin: bool,
        proof: str,
        more: str,
        version: int,
        either: bool = False,
    ) -> None:
        self.wpa, self.own, self.proof = wpa, EITHER if either else own, proof
        configurator = "" if own is CONFIGURATOR else f"configurator={wpa.number('DPP_CONFIGURATOR_ADD')} "
        theirs = wpa.number("DPP_BOOTSTRAP_GEN type=qrcode")
        key = their_label(wpa, theirs)
        if we_begin:
            role = "enrollee" if own is CONFIGURATOR else "configurator"
            mutual = " qr=mutual" if proof != "responder-only" else ""
            if configurator:
                assert wpa.command(f"SET dpp_configurator_params  {configurator}{more}") == "OK"
            assert wpa.command(f"DPP_CONTROLLER_START tcp_port={PORT} role={role}{mutual}") == "OK"
            if proof == "mutual":  # before the stream is there: 2.10 crashes on DPP_QR_CODE between that and a request
                wpa.number(_SCAN)
            self.link = connect(
                Connection.initiator(key, self.own, key=samples.INITIATOR_KEY, version=version),
            )
            self._begin()
        else:
            with listen() as server:
                what = f"{'role=either ' * either}{configurator}{more}" if configurator else "role=enrollee"
                own_label = f"own={theirs} " if proof != "responder-only" else ""
                initiate(wpa, samples.LABEL, server.getsockname()[1], own_label + what)
                self.link = accept(server, Connection.responder(samples.LABEL_KEY, self.own, version=version))
            self._answer(key if own_label else None)
        self.mutual = self.link.connection.mutual
        assert self.link.connection.capability is own

    def _begin(self) -> None:
        self.link.send(AuthenticationRequest())
        if self.proof == "pending":
            assert self.link.wait(AuthenticationResponse) == AuthenticationResponse(Status.RESPONSE_PENDING)
            self.wpa.wait("DPP-SCAN-PEER-QR-CODE")
            self.wpa.number(_SCAN)
        answer = self.link.wait(AuthenticationResponse)
        assert (answer.initiator is not None) == (self.proof != "responder-only")
        self.link.send(AuthenticationConfirm())

    def _answer(self, initiator: BootstrappingKey | None) -> None:
        request = self.link.wait(AuthenticationRequest)
        assert initiator is None or request.initiator_key_hash == initiator.key_hash
        if self.proof == "pending":
            self.link.send(AuthenticationResponse(Status.RESPONSE_PENDING))
            self.wpa.wait("DPP-RESPONSE-PENDING")
        self.link.send(request.answer(self.own, initiator))
        self.link.wait(AuthenticationConfirm)


def we_are_configured(
    wpa: WpaSupplicant,
    we_begin: bool = False,
    proof: str = "responder-only",
    akm: str = "psk",
    second: bool = False,
    version: int = 2,
    either: bool = False,
) -> Outcome:
    more = f"conf={NETWORKS[akm]} ssid={samples.SSID.hex()} pass={samples.PASSPHRASE.encode().hex()}"
    if second:
        more += f" @CONF-OBJ-SEP@ {network('psk', SECOND_SSID, samples.PASSPHRASE)}"
    table = Table(wpa, ENROLLEE, we_begin, proof, more, version, either)
    link = table.link
    link.send(ConfigurationRequest(EnrolleeRequest("Gateway G2", mud_url=MUD_URL, bands=(81, 115))))
    response = link.wait(ConfigurationResponse)
    credential = response.objects[0].credential
    access = None
    if credential.connector:
        access = link.connection.network_access(credential, int(time.time()))
    link.send(ConfigurationResult())
    wpa.wait("DPP-CONF-SENT")
    return {
        "ssids": [item.ssid.hex() for item in response.objects],
        "akm": credential.akm,
        "passphrase": credential.passphrase,
        "groups": [group.group_id for group in access.connector.groups] if access else None,
        "privacy": access is not None and access.privacy_key is not None,
        "mutual": table.mutual,
        "direction": wpa.seen("DPP-AUTH-DIRECTION"),
        "said": [wpa.seen("DPP-MUD-URL"), wpa.seen("DPP-BAND-SUPPORT")],
        "state": link.connection.state.name,
    }


def we_configure(
    wpa: WpaSupplicant,
    we_begin: bool = True,
    proof: str = "responder-only",
    akm: str = "psk",
    second: bool = False,
    connector: bool = True,
    delays: int = 0,
    version: int = 2,
) -> Outcome:
    table = Table(wpa, CONFIGURATOR, we_begin, proof, "", version)
    link, key = table.link, ConfiguratorKey(samples.OPERATOR_KEY, samples.ISSUER_KEY.public_key())
    asked = link.wait(ConfigurationRequest)
    for _ in range(delays):
        link.send(ComebackDelay(100))
        link.wait(ComebackRequest)
    credential = Credential(Akm.parse(akm), None if akm == "dpp" else samples.PASSPHRASE)
    if connector:
        peer = link.connection.peer_protocol_key
        credential = key.credential(credential.akm, peer, credential.passphrase, expiry=EXPIRY)
    objects = [ConfigurationObject(samples.SSID, credential)]
    if second:
        objects.append(samples.network(akm=Akm.PSK, ssid=SECOND_SSID))
    link.send(ConfigurationResponse(objects=tuple(objects)))
    result = link.wait(ConfigurationResult).status.name if link.connection.state.name == "CONFIGURED" else None
    wpa.wait("DPP-CONF-RECEIVED")
    wpa.wait("DPP-NETWORK-ID")
    return {
        "name": asked.request.name,
        "result": result,
        "mutual": table.mutual,
        "direction": wpa.seen("DPP-AUTH-DIRECTION"),
        "networks": wpa.network_blocks(),
        "key": wpa.seen("DPP-NET-ACCESS-KEY"),
        "state": link.connection.state.name,
    }


def we_are_refused(wpa: WpaSupplicant) -> Outcome:
    """Ask a configurator that has nothing configured."""
    wpa.number("DPP_CONFIGURATOR_ADD")
    assert wpa.command(f"DPP_CONTROLLER_START tcp_port={PORT} role=configurator") == "OK"
    link = connect(Connection.initiator(their_label(wpa), ENROLLEE))
    link.authenticate()
    link.send(ConfigurationRequest(samples.enrollee()))
    failed = link.wait(ExchangeFailed)
    return {"status": failed.status.name if failed.status else None, "state": link.connection.state.name}


def we_refuse(wpa: WpaSupplicant, status: str = "CONFIGURE_FAILURE") -> Outcome:
    table = Table(wpa, CONFIGURATOR, True, "responder-only", "", 2)
    table.link.wait(ConfigurationRequest)
    table.link.send(ConfigurationResponse(Status[status]))
    return {"verdict": wpa.wait("DPP-FAIL"), "state": table.link.connection.state.name}


def we_give_a_connector_for_another_key(wpa: WpaSupplicant) -> Outcome:
    table = Table(wpa, CONFIGURATOR, True, "responder-only", "", 2)
    table.link.wait(ConfigurationRequest)
    credential = ConfiguratorKey(samples.OPERATOR_KEY).credential(Akm.DPP, samples.OPERATIONAL_KEY.public_key())
    table.link.send(ConfigurationResponse(objects=(ConfigurationObject(samples.SSID, credential),)))
    try:
        table.link.wait(ConfigurationResult)
    except EOFError:
        return {"verdict": "hung up", "state": table.link.connection.state.name}
    return {"verdict": "answered", "networks": wpa.network_blocks()}


def we_give_a_certificate(wpa: WpaSupplicant, delays: int = 1) -> Outcome:
    table = Table(wpa, CONFIGURATOR, True, "responder-only", "", 2)
    link, key = table.link, ConfiguratorKey(samples.OPERATOR_KEY)
    first = link.wait(ConfigurationRequest)
    link.send(ConfigurationResponse(Status.CSR_NEEDED, csr_attributes=CSR_ATTRIBUTES))
    second = link.wait(ConfigurationRequest)
    der = second.request.signing_request
    assert der is not None
    link.connection.verify_signing_request(der)
    for _ in range(delays):
        link.send(ComebackDelay(100))
        link.wait(ComebackRequest)
    certificates = (AUTHORITY.public_bytes(Encoding.DER), sign(der).public_bytes(Encoding.DER))
    enterprise = EnterpriseCredential(certificates, certificates[0], SERVER_NAME)
    connected = key.credential(Akm.DOT1X, link.connection.peer_protocol_key)
    credential = Credential(Akm.DOT1X, connector=connected.connector, signing_key=key.public_key, enterprise=enterprise)
    link.send(ConfigurationResponse(objects=(ConfigurationObject(samples.SSID, credential),)))
    result = link.wait(ConfigurationResult)
    wpa.wait("DPP-CONF-RECEIVED")
    wpa.wait("DPP-NETWORK-ID")
    return {
        "asked_at_first": first.request.signing_request is not None,
        "result": result.status.name,
        "server_name": wpa.seen("DPP-SERVER-NAME"),
        "networks": wpa.network_blocks(),
    }


def we_get_a_certificate(wpa: WpaSupplicant, we_begin: bool = False) -> Outcome:
    attributes = base64.b64encode(CSR_ATTRIBUTES).decode()
    more = f"conf=sta-dot1x ssid={samples.SSID.hex()} csrattrs={attributes}"
    table = Table(wpa, ENROLLEE, we_begin, "responder-only", more, 2)
    link = table.link
    link.send(ConfigurationRequest(samples.enrollee()))
    demand = link.wait(ConfigurationResponse)
    request = link.connection.signing_request("Gateway G2")
    link.send(ConfigurationRequest(EnrolleeRequest("Gateway G2", signing_request=request)))
    seen = wpa.wait("DPP-CSR").partition("peer=")[2]
    peer, _, csr = seen.partition(" csr=")
    delay = link.wait(ComebackDelay)
    answer(wpa, peer, base64.b64decode(csr))
    link.send(ComebackRequest())
    response = link.wait(ConfigurationResponse)
    credential = response.objects[0].credential
    access = link.connection.network_access(credential, int(time.time()))
    link.send(ConfigurationResult())
    wpa.wait("DPP-CONF-SENT")
    enterprise = credential.enterprise
    assert enterprise is not None
    return {
        "demand": demand.status.name,
        "attributes": demand.csr_attributes.hex(),
        "delay": delay.time_units,
        "server_name": enterprise.server_name,
        "authority": enterprise.authority == AUTHORITY.public_bytes(Encoding.DER),
        "subject": enterprise.certificate_of(access.key.public_key()).subject.rfc4514_string(),
        "certificates": len(enterprise.certificates),
        "akm": credential.akm,
    }


def the_page_configures(wpa: WpaSupplicant) -> Outcome:
    """Let the configurator of docs/easy-connect.md do it."""
    example = page.run()
    uri = str(BootstrappingUri(their_label(wpa)))
    assert wpa.command(f"DPP_CONTROLLER_START tcp_port={PORT} role=enrollee") == "OK"
    with socket.create_connection(("127.0.0.1", PORT), 10) as stream:
        status = example.configure(stream, uri, example.network)
    wpa.wait("DPP-NETWORK-ID")
    return {"status": status.name, "network": wpa.network_block()}


def the_page_enrolls(wpa: WpaSupplicant) -> Outcome:
    """Let the enrollee of docs/easy-connect.md do it."""
    what = f"configurator={wpa.number('DPP_CONFIGURATOR_ADD')} {network('psk', samples.SSID, samples.PASSPHRASE)}"
    with listen() as server:
        initiate(wpa, samples.LABEL, server.getsockname()[1], what)
        stream, _ = server.accept()
        with stream:
            (given,) = page.run().enroll(stream, samples.LABEL_KEY)
            wpa.wait("DPP-CONF-SENT")
    return {"ssid": given.ssid.hex(), "passphrase": given.credential.passphrase}


AUTHORITY = samples.authority()


def answer(wpa: WpaSupplicant, peer: str, csr: bytes) -> None:
    """Be the authority behind wpa_supplicant."""
    bag = pkcs7.serialize_certificates([AUTHORITY, sign(csr)], Encoding.DER)
    values = {
        "trustedEapServerName": SERVER_NAME,
        "caCert": base64.b64encode(AUTHORITY.public_bytes(Encoding.DER)).decode(),
        "certBag": base64.b64encode(bag).decode(),
    }
    for name, value in values.items():
        assert wpa.command(f"DPP_CA_SET peer={peer} name={name} value={value}") == "OK", name


def sign(csr: bytes) -> x509.Certificate:
    request = x509.load_der_x509_csr(csr)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Acme Device CA")])
    start = datetime.now(UTC) - timedelta(hours=1)
    builder = x509.CertificateBuilder(
        issuer, request.subject, request.public_key(), 1234, start, start + timedelta(days=1)
    )
    return builder.sign(samples.ISSUER_KEY, hashes.SHA256())
