from collections.abc import Callable
from pathlib import Path

import pytest

from madminer_workflow.engine.command import Command, Finished
from madminer_workflow.engine.process import Local
from madminer_workflow.engine.runtimes import Options
from madminer_workflow.engine.runtimes.apptainer import Apptainer
from madminer_workflow.errors import InputError

Program = Callable[[str], Path]


def command(folder: Path, *read: Path) -> Command:
    variables = {"COLOUR": "light 'blue', \"$x\"\n", "OMP_NUM_THREADS": "1"}
    return Command("training", "a; $(b)", "image:1", folder, read, variables, folder / "log")


def words_of(record: Path) -> list[str]:
    return record.read_text().split("\0")[:-1]


def test_the_words_of_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "me")
    image, events = tmp_path / "image.sif", tmp_path / "events, 1.h5"
    for file in (image, events):
        file.touch()
    chosen = Options(str(image), memory="4g", gpu=True)
    words = Apptainer(chosen).argv(command(tmp_path, events))
    assert words[words.index("--") + 1 :] == [
        *("apptainer", "exec", "--cleanenv", "--contain", "--no-home", "--no-privs"),
        *("--net", "--network", "none", "--nv", "--memory", "4g"),
        *("--mount", f"type=bind,source={tmp_path},destination={tmp_path}"),
        *("--mount", f'type=bind,"source={events}","destination={events}",ro'),
        *("--pwd", str(tmp_path), str(image)),
        *("env", "HOME=/tmp", "USER=me", f"MADMINER_WORKFLOW_IMAGE={image}", "sh", "-c", "a; $(b)"),
    ]
    plain = Apptainer(Options(str(image), network=True)).argv(command(tmp_path))
    assert not {"--net", "--nv", "--memory"} & set(plain)


def test_variables_of_a_command_are_those_of_the_container(
    program: Program, tmp_path: Path
) -> None:
    program("apptainer").parent.joinpath("bin", "apptainer").write_text(
        "#!/bin/sh\nprintf '%s' \"$APPTAINERENV_COLOUR$APPTAINERENV_OMP_NUM_THREADS\" >seen\n"
    )
    asked = command(tmp_path)
    assert Local().run(asked, Apptainer(Options("x.sif")).argv(asked)).status == 0
    assert (tmp_path / "seen").read_text() == asked.variables["COLOUR"] + "1"
    assert "light" not in " ".join(Apptainer(Options("x.sif")).argv(asked))


@pytest.mark.parametrize(
    ("image", "source"),
    [
        (None, "docker://image:1"),
        ("localhost:5000/other:2", "docker://localhost:5000/other:2"),
        ("docker-daemon://image:1", "docker-daemon://image:1"),
        ("oras://host/image.sif", "oras://host/image.sif"),
    ],
)
def test_an_image_from_elsewhere_becomes_a_file_once(
    program: Program, tmp_path: Path, image: str | None, source: str
) -> None:
    records = program("apptainer")
    (tmp_path / "bin" / "docker").symlink_to("apptainer")
    for _ in range(2):
        apptainer = Apptainer(Options(image))
        found = apptainer.check(["image:1"])
        words = apptainer.argv(command(tmp_path))
    assert found["python"] == "3.11.2"
    assert found["image"].startswith("sha256:")
    (file,) = (tmp_path / "the cache" / "madminer-workflow").iterdir()
    assert str(file) in words
    asked = [words_of(record) for record in records.iterdir()]
    assert [words[-1] for words in asked if words[0] == "build"] == [source]


def test_the_file_of_an_image(program: Program, tmp_path: Path) -> None:
    records = program("apptainer")
    (tmp_path / "my.sif").touch()
    Apptainer(Options(str(tmp_path / "my.sif"))).check(["image:1"])
    assert str(tmp_path / "my.sif") in words_of(records / "1")
    with pytest.raises(InputError, match=r"^--image: /not/there.sif does not exist"):
        Apptainer(Options("/not/there.sif")).check(["image:1"])


def test_an_image_that_cannot_be_had(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("apptainer")
    monkeypatch.setenv("NO_BUILD", "FATAL: While performing build: requested access denied")
    with pytest.raises(InputError, match=r"no image can be made from docker://image:1 \(FATAL"):
        Apptainer(Options()).check(["image:1"])
    assert not list((tmp_path / "the cache" / "madminer-workflow").iterdir())


def test_a_limit_that_may_be_why_it_was_killed(tmp_path: Path) -> None:
    asked = command(tmp_path)
    ended = Apptainer(Options(memory="4g")).finished(asked, Finished(137, ()))
    assert ended.last_lines == ("error: it was killed; its memory limit is 4g",)
    assert Apptainer(Options()).finished(asked, Finished(137, ())).last_lines == ()
