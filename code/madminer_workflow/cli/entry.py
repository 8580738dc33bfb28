"""What the commands behind the entry points of MLproject share.

A path that a call leaves out is found: "auto" stands for the event file and the input file of the
run in the folder, and for what earlier steps have left there, whether in that run or one by one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from madminer_workflow.errors import InputError

__all__ = ["AUTO", "entry_point", "input_files", "model", "results", "samples"]

AUTO = "auto"

_PROJECT = Path(__file__).resolve().parents[3]
_DATA = Path("data/dummy_data.h5")
_INPUT = Path("workflow/input.yml")
_PATH = click.Path(path_type=Path)


_OUTPUT_DIR = click.option(
    "--output_dir",
    type=_PATH,
    default=".workdir",
    show_default=True,
    help="Folder of the run.",
)
_OPTIONS = {
    "data_file": click.option(
        "--data_file",
        default=AUTO,
        help=f"MadMiner event file; {AUTO}: that of the run in output_dir, else {_DATA}.",
    ),
    "input_file": click.option(
        "--input_file",
        default=AUTO,
        help=f"Input file; {AUTO}: that of the run in output_dir, else {_INPUT}.",
    ),
}


def entry_point(*files: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds `--output_dir` and options for files to a command.

    Args:
        files: Which of `data_file` and `input_file` the command is given; they exist if they were
            not named.
    """
    finders = {"data_file": _event_file, "input_file": _input_file}

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def found(output_dir: Path, **given: Any) -> Any:
            from madminer_workflow.engine.folder import MARKER

            for name in files:
                auto = given[name] == AUTO
                given[name] = finders[name](output_dir) if auto else Path(given[name])
            is_new = not output_dir.exists()
            ended = command(output_dir=output_dir, **given)
            if is_new:  # so that a run may go on in it, and clear it
                (output_dir / MARKER).touch()
            return ended

        options = (*(_OPTIONS[name] for name in files), _OUTPUT_DIR)
        return functools.reduce(lambda inner, option: option(inner), reversed(options), found)

    return decorated


def input_files(given: list[Path], output_dir: Path) -> list[Path]:
    """Returns the input files that a call names, or the one that there is.

    Args:
        given: What it names; "auto" alone for the one that there is.
        output_dir: The folder of the run.
    """
    return [_input_file(output_dir)] if given == [Path(AUTO)] else given


def samples(output_dir: Path, method: str, given: str = AUTO) -> Path:
    """Returns the folder of samples.

    Args:
        output_dir: The folder of the run.
        method: The method that they were drawn for; "auto" for the only one.
        given: The folder, if the call names it.

    Raises:
        InputError: There are none, or of several methods, or they are of another one.
    """
    if given != AUTO:
        return _agreeing(Path(given), "samples.json", {"method": method})
    found = _latest(output_dir, ("samples", "sampling/samples"), "samples.json")
    return _one(found, method, f"output_dir: {output_dir} has no samples", "method")


def model(output_dir: Path, method: str, member: int | None, given: str = AUTO) -> Path:
    """Returns the folder of a trained model.

    Args:
        output_dir: The folder of the run.
        method: The method; "auto" for the only model that there is.
        member: The number of the model in its ensemble; None for the first, or that of the folder.
        given: The folder, if the call names it.

    Raises:
        InputError: There is none, or there are several, or it is another one.
    """
    if given != AUTO:
        wanted = {"method": method, "member": AUTO if member is None else member}
        return _agreeing(Path(given), "model.json", wanted)
    found = _latest(output_dir, ("models", "*/training*/models"), "model.json")
    if member is not None:
        found = {name: paths for name, paths in found.items() if name.endswith(f"_{member}")}
    name = method if method == AUTO else f"{method}_{member or 0}"
    return _one(found, name, f"output_dir: {output_dir} has no such models", "method")


def results(output_dir: Path) -> list[Path]:
    """Returns the folders of the results of all models.

    Args:
        output_dir: The folder of the run.

    Raises:
        InputError: There are none.
    """
    found = _latest(output_dir, ("results", "*/evaluation*/results"), "result.json")
    if not found:
        raise InputError(f"output_dir: {output_dir} has no results, expected those of `eval`")
    return [path for name in sorted(found) for path in found[name]]


def _event_file(output_dir: Path) -> Path:
    """Returns the event file of the run in a folder, or the default one."""
    from madminer_workflow.tracking.log import RECORD, Record

    record = output_dir / "sampling" / RECORD
    dataset = Record.read(record).dataset if record.exists() else None
    candidates = [Path(dataset.source)] if dataset and dataset.source else []
    candidates += [_DATA, _PROJECT / _DATA]
    for path in candidates:
        if path.exists():
            return path
    raise InputError(
        f"data_file: {_DATA} does not exist, expected an event file, as `make data` makes one"
    )


def _input_file(output_dir: Path) -> Path:
    """Returns the frozen input file of the run in a folder, or the default one."""
    frozen = output_dir / "_input" / "merged.yml"
    return next(path for path in (frozen, _INPUT, _PROJECT / _INPUT) if path.exists())


def _agreeing(folder: Path, file: str, wanted: Mapping[str, object]) -> Path:
    """Returns a folder if what it describes is what is wanted; later it is read for good."""
    from madminer_workflow.storage import read_json

    described = read_json(folder / file) if set(wanted.values()) != {AUTO} else {}
    for name, value in wanted.items():
        if value not in (AUTO, described.get(name)):
            raise InputError(f"{name}: {value}, but {folder} is of {described.get(name)}")
    return folder


def _latest(output_dir: Path, patterns: Iterable[str], file: str) -> dict[str, list[Path]]:
    """Returns folders by their names: what a step has left alone, or what a run has.

    Args:
        output_dir: The folder of the run.
        patterns: Where a step leaves them that is run alone, and where in a run.
        file: The file that is in each of them.
    """
    found: dict[str, list[Path]] = {}
    for pattern in patterns:
        there: dict[str, list[Path]] = {}
        for path in sorted(output_dir.glob(f"{pattern}/*/{file}")):
            there.setdefault(path.parent.name, []).append(path)
        for name, paths in there.items():
            found[name] = max(found.get(name, paths), paths, key=_written)
    return {name: [path.parent for path in paths] for name, paths in found.items()}


def _written(paths: Iterable[Path]) -> float:
    """Returns when the last of some files was written."""
    return max(path.stat().st_mtime for path in paths)


def _one(found: dict[str, list[Path]], name: str, missing: str, options: str) -> Path:
    """Returns the folder of a name, or the only one."""
    if not found:
        raise InputError(f"{missing}, expected those of an earlier step")
    names = ", ".join(sorted(found))
    if name == AUTO and len(found) > 1:
        raise InputError(f"{options}: {AUTO}, but there are several: {names}")
    chosen = next(iter(found.values())) if name == AUTO else found.get(name)
    if not chosen:
        raise InputError(f"{options}: nothing there for {name}, expected one of {names}")
    if len(chosen) > 1:
        raise InputError(f"{options}: {name} stands for several, expected one of {_listed(chosen)}")
    return chosen[0]


def _listed(paths: Iterable[Path]) -> str:
    """Returns paths with commas between them."""
    return ", ".join(map(str, paths))
