from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.engine.checksums import Checksums, digest
from madminer_workflow.engine.ingredients import Ingredients


class Kitchen:
    """Commands over the files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("project", "run/step", "run/other"):
            (folder / name).mkdir(parents=True)
        (folder / "data").write_text("events")
        self.codes = {"training": "first"}
        self.ingredients = Ingredients(
            Checksums(self.folder / "memory"),
            roots=[self.folder / "data", self.folder / "run"],
            toplevel=self.folder / "project",
            code=self.codes.__getitem__,
        )

    def key(self, command: str, others: object = None) -> str:
        return digest(self.made_from(command, others))

    def made_from(self, command: str, others: object = None) -> dict[str, Any]:
        filled = command.replace("@", str(self.folder))
        return self.ingredients.of("training", filled, self.folder / "run" / "step", others)

    def read(self, command: str) -> list[str]:
        filled = command.replace("@", str(self.folder))
        found = self.ingredients.read(filled, self.folder / "run" / "step")
        return [str(path.relative_to(self.folder)) for path in found]


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    return Kitchen(tmp_path / "a b")


def test_places_do_not_count_but_words_do(kitchen: Kitchen, tmp_path: Path) -> None:
    command = '"@/project/script" --project "@/project" --data "@/data" --out "@/run/step/x" a b'
    key = kitchen.key(command)
    assert Kitchen(tmp_path / "c").key(command) == key
    assert kitchen.key(command + " c") != key
    assert kitchen.key(command.replace("step/x", "step/y")) != key
    assert str(tmp_path) not in str(
        kitchen.made_from(command, ["@/run/step".replace("@", str(kitchen.folder))])
    )


@pytest.mark.parametrize(
    "command",
    ['"@/data"', 'cat "@/data"; true', 'cat <"@/data"|wc', '"\n @/run/other \n@/data\n"'],
)
def test_contents_count(kitchen: Kitchen, command: str) -> None:
    keys = set()
    for text in ("events", "others"):
        (kitchen.folder / "data").write_text(text)
        keys.add(kitchen.key(command))
    (kitchen.folder / "data").unlink()
    keys.add(kitchen.key(command))
    assert len(keys) == 3


def test_folders_count_with_all_that_is_in_them(kitchen: Kitchen) -> None:
    before = kitchen.key('"@/run/other"')
    (kitchen.folder / "run" / "other" / "file").touch()
    assert kitchen.key('"@/run/other"') != before


def test_code_and_others_count(kitchen: Kitchen) -> None:
    keys = [kitchen.key('"@/data"')]
    kitchen.codes["training"] = "second"
    keys += [kitchen.key('"@/data"'), kitchen.key('"@/data"', {"image": 2})]
    assert len(set(keys)) == 3


def test_what_does_not_belong_to_the_run_is_a_mere_word(kitchen: Kitchen) -> None:
    assert kitchen.made_from("ls / '/usr'")["command"] == [["ls"], ["/"], ["/usr"]]


def test_a_command_reads_what_it_names(kitchen: Kitchen) -> None:
    for name in ("project/script", "run/other/settings", "beside"):
        (kitchen.folder / name).touch()
    command = '"@/project/script" -p "@/project" -i "@/run/other/settings" -d "@/data" "@/beside" x'
    # A file in a folder of the roots brings its neighbours along, another one does not.
    assert kitchen.read(command) == ["project", "run/other", "data"]
    assert kitchen.read('cat "@/run/step/x" "\n @/run/other\n @/data\n"') == ["run/other", "data"]
