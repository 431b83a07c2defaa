"""Octets that were fixed by others, or by us once and for all."""

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_protocol.assignment import jwk_thumbprint, verify_assignment
from onboarding_protocol.bootstrapping import (
    BootstrappingError,
    BootstrappingKey,
    BootstrappingUri,
    name_of_code,
    read_code,
)
from onboarding_protocol.dpp import AuthenticationConfirm, AuthenticationRequest, AuthenticationResponse, siv
from onboarding_protocol.dpp.keys import Transcript, agree, intermediate_key
from onboarding_protocol.encoding import base64url_decode, base64url_encode
from onboarding_protocol.errors import RemoteProtocolError
from onboarding_protocol.identity import verify_label_proof, verify_signing_request
from tests.protocol import forge, samples
from tests.protocol.pair import VECTOR, Pair, initiator_chance, responder_chance

OURS = json.loads((Path(__file__).parent / "vectors/onboarding.json").read_text())


def test_the_standards_intermediate_keys_and_ke() -> None:
    first = agree(initiator_chance().protocol_key, samples.LABEL.public_key)
    second = agree(initiator_chance().protocol_key, responder_chance().protocol_key.public_key())
    assert intermediate_key(first, "first").hex() == VECTOR["k1"]
    assert intermediate_key(second, "second").hex() == VECTOR["k2"]
    assert agree(samples.LABEL_KEY, initiator_chance().protocol_key.public_key()) == first
    transcript = Transcript(
        initiator_nonce=bytes.fromhex(VECTOR["initiator_nonce"]),
        responder_nonce=bytes.fromhex(VECTOR["responder_nonce"]),
        initiator_x=forge.INITIATOR_POINT[:32],
        responder_x=forge.RESPONDER_POINT[:32],
        responder_bootstrapping_x=samples.LABEL.spki[-32:],
        shared=first + second,
    )
    assert transcript.encryption_key.hex() == VECTOR["ke"]
    assert transcript.responder_tag.hex() == VECTOR["responder_tag"]
    assert transcript.initiator_tag.hex() == VECTOR["initiator_tag"]


def test_the_standards_three_frames_octet_for_octet() -> None:
    pair = Pair.fixed()
    pair.tell([AuthenticationRequest(nonce=samples.CHALLENGE), AuthenticationResponse()])
    pair.tell([AuthenticationConfirm(samples.CHALLENGE)])
    frames = [octets[4:].hex() for octets in pair.octets]
    assert frames[0] == VECTOR["authentication_request"]
    assert frames[1] == VECTOR["authentication_response"]
    assert frames[2] == VECTOR["authentication_confirm"]
    assert pair.initiator.authenticated
    assert pair.responder.authenticated


def test_the_standards_uri_and_key_hashes() -> None:
    uri = BootstrappingUri.parse(VECTOR["uri"])
    assert uri.key == samples.LABEL
    assert str(uri) == str(BootstrappingUri(samples.LABEL)) == VECTOR["uri"]
    assert uri.key.key_hash.hex() == VECTOR["key_hash"]
    assert hashlib.sha256(b"chirp" + uri.key.spki).hexdigest() == VECTOR["chirp_hash"]
    initiator = samples.key(int(VECTOR["initiator_bootstrapping_key"], 16))
    i_hash = BootstrappingKey.from_public_key(initiator.public_key()).key_hash
    assert i_hash == initiator_chance().initiator_key_hash


def test_rfc_5297_appendix_a_1() -> None:
    key = bytes.fromhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    associated = bytes.fromhex("101112131415161718191a1b1c1d1e1f2021222324252627")
    plaintext = bytes.fromhex("112233445566778899aabbccddee")
    expected = "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"
    assert siv.wrap(key, plaintext, [associated]).hex() == expected
    assert siv.unwrap(key, bytes.fromhex(expected), [associated]) == plaintext
    for wrong in ([], [b""], [associated, b""], [b"", associated]):
        with pytest.raises(RemoteProtocolError):
            siv.unwrap(key, bytes.fromhex(expected), wrong)


def test_an_empty_component_counts() -> None:
    key, header = bytes(range(32)), bytes.fromhex("506f9a1a010b")
    with_empty = siv.wrap(key, b"x", [header, b""])
    assert with_empty.hex() == OURS["siv_with_an_empty_component"]
    assert with_empty != siv.wrap(key, b"x", [header])
    for short in (b"", bytes(15), bytes(16)):
        with pytest.raises(RemoteProtocolError):
            siv.unwrap(key, short, [header])


@pytest.mark.parametrize("label", OURS["labels"])
def test_our_labels_code_and_name(label: dict[str, str]) -> None:
    key = BootstrappingUri.parse(label["uri"]).key
    assert key.key_hash.hex() == label["key_hash"]
    assert key.code == label["code"]
    assert key.name == name_of_code(label["code"]) == label["name"]
    assert read_code(f" {label['code'][:4]}-{label['code'][4:8]} {label['code'][8:].lower()}") == label["code"]


def test_our_signing_request_and_proof() -> None:
    vector = OURS["identity"]
    der = bytes.fromhex(vector["signing_request"])
    request = verify_signing_request(der, samples.CHALLENGE)
    assert request.public_key == samples.OPERATIONAL_KEY.public_key()
    assert request.digest.hex() == vector["digest"]
    assert request.spki_hash.hex() == vector["spki_hash"]
    verify_label_proof(samples.LABEL, der, vector["resets"], bytes.fromhex(vector["proof"]))
    signed = b"onboarding label proof v1\0" + hashlib.sha256(der).digest() + (7).to_bytes(4, "big")
    assert signed.hex() == vector["proof_input"]
    assert 226 <= len(der) <= 231


def test_our_assignment() -> None:
    vector = OURS["assignment"]
    assignment, signer = verify_assignment(vector["token"], None)
    assert signer == jwk_thumbprint(samples.OPERATOR_KEY.public_key()) == bytes.fromhex(vector["signer"])
    assert assignment == samples.assignment(bytes.fromhex(vector["leaf"]))
    assert assignment.endpoint.anchor is not None
    assert assignment.endpoint.anchor.key[0] in (2, 3)


def test_rfc_7638_thumbprint_of_the_rfc_7515_key() -> None:
    x = int.from_bytes(base64url_decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"), "big")
    y = int.from_bytes(base64url_decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"), "big")
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    canonical = (
        '{"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",'
        '"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}'
    )
    assert jwk_thumbprint(key) == hashlib.sha256(canonical.encode()).digest()
    assert base64url_encode(jwk_thumbprint(key)) == "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"


K = VECTOR["uri"].removeprefix("DPP:V:2;").removesuffix(";;")


@pytest.mark.parametrize(
    "text",
    [
        f"DPP:{K};;",
        f"DPP:I:SN=4774LH2b4044;M:5254005828e5;V:2;C:81/1,115/36;H:192.0.2.1:8908;{K};;",
        f"DPP:;;X:unknown;{K};V:2;;",
        f"DPP:{K};K:second;;",
        f"DPP:B:00;{K};;;;",
    ],
)
def test_uris_of_other_writers_are_read(text: str) -> None:
    uri = BootstrappingUri.parse(text)
    assert uri.key == samples.LABEL
    assert BootstrappingUri.parse(str(uri)) == uri


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DPP:;;",
        f"dpp:{K};;",
        f"DPP:{K};",
        f"DPP:{K}",
        f"DPP:{K};;\n",
        f"DPP:V:0;{K};;",
        f"DPP:V:10;{K};;",
        "DPP:K:MDkw;;",
        "DPP:K:!!!!;;",
        f"DPP:{K[:-8]}AAAAAAA=;;",
        f"DPP:I:é;{K};;",
        f"DPP:{'I:x;' * 300}{K};;",
        "WIFI:S:x;;",
    ],
)
def test_what_is_no_label_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BootstrappingError) as refused:
        BootstrappingUri.parse(text)
    assert len(str(refused.value)) > 20
    assert not isinstance(refused.value, UnicodeError)


@pytest.mark.parametrize("information", ["SN=1;K:x", "a\nb", "é", "\x7f"])
def test_a_field_that_would_break_the_label_is_refused(information: str) -> None:
    with pytest.raises(BootstrappingError):
        BootstrappingUri(samples.LABEL, information=information)
    assert BootstrappingUri(samples.LABEL, information="SN=1").information == "SN=1"


@pytest.mark.parametrize("typed", ["", "0123456789ABCDE", "0123456789ABCDEFG", "0123456789ABCDEU", "0123456789ABCDEé"])
def test_what_is_no_label_code_is_refused(typed: str) -> None:
    with pytest.raises(BootstrappingError):
        read_code(typed)
    assert read_code("oil1-2345-6789-abcd") == "0111" + "23456789ABCD"


def test_only_a_compressed_p256_key_is_a_label_key() -> None:
    for der in (
        b"",
        samples.LABEL.spki[:-1],
        samples.LABEL.spki + b"\0",
        bytes(59),
        samples.LABEL.spki[:-33] + bytes(33),
    ):
        with pytest.raises(BootstrappingError):
            BootstrappingKey.from_spki(der)
    with pytest.raises(BootstrappingError):
        BootstrappingKey.from_public_key(ec.derive_private_key(5, ec.SECP384R1()).public_key())
    assert BootstrappingKey.from_spki(samples.LABEL.spki) == samples.LABEL
