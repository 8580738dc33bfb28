import multiprocessing
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from madminer_workflow.engine import folder
from madminer_workflow.engine.folder import MARKER, check_path, claimed, is_claimed, stage_folders
from madminer_workflow.errors import InputError

STAGES = ("sampling", "members")


def test_a_new_folder_is_made_and_marked(tmp_path: Path) -> None:
    new = tmp_path / "a" / "new folder"
    with claimed(new, STAGES):
        assert [path.name for path in new.iterdir()] == [MARKER]


def test_what_an_earlier_run_has_made_stays(tmp_path: Path) -> None:
    with claimed(tmp_path, STAGES):
        (tmp_path / "sampling").mkdir()
        (tmp_path / "sampling" / "result").touch()
    with claimed(tmp_path, STAGES):
        assert (tmp_path / "sampling" / "result").exists()


def test_a_link_in_the_place_of_a_stage_is_removed_but_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / MARKER).touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "members").symlink_to(tmp_path / "elsewhere")
    with claimed(tmp_path, STAGES):
        assert {path.name for path in tmp_path.iterdir()} == {MARKER, "elsewhere"}


def test_folders_of_stages(tmp_path: Path) -> None:
    for name in ("sampling", "members_12", "members_0", "sampling_of_mine", "members_x", "mlruns"):
        (tmp_path / name).mkdir()
    found = [path.name for path in stage_folders(tmp_path, STAGES)]
    assert found == ["members_0", "members_12", "sampling"]


def test_a_folder_with_results_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sampling").mkdir()
    (tmp_path / "sampling" / "result").touch()
    with (
        pytest.raises(InputError, match=r"has a 'sampling' that no run has made"),
        claimed(tmp_path, STAGES),
    ):
        pass
    assert (tmp_path / "sampling" / "result").exists()
    assert not (tmp_path / MARKER).exists()


def test_a_folder_of_somebody_else_without_results_is_used(tmp_path: Path) -> None:
    (tmp_path / "notes").touch()
    with claimed(tmp_path, STAGES):
        assert {path.name for path in tmp_path.iterdir()} == {"notes", MARKER}


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be used"), claimed(tmp_path / "file", STAGES):
        pass


def test_errors_inside_are_not_taken_for_those_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), claimed(tmp_path, STAGES):
        (tmp_path / "missing").read_text()


def claim(path: Path) -> str:
    try:
        with claimed(path, STAGES):
            return "claimed"
    except InputError as error:
        return str(error)


def test_two_runs_in_one_folder(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        with claimed(tmp_path, STAGES):
            (tmp_path / "sampling").mkdir()
            assert pool.apply(claim, [tmp_path]) == (f"output_dir: another run is using {tmp_path}")
            assert (tmp_path / "sampling").exists()
        assert pool.apply(claim, [tmp_path]) == "claimed"


def test_the_steps_of_a_run_keep_the_folder_until_they_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with claimed(tmp_path, STAGES) as descriptor:
        step = subprocess.Popen(["sleep", "60"], pass_fds=[descriptor])
    with monkeypatch.context() as patch:
        patch.setattr(folder, "_PATIENCE_SECONDS", 0.1)
        assert claim(tmp_path).endswith(f"another run is using {tmp_path}")
    ended = threading.Timer(0.2, step.kill)
    ended.start()
    assert claim(tmp_path) == "claimed"
    step.wait()


def test_a_shared_lock_keeps_the_folder_like_an_open_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with claimed(tmp_path, STAGES):
        command = ["flock", "--shared", "--nonblock", tmp_path / MARKER, "sleep", "60"]
        step = subprocess.Popen(command, start_new_session=True)
        waiting = ["flock", "--exclusive", "--nonblock", tmp_path / MARKER, "true"]
        assert subprocess.run(waiting, check=False).returncode == 1
        time.sleep(0.2)
    assert is_claimed(tmp_path)
    monkeypatch.setattr(folder, "_PATIENCE_SECONDS", 0.1)
    assert claim(tmp_path).endswith(f"another run is using {tmp_path}")
    os.killpg(step.pid, signal.SIGKILL)
    step.wait()
    assert claim(tmp_path) == "claimed"


@pytest.mark.parametrize("character", list('"$`\\{}:?#%\n\t'))
def test_characters_that_do_not_travel(character: str) -> None:
    with pytest.raises(InputError, match="data_file") as caught:
        check_path("data_file", f"/data/a{character}b")
    assert "\n" not in str(caught.value)


def test_characters_that_travel() -> None:
    check_path("data_file", "/data/a b/é'(1);&|<>*[!]~^=+,@.h5")
