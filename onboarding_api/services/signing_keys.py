"""The service's own keys: made once, sealed, opened when a process starts.

The rule kept here: a standby key exists from the first day. Every assignment names that for assignments, so that the
operator can change keys without losing devices that pinned the old one; those for access tokens are published
(`token_keys.py`).
"""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from onboarding_api.domain.errors import SchemaOutdatedError
from onboarding_api.domain.identifiers import Randomness, Timestamp
from onboarding_api.domain.sealing import Seal
from onboarding_api.services.management.attempts import until_settled
from onboarding_api.storage.database import Database
from onboarding_api.storage.signing_keys import SealedSigningKey, find_signing_keys, insert_signing_key
from onboarding_protocol.assignment import jwk_thumbprint

_ASSIGNMENT, TOKEN = "assignment", "token"
_RANKS = {_ASSIGNMENT: 2, TOKEN: 2}


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The keys this process signs assignments with."""

    assignment: ec.EllipticCurvePrivateKey = field(repr=False)
    successors: tuple[bytes, ...]
    """Thumbprints of the keys that may sign the next assignment besides the present one."""


def ensure_signing_keys(database: Database, seal: Seal, randomness: Randomness, now: Timestamp) -> None:
    """Make the keys that do not exist yet."""

    def attempt() -> None:
        with database.writing() as connection:
            for purpose, ranks in _RANKS.items():
                for rank in range(len(find_signing_keys(connection, purpose)), ranks):
                    insert_signing_key(connection, new_signing_key(seal, purpose, rank, randomness), now)

    until_settled(attempt)


def new_signing_key(seal: Seal, purpose: str, rank: int, randomness: Randomness) -> SealedSigningKey:
    """Make a key."""
    key = ec.generate_private_key(ec.SECP256R1())
    thumbprint = jwk_thumbprint(key.public_key())
    return SealedSigningKey(purpose, rank, thumbprint, seal.close(key, purpose, thumbprint.hex(), randomness))


def has_signing_keys(database: Database) -> bool:
    """Tell whether there is anything that only the right key file opens."""
    with database.reading() as connection:
        return any(find_signing_keys(connection, purpose) for purpose in _RANKS)


def open_signing_keys(database: Database, seal: Seal) -> SigningKeys:
    """Open the keys that sign assignments. They never change, so they tell whose key file it is."""
    with database.reading() as connection:
        assignment = find_signing_keys(connection, _ASSIGNMENT)
    if not assignment:
        raise SchemaOutdatedError("the database has no signing keys yet")
    return SigningKeys(
        assignment=seal.open(assignment[0].sealed_key, _ASSIGNMENT, assignment[0].thumbprint.hex()),
        successors=tuple(key.thumbprint for key in assignment[1:]),
    )
