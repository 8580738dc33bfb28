from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from madminer_workflow.cli.options import inputs, paths
from madminer_workflow.configuration import PROFILES


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["a.yml"], ["a.yml"]),
        (["a.yml,b.yml"], ["a.yml", "b.yml"]),
        (["a.yml, b.yml,", "c.yml"], ["a.yml", "b.yml", "c.yml"]),
        (["x,y.yml"], ["x,y.yml"]),
        (["a.yml,x,y.yml,b.yml"], ["a.yml", "x,y.yml", "b.yml"]),
        (["x,y.yml,x,y,z.yml"], ["x,y.yml", "x,y,z.yml"]),
        (["my file.yml,none,x.yml"], ["my file.yml", "none", "x.yml"]),
    ],
)
def test_commas_separate_files_unless_they_are_in_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: list[str], found: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.yml", "b.yml", "x,y.yml", "x,y,z.yml", "my file.yml"):
        Path(name).touch()
    assert paths(texts) == [Path(name) for name in found]


def test_a_list_without_files_is_refused() -> None:
    with pytest.raises(click.BadParameter, match="no file is named"):
        paths([", "])


def test_profiles_are_those_that_are_shipped() -> None:
    command = click.command(inputs(lambda input_file, profile: click.echo((input_file, profile))))
    done = CliRunner().invoke(command, ["-i", "a", "--input_file", "b"])
    assert done.output == f"{([Path('a'), Path('b')], 'default')}\n"
    (profile,) = (p for p in command.params if p.name == "profile")
    assert isinstance(profile.type, click.Choice)
    assert tuple(profile.type.choices) == PROFILES
