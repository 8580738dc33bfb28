import io
from pathlib import Path

import pytest

from madminer_workflow.engine.graph import State, Step
from madminer_workflow.engine.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def steps(*states: State) -> list[Step]:
    return [
        Step(f"training m_{number}", state, Path(f"members_{number}"))
        for number, state in enumerate(states)
    ]


def test_one_line_for_each_change() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    progress.show(steps(State.RUNNING), complete=False)
    progress.show(steps(State.RUNNING, State.WAITING), complete=True)
    progress.show(steps(State.DONE, State.RUNNING), complete=True)
    progress.show(steps(State.DONE, State.RUNNING), complete=True)
    progress.show(steps(State.DONE, State.FAILED), complete=True)
    assert stream.getvalue().splitlines() == [
        "[0:00] 0 of 1+ done | training m_0 started",
        "[0:00] 1 of 2 done | training m_0 done after 0:00",
        "[0:00] 1 of 2 done | training m_1 started",
        "[0:00] 1 of 2 done, 1 failed | training m_1 failed after 0:00",
    ]


def test_a_terminal_has_a_last_line_that_lives() -> None:
    stream = Terminal()
    progress = Progress(stream)
    progress.show(steps(State.RUNNING, State.RUNNING, State.WAITING), complete=True)
    lines = stream.getvalue().replace("\r\033[K", "").splitlines()
    assert lines[-1] == "[0:00] 0 of 3 done, 2 running | training m_0 | training m_1"
    assert stream.getvalue().endswith(lines[-1])
    before = len(stream.getvalue())
    progress.show(steps(State.DONE, State.RUNNING, State.WAITING), complete=True)
    assert stream.getvalue()[before:].startswith("\r\033[K[0:00] 1 of 3 done | training m_0 done")


def test_the_living_line_tells_how_far_steps_are_and_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "_packtivity" / "training.run.log"
    log.parent.mkdir()
    log.write_text("2026-01-01 00:00:01 PROGRESS: epoch 12/50 loss 0.412; more\n")
    known = [Step("training alices_0", State.RUNNING, tmp_path), *steps(State.RUNNING)]
    line = "[0:00] 0 of 2+ done, 2 running | alices_0 epoch 12/50 loss 0.412 | training m_0"
    for columns in (200, len(line) + 1, len(line), 30, 3):
        monkeypatch.setenv("COLUMNS", str(columns))
        stream = Terminal()
        Progress(stream).show(known, complete=False)
        shown = stream.getvalue().rpartition("\r\033[K")[2]
        assert shown == (
            line if columns > len(line) else f"{line[: max(0, columns - 4)]}..."[: columns - 1]
        )


def test_warnings_of_a_step_are_shown_when_it_is_done(tmp_path: Path) -> None:
    log = tmp_path / "_packtivity" / "sampling.run.log"
    log.parent.mkdir()
    log.write_text("2026-01-01 00:00:00 all is well\n2026-01-01 00:00:01 WARNING: few events\n")
    stream = io.StringIO()
    progress = Progress(stream)
    for state in (State.RUNNING, State.DONE):
        progress.show([Step("sampling", state, tmp_path)], complete=True)
    assert stream.getvalue().splitlines()[-1] == "WARNING: few events"
    assert stream.getvalue().count("WARNING") == 1


def test_steps_that_are_kept_count_as_done() -> None:
    stream = io.StringIO()
    Progress(stream).show(steps(State.KEPT, State.WAITING), complete=True)
    assert stream.getvalue() == "[0:00] 1 of 2 done | training m_0 kept\n"
