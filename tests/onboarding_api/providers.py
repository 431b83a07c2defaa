"""An OpenID provider: a real HTTP server that publishes keys and signs tokens, and can be bent in one fact."""

import base64
import hashlib
import hmac
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.onboarding_api.actors import NOON, Json

AUDIENCE = "https://onboarding.example/api"
DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def new_rsa(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def jwk_of(key: PrivateKey, kid: str | None = None, **members: object) -> Json:
    public = key.public_key()
    algorithm: Any = jwt.algorithms.RSAAlgorithm
    if isinstance(public, ec.EllipticCurvePublicKey):
        algorithm = jwt.algorithms.ECAlgorithm
    elif isinstance(public, ed25519.Ed25519PublicKey):
        algorithm = jwt.algorithms.OKPAlgorithm
    named = {} if kid is None else {"kid": kid}
    published: Json = json.loads(algorithm.to_jwk(public))
    return published | named | members


class OpenIdServer:
    """Discovery, keys, and whoever asks for a token gets it."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.issuer = f"http://127.0.0.1:{server.server_port}"
        self.key = new_rsa()
        self.keys: list[Json] = [jwk_of(self.key, "k1")]
        self.discovery: Json = {"issuer": self.issuer, "jwks_uri": self.issuer + KEYS}
        self.asked: Counter[str] = Counter()
        self.status = 200
        self.padding = b""

    @classmethod
    @contextmanager
    def started(cls) -> Iterator["OpenIdServer"]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        server.provider = cls(server)  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.provider  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, path: str) -> bytes | None:
        documents = {DISCOVERY: self.discovery, KEYS: {"keys": self.keys}}
        return json.dumps(documents[path]).encode() + self.padding if path in documents else None

    def token(
        self,
        key: PrivateKey | str | None = None,
        algorithm: str = "RS256",
        header: Json | None = None,
        **changes: object,
    ) -> str:
        claims = {"iss": self.issuer, "aud": AUDIENCE, "sub": "sub-1", "iat": NOON, "exp": NOON + 300} | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        given = {"kid": "k1", "typ": "at+jwt"} | (header or {})
        given = {name: value for name, value in given.items() if value is not None}
        if algorithm == "HS256":  # PyJWT itself refuses to take a public key for a secret
            return _forge(str(key), claims, given)
        return jwt.encode(claims, self.key if key is None else key, algorithm, headers=given)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        provider: OpenIdServer = self.server.provider  # type: ignore[attr-defined]
        provider.asked[self.path] += 1
        body = provider.answer(self.path)
        self.send_response(404 if body is None else provider.status)
        if provider.status == 302:
            self.send_header("Location", provider.issuer + KEYS)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        pass


def _forge(secret: str, claims: Json, header: Json) -> str:
    parts = [base64url(json.dumps(part).encode()) for part in (header | {"alg": "HS256"}, claims)]
    signature = hmac.digest(secret.encode(), ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, base64url(signature)])


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
