"""The reference page of the input file, made from its schema.

`python -m madminer_workflow.configuration.reference > docs/input.md` writes the page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from madminer_workflow.configuration.merging import PROFILES, profile_text
from madminer_workflow.configuration.schema import allowed, resolved, schema, shown

__all__ = ["page"]

Rule = Mapping[str, Any]

_INTRODUCTION = """\
# The input file

What the workflow does is written in one YAML (or JSON) file, `workflow/input.yml` unless you name
another one. Only `methods` must be given; every other key has a default. The file is checked
against the event file before anything runs, and by itself with `madminer-workflow check`: whatever
cannot be used is reported on one line with the path of the key, its value and what is allowed.

Parameters of the theory are named as in the event file or by position, counted from zero. Input
files of the older madminer-workflow-ml are accepted unchanged.

This page is made from the schema, `code/madminer_workflow/configuration/schema.json`.

## Several files, and profiles

`INPUT_FILE=a.yml,b.yml` merges files: keys with values are merged key by key at every depth, and
where two files give the same key the later one wins; lists are replaced as a whole. Before all
files comes a profile, `PROFILE=smoke`, `default` or `full`, so that what a file says itself stays:

```yaml
{profiles}```

What was merged is checked as if it were one file; a message names the file that the value is from.
A path in a file starts from the folder of that file.

A run freezes its input: changing a file while it goes on has no effect. `OUTPUT_DIR/_input/` keeps

| file | content |
|--|--|
| `merged.yml` | what files and profile say together: an input file that gives the same run |
| `observed*.npz` | the observed events, if there are any |
| `resolved.yml` | every value, and what it is `from`: files, a profile, or `default` |
"""


def page() -> str:
    """Returns the page as Markdown."""
    sections: dict[int, tuple[list[str], Rule]] = {}
    for title, rule in _objects("", schema()):
        sections.setdefault(id(rule["properties"]), ([], rule))[0].append(title)
    introduction = _INTRODUCTION.format(profiles="\n".join(map(profile_text, PROFILES)))
    return introduction + "".join(_section(*section) for section in sections.values())


def _objects(title: str, rule: Rule) -> Iterator[tuple[str, Rule]]:
    """Yields every block of keys below and including a rule, with the way to it."""
    rule = resolved(rule)
    if "properties" in rule:
        yield title, rule
    for key, value in _keys(rule):
        yield from _objects(f"{title}.{key}".strip("."), value)
    if isinstance(rule.get("additionalProperties"), dict):
        name = rule.get("x-names", "parameter")
        yield from _objects(f"{title}.<{name}>", rule["additionalProperties"])
    if "properties" in resolved(rule.get("items", {})):
        yield from _objects(f"{title}[]", rule["items"])


def _keys(rule: Rule) -> list[tuple[str, Rule]]:
    """Returns the keys of a block; the blocks of the methods, which are alike, count once."""
    keys = {
        "<method>" if value.get("$ref") == "#/$defs/method" else key: value
        for key, value in rule.get("properties", {}).items()
    }
    own = [("<name>", rule["x-own"])] if "x-own" in rule else []
    return [*keys.items(), *own]


def _section(titles: list[str], rule: Rule) -> str:
    """Returns the section on one block of keys."""
    names = ", ".join(f"`{title}`" for title in titles if title)
    lines = [
        f"\n## {names or 'All keys'}\n",
        "| key | value | unit | default | meaning |",
        "|--|--|--|--|--|",
        *(_row(key, value, rule) for key, value in _keys(rule)),
    ]
    return "\n".join(lines) + "\n"


def _row(key: str, rule: Rule, block: Rule) -> str:
    """Returns the line on one key of a block."""
    rule = resolved(rule)
    meaning = rule["description"]
    if "x-methods" in rule:
        meaning += f" Used by {', '.join(f'`{name}`' for name in rule['x-methods'])}."
    if "x-not-methods" in rule:
        meaning += f" Not used by {', '.join(f'`{name}`' for name in rule['x-not-methods'])}."
    own = block.get("x-default-by-method", {}).items()
    exceptions = [f"; {shown(v[key])} for `{name}`" for name, v in own if key in v]
    default = "required" if key in block.get("required", []) else _default(rule)
    default += "".join(exceptions)
    cells = (f"`{key}`", allowed(rule), rule.get("x-unit", ""), default, meaning)
    return f"| {' | '.join(cells)} |"


def _default(rule: Rule) -> str:
    """Returns the default of a key in words."""
    value = shown(rule["default"]) if "default" in rule else ""
    return str(rule["x-default"].format(value) if "x-default" in rule else value)


if __name__ == "__main__":
    sys.stdout.write(page())
