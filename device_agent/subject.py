"""What a certificate calls its holder.

`cryptography` reads a subject only when it is asked for: a certificate that loads may still have one that cannot be
read. So it is asked for where a certificate is offered, and not for the first time where it is used.
"""

from cryptography import x509
from cryptography.x509.oid import NameOID


def common_name(certificate: x509.Certificate) -> str | None:
    """Return the common name, None if there is none; ValueError if the subject cannot be read or shown."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names:
        return None
    name = str(names[0].value)
    if not name.isprintable():
        raise ValueError("a common name that cannot be shown")
    return name
