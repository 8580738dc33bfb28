import os
from pathlib import Path

import pytest

from madminer_workflow.engine.sources import Sources, closure

FILES = {
    "__init__.py": "",
    "one.py": "import json, numpy\nfrom typing import TYPE_CHECKING\nfrom pack.two import f\n"
    "if TYPE_CHECKING:\n    import scipy\n    from pack import four\n",
    "two/__init__.py": "from importlib import import_module\nif TYPE_CHECKING:\n"
    "    from pack.two.lazy import g\n",
    "two/rules.json": "{}",
    "two/lazy.py": "",
    "two/other.py": "",
    "three.py": "def work():\n    from pack.two import g\n    import pack.four as four\n",
    "four.py": "",
    "five/__init__.py": "",
    "five/maker.py": "import importlib\nimportlib.import_module(f'pack.five.{name}')\n",
    "five/made.py": "",
    "six.py": "from pack.five import maker",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "pack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "pack"


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("four", {"four.py"}),
        ("one", {"one.py", "two/__init__.py", "two/rules.json"}),
        ("three", {"three.py", "four.py", "two/__init__.py", "two/rules.json", "two/lazy.py"}),
        ("six", {"six.py", "five/__init__.py", "five/maker.py", "five/made.py"}),
    ],
)
def test_what_a_module_imports(package: Path, module: str, expected: set[str]) -> None:
    files, _ = closure(package, [f"pack.{module}"])
    assert {path.relative_to(package).as_posix() for path in files} == {"__init__.py", *expected}


def test_other_packages(package: Path) -> None:
    assert closure(package, ["pack.one"])[1] == ["numpy"]
    assert closure(package, ["pack.two"])[1] == []


def test_the_checksum_changes_with_the_code_that_is_imported(package: Path) -> None:
    further = package.parent / "script"
    further.write_text("1")
    sources = Sources(package, [further])
    first = sources.checksum("pack.one")
    (package / "four.py").write_text("changed = True")
    os.utime(package / "one.py")
    assert sources.checksum("pack.one") == first
    (package / "two" / "rules.json").write_text("[]")
    second = sources.checksum("pack.one")
    (package / "one.py").write_text("import pack.four")
    third = sources.checksum("pack.one")
    (package / "four.py").write_text("changed = 2")
    fourth = sources.checksum("pack.one")
    further.write_text("2")
    assert len({first, second, third, fourth, sources.checksum("pack.one")}) == 5


def test_the_checksum_changes_with_the_version_of_a_package(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Sources(package).checksum("pack.one")
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"{name} 99")
    assert Sources(package).checksum("pack.one") != before
