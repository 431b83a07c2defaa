"""Errors on their way: D-Bus error of an application → ATT code → D-Bus error at the central.

Both tables are bluetoothd's (`src/gatt-database.c`, `src/gatt-client.c`), with one difference. bluetoothd takes an
error name it does not know for success, so a write whose callback raised is acknowledged. Here it becomes
`Unlikely Error`: the mistake shows where it was made. Programs must not rely on either; they answer in frames.
"""

import logging

from bumble.att import ATT_Error, ErrorCode

__all__ = ["BlueZError", "att_error", "bluez_error"]

logger = logging.getLogger(__name__)

ERROR_PREFIX = "org.bluez.Error."
APPLICATION_ERRORS = range(0x80, 0xA0)

_TO_ATT = {
    "NotSupported": ErrorCode.REQUEST_NOT_SUPPORTED,
    "NotAuthorized": ErrorCode.INSUFFICIENT_AUTHORIZATION,
    "InvalidValueLength": ErrorCode.INVALID_ATTRIBUTE_LENGTH,
    "InvalidOffset": ErrorCode.INVALID_OFFSET,
    "InProgress": ErrorCode.PROCEDURE_ALREADY_IN_PROGRESS,
    "ImproperlyConfigured": ErrorCode.CCCD_IMPROPERLY_CONFIGURED,
}

_FROM_ATT = {
    ErrorCode.READ_NOT_PERMITTED: ("NotPermitted", "Read not permitted"),
    ErrorCode.WRITE_NOT_PERMITTED: ("NotPermitted", "Write not permitted"),
    ErrorCode.INSUFFICIENT_AUTHENTICATION: ("NotPermitted", "Not paired"),
    ErrorCode.INSUFFICIENT_ENCRYPTION: ("NotPermitted", "Not paired"),
    ErrorCode.INSUFFICIENT_ENCRYPTION_KEY_SIZE: ("NotPermitted", "Not paired"),
    ErrorCode.INVALID_OFFSET: ("InvalidArguments", "Invalid offset"),
    ErrorCode.INVALID_ATTRIBUTE_LENGTH: ("InvalidArguments", "Invalid Length"),
    ErrorCode.INSUFFICIENT_AUTHORIZATION: ("NotAuthorized", "Operation Not Authorized"),
    ErrorCode.REQUEST_NOT_SUPPORTED: ("NotSupported", "Operation is not supported"),
    ErrorCode.CCCD_IMPROPERLY_CONFIGURED: ("ImproperlyConfigured", "Operation Improperly Configured"),
}


class BlueZError(Exception):
    """An answer `org.bluez.Error.<kind>` to a method call."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.name = kind if "." in kind else ERROR_PREFIX + kind
        self.message = message

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


def att_error(name: str, message: str, denied: ErrorCode) -> ATT_Error:
    """Turn an application's D-Bus error into the ATT error its peer gets; *denied* is what NotPermitted means."""
    kind = name.removeprefix(ERROR_PREFIX)
    if kind == "NotPermitted":
        return ATT_Error(denied)
    if kind == "Failed":
        return ATT_Error(_application_code(message))
    if code := _TO_ATT.get(kind):
        return ATT_Error(code)
    logger.warning("an application answered %s: %s (bluetoothd would report success)", name, message)
    return ATT_Error(ErrorCode.UNLIKELY_ERROR)


def bluez_error(error: ATT_Error) -> BlueZError:
    """Turn an ATT error into the D-Bus error the central sees."""
    code = ErrorCode(error.error_code)
    kind, message = _FROM_ATT.get(code, ("Failed", f"Operation failed with ATT error: 0x{code:02x}"))
    return BlueZError(kind, message)


def _application_code(message: str) -> int:
    """Read the application error a `Failed` may name in its message, such as `0x81`."""
    try:
        code = int(message, 0)
    except ValueError:
        return APPLICATION_ERRORS.start
    return code if code in APPLICATION_ERRORS else APPLICATION_ERRORS.start
