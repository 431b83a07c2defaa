"""What schemathesis must know besides the document: the formats of ours, filled with what is really of that form, and
how to sign in. It is loaded by schemathesis itself, in a process of its own.
"""

import base64
import datetime
import os
from typing import Any

import requests
import schemathesis
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import strategies as st

from onboarding_protocol.bootstrapping import BootstrappingKey
from onboarding_protocol.identity import create_signing_request, sign_label_proof

URL, PASSWORD = os.environ["OPENAPI_URL"], os.environ["OPENAPI_PASSWORD"]
_KEYS = [ec.derive_private_key(number, ec.SECP256R1()) for number in range(1, 5)]
_REQUEST = create_signing_request(_KEYS[0], bytes(16))


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _name(number: int) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority {number}")])


def _certificate(number: int) -> x509.Certificate:
    starts = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    key = _KEYS[number]
    return (
        x509.CertificateBuilder(_name(number), _name(number), key.public_key(), number + 1)
        .not_valid_before(starts)
        .not_valid_after(starts + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )


def _spki(key: ec.EllipticCurvePrivateKey) -> str:
    return _base64(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _label(key: ec.EllipticCurvePrivateKey) -> str:
    return _base64(BootstrappingKey.from_public_key(key.public_key()).spki)


_MOMENTS = st.datetimes(timezones=st.sampled_from([datetime.UTC, datetime.timezone(datetime.timedelta(hours=2))]))
_PROOF = base64.urlsafe_b64encode(sign_label_proof(_KEYS[1], _REQUEST, 0)).rstrip(b"=").decode()
FORMATS = {
    "x509-certificate": st.sampled_from([_base64(_certificate(n).public_bytes(Encoding.DER)) for n in range(4)]),
    "spki": st.sampled_from([_spki(key) for key in _KEYS]),
    "label-key": st.sampled_from([_label(key) for key in _KEYS]),
    "signing-request": st.just(_base64(_REQUEST)),
    "label-proof": st.just(_PROOF),
    "distinguished-name": st.sampled_from(["CN=ca,O=acme", "OU=x+CN=y", "2.5.4.5=#13023737"]),
    "distinguished-name-der": st.sampled_from([_base64(_name(n).public_bytes()) for n in range(4)]),
    "id-template": st.sampled_from(["{{subject-cn}}", "device-{{subject-dn}}-{{subject-o}}"]),
    "base64": st.binary(min_size=1, max_size=40).map(_base64),
    "plain-password": st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=16),
    "page-token": st.sampled_from(["", "ZDE", "ZDI"]),
    "moment": _MOMENTS.map(lambda moment: moment.isoformat(timespec="seconds")),
}
for _format, _strategy in FORMATS.items():
    schemathesis.openapi.format(_format, _strategy)


@schemathesis.auth().apply_to(tag="onboardings")
class Member:
    """Ann onboards devices; her token is renewed before it expires."""

    def get(self, _case: "schemathesis.Case[Any]", _context: schemathesis.AuthContext) -> str:
        answer = requests.post(f"{URL}/v1/tokens", json={"username": "ann", "password": PASSWORD}, timeout=10)
        token: str = answer.json()["access_token"]
        return f"Bearer {token}"

    def set(self, case: "schemathesis.Case[Any]", data: str, _context: schemathesis.AuthContext) -> None:
        case.headers["Authorization"] = data


@schemathesis.auth().apply_to(tag=["tenants", "devices", "credentials", "service", "audit"])
class Operator:
    """Root manages everything, with name and password each time."""

    def get(self, _case: "schemathesis.Case[Any]", _context: schemathesis.AuthContext) -> str:
        return "Basic " + base64.b64encode(f"root:{PASSWORD}".encode()).decode()

    def set(self, case: "schemathesis.Case[Any]", data: str, _context: schemathesis.AuthContext) -> None:
        case.headers["Authorization"] = data
