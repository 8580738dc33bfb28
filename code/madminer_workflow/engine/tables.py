"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["table"]


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Returns rows in columns that are as wide as needed; those without entries are left out.

    Args:
        head: The titles of the columns.
        rows: The entries of each row; None and empty texts are left free.

    >>> print(table(["step", "seed", "state"], [["sampling", None, "done"]]))
    step      state
    sampling  done
    """
    texts = [["" if entry is None else str(entry) for entry in row] for row in rows]
    columns = [number for number in range(len(head)) if any(row[number] for row in texts)]
    lines = [head, *texts]
    widths = {number: max(len(line[number]) for line in lines) for number in columns}
    return "\n".join(
        "  ".join(line[number].ljust(widths[number]) for number in columns).rstrip()
        for line in lines
    )
