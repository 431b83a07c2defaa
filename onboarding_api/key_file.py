"""The key-encryption key on disk: 32 random octets in base64, for its owner's eyes only."""

import base64
import binascii
import os
import stat
from pathlib import Path

from onboarding_api.domain.errors import KeyFileRefusedError
from onboarding_api.domain.identifiers import Randomness
from onboarding_api.domain.sealing import KEY_OCTETS, Seal


def load_seal(path: Path) -> Seal:
    """Read the key; refuse a file that is absent, readable by others, or not a key."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            octets = base64.b64decode(file.read(1024).strip(), validate=True)
    except (OSError, binascii.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else "not base64"
        raise KeyFileRefusedError(f"the key file cannot be read: {reason}: {path}") from error
    if stat.S_IMODE(mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileRefusedError(f"the key file is accessible to others (mode {stat.S_IMODE(mode):o}): {path}")
    if len(octets) != KEY_OCTETS:
        raise KeyFileRefusedError(f"the key file does not hold {KEY_OCTETS} octets in base64: {path}")
    return Seal(octets)


def create_key_file(path: Path, randomness: Randomness) -> bool:
    """Create the key unless the file exists; tell whether it was created. An existing key is never replaced."""
    if path.exists():
        return False
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(base64.b64encode(randomness(KEY_OCTETS)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(new, path)  # complete when it is there: a rival reads it at once
        finally:
            new.unlink()
    except FileExistsError:
        return False
    except OSError as error:
        raise KeyFileRefusedError(f"the key file cannot be created: {error.strerror}: {path}") from error
    return True
