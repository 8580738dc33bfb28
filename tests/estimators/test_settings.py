from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.estimators.settings import defaults, made, parameter, rule


@dataclass(frozen=True)
class Settings:
    depth: int = parameter(description="No default.")
    trees: int = parameter(100, "Number of trees.", minimum=1)
    rate: float = parameter(0.5, above=0, below=1, unit="1/tree")
    loss: str = parameter("log", choices=("log", "square"))
    layers: tuple[int, ...] = (8, 4)
    fast: bool = False


def test_attributes_are_keys_of_a_schema() -> None:
    assert rule(Settings) == {
        "type": "object",
        "additionalProperties": False,
        "required": ["depth"],
        "properties": {
            "trees": {
                "type": "integer",
                "description": "Number of trees.",
                "minimum": 1,
                "default": 100,
            },
            "rate": {
                "type": "number",
                "description": "",
                "exclusiveMinimum": 0,
                "exclusiveMaximum": 1,
                "x-unit": "1/tree",
                "default": 0.5,
            },
            "loss": {
                "type": "string",
                "description": "",
                "enum": ["log", "square"],
                "default": "log",
            },
            "layers": {
                "type": "array",
                "description": "",
                "items": {"type": "integer"},
                "default": [8, 4],
            },
            "fast": {"type": "boolean", "description": "", "default": False},
            "depth": {"type": "integer", "description": "No default."},
        },
    }


def test_values_get_the_types_of_the_attributes() -> None:
    values = defaults(Settings) | {"depth": 3, "rate": 1, "layers": [2]}
    settings = made(Settings, values)
    assert settings == Settings(depth=3, rate=1.0, layers=(2,))
    assert isinstance(settings.rate, float)


def of(kind: Any, **attributes: Any) -> type:
    return dataclass(frozen=True)(type("Some", (), {"__annotations__": {"a": kind}, **attributes}))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (int, "expected a frozen dataclass"),
        (dataclass(type("Some", (), {})), "expected a frozen dataclass"),
        (of(dict), "'a' has the type .*dict.*, allowed: int, float, bool, str, tuple"),
        (of(int | None), "'a' has the type int | None, allowed: int"),
        (of(tuple[int, str]), r"'a' has the type tuple\[int, str\], allowed: int"),
        (of("Unknown"), "an annotation that means nothing .name 'Unknown' is not defined."),
        (of(int, a=field(default_factory=int)), "'a' has a default factory, expected a default"),
    ],
)
def test_other_settings_are_refused(settings: type, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rule(settings)
