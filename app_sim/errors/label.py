"""What is wrong with the label that was shown."""

from app_sim.errors.app_error import AppError


class LabelUnreadableError(AppError):
    """The file is missing, or no picture."""

    type = "label-unreadable"
    remedy = "Give a PNG or JPEG picture of the label, or its text (DPP:…)."


class LabelMissingError(AppError):
    """The picture shows no QR symbol."""

    type = "label-missing"
    remedy = "Take the picture again: closer, sharp, without glare, the whole symbol with its white border."


class LabelAmbiguousError(AppError):
    """The picture shows the labels of several devices."""

    type = "label-ambiguous"
    remedy = "Take a picture that shows one label only."


class LabelForeignError(AppError):
    """There is a text, but it is no device's label."""

    type = "label-foreign"
    remedy = "Use the symbol on the device's own label; its text begins with DPP: and ends with ;;"
