"""A TLS context that shows the device's certificate, wherever its key lives.

Python's `ssl` takes private keys as files only. For a key in hardware OpenSSL is told here, by its own public
functions, to ask us for each signature: an EC_KEY with a method of ours (EC_KEY_METHOD_set_sign), in the very
libssl that Python's `ssl` uses. What Python does not offer is the address of a context's SSL_CTX: it is the first
member of the object in every CPython 3, and it is compared with the context before it is used (ADR 0018).
"""

import ctypes
import logging
import ssl
import sys
import weakref
from ctypes import POINTER, c_char, c_int, c_long, c_uint, c_void_p
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from device_agent.errors import AgentError, KeyUnusableError
from device_agent.keys import TlsIdentity
from device_agent.keys.external import ExternalKey
from device_agent.keys.openssl import forget_errors, impossible, openssl

_EVP_PKEY_EC = 408
_SIGN = ctypes.CFUNCTYPE(
    c_int, c_int, POINTER(c_char), c_int, POINTER(c_char), POINTER(c_uint), c_void_p, c_void_p, c_void_p
)
_log = logging.getLogger(__name__)
_keys: dict[int, ExternalKey] = {}
"""Which key stands behind an EC_KEY, by its address."""


def show(context: ssl.SSLContext, identity: TlsIdentity) -> None:
    """Have the context show this certificate and sign with its key; KeyUnusableError if they cannot be used so."""
    try:
        if isinstance(identity.key, Path):
            context.load_cert_chain(identity.certificates, identity.key)
        else:
            _show_external(context, identity.certificates, identity.key)
    except OSError as error:  # not the endpoint's doing, which the same errors of a handshake would be
        raise KeyUnusableError(
            f"the certificate {identity.certificates} cannot be used with the device's key: {error}",
            "Restore the key from a backup, or start over with `device-agent reset --yes`.",
        ) from error


def _show_external(context: ssl.SSLContext, certificates: Path, key: ExternalKey) -> None:
    library = openssl()
    ssl_ctx = _address_of(context)
    ec_key = _ec_key(key)
    private = c_void_p(library.EVP_PKEY_new())
    try:
        library.EVP_PKEY_assign(private, c_int(_EVP_PKEY_EC), ec_key)
        if library.SSL_CTX_use_certificate_chain_file(ssl_ctx, str(certificates).encode()) != 1:
            raise ssl.SSLError(0, "it cannot be read")
        if library.SSL_CTX_use_PrivateKey(ssl_ctx, private) != 1:
            raise ssl.SSLError(0, "it is not one for this key")
    finally:
        library.EVP_PKEY_free(private)
        forget_errors()
    address = int(ec_key.value or 0)
    _keys[address] = key
    weakref.finalize(context, _keys.pop, address, None)


def _ec_key(key: ExternalKey) -> c_void_p:
    library = openssl()
    octets = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    buffer = ctypes.create_string_buffer(octets, len(octets))
    ec_key = c_void_p(
        library.d2i_EC_PUBKEY(None, ctypes.byref(c_void_p(ctypes.addressof(buffer))), c_long(len(octets)))
    )
    library.EC_KEY_set_method(ec_key, _method())
    return ec_key


def _sign(
    _kind: int, digest: "ctypes._Pointer[c_char]", length: int, signature: "ctypes._Pointer[c_char]",
    signature_length: "ctypes._Pointer[c_uint]", _kinv: int, _r: int, ec_key: int,
) -> int:  # fmt: skip
    try:
        octets = encode_dss_signature(*_keys[ec_key].sign_digest(ctypes.string_at(digest, length)))
    except AgentError as error:
        _log.error("the device's key does not sign: %s. %s", error, error.remedy)
        return 0
    ctypes.memmove(signature, octets, len(octets))
    signature_length[0] = len(octets)
    return 1


_SIGNER = _SIGN(_sign)


@cache
def _method() -> c_void_p:
    library = openssl()
    method = c_void_p(library.EC_KEY_METHOD_new(c_void_p(library.EC_KEY_OpenSSL())))
    library.EC_KEY_METHOD_set_sign(method, _SIGNER, None, None)
    return method


def _address_of(context: ssl.SSLContext) -> c_void_p:
    if sys.implementation.name != "cpython":
        raise impossible()
    address = c_void_p.from_address(id(context) + object.__basicsize__)
    if openssl().SSL_CTX_get_options(address) != context.options & (2**64 - 1):
        raise impossible()
    return address
