"""Who manages a registry through Hono's API, and what they send."""

import base64
import datetime
import json
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.onboarding_api.actors import NOON, PASSWORD, Api, Json, document, new_key


@dataclass
class Manager:
    """Somebody who sends name and password with each request, as Hono's clients do."""

    client: FlaskClient
    name: str
    password: str = field(default=PASSWORD, repr=False)

    @classmethod
    def of(cls, api: Api, name: str) -> "Manager":
        return cls(api.app.test_client(), name)

    def send(self, method: str, path: str, body: object = None, **headers: str) -> TestResponse:
        """Send a request; `if_match` and the like name headers."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        authorization = base64.b64encode(f"{self.name}:{self.password}".encode()).decode()
        given = {"Authorization": f"Basic {authorization}"} | given
        if body is None:
            return self.client.open(path, method=method, headers=given)
        return self.client.open(path, method=method, json=body, headers=given)

    def create(self, path: str, body: object = None) -> str:
        """Create something, and return its path."""
        response = self.send("POST", path, body)
        assert response.status_code == 201, response.text
        return response.headers["Location"]

    def get(self, path: str) -> Json:
        response = self.send("GET", path)
        assert response.status_code == 200, response.text
        return document(response)

    def etag(self, path: str) -> str:
        return self.send("GET", path).headers["ETag"]

    def put(self, path: str, body: object, **headers: str) -> TestResponse:
        response = self.send("PUT", path, body, **headers)
        assert response.status_code == 204, response.text
        return response

    def search(
        self, path: str, filters: list[Json] | None = None, sort: list[Json] | None = None, **query: object
    ) -> Json:
        parameters = [("filterJson", json.dumps(each)) for each in filters or []]
        parameters += [("sortJson", json.dumps(each)) for each in sort or []]
        parameters += [(name, str(value)) for name, value in query.items()]
        response = self.client.get(path, query_string=parameters, auth=(self.name, self.password))
        assert response.status_code == 200, response.text
        return document(response)


def ids(found: Json) -> list[str]:
    return [each["id"] for each in found["result"]]


def expect_refusal(response: TestResponse, status: int, slug: str | None = None) -> Json:
    """Hono's form of an error: JSON with a text `error`; ours besides."""
    assert response.status_code == status, response.text
    problem = document(response)
    assert isinstance(problem["error"], str)
    assert problem["error"]
    assert problem["error"] == problem["detail"]
    assert response.content_type == "application/problem+json"
    if slug is not None:
        assert problem["type"] == f"urn:onboarding:problem:{slug}"
    return problem


def base64_of(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    return base64_of(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def renamed(der: bytes, before: str, tag: int, octets: bytes) -> bytes:
    """A certificate with another value in its names, of the same length: old kinds of text, and what is none."""
    value = b"\x0c" + bytes([len(before)]) + before.encode()
    assert value in der
    assert len(octets) == len(before)
    return der.replace(value, bytes([tag, len(octets)]) + octets)


def certificate(subject: str, issuer: str | None = None, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """A certificate of any names, most specific RDN first; signatures are of no interest here."""
    key = key or new_key()
    at = datetime.datetime.fromtimestamp(NOON, datetime.UTC)
    names = {"emailAddress": NameOID.EMAIL_ADDRESS}
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string(subject, names))
        .issuer_name(x509.Name.from_rfc4514_string(issuer or subject, names))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(at)
        .not_valid_after(at + datetime.timedelta(days=365))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
