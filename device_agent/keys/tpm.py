"""Private keys in a TPM 2.0, through tpm2-pytss.

A key is made in the TPM (TPM2_Create, sensitive data of its own origin, fixed to this TPM and to its parent) and
leaves it only wrapped by the owner's storage key, as `NAME.tss` in the state directory: a TSS2 PRIVATE KEY, the form
that tpm2-tools and OpenSSL's tpm2 provider read too. On another TPM the file is worth nothing. Each use loads it,
uses it and lets it go, since a TPM has room for three.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tpm2_pytss import (
    ESAPI,
    ESYS_TR,
    TPM2_ALG,
    TPM2_ECC,
    TPM2_RH,
    TPM2_ST,
    TPM2B_ECC_PARAMETER,
    TPM2B_ECC_POINT,
    TPMA_OBJECT,
    TPMS_ECC_PARMS,
    TPMS_ECC_POINT,
    TPMT_ECC_SCHEME,
    TPMT_KDF_SCHEME,
    TPMT_PUBLIC,
    TPMT_SIG_SCHEME,
    TPMT_SYM_DEF_OBJECT,
    TPMT_TK_HASHCHECK,
    TPMU_PUBLIC_PARMS,
    TSS2_Exception,
)
from tpm2_pytss.tsskey import TSSPrivKey

from device_agent.directory import StateDirectory
from device_agent.errors import KeyUnusableError
from device_agent.keys.external import FIELD_OCTETS, ExternalKey

_SUFFIX = ".tss"
_P256 = TPMT_PUBLIC(
    type=TPM2_ALG.ECC,
    nameAlg=TPM2_ALG.SHA256,
    objectAttributes=TPMA_OBJECT.FIXEDTPM
    | TPMA_OBJECT.FIXEDPARENT
    | TPMA_OBJECT.SENSITIVEDATAORIGIN
    | TPMA_OBJECT.USERWITHAUTH
    | TPMA_OBJECT.NODA
    | TPMA_OBJECT.SIGN_ENCRYPT
    | TPMA_OBJECT.DECRYPT,
    authPolicy=b"",
    parameters=TPMU_PUBLIC_PARMS(
        eccDetail=TPMS_ECC_PARMS(
            symmetric=TPMT_SYM_DEF_OBJECT(algorithm=TPM2_ALG.NULL),
            scheme=TPMT_ECC_SCHEME(scheme=TPM2_ALG.NULL),
            kdf=TPMT_KDF_SCHEME(scheme=TPM2_ALG.NULL),
            curveID=TPM2_ECC.NIST_P256,
        )
    ),
)
"""A key that signs and agrees (TPM 2.0 Library part 2, section 12.2.4); nothing about it can be changed later."""
_LAYER, _TRANSPORT = 0xFF0000, 0x0A0000
"""Which part of the TPM software has failed (TSS 2.0 overview, section 6.1): the one that carries the commands."""
_Result = TypeVar("_Result")


class TpmKeyStore:
    """The keys that one TPM has wrapped for this device."""

    def __init__(self, directory: StateDirectory, tcti: str) -> None:
        self._directory = directory
        self._tpm = _Tpm(tcti)

    def find(self, name: str) -> ExternalKey | None:
        """Return the key, None if there is none. A key of another TPM is refused when it is first used."""
        octets = self._directory.read(name + _SUFFIX)
        if octets is None:
            return None
        try:
            return TpmKey(self._tpm, TSSPrivKey.from_pem(octets))
        except (ValueError, TypeError, TSS2_Exception) as error:
            raise KeyUnusableError(
                f"the key {self._directory.path / name}{_SUFFIX} cannot be read", "Restore it from a backup."
            ) from error

    def create(self, name: str) -> ExternalKey:
        """Have the TPM make a key; it is on disk, wrapped, when this returns."""
        made = self._tpm.use(lambda tpm: TSSPrivKey.create(tpm, _P256))
        self._directory.write(name + _SUFFIX, made.to_pem())
        return TpmKey(self._tpm, made)

    def names(self) -> Iterable[str]:
        """Return the names of the wrapped keys."""
        return self._directory.stems(_SUFFIX)

    def remove(self, names: Iterable[str]) -> None:
        """Remove wrapped keys."""
        self._directory.remove([name + _SUFFIX for name in names])

    def tls_key(self, name: str) -> ExternalKey:
        """Return the key itself."""
        key = self.find(name)
        if key is None:
            raise KeyUnusableError(f"there is no key {name}", "Start over with `device-agent reset --yes`.")
        return key


class TpmKey(ExternalKey):
    """A key that one TPM can use."""

    def __init__(self, tpm: "_Tpm", wrapped: TSSPrivKey) -> None:
        public_key = load_pem_public_key(wrapped.public.to_pem())
        if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(public_key.curve, ec.SECP256R1):
            raise ValueError("not a P-256 key")
        super().__init__(public_key)
        self._tpm = tpm
        self._wrapped = wrapped

    def sign_digest(self, digest: bytes) -> tuple[int, int]:
        """Sign in the TPM (TPM2_Sign)."""
        scheme = TPMT_SIG_SCHEME(scheme=TPM2_ALG.ECDSA)
        scheme.details.any.hashAlg = TPM2_ALG.SHA256
        ticket = TPMT_TK_HASHCHECK(tag=TPM2_ST.HASHCHECK, hierarchy=TPM2_RH.NULL)

        def sign(tpm: ESAPI, handle: ESYS_TR) -> tuple[int, int]:
            return decode_dss_signature(bytes(tpm.sign(handle, digest, scheme, ticket)))

        return self._with_key(sign)

    def agree(self, peer: ec.EllipticCurvePublicKey) -> bytes:
        """Agree in the TPM (TPM2_ECDH_ZGen)."""
        numbers = peer.public_numbers()
        x, y = (TPM2B_ECC_PARAMETER(number.to_bytes(FIELD_OCTETS)) for number in (numbers.x, numbers.y))
        point = TPM2B_ECC_POINT(TPMS_ECC_POINT(x=x, y=y))

        def agree(tpm: ESAPI, handle: ESYS_TR) -> bytes:
            shared = tpm.ecdh_zgen(handle, point)  # its parts live no longer than it does
            return bytes(shared.point.x).rjust(FIELD_OCTETS, b"\0")

        return self._with_key(agree)

    def _with_key(self, work: Callable[[ESAPI, ESYS_TR], _Result]) -> _Result:
        def use(tpm: ESAPI) -> _Result:
            with self._wrapped.load(tpm) as handle:
                return work(tpm, handle)

        return self._tpm.use(use)


class _Tpm:
    """One TPM, for one command sequence at a time; opened for each, so that it may come back after it was away."""

    def __init__(self, tcti: str) -> None:
        self._tcti = tcti
        self._turn = threading.Lock()

    def use(self, work: Callable[[ESAPI], _Result]) -> _Result:
        with self._turn, self._opened() as tpm:
            try:
                return work(tpm)
            except TSS2_Exception as error:
                if error.rc & _LAYER == _TRANSPORT:
                    raise self._away() from error
                raise KeyUnusableError(
                    f"the TPM refuses: {error}",
                    "If the disk came from another device, its keys are bound to that one: start over with "
                    "`device-agent reset --yes`; the label's key does not move.",
                ) from error

    @contextmanager
    def _opened(self) -> Iterator[ESAPI]:
        try:
            tpm = ESAPI(self._tcti)
        except (TSS2_Exception, RuntimeError) as error:
            raise self._away() from error
        with tpm:
            yield tpm

    def _away(self) -> KeyUnusableError:
        return KeyUnusableError(
            f"there is no TPM at {self._tcti}",
            "Set keys.tcti, and let the agent's user use it (group tss for /dev/tpmrm0).",
        )
