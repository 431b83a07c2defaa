"""Templates that make an id out of a certificate's subject: `auth-id-template` and its device-id sibling.

The rules kept here: at least one placeholder, none unknown; values are put in literally, and placeholders inside a
value are not expanded again (Hono's own replacement loses backslashes and fails on `$`).
"""

import re

from onboarding_api.domain.errors import DocumentRefusedError
from onboarding_api.domain.management.names import DistinguishedName

_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_KNOWN = {"subject-dn": None, "subject-cn": "CN", "subject-ou": "OU", "subject-o": "O"}


def require_template(member: str, template: str) -> str:
    """Refuse a template without placeholders, or with unknown ones."""
    placeholders = _PLACEHOLDER.findall(template)
    if not placeholders or not set(placeholders) <= set(_KNOWN):
        raise DocumentRefusedError(member, "must hold {{subject-dn}}, {{subject-cn}}, {{subject-ou}} or {{subject-o}}")
    return template


def apply_template(member: str, template: str, subject: DistinguishedName) -> str:
    """Return the id that the template makes of this subject."""

    def value(match: re.Match[str]) -> str:
        keyword = _KNOWN[match.group(1)]
        found = str(subject) if keyword is None else subject.find(keyword)
        if not found:
            what = (
                "the certificate has no subject" if keyword is None else f"the certificate's subject has no {keyword}"
            )
            raise DocumentRefusedError(member, f"{what}, which the template needs")
        return found

    return _PLACEHOLDER.sub(value, template)
