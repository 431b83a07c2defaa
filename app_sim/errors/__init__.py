"""What can stop the app. One base; a class per thing that somebody handles differently.

`type` is for a program, `str(error)` says what happened and `remedy` what to do next. None of them carries a secret.
"""

from app_sim.errors.account import (
    ApiAnswerError,
    ApiInsecureError,
    ApiUnreachableError,
    PasswordFileError,
    PasswordMissingError,
)
from app_sim.errors.app_error import AppError
from app_sim.errors.device import (
    BluetoothUnavailableError,
    ConfigurationRejectedError,
    DeviceBusyError,
    DeviceFailedError,
    DeviceForeignError,
    DeviceNotFoundError,
    DeviceOwnedElsewhereError,
    DeviceSilentError,
    ExchangeFailedError,
    LinkFailedError,
    LinkLostError,
    OverdueError,
    WindowClosedError,
    WrongLabelError,
)
from app_sim.errors.joining import (
    ContactMissingError,
    EndpointError,
    NobodyAnswersError,
    WifiFailedError,
    WifiNetworkMissingError,
    WifiNetworkUnsuitableError,
    WifiNotFoundError,
    WifiPasswordMissingError,
    WifiPasswordWrongError,
)
from app_sim.errors.label import LabelAmbiguousError, LabelForeignError, LabelMissingError, LabelUnreadableError

__all__ = [
    "ApiAnswerError",
    "ApiInsecureError",
    "ApiUnreachableError",
    "AppError",
    "BluetoothUnavailableError",
    "ConfigurationRejectedError",
    "ContactMissingError",
    "DeviceBusyError",
    "DeviceFailedError",
    "DeviceForeignError",
    "DeviceNotFoundError",
    "DeviceOwnedElsewhereError",
    "DeviceSilentError",
    "EndpointError",
    "ExchangeFailedError",
    "LabelAmbiguousError",
    "LabelForeignError",
    "LabelMissingError",
    "LabelUnreadableError",
    "LinkFailedError",
    "LinkLostError",
    "NobodyAnswersError",
    "OverdueError",
    "PasswordFileError",
    "PasswordMissingError",
    "WifiFailedError",
    "WifiNetworkMissingError",
    "WifiNetworkUnsuitableError",
    "WifiNotFoundError",
    "WifiPasswordMissingError",
    "WifiPasswordWrongError",
    "WindowClosedError",
    "WrongLabelError",
]
