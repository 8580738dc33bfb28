import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from madminer_workflow.cli import cli

# Packtivity leaves the file that a step publishes from to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file .*publish.yml:ResourceWarning")

INPUT = """{methods: [alices, sally], seed: 4, luminosity: 1, training: {epochs: 4},
            alices: {training: {n_members: 2}},
            samples: {train: 100, validation: 50, test: 50, minimum_effective: 1}}"""


@pytest.fixture
def folder(event_file: Path) -> Path:
    (event_file.parent / "my input.yml").write_text(INPUT)
    return event_file.parent


def plan(folder: Path, *words: str, command: str = "plan") -> Result:
    files = ["--data_file", f"{folder}/events.h5", "--input_file", f"{folder}/my input.yml"]
    arguments = [command, *files, "--output_dir", f"{folder}/the results", *words]
    return CliRunner().invoke(cli, arguments)


def test_the_table_of_the_first_run(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    result = plan(folder)
    assert result.exit_code == 0, result.output
    head, *rows = [re.split(r"  +", line) for line in result.stdout.splitlines()]
    assert head == ["step", "method", "member", "seed", "state", "why"]
    names = [("alices", "0"), ("alices", "1"), ("sally", "0")]
    new = ["would run", "new"]
    assert rows[:-3] == [
        ["configuration", *new],
        ["sampling", "4", *new],
        *([f"training {m}_{n}", m, n, "4", *new] for m, n in names),
        *([f"evaluation {m}_{n}", m, n, "4", *new] for m, n in names),
        ["plotting", "4", *new],
    ]
    assert rows[-2] == ["9 steps: 9 would run"]
    assert re.fullmatch(r"about \d+ CPU seconds \(by a rough model\)", rows[-1][0])
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert sorted(folder.rglob("*")) == before


def test_everything_as_json(folder: Path) -> None:
    document: Any = json.loads(plan(folder, "--json", "--until", "training").stdout)
    assert document["counts"] == {"done": 0, "would run": 5, "may run": 0}
    *_, step = document["steps"]
    results = folder / "the results"
    settings = f"{results}/configuration/settings/sally_0.training.json"
    assert {key: step[key] for key in ("step", "method", "member", "seed", "state", "why")} == {
        "step": "training sally_0",
        "method": "sally",
        "member": 0,
        "seed": 4,
        "state": "would run",
        "why": ["new"],
    }
    assert step["needs"] == ["configuration", "sampling"]
    assert step["inputs"] == [
        {"name": "input_file", "path": settings},
        {"name": "samples", "path": f"{results}/sampling/samples/sally"},
    ]
    assert step["outputs"] == [f"{results}/members_2/training/models/sally_0"]
    assert f'--input_file "{settings}"' in step["command"]
    assert document["steps"][0]["inputs"][1]["path"] == f"{results}/_input/merged.yml"
    assert document["cpu_seconds"]["would run"] == pytest.approx(
        sum(step["cpu_seconds"] for step in document["steps"])
    )


def test_details_are_below_each_step(folder: Path) -> None:
    lines = plan(folder, "--details", "--until", "sampling").stdout.splitlines()
    assert lines[1].startswith("configuration")
    results = folder / "the results"
    assert lines[2].startswith('    command   "')
    assert f"    input     {results}/_input/merged.yml (input_file)" in lines
    assert f"    output    {results}/sampling/samples" in lines


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--force", "train"), "--force: 'train', expected one of all, "),
        (("--until", "train"), "--until: 'train', expected one of configuration, "),
        (("--data_file", "none.h5"), "none.h5: "),
    ],
)
def test_bad_input_is_refused(folder: Path, words: tuple[str, str], message: str) -> None:
    result = plan(folder, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {message}")


def test_errors_of_the_specification_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from madminer_workflow.engine import steering

    monkeypatch.setattr(steering, "errors", lambda *_, **__: ["steps.yml: wrong", "more"])
    result = plan(folder)
    assert result.exit_code == 2
    assert result.stderr == "Error: steps.yml: wrong (1 more: `validate-spec` lists them)\n"


def test_times_of_earlier_runs_count(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from madminer_workflow.engine import records

    monkeypatch.setattr(records, "cpu_seconds", lambda _: 7.0)
    assert plan(folder).stdout.endswith("\nabout 63 CPU seconds (measured)\n")


def test_settings_of_a_sweep(tmp_path: Path) -> None:
    from madminer_workflow.cli import preview
    from madminer_workflow.engine.forecast import Judgement, Verdict
    from madminer_workflow.engine.graph import Facts
    from madminer_workflow.engine.planning import Input, Planned

    training = {"epochs": 100, "seed": 5}
    documents = [
        {"step": "sampling", "methods": ["sally"], "seed": 1, "sally": {"samples": {"train": n}}}
        for n in (100, 1_000_000)
    ] + [{"step": "training", "methods": ["sally"], "seed": 1, "sally": {"training": training}}]
    rows = [{"name": str(n), "document": document} for n, document in enumerate(documents)]
    paths = [tmp_path / "sampling.json", tmp_path / "training.json"]
    paths[0].write_text(json.dumps({"step": "sampling", "variants": rows[:2]}))
    paths[1].write_text(json.dumps(documents[2]))
    steps = [
        Planned(
            Facts(path.stem, path.stem, path, {}, ()),
            Judgement(Verdict.RUN),
            "",
            (Input("input_file", path, path),),
            (),
        )
        for path in paths
    ]
    sampling, trained = preview._rows(steps, 1000)
    assert (sampling.seed, trained.seed) == (1, 5)
    assert trained.cpu_seconds == pytest.approx(251.5)
