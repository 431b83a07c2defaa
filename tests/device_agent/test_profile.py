from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from device_agent.errors import StateError
from device_agent.record import WifiEnterprise, WifiProfile
from device_agent.station import station_identity
from device_agent.store import Store, read_record
from onboarding_protocol.dpp import (
    CSR_ATTRIBUTES,
    Akm,
    ConfigurationObject,
    ConfigurationRequest,
    ConfigurationResponse,
    ConfiguratorKey,
    Credential,
    EnterpriseCredential,
    Status,
)
from tests.device_agent.certificates import Authority, unreadable
from tests.device_agent.operator import Operator
from tests.device_agent.phone import PASSPHRASE, Phone, network


@pytest.fixture
def authority() -> Authority:
    return Authority()


def profile(store: Store) -> WifiProfile:
    (kept,) = store.record.wifi
    return kept


def with_connector(phone: Phone, akm: Akm, passphrase: str | None = None, expiry: int | None = None) -> Credential:
    return ConfiguratorKey.generate().credential(akm, phone.connection.peer_protocol_key, passphrase, expiry=expiry)


def test_a_connector_is_kept_with_its_key(store: Store, phone: Phone, folder: Path) -> None:
    phone.authenticate()
    credential = with_connector(phone, Akm.DPP, expiry=2_000_000_000)
    assert phone.configure(ConfigurationObject(b"Home", credential)).status is Status.OK
    access = profile(store).access
    assert access is not None
    key = load_der_private_key(access.key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == phone.connection.peer_protocol_key
    assert (access.connector, access.expiry) == (credential.connector, 2_000_000_000)
    assert read_record(folder) == store.record
    assert access.connector not in repr(store.record)


@pytest.mark.parametrize("akm", [Akm.PSK, Akm.SAE, Akm.PSK_SAE, Akm.DPP_PSK_SAE, Akm.DPP_SAE])
def test_a_connector_that_does_not_verify_leaves_the_passphrase(store: Store, phone: Phone, akm: Akm) -> None:
    phone.authenticate()
    foreign = ec.generate_private_key(ec.SECP256R1()).public_key()
    credential = ConfiguratorKey.generate().credential(akm, foreign, PASSPHRASE)
    assert phone.configure(ConfigurationObject(b"Home", credential)).status is Status.OK
    assert (profile(store).akm, profile(store).passphrase, profile(store).access) == (akm, PASSPHRASE, None)


def test_a_connector_that_has_expired_for_certain_is_refused(store: Store, phone: Phone) -> None:
    store.save(replace(store.record, clock_floor=2_000_000_000))
    phone.authenticate()
    credential = with_connector(phone, Akm.DPP, expiry=1_999_999_999)
    assert phone.configure(ConfigurationObject(b"Home", credential)).status is Status.CONFIG_REJECTED


def test_the_first_network_that_can_be_joined_is_taken(store: Store, phone: Phone) -> None:
    phone.authenticate()
    first = ConfigurationObject(b"Corp", with_connector(phone, Akm.DPP))
    assert phone.configure(ConfigurationObject(b"None", Credential(Akm.DPP)), first, network()).status is Status.OK
    assert profile(store).ssid == b"Corp"


def test_a_certificate_is_asked_for_and_kept(store: Store, phone: Phone, authority: Authority) -> None:
    phone.authenticate()
    (request,) = phone.send(ConfigurationResponse(Status.CSR_NEEDED, csr_attributes=CSR_ATTRIBUTES))
    assert isinstance(request, ConfigurationRequest)
    asked = request.request.signing_request
    assert asked is not None
    phone.connection.verify_signing_request(asked)
    key = x509.load_der_x509_csr(asked).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    leaf = authority.certify(key, "station")
    offered = EnterpriseCredential((authority.certificate, leaf), authority.certificate, "radius.lab")
    credential = Credential(Akm.DOT1X, enterprise=offered)
    assert phone.configure(ConfigurationObject(b"Corp", credential)).status is Status.OK
    identity = station_identity(store, profile(store))
    assert identity is not None
    assert identity.name == "station"
    assert identity.authority is not None
    private = Path(identity.key)
    assert private.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE KEY" in private.read_bytes()
    store.reset()
    assert not private.exists()


def test_the_operational_certificate_serves_for_the_network_too(
    store: Store, phone: Phone, authority: Authority, operator: Operator
) -> None:
    phone.authenticate()
    own = store.operational_key.public_key()
    offered = EnterpriseCredential((authority.certify(own, "station"),), authority.certificate, "radius.lab")
    members = operator.grant(own).to_members()
    item = ConfigurationObject(b"Corp", Credential(Akm.DOT1X, enterprise=offered), members)
    assert phone.configure(item).status is Status.OK
    kept = profile(store).enterprise
    assert kept is not None
    assert (kept.certificates, kept.key) == ((), None)
    identity = station_identity(store, profile(store))
    ownership = store.record.ownership
    assert identity is not None
    assert ownership is not None
    shown = store.tls_identity(ownership)
    assert (Path(identity.certificate), Path(identity.key)) == (shown.certificates, shown.key)


def test_a_device_without_a_certificate_says_so(store: Store, phone: Phone, authority: Authority) -> None:
    phone.authenticate()
    leaf = authority.certify(store.operational_key.public_key(), "station")
    offered = EnterpriseCredential((leaf,), authority.certificate)
    phone.configure(ConfigurationObject(b"Corp", Credential(Akm.DOT1X, enterprise=offered)))
    with pytest.raises(StateError, match="certificate"):
        station_identity(store, profile(store))


@pytest.mark.parametrize("bend", [{"authority": None}, {"eap_methods": (25,)}, {"certificates": None}])
def test_an_enterprise_network_without_all_it_takes_is_refused(
    store: Store, phone: Phone, authority: Authority, bend: dict[str, object]
) -> None:
    phone.authenticate()
    offered = EnterpriseCredential(
        (authority.certify(store.operational_key.public_key(), "station"),), authority.certificate
    )
    bent = replace(offered, **{k: (authority.certificate,) if k == "certificates" else v for k, v in bend.items()})  # type: ignore[arg-type]
    item = ConfigurationObject(b"Corp", Credential(Akm.DOT1X, enterprise=bent))
    assert phone.configure(item).status is Status.CONFIG_REJECTED
    assert store.record.wifi == ()


def asked_for_certificate(phone: Phone) -> ec.EllipticCurvePublicKey:
    phone.authenticate()
    (request,) = phone.send(ConfigurationResponse(Status.CSR_NEEDED, csr_attributes=CSR_ATTRIBUTES))
    assert isinstance(request, ConfigurationRequest)
    assert request.request.signing_request is not None
    key = x509.load_der_x509_csr(request.request.signing_request).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


@pytest.mark.parametrize("operational", [True, False], ids=["operational key", "key of the exchange"])
@pytest.mark.parametrize("kind", ["unreadable", "not to be shown"])
def test_a_certificate_whose_name_cannot_be_read_or_shown_is_refused(
    store: Store, phone: Phone, authority: Authority, operational: bool, kind: str
) -> None:
    key = asked_for_certificate(phone)
    leaf = authority.certify(store.operational_key.public_key() if operational else key, "aaaaaaaa")
    leaf = unreadable(leaf, "aaaaaaaa") if kind == "unreadable" else leaf.replace(b"aaaaaaaa", b"aaa\naaaa")
    offered = EnterpriseCredential((authority.certificate, leaf), authority.certificate, "radius.lab")
    item = ConfigurationObject(b"Corp", Credential(Akm.DOT1X, enterprise=offered))
    assert phone.configure(item).status is Status.CONFIG_REJECTED
    assert store.record.wifi == ()


def test_a_kept_certificate_whose_name_cannot_be_read_is_told(store: Store, authority: Authority) -> None:
    leaf = unreadable(authority.certify(store.operational_key.public_key(), "aaaaaaaa"), "aaaaaaaa")
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    kept = WifiProfile(ssid=b"Corp", akm=Akm.DOT1X, enterprise=WifiEnterprise(certificates=(leaf,), key=der))
    with pytest.raises(StateError, match="cannot be read"):
        station_identity(store, kept)


def test_a_network_with_a_password_wants_no_files(open_store: Callable[[], Store]) -> None:
    assert station_identity(open_store(), WifiProfile(ssid=b"Home", akm=Akm.PSK, passphrase=PASSPHRASE)) is None
