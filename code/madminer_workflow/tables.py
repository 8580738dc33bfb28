"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["WIDTH", "aligned", "table"]

WIDTH = 80
"""How many columns a terminal has at least."""


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
    return "\n".join(aligned([[line[number] for number in columns] for line in [head, *texts]]))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the lines of rows with columns that are as wide as needed, two blanks apart.

    Args:
        rows: The entries of each row.

    >>> aligned([["a", "b"], ["first", ""]])
    ['a      b', 'first']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
