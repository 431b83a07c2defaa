"""Writes vectors/onboarding.json: `python -m tests.protocol.make_vectors`. Signatures change with every run."""

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from onboarding_protocol.assignment import jwk_thumbprint, sign_assignment
from onboarding_protocol.bootstrapping import BootstrappingKey, BootstrappingUri
from onboarding_protocol.dpp import siv
from onboarding_protocol.identity import create_signing_request, sign_label_proof, verify_signing_request
from tests.protocol import samples


def main() -> None:
    labels = [BootstrappingKey.from_public_key(samples.key(n).public_key()) for n in (1, 2, 3)]
    der = create_signing_request(samples.OPERATIONAL_KEY, samples.CHALLENGE)
    verified = verify_signing_request(der, samples.CHALLENGE)
    leaf = samples.lean_leaf().public_bytes(Encoding.DER)
    vectors = {
        "labels": [
            {
                "uri": str(BootstrappingUri(label)),
                "key_hash": label.key_hash.hex(),
                "code": label.code,
                "name": label.name,
            }
            for label in (samples.LABEL, *labels)
        ],
        "siv_with_an_empty_component": siv.wrap(bytes(range(32)), b"x", [bytes.fromhex("506f9a1a010b"), b""]).hex(),
        "identity": {
            "challenge": samples.CHALLENGE.hex(),
            "signing_request": der.hex(),
            "digest": verified.digest.hex(),
            "spki_hash": verified.spki_hash.hex(),
            "resets": 7,
            "proof_input": (
                b"onboarding label proof v1\0" + hashlib.sha256(der).digest() + (7).to_bytes(4, "big")
            ).hex(),
            "proof": sign_label_proof(samples.LABEL_KEY, der, 7).hex(),
        },
        "assignment": {
            "leaf": leaf.hex(),
            "signer": jwk_thumbprint(samples.OPERATOR_KEY.public_key()).hex(),
            "token": sign_assignment(samples.assignment(leaf), samples.OPERATOR_KEY),
        },
    }
    path = Path(__file__).parent / "vectors/onboarding.json"
    path.write_text(json.dumps(vectors, indent=1) + "\n")


if __name__ == "__main__":
    main()
