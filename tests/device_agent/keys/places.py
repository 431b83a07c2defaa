"""Where keys may live."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from device_agent.config import KeyStoreKind

DIGEST = ec.ECDSA(hashes.SHA256())
PLACES = list(KeyStoreKind)
IN_HARDWARE = [KeyStoreKind.TPM, KeyStoreKind.PKCS11]
