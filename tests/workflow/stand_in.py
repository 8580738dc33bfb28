"""Stands for `python -m madminer_workflow …`, also where it starts steps: each step copies names.

Training of the method `fails` fails.
"""

import itertools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

METHODS = [("alices", 0), ("alices", 1), ("sally", 0)]


def check_events(data_file: str) -> None:
    assert Path(data_file).read_text() == "events\n"


def configure(data_file: str, input_file: str, output_dir: Path) -> None:
    check_events(data_file)
    methods = METHODS
    if "fails" in Path(input_file).read_text():
        methods = [*METHODS, ("fails", 0)]
    members = []
    for method, member in methods:
        settings = {
            step: f"{output_dir}/{step} {method}.json" for step in ("training", "evaluation")
        }
        for step, path in settings.items():
            Path(path).write_text(f"{step} {method}")
        name = f"{method}_{member}"
        members.append({"name": name, "method": method, "member": member, **settings})
    published = {"members": members}
    for step in ("sampling", "plotting"):
        published[step] = f"{output_dir}/{step}.json"
        (output_dir / f"{step}.json").write_text(step)
    (output_dir / "publish.yml").write_text(json.dumps(published))


def sample(data_file: str, input_file: str, output_dir: Path) -> None:
    check_events(data_file)
    assert Path(input_file).read_text() == "sampling"
    for method in ("alices", "sally", "fails"):
        (output_dir / "samples" / method).mkdir(parents=True)


def train(input_file: str, train_folder: str, output_dir: Path, member: str) -> None:
    method = Path(train_folder).name
    assert Path(train_folder).is_dir()
    assert Path(input_file).read_text() == f"training {method}"
    if method == "fails":
        print("error: nothing was learned", file=sys.stderr)
        Path(os.environ["MADMINER_WORKFLOW_STATUS_FILE"]).write_text("2\n")
        sys.exit(1)
    (output_dir / "models" / f"{method}_{member}").mkdir(parents=True)


def evaluate(data_file: str, input_file: str, model_file: str, output_dir: Path) -> None:
    check_events(data_file)
    name = Path(model_file).name
    assert Path(model_file).is_dir()
    assert Path(input_file).read_text() == f"evaluation {name.rpartition('_')[0]}"
    (output_dir / "results" / name).mkdir(parents=True)


def plot(data_file: str, input_file: str, result_files: str, output_dir: Path) -> None:
    check_events(data_file)
    assert Path(input_file).read_text() == "plotting"
    assert all(Path(path).is_dir() for path in result_files.splitlines())
    for name in ("limits", "figures"):
        (output_dir / name).mkdir()
    (output_dir / "results.json").write_text(json.dumps(result_files.splitlines()))


STEPS: dict[str, Callable[..., None]] = {
    "configure": configure,
    "sample": sample,
    "train": train,
    "eval": evaluate,
    "plot": plot,
}


def main(*words: str) -> None:
    flagged = list(itertools.pairwise(words))
    if words[:2] == ("-m", "madminer_workflow.tracking.project"):
        (step,) = [word for flag, word in flagged if flag == "-e"]
        options = dict(word.split("=", 1) for flag, word in flagged if flag == "-P")
    else:
        step = words[2]
        options = {flag[2:]: word for flag, word in flagged if flag.startswith("--")}
    output_dir = Path(options.pop("output_dir"))
    STEPS[step](**options, output_dir=output_dir)


if __name__ == "__main__":
    main(*sys.argv[1:])
