from pathlib import Path

import pytest

from madminer_workflow.assets import STAGES
from madminer_workflow.engine.backends import BACKENDS
from madminer_workflow.engine.backends.dask import Workers
from madminer_workflow.engine.backends.site import Resources, Site, read
from madminer_workflow.errors import InputError

PROFILES = Path(__file__).parents[3] / "profiles"


def site(tmp_path: Path, text: str) -> Site:
    (tmp_path / "site.yml").write_text(text)
    return read(Site, tmp_path / "site.yml", STAGES)


def test_a_stage_takes_the_rest_from_the_default(tmp_path: Path) -> None:
    text = """
    stages: {training: {cpus: 4, gpus: 1, options: ["--qos=long"]}}
    default: {memory_mb: 3000, partition: short, account: hep}
    retries: {time_out: 2, factor: 1.5}
    """
    found = site(tmp_path, text)
    assert found.resources("training") == Resources(
        4, 3000, None, 1, "short", "hep", ("--qos=long",)
    )
    assert found.resources("sampling") == Resources(1, 3000, None, 0, "short", "hep")
    assert (found.retries.time_out, found.retries.out_of_memory, found.jobs) == (2, 0, 100)
    assert site(tmp_path, "") == Site()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("job: 3", "job: unknown key, did you mean jobs?"),
        ("stages: {train: {}}", "stages.train: unknown key, did you mean training?"),
        ("default: {cpus: 0}", "default.cpus: 0, expected a finite number >= 1"),
        ("default: {memory_mb: 2 GB}", "default.memory_mb: '2 GB', expected a whole number"),
        ("jobs: true", "jobs: True, expected a whole number"),
        ("poll_seconds: .nan", "poll_seconds: nan, expected a finite number >= 0.1"),
        ("default: {options: --qos}", "default.options: '--qos', expected a list of texts"),
        ("stages: {training: 3}", "stages.training: 3, expected keys and values"),
        ("[1]", "profile: [1], expected keys and values"),
        ("a: [", "not YAML (while parsing a flow"),
    ],
)
def test_errors_are_one_line(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InputError) as caught:
        site(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'site.yml'}: {line}")
    assert "\n" not in message


def test_a_pool_has_workers_of_one_size(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text("cluster: cloud")
    with pytest.raises(InputError, match="cluster: 'cloud', allowed are local, slurm, pbs"):
        read(Workers, tmp_path / "site.yml", STAGES)
    (tmp_path / "site.yml").write_text("stages: {}")
    with pytest.raises(InputError, match="stages: unknown key"):
        read(Workers, tmp_path / "site.yml", STAGES)


def test_there_is_a_profile_for_each_backend() -> None:
    assert {path.stem for path in PROFILES.iterdir()} == set(BACKENDS)
    for path in PROFILES.iterdir():
        read(Workers if path.stem == "dask" else Site, path, STAGES)
