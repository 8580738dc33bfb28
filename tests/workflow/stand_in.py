"""Stands for `python -m madminer_workflow …`, also where it starts steps: each step copies text.

The input file is JSON: the number of members of each method, and under the names of steps, or of
steps and methods, anything that these shall depend on. Training of the method `fails` fails. The
`prefix` is part of the names of members, on which nothing depends.
"""

import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEMBERS = {"alices": 2, "sally": 1}


def check_events(data_file: str) -> str:
    text = Path(data_file).read_text()
    assert text.startswith("events")
    return text


def configure(data_file: str, input_file: str, output_dir: Path) -> None:
    check_events(data_file)
    document = json.loads(Path(input_file).read_text())
    members = document.get("members", MEMBERS)

    def write(name: str, *keys: str) -> str:
        settings: dict[str, Any] = {key: document.get(key) for key in keys}
        path = output_dir / "settings" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"step": name, **settings}))
        return str(path)

    def evaluations(method: str, number: int) -> dict[str, list[str]]:
        names = document.get("conditions", {}).get(method, [""])
        keys = [f"evaluation {method}{name}" for name in names]
        return {
            "names": [f"{method}_{number}{name}" for name in names],
            "settings": [write(key, key) for key in keys],
        }

    published = {
        "sampling": write("sampling", *(f"sampling {method}" for method in members)),
        "plotting": write("plotting", "plotting", "members"),
        "members": [
            {
                "name": document.get("prefix", "") + f"{method}_{number}",
                "sample_set": method,
                "method": method,
                "member": number,
                "training": write(f"training {method}", f"training {method}"),
                "evaluation": evaluations(method, number),
            }
            for method, n_members in members.items()
            for number in range(n_members)
        ],
    }
    (output_dir / "publish.yml").write_text(json.dumps(published))


def sample(data_file: str, input_file: str, output_dir: Path) -> None:
    events, settings = check_events(data_file), json.loads(Path(input_file).read_text())
    assert settings.pop("step") == "sampling"
    for key, value in settings.items():
        write(output_dir / "samples" / key.removeprefix("sampling "), events, value)


def train(input_file: str, train_folder: str, output_dir: Path, member: str) -> None:
    method = Path(train_folder).name
    settings = Path(input_file).read_text()
    assert json.loads(settings)["step"] == f"training {method}"
    if method == "fails" and "repaired" not in settings:
        print("error: nothing was learned", file=sys.stderr)
        sys.exit(2)
    write(output_dir / "models" / f"{method}_{member}", read(train_folder), settings, member)


def evaluate(data_file: str, input_file: str, model_file: str, output_dir: Path) -> None:
    events, settings = check_events(data_file), Path(input_file).read_text()
    name = Path(model_file).name
    assert json.loads(settings)["step"].startswith(f"evaluation {name.rpartition('_')[0]}")
    write(output_dir / "results" / name, events, settings, read(model_file))


def plot(data_file: str, input_file: str, result_files: str, output_dir: Path) -> None:
    check_events(data_file)
    settings, paths = Path(input_file).read_text(), result_files.splitlines()
    assert json.loads(settings)["step"] == "plotting"
    for name in ("limits", "figures"):
        write(output_dir / name, settings, *map(read, paths))
    (output_dir / "results.json").write_text(json.dumps(paths))


def write(folder: Path, *content: object) -> None:
    folder.mkdir(parents=True)
    (folder / "content").write_text(json.dumps(content))


def read(folder: str) -> str:
    return (Path(folder) / "content").read_text()


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
