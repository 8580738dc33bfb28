import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.assets import STEPS
from madminer_workflow.engine.checksums import Checksums, digest
from madminer_workflow.engine.records import RECORD, Records, remove, written


def records(folder: Path) -> Records:
    """Gives what a new run finds."""
    memory = Checksums(folder / "memory.json")
    return Records(sorted(folder.glob("step_*")), folder / "aside", memory)


def finish(folder: Path, name: str, made_from: dict[str, Any]) -> Path:
    step = folder / name
    (step / "_packtivity").mkdir(parents=True)
    (step / "result").write_text(str(made_from))
    published = {"result": f"{step}/result\n", "numbers": [1, "a"]}
    records(folder).write(step, made_from, published)
    return step


A, B = {"from": "a", "stage": "training"}, {"from": "b", "stage": "training"}


def test_a_finished_step_is_found(tmp_path: Path) -> None:
    step = finish(tmp_path, "step_0", A)
    assert records(tmp_path).find(step, B) is None
    found = {"result": f"{step}/result\n", "numbers": [1, "a"]}
    assert records(tmp_path).find(step, A) == found
    (step / "_packtivity" / "log").touch()
    (step / "notes").touch()
    assert records(tmp_path).find(step, A) == found


def test_it_serves_one_step_only(tmp_path: Path) -> None:
    step = finish(tmp_path, "step_0", A)
    known = records(tmp_path)
    assert known.find(step, A)
    assert known.find(tmp_path / "step_1", A) is None
    assert step.exists()


def test_steps_exchange_their_places(tmp_path: Path) -> None:
    first, second = finish(tmp_path, "step_0", A), finish(tmp_path, "step_1", B)
    known = records(tmp_path)
    assert known.find(first, B)["result"] == f"{first}/result\n"
    assert known.find(second, A)["result"] == f"{second}/result\n"
    assert (first / "result").read_text() == str(B)
    assert (second / "result").read_text() == str(A)
    known.tidy()
    assert {path.name for path in tmp_path.iterdir()} == {"step_0", "step_1"}


def test_what_was_put_aside_is_found_by_the_next_run(tmp_path: Path) -> None:
    step = finish(tmp_path, "step_0", A)
    records(tmp_path).make_way(step)
    assert not step.exists()
    finish(tmp_path, "step_0", B)
    known = records(tmp_path)
    assert known.find(tmp_path / "step_1", A)
    assert known.find(step, B)


def test_unfinished_steps_are_removed(tmp_path: Path) -> None:
    step = tmp_path / "step_0"
    step.mkdir()
    (step / "half a result").touch()
    known = records(tmp_path)
    known.make_way(step)
    known.make_way(step)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"ingredients": {"from": "a"}}'])
def test_records_that_are_none(tmp_path: Path, text: str) -> None:
    step = finish(tmp_path, "step_0", A)
    (step / RECORD).write_text(text)
    assert records(tmp_path).find(step, A) is None


def test_a_record_that_did_not_get_to_its_place(tmp_path: Path) -> None:
    step = finish(tmp_path, "step_0", A)
    partial = step / ".partial-of-a-killed-run"
    partial.mkdir()
    (step / RECORD).rename(partial / RECORD)
    known = records(tmp_path)
    assert known.finished() == []
    assert known.find(step, A) is None


def test_a_record_says_what_it_is_made_from(tmp_path: Path) -> None:
    step = finish(tmp_path, "step_0", A)
    record = json.loads((step / RECORD).read_text())
    assert list(record) == ["ingredients", "outputs", "published"]
    assert (record["ingredients"], list(record["outputs"])) == (A, ["result"])
    assert record["published"]["result"] == "{workdir}/result\n"


def test_a_record_says_more_that_does_not_count(tmp_path: Path) -> None:
    step = finish(tmp_path, "step_0", A)
    records(tmp_path).write(step, A, {}, {"provenance": {"seconds": 1.5}})
    assert json.loads((step / RECORD).read_text())["provenance"] == {"seconds": 1.5}
    assert records(tmp_path).find(step, A) == {}


def test_only_what_is_declared_may_be_written(tmp_path: Path) -> None:
    step = finish(tmp_path, "step_0", A)
    (step / RECORD).unlink()
    known = Records([], tmp_path / "aside", Checksums(), STEPS)
    with pytest.raises(FileExistsError, match=r"^result: written, but not declared as output$"):
        known.write(step, A, {})
    assert not (step / RECORD).exists()
    (step / "models" / "alices_0").mkdir(parents=True)
    (step / "result").rename(step / "models" / "alices_0" / "weights.pt")
    known.write(step, A, {})
    assert list(written(json.loads((step / RECORD).read_text()))) == [
        ("models", digest({"alices_0": None, "alices_0/weights.pt": digest_of(str(A))})),
        ("models/alices_0", digest({"weights.pt": digest_of(str(A))})),
        ("models/alices_0/weights.pt", digest_of(str(A))),
    ]


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_damage_is_noticed(tmp_path: Path) -> None:
    step = finish(tmp_path, "step_0", A)
    (step / "result").write_text("other")
    assert records(tmp_path).find(step, A) is None
    (step / "result").unlink()
    assert records(tmp_path).find(step, A) is None


def test_a_forgotten_step_is_not_found_again(tmp_path: Path) -> None:
    step = finish(tmp_path, "step_0", A)
    known = records(tmp_path)
    known.forget(A)
    known.forget(A)
    assert known.find(step, A) is None
    assert records(tmp_path).find(step, A) is None


def test_what_is_published_must_exist(tmp_path: Path) -> None:
    step = tmp_path / "step_0"
    step.mkdir()
    with pytest.raises(FileNotFoundError, match="step_0/result was not written"):
        records(tmp_path).write(step, A, [{"result": f"{step}/result\n"}])
    assert not (step / RECORD).exists()


def test_removal_takes_a_link_but_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    remove(tmp_path / "link")
    remove(tmp_path / "missing")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    remove(tmp_path / "folder")
    assert list(tmp_path.iterdir()) == []
