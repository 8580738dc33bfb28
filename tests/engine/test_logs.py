from pathlib import Path

import pytest

from madminer_workflow.engine import logs

STAMP = "2026-01-01 00:00:00"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "_packtivity").mkdir()
    return tmp_path


def write(folder: Path, *lines: str) -> None:
    text = "".join(f"{STAMP} {line}\n" for line in lines)
    (folder / "_packtivity" / "training.run.log").write_text(text)


def test_how_far_a_step_is(folder: Path) -> None:
    assert logs.progress(folder) is None
    write(folder, "$ train", "PROGRESS: 1 of 2; more", "PROGRESS: 2 of 2 loss 0.1; more", "other")
    assert logs.progress(folder) == "2 of 2 loss 0.1"
    assert logs.last_line(folder) == "other"


def test_the_end_of_a_long_log_is_enough(folder: Path) -> None:
    write(folder, "PROGRESS: too long ago", *("x" * 70 for _ in range(100)), "PROGRESS: 5", "é")
    assert (logs.progress(folder), logs.last_line(folder)) == ("5", "é")
    write(folder, "PROGRESS: too long ago", *("é" * 71 for _ in range(100)))
    assert logs.progress(folder) is None


def test_a_step_without_output(folder: Path) -> None:
    write(folder, "$ true")
    assert (logs.progress(folder), logs.last_line(folder)) == (None, None)
