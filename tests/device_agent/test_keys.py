import shutil
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, nullcontext
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from device_agent.config import KeysConfig, KeyStoreKind
from device_agent.directory import StateDirectory
from device_agent.enrollee import Enrollee
from device_agent.errors import ConfigurationFileError, KeyUnusableError
from device_agent.keys import KeyStore, TlsIdentity, open_key_store
from device_agent.keys.external import ExternalKey
from device_agent.keys.tls import show
from device_agent.record import Record
from device_agent.statement import Particulars
from device_agent.store import Store, label_key
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.identity import create_signing_request, sign_label_proof, verify_label_proof
from tests.device_agent.operator import Operator, certificate, new_key
from tests.device_agent.phone import Phone, label
from tests.world.hardware import SOFTHSM_CONF, Tokens, running_tpm

DIGEST = ec.ECDSA(hashes.SHA256())
PLACES = list(KeyStoreKind)
IN_HARDWARE = [KeyStoreKind.TPM, KeyStoreKind.PKCS11]
SPOILT = b"-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n-----END TSS2 PRIVATE KEY-----\n"
_TOKENS = 24
"""SoftHSM looks for new tokens when it is loaded only, so they are all made before."""


@pytest.fixture(scope="module")
def drawer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], KeysConfig]]:
    tokens = Tokens.in_folder(tmp_path_factory.mktemp("hsm"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SOFTHSM_CONF, tokens.environment[SOFTHSM_CONF])
        made = [tokens.add(f"device {number}") for number in range(_TOKENS)]
        yield made.pop


@pytest.fixture
def make_config(tmp_path: Path, drawer: Callable[[], KeysConfig]) -> Iterator[Callable[[KeyStoreKind], KeysConfig]]:
    numbers = count()
    with ExitStack() as running:

        def make(place: KeyStoreKind) -> KeysConfig:
            match place:
                case KeyStoreKind.FILE:
                    return KeysConfig()
                case KeyStoreKind.TPM:
                    return running.enter_context(running_tpm(tmp_path / f"tpm{next(numbers)}"))
                case KeyStoreKind.PKCS11:
                    return drawer()

        yield make


@pytest.fixture
def config(make_config: Callable[[KeyStoreKind], KeysConfig], place: KeyStoreKind) -> KeysConfig:
    return make_config(place)


@pytest.fixture
def directory(folder: Path) -> Iterator[StateDirectory]:
    with closing(StateDirectory(folder).hold()) as held:
        yield held


@pytest.fixture
def keys(config: KeysConfig, directory: StateDirectory) -> KeyStore:
    return open_key_store(config, directory)


def server_and_client(context: ssl.SSLContext, version: ssl.TLSVersion, operator: Operator, folder: Path) -> str:
    """Shake hands in memory; return the name of the client as the server has seen it."""
    host = new_key()
    leaf = certificate("localhost", host.public_key(), "Devices CA", operator.authority_key)
    (folder / "host.pem").write_bytes(
        leaf.public_bytes(Encoding.PEM) + host.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "host.pem")
    server.load_verify_locations(cadata=operator.authority.public_bytes(Encoding.DER))
    server.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = version
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = context.wrap_bio(to_client, to_server)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (near, far) * 4:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    peer = far.getpeercert()
    assert peer is not None
    assert far.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
    return str(peer["subject"])


def client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.mark.parametrize("place", PLACES)
def test_a_key_is_found_again_signs_and_agrees(keys: KeyStore) -> None:
    assert keys.find("bootstrapping") is None
    made = keys.create("bootstrapping")
    found = keys.find("bootstrapping")
    assert found is not None
    assert found.public_key() == made.public_key()
    assert (found.key_size, found.curve.name) == (256, "secp256r1")
    found.public_key().verify(found.sign(b"some words", DIGEST), b"some words", DIGEST)
    peer = new_key()
    for _ in range(8):
        assert found.exchange(ec.ECDH(), peer.public_key()) == peer.exchange(ec.ECDH(), made.public_key())


@pytest.mark.parametrize("place", PLACES)
def test_keys_have_names_and_a_removed_one_is_gone(keys: KeyStore) -> None:
    first, second = keys.create("operational-0"), keys.create("operational-1")
    assert first.public_key() != second.public_key()
    assert sorted(keys.names()) == ["operational-0", "operational-1"]
    keys.remove(["operational-0", "operational-7"])
    assert list(keys.names()) == ["operational-1"]
    assert keys.find("operational-0") is None


@pytest.mark.parametrize("place", PLACES)
def test_a_key_made_again_is_another_one(keys: KeyStore) -> None:
    before = keys.create("operational-0").public_key()
    after = keys.create("operational-0").public_key()
    found = keys.find("operational-0")
    assert found is not None
    assert before != after == found.public_key()


@pytest.mark.parametrize("place", PLACES)
def test_requests_and_proofs_are_signed_wherever_the_key_lives(keys: KeyStore) -> None:
    printed, key = keys.create("bootstrapping"), keys.create("operational-0")
    request = create_signing_request(key, bytes(16))
    assert x509.load_der_x509_csr(request).is_signature_valid
    proof = sign_label_proof(printed, request, 3)
    verify_label_proof(BootstrappingKey.from_public_key(printed.public_key()), request, 3, proof)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("place", PLACES)
def test_tls_works_wherever_the_key_lives(
    keys: KeyStore, version: ssl.TLSVersion, operator: Operator, tmp_path: Path
) -> None:
    key = keys.create("operational-0")
    leaf = x509.load_der_x509_certificate(operator.certify(key.public_key()))
    (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    for _ in range(3):
        context = client_context()
        show(context, TlsIdentity(tmp_path / "leaf.pem", keys.tls_key("operational-0")))
        name = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
        assert str(name) in server_and_client(context, version, operator, tmp_path)


@pytest.mark.parametrize("place", IN_HARDWARE)
def test_a_certificate_for_another_key_is_refused_before_any_handshake(
    keys: KeyStore, operator: Operator, tmp_path: Path
) -> None:
    keys.create("operational-0")
    leaf = x509.load_der_x509_certificate(operator.certify(new_key().public_key()))
    (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    with pytest.raises(KeyUnusableError, match="not one for this key"):
        show(client_context(), TlsIdentity(tmp_path / "leaf.pem", keys.tls_key("operational-0")))
    with pytest.raises(KeyUnusableError, match="cannot be read"):
        show(client_context(), TlsIdentity(tmp_path / "none.pem", keys.tls_key("operational-0")))


@pytest.mark.parametrize("place", IN_HARDWARE)
def test_what_a_key_in_hardware_does_not_do_is_refused(keys: KeyStore) -> None:
    key = keys.create("operational-0")
    with pytest.raises(UnsupportedAlgorithm):
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(UnsupportedAlgorithm):
        key.private_numbers()
    with pytest.raises(UnsupportedAlgorithm):
        key.sign(b"", ec.ECDSA(hashes.SHA512()))
    with pytest.raises(ValueError, match="P-256 only"):
        key.exchange(ec.ECDH(), new_key(ec.SECP384R1()).public_key())
    digest = bytes(range(32))
    prehashed = ec.ECDSA(Prehashed(hashes.SHA256()))
    key.public_key().verify(key.sign(digest, prehashed), digest, prehashed)


@pytest.mark.parametrize("place", PLACES)
def test_a_device_is_onboarded_and_reset_wherever_its_keys_live(
    config: KeysConfig, folder: Path, operator: Operator
) -> None:
    with closing(Store(folder, keys=config)) as store:
        printed = label_key(folder, config).public_key()
        assert printed == store.bootstrapping_key.public_key()
        phone = Phone(label(store), Enrollee(store, Particulars(), lambda: ()).receive)
        phone.onboard(operator)
        assert store.record.ownership is not None
        store.reset()
        assert store.record == Record(resets=1, wifi_to_forget=True)
    with closing(Store(folder, keys=config)) as again:
        assert again.bootstrapping_key.public_key() == printed


@pytest.mark.parametrize("place", IN_HARDWARE)
def test_a_copied_disk_is_not_the_device(
    make_config: Callable[[KeyStoreKind], KeysConfig], place: KeyStoreKind, folder: Path
) -> None:
    config = make_config(place)
    with closing(Store(folder, keys=config)) as store:
        store.remember_nonce(bytes(16), 1)
        kept = [path.read_bytes() for path in folder.iterdir()]
    assert not any(b"BEGIN PRIVATE KEY" in octets or b"BEGIN EC PRIVATE KEY" in octets for octets in kept)
    copied = folder.with_name("copied")
    shutil.copytree(folder, copied)
    other = make_config(place)
    if place is KeyStoreKind.PKCS11:
        with pytest.raises(KeyUnusableError, match="the label's key is missing"):
            Store(copied, keys=other)
        return
    with (
        closing(Store(copied, keys=other)) as elsewhere,
        pytest.raises(KeyUnusableError, match="the TPM refuses") as refused,
    ):
        elsewhere.operational_key.sign(b"", DIGEST)
    assert "bound to that one" in refused.value.remedy


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["bootstrapping", "operational-0"])
def test_a_lost_key_is_told_and_replaced_by_a_reset_only(config: KeysConfig, folder: Path, name: str) -> None:
    with closing(Store(folder, keys=config)) as store:
        store.remember_nonce(bytes(16), 1)
        before = [store.bootstrapping_key.public_key(), store.operational_key.public_key()]
    with closing(StateDirectory(folder).hold()) as directory:
        open_key_store(config, directory).remove([name])
    for _ in range(2):
        with pytest.raises(KeyUnusableError, match="is missing") as refused:
            Store(folder, keys=config)
        assert "device-agent reset --yes" in refused.value.remedy
    with pytest.raises(KeyUnusableError) if name == "bootstrapping" else nullcontext():
        label_key(folder, config)
    with closing(Store(folder, forgive=True, keys=config)) as forgiven:
        forgiven.reset()
    with closing(Store(folder, keys=config)) as again:
        assert (again.bootstrapping_key.public_key() in before) is (name != "bootstrapping")
        assert again.operational_key.public_key() not in before


def test_a_tpm_that_is_away_is_told_and_one_that_is_back_is_used(tmp_path: Path, directory: StateDirectory) -> None:
    with running_tpm(tmp_path / "tpm") as config:
        key = open_key_store(config, directory).create("operational-0")
    with pytest.raises(KeyUnusableError, match="there is no TPM") as refused:
        key.sign(b"", DIGEST)
    assert "keys.tcti" in refused.value.remedy
    with running_tpm(tmp_path / "tpm"):
        key.public_key().verify(key.sign(b"again", DIGEST), b"again", DIGEST)


@pytest.mark.parametrize("place", [KeyStoreKind.TPM])
@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n-----END TSS2 PRIVATE KEY-----\n"]
)
def test_a_spoilt_wrapped_key_is_told(keys: KeyStore, folder: Path, content: bytes) -> None:
    keys.create("operational-0")
    (folder / "operational-0.tss").write_bytes(content)
    with pytest.raises(KeyUnusableError, match="cannot be read"):
        keys.find("operational-0")


@pytest.mark.parametrize("place", PLACES)
def test_a_key_store_leaves_no_error_that_tls_would_take_for_its_own(keys: KeyStore, operator: Operator) -> None:
    keys.create("operational-0").sign(b"", DIGEST)
    client_context().load_verify_locations(cadata=operator.authority.public_bytes(Encoding.DER))


@pytest.mark.parametrize("place", [KeyStoreKind.PKCS11])
def test_a_wrong_pin_is_told_without_saying_it(config: KeysConfig, directory: StateDirectory, tmp_path: Path) -> None:
    wrong = tmp_path / "pin"
    wrong.write_text("123456789")
    with pytest.raises(KeyUnusableError, match="refuses its PIN") as refused:
        open_key_store(replace(config, pin_file=wrong), directory).find("operational-0")
    assert str(wrong) in refused.value.remedy
    assert "123456789" not in f"{refused.value!r} {refused.value.remedy} {refused.value.__cause__!r}"


@pytest.mark.parametrize("place", [KeyStoreKind.PKCS11])
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"token": "nobody's"}, "cannot be used"),
        ({"module": Path("/nowhere/lib.so")}, "cannot be used"),
        ({"pin_file": Path("/nowhere/pin")}, "PIN file"),
    ],
)
def test_a_token_that_is_not_there_is_told(
    config: KeysConfig, directory: StateDirectory, changed: dict[str, object], said: str
) -> None:
    with pytest.raises(KeyUnusableError, match=said):
        open_key_store(replace(config, **changed), directory).find("operational-0")  # type: ignore[arg-type]


def test_a_token_that_is_not_described_is_told(directory: StateDirectory) -> None:
    with pytest.raises(ConfigurationFileError) as refused:
        open_key_store(KeysConfig(store=KeyStoreKind.PKCS11), directory)
    assert "keys.module" in refused.value.remedy


@pytest.mark.parametrize("place", [KeyStoreKind.PKCS11])
def test_a_token_never_gives_a_private_key_away(config: KeysConfig, keys: KeyStore) -> None:
    import pkcs11

    keys.create("operational-0")
    assert config.pin_file is not None
    token = pkcs11.lib(str(config.module)).get_token(token_label=config.token)
    with token.open(user_pin=config.pin_file.read_text().strip()) as session:
        private = next(iter(session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY})))
        assert private[pkcs11.Attribute.EXTRACTABLE] is False
        assert private[pkcs11.Attribute.SENSITIVE] is True
        with pytest.raises(pkcs11.exceptions.AttributeSensitive):
            private[pkcs11.Attribute.VALUE]


def test_a_key_that_fails_in_the_middle_of_a_handshake_ends_it(
    operator: Operator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(ExternalKey):
        def sign_digest(self, digest: bytes) -> tuple[int, int]:
            raise KeyUnusableError(f"no signature over {len(digest)} octets", "Put the token back.")

        def agree(self, peer: ec.EllipticCurvePublicKey) -> bytes:
            raise NotImplementedError

    key = Broken(new_key().public_key())
    leaf = x509.load_der_x509_certificate(operator.certify(key.public_key()))
    (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    context = client_context()
    show(context, TlsIdentity(tmp_path / "leaf.pem", key))
    with pytest.raises(ssl.SSLError):
        server_and_client(context, ssl.TLSVersion.TLSv1_3, operator, tmp_path)
    assert "no signature over 32 octets" in caplog.text
    assert "Put the token back." in caplog.text
