"""Steps of a sweep, which differ only in their names and in what they read."""

import json
from pathlib import Path
from typing import Any

from madminer_workflow.engine.checksums import Checksums
from madminer_workflow.engine.forecast import Content, Forecast, Home, Judgement, Verdict
from madminer_workflow.engine.records import Records


def made_from(settings: Any, model: Any) -> dict[str, Any]:
    command = [[{"content": settings}], [{"content": model}]]
    return {"stage": "evaluation", "code": "", "command": command, "others": [None, {}, "result"]}


def finished(folder: Path, name: str, settings: str, model: str) -> None:
    folder.mkdir(parents=True)
    record = {
        "ingredients": made_from(settings, model),
        "outputs": {},
        "published": {},
        "parameters": {"name": name},
    }
    (folder / "run.json").write_text(json.dumps(record))


def test_a_new_combination_is_not_taken_for_another_one(tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text("{}")
    checksums = Checksums(tmp_path / "none")
    known = str(checksums.of(settings))
    finished(tmp_path / "members_0", "a", known, "0")
    finished(tmp_path / "members_1", "b", "others", "1")
    folders = [tmp_path / "members_0", tmp_path / "members_1"]
    forecast = Forecast(Records(folders, tmp_path / "aside", checksums), checksums)
    training = tmp_path / "training"
    forecast.settle(training, Home("training", None, Judgement(Verdict.RUN, ("new",))))

    def judged(name: str) -> tuple[Verdict, tuple[str, ...]]:
        ingredients = made_from(Content(settings), Content(training / "model"))
        judgement = forecast.judge(
            tmp_path / "members_2",
            ingredients,
            {"name": name},
            lambda _: "input_file",
            forced=False,
        )
        return judgement.verdict, judgement.reasons

    assert judged("a") == (Verdict.MAY_RUN, ("if training changes",))
    assert judged("b") == (Verdict.RUN, ("settings changed", "needs training"))
    assert judged("c") == (Verdict.RUN, ("new",))
