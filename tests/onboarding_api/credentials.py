"""The credentials of one device in the tests: what is sent, what is stored, and what is shown."""

import hashlib
import json

import bcrypt

from tests.onboarding_api.actors import Api, Json
from tests.onboarding_api.managers import Manager, base64_of

PATH = "/v1/credentials/acme/d1"
HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4, b"2a")).decode()
SHA = base64_of(hashlib.sha256(b"saltsecret").digest())
SHA512 = base64_of(hashlib.sha512(b"saltsecret").digest())


def one(kind: str, *secrets: Json, auth_id: str = "sensor1", **rest: object) -> Json:
    return {"type": kind, "auth-id": auth_id, "secrets": list(secrets)} | rest


def password(*secrets: Json, **rest: object) -> Json:
    return one("hashed-password", *(secrets or ({"pwd-plain": "secret"},)), **rest)  # type: ignore[arg-type]


def stored(api: Api, kind: str) -> list[Json]:
    """The secrets as they are in the database."""
    ((text,),) = api.rows("SELECT document FROM credentials WHERE type = :kind", kind=kind)
    secrets: list[Json] = (json.loads(text) if isinstance(text, str) else text)["secrets"]
    return secrets


def shown(root: Manager) -> list[Json]:
    found: list[Json] | None = root.send("GET", PATH).get_json()
    return found or []
