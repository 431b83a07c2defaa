"""Text that others chose, such as SSIDs, made fit to be shown: no control, direction or line character gets through."""


def shown(text: str | bytes) -> str:
    """Return the text with everything that is not printable written as an escape."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="backslashreplace")
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
