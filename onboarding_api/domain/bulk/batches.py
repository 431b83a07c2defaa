"""How many rows are one transaction: enough to be quick, few enough to see progress and to keep nobody waiting."""

from collections.abc import Iterable, Iterator

from onboarding_api.domain.bulk.rows import Entry, Row

_WEIGHT_MAX = 1000
_PASSWORD = 30
"""A plain password costs some 50 ms (bcrypt), so some thirty of them are a batch."""


def batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Yield the rows in batches in which no device occurs twice."""
    batch: list[Entry] = []
    weight, devices = 0, set[str]()
    for entry in entries:
        device = entry.content.device if isinstance(entry.content, Row) else None
        if batch and (weight >= _WEIGHT_MAX or device in devices):
            yield batch
            batch, weight, devices = [], 0, set()
        batch.append(entry)
        weight += _weight(entry)
        if device is not None:
            devices.add(device)
    if batch:
        yield batch


def _weight(entry: Entry) -> int:
    credentials = entry.content.credentials if isinstance(entry.content, Row) else None
    return 1 + sum(1 + _PASSWORD * _passwords(each) for each in credentials or ())


def _passwords(credential: object) -> int:
    secrets = credential.get("secrets") if isinstance(credential, dict) else None
    return sum(isinstance(each, dict) and "pwd-plain" in each for each in secrets) if isinstance(secrets, list) else 0
