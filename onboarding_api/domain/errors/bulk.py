"""Refusals of whole files. What is wrong with a single row is a `Fault` of that row and stops nothing."""

from onboarding_api.domain.errors.refusal import RegistryError


class FileUnreadableError(RegistryError):
    """A file cannot be read, or is not in the format it is said to be in."""

    remedy = "Give a CSV file in UTF-8 or a file of JSON lines; --format csv or ndjson says which if the name does not."


class ColumnsRefusedError(RegistryError):
    """The first row of a CSV file does not name its columns."""

    remedy = "Name the columns in the first row as docs/bulk.md has them; device-id must be there."


class ImportChangedError(RegistryError):
    """An interrupted import of this file cannot go on, because the file or the command is another one now."""

    remedy = "Run exactly the command that was interrupted, on the file as it was; or give --restart to begin anew."


class ImportRunningError(RegistryError):
    """Another process is importing this file."""

    remedy = "Wait until it has finished."


class FileNotWritableError(RegistryError):
    """A file that a command writes cannot be written."""

    remedy = "Name a file in a folder that is writable and has room; or copy the imported file to one."
