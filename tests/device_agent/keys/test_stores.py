"""Key stores: each does the same, and tells its own trouble."""

from dataclasses import replace
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
from device_agent.errors import ConfigurationFileError, KeyUnusableError
from device_agent.keys import KeyStore, open_key_store
from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.identity import create_signing_request, sign_label_proof, verify_label_proof
from tests.device_agent.keys.places import DIGEST, IN_HARDWARE, PLACES
from tests.device_agent.operator import new_key
from tests.world.hardware import running_tpm

SPOILT = b"-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n-----END TSS2 PRIVATE KEY-----\n"


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
