"""Who may write a file, beside its owner: nobody may, where programs are run from it."""

import os
import pwd
import stat
from collections.abc import Iterator


def other_writers(status: os.stat_result) -> Iterator[tuple[str, str]]:
    """Return each reason why others may write the file, and the command that ends it.

    A group that is its owner's own has nobody else in it: where each user has one, files are made writable for it.
    """
    if status.st_mode & stat.S_IWOTH:
        yield "can be written by anybody", "chmod o-w"
    if status.st_mode & stat.S_IWGRP and status.st_gid != _own_group(status.st_uid):
        yield "can be written by a group", "chmod g-w"


def _own_group(user: int) -> int:
    try:
        return pwd.getpwuid(user).pw_gid
    except KeyError:  # of another system; where users have their own groups, the numbers are the same
        return user
