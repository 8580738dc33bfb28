"""Seeds derived from one base seed, so that adding a method never changes the others."""

from __future__ import annotations

import hashlib

__all__ = ["seed"]


def seed(base: int, *names: str | int) -> int:
    """Returns the seed of one step, method or member.

    Args:
        base: The seed of the whole run.
        names: What the seed is for, from the general to the special: step, method, member.

    Returns:
        A number in [0, 2^63), the same on every machine and in every process.

    >>> seed(1, "training", "alices", 0) == seed(1, "training", "alices", 0)
    True
    >>> seed(1, "training", "alices", 0) == seed(1, "training", "alices", 1)
    False
    """
    text = "/".join(str(name) for name in (base, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
