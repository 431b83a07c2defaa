"""The settings of one process, read once in the command line and passed down. Nothing else reads the environment."""

from dataclasses import dataclass
from pathlib import Path

from onboarding_api.domain.certificates import LEAF_LIFE_S
from onboarding_api.domain.openid import Provider
from onboarding_api.storage.database import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Config:
    """What an API process needs to know."""

    database: str
    """SQLAlchemy URL."""
    key_file: Path
    """The key-encryption key, mode 0600."""
    issuer: str
    """`iss` of access tokens and assignments; devices pin it, so it never changes."""
    management_body_max: int = 16_000
    """Octets of a body on Hono's paths (its `hono.registry.http.maxPayloadSize`); 413 beyond."""
    streams: int = 16
    """Open event streams per process. Each holds a thread while it waits, see `serving.py`."""
    trusted_proxies: int = 0
    """How many proxies of ours stand before us; each appends an address to X-Forwarded-For (`web/origins.py`)."""
    openid: Provider | None = None
    """The OpenID provider whose tokens are accepted besides ours."""
    account_rate: float = 0
    """Requests of one account per second; 0 is no limit. After a rest, two seconds' worth at once."""
    tenant_rate: float = 0
    """Requests of all accounts of one tenant per second; 0 is no limit."""
    tenant_at_once: int = 2
    """Requests of one tenant that run at once in each worker; some more wait for their turn."""
    certificate_life_s: int = LEAF_LIFE_S
    """How long a device's operational certificate lives."""
    drain_s: float = 0
    """How long a server that was told to end says so at /readyz, and goes on, before it refuses connections."""
    patience_s: float = PATIENCE_S
    """How long a request waits for a database that others keep busy."""
