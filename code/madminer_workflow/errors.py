"""The one exception that a user can cause."""

from __future__ import annotations

__all__ = ["InputError"]


class InputError(ValueError):
    """An input that cannot be used.

    The message is one line that names the key path or the file, the value and what is allowed;
    the command line prints it and ends with status 2.
    """
