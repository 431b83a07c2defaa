"""Points in time as Connectors write them (`YYYY-MM-DDThh:mm:ssZ`, RFC 3339), without a clock."""

import re

from onboarding_protocol.errors import RemoteProtocolError

_PATTERN = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)
_DAY_S = 86_400
_LAST = 253_402_300_799  # 9999-12-31T23:59:59Z


def encode(seconds: int) -> str:
    """Write seconds since 1970 in UTC."""
    days, rest = divmod(min(max(seconds, 0), _LAST), _DAY_S)
    year = next(year for year in range(1970 + days // 366, 10_000) if _days_before(year + 1, 1) > days)
    month = next(month for month in range(12, 0, -1) if _days_before(year, month) <= days)
    day = days - _days_before(year, month) + 1
    return f"{year:04}-{month:02}-{day:02}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"


def decode(text: str) -> int:
    """Read seconds since 1970; RemoteProtocolError for what is no point in time."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise RemoteProtocolError("a point in time in another form")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    sign, hours, minutes = match.groups()[6:]
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    if not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 60:
        raise RemoteProtocolError("a point in time that does not exist")
    days = _days_before(year, month) + day - 1
    if not _days_before(year, month) <= days < _days_before(*following):
        raise RemoteProtocolError("a day that does not exist")
    offset = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1) if sign else 0
    return days * _DAY_S + hour * 3600 + minute * 60 + second - offset


def _days_before(year: int, month: int) -> int:
    """Return the days from 1970 to the first of this month."""
    lengths = (
        31,
        29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28,
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
    )
    past = year - 1
    leap_days = past // 4 - past // 100 + past // 400 - 477
    return (year - 1970) * 365 + leap_days + sum(lengths[: month - 1])
