"""What the documentation shows exists: commands, options, links, keys, arrays, imports."""

from __future__ import annotations

import ast
import contextlib
import itertools
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import yaml

from madminer_workflow.assets import STEPS
from madminer_workflow.cli import cli, parameters
from madminer_workflow.configuration import load, load_learner
from madminer_workflow.configuration.routines import rules
from madminer_workflow.configuration.schema import validate
from madminer_workflow.configuration.sweep import points
from madminer_workflow.estimators import load as load_model
from madminer_workflow.estimators import registry
from madminer_workflow.events import Observed, read_events, read_header
from madminer_workflow.processes import PRESETS
from madminer_workflow.steps.sample import sample
from madminer_workflow.steps.train import train
from madminer_workflow.storage import read_json, read_npz

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "code" / "madminer_workflow"
PAGES = ("README.md", "CHANGELOG.md", *(f"docs/{path.name}" for path in ROOT.glob("docs/*.md")))


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Gives the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(page), re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[list[str]]:
    """Gives the words of each command in fenced and indented blocks, variables before it left out.

    Lines of other kinds of blocks do not begin with the name of a program.
    """
    indented = re.findall(r"(?:^ {4}.*\n)+", re.sub(r"(?ms)^```.*?^```$", "", read(page)), re.M)
    lines = "".join([*blocks(page, "sh"), *indented]).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [list(itertools.dropwhile(lambda word: re.match(r"[A-Z_]+=", word), w)) for w in words]


def table(text: str) -> list[list[str]]:
    """Gives the cells of all rows of all tables, without their heads."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    rules = [number for number, row in enumerate(cells) if set("".join(row)) == {"-"}]
    heads = {*rules, *(number - 1 for number in rules)}
    return [row for number, row in enumerate(cells) if number not in heads]


def section(page: str, title: str) -> str:
    """Gives the text below a title, down to the next title of the same or a higher level."""
    level, text = title.partition(" ")[0], read(page)
    assert text.count(f"\n{title}\n") == 1
    below = text.partition(f"\n{title}\n")[2]
    return re.split(rf"\n#{{1,{len(level)}}} ", below)[0]


def names(cell: str) -> list[str]:
    """Gives what stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def test_the_changelog_begins_with_this_version() -> None:
    version = read("VERSION").strip()
    released = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", read("CHANGELOG.md"), re.M
    )
    assert released[0] == version


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", read(page)):
        if target.startswith("https://"):
            continue
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
            assert anchor in slugs


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: str) -> None:
    for name in names(read(page)):
        if re.fullmatch(r"(code|docs|scripts|tests|workflow)/[\w./]*", name):
            assert (ROOT / name).exists(), name
        if re.fullmatch(r"[a-z]+/\w+\.(py|json)", name) and name.split("/")[0] in packages():
            assert (PACKAGE / name).exists(), name


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page: str) -> None:
    for program, *words in filter(None, commands(page)):
        if program == "make":
            assert_make(words)
        elif program.startswith("scripts/"):
            assert_options(help_of_script(program), words)
        elif program == ".venv/bin/madminer-workflow":
            assert_options(options_of_command(words.pop(0)), words)
        else:
            others = ("docker", "export", "mlflow", "reana-client")
            assert program in (*others, ".venv/bin/mlflow", ".venv/bin/python"), program


def assert_make(words: list[str]) -> None:
    makefile = read("Makefile")
    for word in itertools.takewhile(lambda word: word != "<", words):
        variable = re.match(r"([A-Z_]+)=", word)
        assert re.search(
            rf"^{variable[1]} \??=" if variable else rf"^{word}:.*##", makefile, re.M
        ), word


def assert_options(known: set[str], words: list[str]) -> None:
    """Checks that words are pairs of an option and its value."""
    assert len(words) % 2 == 0
    assert set(words[::2]) <= known


def help_of_script(script: str) -> set[str]:
    done = subprocess.run([script, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(re.findall(r"(?<!\S)--?[a-z_]+", done.stdout))


def options_of_command(name: str) -> set[str]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return {option for parameter in command.params for option in parameter.opts}


def test_single_steps_follow_one_another() -> None:
    lines = [words for words in commands("README.md") if words and words[0].startswith("scripts/")]
    steps = lines[:4]
    assert [words[0] for words in steps] == [
        f"scripts/{name}.sh" for name in ("1_sampling", "2_training", "3_evaluation", "4_plotting")
    ]
    given = [dict(zip(words[1::2], words[2::2], strict=True)) for words in steps]
    folder = given[0]["--output_dir"]
    assert all(options["--output_dir"] == folder for options in given)
    assert given[1]["--train_folder"] == f"{folder}/samples/alices"
    assert given[2]["--model_file"] == f"{folder}/models/alices_0"
    assert given[3]["--result_files"] == f"{folder}/results/alices_0"
    assert "alices" in yaml.safe_load(read("workflow/input.yml"))["methods"]


def test_all_targets_and_variables_of_make_are_explained() -> None:
    makefile, readme = read("Makefile"), section("README.md", "## Your own events")
    rows = [names(row[0]) for row in table(readme)]
    targets = [name for row in rows for name in row if name.startswith("make ")]
    assert {f"make {name}" for name in re.findall(r"^([a-z-]+):.*##", makefile, re.M)} == {*targets}
    variables = {name for row in rows for name in row} - {*targets}
    exported = " ".join(re.findall(r"^export (.*)$", makefile, re.M)).split()
    assert variables == {*exported, "PYTHON"}
    for cells in table(readme):
        values = dict(zip(names(cells[0]), names(cells[-1]), strict=False))
        for name in set(values) & {*exported} - {"JOBS"}:
            assert re.search(rf"^{name} \??= {re.escape(values[name])}$", makefile, re.M)


def test_all_methods_are_in_the_table() -> None:
    rows = table(section("README.md", "## The input file"))
    assert {names(row[0])[0]: row[1].split()[0] for row in rows} == {
        spec.name: spec.kind for spec in registry.METHODS.values()
    }


def test_the_added_estimator_would_work() -> None:
    from madminer_workflow.estimators.madminer_parts import losses

    for page in ("README.md", "docs/architecture.md"):
        (code,) = blocks(page, "python")
        spec = eval(code, vars(registry))
        assert spec.name not in registry.METHODS
        assert spec.models == registry.METHODS["rolr"].models
        assert hasattr(losses, spec.loss)


def test_all_files_of_the_steps_are_explained() -> None:
    rows = table(section("docs/products.md", "## What the steps leave behind"))
    assert rows == [
        [step.name, f"`{asset.path}`", asset.format, asset.content]
        for step in STEPS
        for asset in step.outputs
    ]


def test_all_parameters_of_entry_points_are_explained() -> None:
    assert read("docs/MLFLOW.md").endswith(parameters.text(ROOT))


def test_the_estimators_that_are_shown_would_work(example: Path, tmp_path: Path) -> None:
    (tmp_path / "linear.py").write_text("".join(blocks("docs/estimators.md", "python")))
    (tmp_path / "examples").symlink_to(ROOT / "docs" / "examples")
    shown = [*blocks("docs/estimators.md", "yaml"), "methods: ['linear.py:Linear']"]
    assert len(shown) == 3
    for text in shown:
        (tmp_path / "input.yml").write_text(text)
        assert load(tmp_path / "input.yml", read_header(example)).methods[-1].routine is not None
    folder = tmp_path / "run"
    events = read_events(read_header(example))
    sample(load(tmp_path / "input.yml", events.header), events, folder)
    learner = load_learner(tmp_path / "input.yml", "linear")
    _, model = train(learner, folder / "samples" / "linear", 0, folder, lambda _: None)
    assert load_model(model).log_ratio(events.x[:5], [[0.0, 0.0]]).tolist() == [[0.0]] * 5


def packages() -> list[str]:
    """Gives the packages and modules of the code, but for the entry point."""
    found = [path for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()]
    return sorted({path.stem for path in found if not path.name.startswith("__")})


def imports(path: Path) -> Iterator[str]:
    """Gives the packages of ours that a module imports from."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.ImportFrom(module="madminer_workflow", names=aliases):
                yield from (alias.name for alias in aliases)
            case ast.ImportFrom(module=str(module)) if module.startswith("madminer_workflow."):
                yield module.split(".")[1]
            case ast.Import(names=aliases):
                ours = [a.name for a in aliases if a.name.startswith("madminer_workflow.")]
                yield from (name.split(".")[1] for name in ours)


def test_packages_import_what_they_may() -> None:
    rows = table(section("docs/architecture.md", "## The packages of `code/madminer_workflow`"))
    allowed = {names(row[0])[0]: {*names(row[2])} for row in rows}
    assert sorted(allowed) == packages()
    for package, others in allowed.items():
        paths = [*(PACKAGE / package).rglob("*.py"), *PACKAGE.glob(f"{package}.py")]
        assert {name for path in paths for name in imports(path)} <= others | {package}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small event file of the default process."""
    from madminer_workflow.processes.drell_yan import event_file, generator

    path = tmp_path_factory.mktemp("example") / "events.h5"
    event_file.write_event_file(generator.generate(PRESETS["dy2"], 3000, 1), path)
    return path


def test_the_example_of_an_input_file_is_accepted(
    example: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text, own = blocks("README.md", "yaml")
    (tmp_path / "own.yml").write_text(own.replace("docs/", f"{ROOT}/docs/"))
    assert load(tmp_path / "own.yml", read_header(example)).methods[1].n_networks == 3
    (tmp_path / "input.yml").write_text(text)
    configuration = load(tmp_path / "input.yml", read_header(example))
    assert [method.training.n_members for method in configuration.methods] == [3, 1, 3]
    assert configuration.limits.resolutions == (31, 41)
    assert caplog.text == ""


def test_the_examples_of_sweeps_are_accepted(tmp_path: Path) -> None:
    several = 0
    for text in blocks("docs/sweeps.md", "yaml"):
        document = {"methods": ["alices", "sally"], **yaml.safe_load(text)}
        validate(document, rules(document))
        several += len(points(document)) > 1
    assert several == 4
    (code,) = blocks("docs/sweeps.md", "python")
    values: dict[str, Any] = {}
    with contextlib.chdir(tmp_path):
        exec(code, values)
        assert len(points(yaml.safe_load(Path("rates.yml").read_text()))) == 3 * 2 * 3


@pytest.fixture(scope="module")
def products(example: Path) -> Path:
    """The products of all steps with networks that have learned next to nothing."""
    from madminer_workflow.steps.evaluate import evaluate_file
    from madminer_workflow.steps.plot import plot

    folder, document = example.parent, example.parent / "input.yml"
    document.write_text(
        "methods: [alices, sally]\n"
        "samples: {train: 200, validation: 100, test: 100, minimum_effective: 0}\n"
        "training: {hidden_layers: [4], epochs: 1, batch_size: 100}\n"
        "alices: {training: {n_members: 2}}\n"
        "asymptotic_limits: {resolutions: 5, theta_true: [[0, 0], [0.5, 0.5]]}\n"
        "observed: {data: observed.npz}\n"
    )
    events = read_events(read_header(example))
    observed = folder / "observed.npz"
    Observed(observed, events.header.observables, events.x[:20]).save(observed)
    configuration = load(document, events.header)
    results = []
    sample(configuration, events, folder)
    for method in configuration.methods:
        learner = load_learner(document, method.name)
        samples = folder / "samples" / method.name
        for member in range(method.n_networks):
            _, model = train(learner, samples, member, folder, lambda _: None)
            results.append(evaluate_file(configuration, model, events, folder)[1])
    return plot(configuration, events, results, folder, document)[1]


NAMES = ("alices", "sally", "histogram", "rate")
VARIABLE = {
    "data": "data",
    "theta_true": "parameter",
    "best_fit": "parameter",
    "limits": "name",
    "regions": "level",
    "fisher_information": "information",
    "packages": "package",
    "values": "name",
}


def paths(record: Any, path: str = "") -> Iterator[str]:
    """Gives the ways to all values of a record, as docs/products.md writes them."""
    if isinstance(record, list):
        inner = {way for item in record if isinstance(item, dict) for way in paths(item)}
        yield from (f"{path}[].{way}" for way in inner)
        if not inner:
            yield f"{path}[]"
    elif isinstance(record, dict):
        for key, value in record.items():
            yield from paths(value, f"{path}.{_general(path, key)}".strip("."))
    else:
        yield path


def _general(path: str, key: str) -> str:
    """Gives a key, or what it is an example of."""
    if key in ("full", "kinematics") and path.endswith("limits.<name>"):
        return "<which>"
    if path == "cross_sections_pb" and key != "theta_true":
        return "<benchmark>"
    if path.startswith("cross_sections_pb"):
        return key
    parent = path.rpartition(".")[2]
    return f"<{VARIABLE[parent]}>" if parent in VARIABLE else key


@pytest.mark.slow
def test_all_keys_of_results_json_are_explained(products: Path) -> None:
    rows = table(section("docs/products.md", "## `results.json`"))
    documented = [names(row[0])[0].removesuffix("[]") for row in rows]
    # What may be null is a list in other cases.
    found = {way.removesuffix("[]") for way in paths(read_json(products / "results.json"))}
    found = {way for way in found if not any(other.startswith(f"{way}.") for other in found)}
    start = "limits.<name>.<which>"
    keys, others = (
        {way.removeprefix(prefix) for way in found if way.startswith(prefix)}
        for prefix in (start, f"data.<data>.{start}")
    )
    assert keys == others
    # Keys that are the same in several places are explained once.
    found = {re.sub(rf"(data\.<data>\.{start})\..*", r"\1", way) for way in found}
    found = {re.sub(r"^(data\.<data>\.best)\..*", r"\1", way) for way in found}
    found = {re.sub(r"diagnostics\.\w+\.tests", "diagnostics.<diagnostic>.tests", w) for w in found}
    assert set(documented) == found
    assert len(documented) == len(found)


@pytest.mark.slow
def test_all_arrays_of_limits_are_explained(products: Path) -> None:
    rows = table(section("docs/products.md", "## `limits/<name>.npz`"))
    shapes = {names(row[0])[0]: row[1] for row in rows}
    sizes = {"()": (), "(k,)": (2,), "(n,)": (25,), "(n, k)": (25, 2)}
    for path in (products / "limits").rglob("*.npz"):
        found = {name: array.shape for name, array in read_npz(path).items()}
        last = None if path.stem == "alices" else list(shapes).index("q_full_raw")
        wanted = {name: sizes[shapes[name]] for name in list(shapes)[:last]}
        if path.parent.name == "observed":
            wanted = {name: size for name, size in wanted.items() if "correct" not in name}
        assert found == wanted


@pytest.mark.slow
def test_all_folders_of_limits_are_explained(products: Path) -> None:
    folders = sorted(path.name for path in (products / "limits").iterdir() if path.is_dir())
    assert folders == ["expected_2", "observed"]
    text = section("docs/products.md", "## `limits/<name>.npz`")
    assert all(f"`limits/{folder}/<name>.npz`" in text for folder in folders)
    names_of = [
        {path.name for path in (products / "limits" / f).glob("*.npz")} for f in ("", *folders)
    ]
    assert names_of == [{f"{name}.npz" for name in (*NAMES, "exact")}] * 3


@pytest.mark.slow
def test_all_figures_are_explained(products: Path) -> None:
    rows = table(section("docs/products.md", "## `figures/`"))
    documented = [
        {
            names(row[0])[0].replace("<which>", which).replace("<name>", name)
            for which in ("full", "kinematics")
            for name in ("alices", "sally")
        }
        for row in rows
    ]
    for_each = set.union(*documented[:4])  # as the text says
    endings = ("_expected_2", "_observed")
    wanted = set.union(*documented) | {f"{name}{end}" for name in for_each for end in endings}
    assert {path.stem for path in (products / "figures").iterdir()} == wanted
    assert {path.suffix for path in (products / "figures").iterdir()} == {".png", ".pdf"}


@pytest.mark.slow
def test_the_files_can_be_read_as_shown(
    products: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(products.parent)
    (code,) = blocks("docs/products.md", "python")
    values: dict[str, Any] = {}
    exec(code, values)
    assert capsys.readouterr().out
    assert values["q"].shape == (5, 5)
    first, second = np.unravel_index(values["q"].argmin(), values["q"].shape)
    lowest = values["limit"]["theta_grid"][values["limit"]["q_full"].argmin()]
    assert [values["axes"][0][first], values["axes"][1][second]] == lowest.tolist()
    assert values["allowed"].shape[1] == 2
