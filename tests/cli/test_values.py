from __future__ import annotations

import click
import pytest

from madminer_workflow.cli.values import Setting, Value

EPOCHS, RATE = Setting("training", "epochs"), Setting("training", "learning_rate")
LAYERS, ACTIVATION = Setting("training", "hidden_layers"), Setting("training", "activation")
FLAG, COUNT = Value(type="boolean"), Value("auto", type="integer", minimum=2)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (EPOCHS, "1e1", 10),
        (EPOCHS, "10.0", 10),
        (EPOCHS, "input", None),
        (RATE, "1e-3", 0.001),
        (RATE, "1", 1),
        (LAYERS, "64,64", [64, 64]),
        (LAYERS, "[64, 1e2]", [64, 100]),
        (LAYERS, "32", [32]),
        (ACTIVATION, "tanh", "tanh"),
        (FLAG, "True", True),
        (FLAG, "0", False),
        (COUNT, "2e0", 2),
        (COUNT, "auto", None),
    ],
)
def test_texts_become_what_the_rule_wants(kind: Value, text: str, value: object) -> None:
    found = kind.convert(text, None, None)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        *(
            (EPOCHS, text, "an integer >= 1, or input")
            for text in ("1.5", "-1", "many", "", "true")
        ),
        *((EPOCHS, text, "an integer >= 1, or input") for text in ("1e999999999", "nan", "auto")),
        *((RATE, text, "a number > 0, or input") for text in ("0", "inf", "1e400", "1e-3x")),
        *(
            (LAYERS, text, "a list (each an integer >= 1), or input")
            for text in ("64,a", ",", "1.5")
        ),
        *((FLAG, text, "true or false") for text in ("2", "yes", "input")),
        *((COUNT, text, "an integer >= 2, or auto") for text in ("1", "input")),
    ],
)
def test_others_are_refused_with_what_is_allowed(kind: Value, text: str, expected: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        kind.convert(text, None, None)
    assert caught.value.message == f"{text}, expected {expected}"


def test_words_are_refused_with_the_list() -> None:
    with pytest.raises(click.BadParameter, match=r"tan, did you mean 'tanh'\? allowed: elu, "):
        ACTIVATION.convert("tan", None, None)
