"""BlueZ writes every UUID on D-Bus as 36 lower-case characters, the short ones on the Bluetooth base UUID."""

import uuid

from bumble.core import UUID

__all__ = ["uuid_text"]


def uuid_text(value: UUID) -> str:
    """Return *value* as BlueZ writes it."""
    return str(uuid.UUID(bytes=value.to_bytes(force_128=True)[::-1]))
