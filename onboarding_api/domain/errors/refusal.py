"""The base of all refusals."""

from collections.abc import Mapping
from typing import ClassVar


class RegistryError(Exception):
    """Base of all refusals; never raised itself."""

    remedy: ClassVar[str]

    @property
    def facts(self) -> Mapping[str, object]:
        """Machine-readable particulars of this refusal."""
        return {}
