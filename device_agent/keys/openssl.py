"""The OpenSSL that Python's own `ssl` uses, for what `ssl` does not offer."""

import ctypes
import importlib.util
from ctypes import c_uint64, c_void_p
from functools import cache

from device_agent.errors import KeyUnusableError


@cache
def openssl() -> ctypes.CDLL:
    """Return the library, found through the extension module that is linked with it."""
    specification = importlib.util.find_spec("_ssl")
    try:
        library = ctypes.CDLL(specification.origin if specification else None)
        for name in ("d2i_EC_PUBKEY", "EVP_PKEY_new", "EC_KEY_OpenSSL", "EC_KEY_METHOD_new"):
            getattr(library, name).restype = c_void_p
        library.SSL_CTX_get_options.restype = c_uint64
    except (OSError, AttributeError) as error:
        raise impossible() from error
    return library


def forget_errors() -> None:
    """Forget what others than `ssl` have left in this thread's error queue: it would take it for its own."""
    openssl().ERR_clear_error()


def impossible() -> KeyUnusableError:
    """Return the refusal for a Python that does not fit."""
    return KeyUnusableError(
        "this Python cannot use a key in hardware for TLS", "Use the Python of Debian 12 or 13, or keep keys in files."
    )
