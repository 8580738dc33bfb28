import hashlib
import os
import time
from pathlib import Path

import pytest

from madminer_workflow.engine import checksums
from madminer_workflow.engine.checksums import Checksums, digest


@pytest.fixture
def sums(tmp_path: Path) -> Checksums:
    return Checksums(tmp_path / "memory.json")


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A big file that was written a while ago."""
    path = tmp_path / "big"
    path.write_bytes(bytes(2**20))
    return path


def test_a_file_has_the_checksum_of_its_content(sums: Checksums, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    assert sums.of(tmp_path / "a") == hashlib.sha256(b"text").hexdigest()
    assert sums.of(tmp_path / "b") is None


def test_a_folder_has_that_of_the_names_and_contents_in_it(sums: Checksums, tmp_path: Path) -> None:
    seen = set()
    for name, text in (("a", "1"), ("a", "2"), ("b", "2")):
        folder = tmp_path / f"{name}{text}"
        (folder / "inside" / "empty").mkdir(parents=True)
        (folder / "inside" / name).write_text(text)
        assert (
            list(sums.tree(folder)) == ["inside", f"inside/{name}", "inside/empty"] or name == "b"
        )
        seen.add(sums.of(folder))
    (tmp_path / "b2").rename(tmp_path / "elsewhere")
    assert len(seen) == 3
    assert sums.of(tmp_path / "elsewhere") in seen
    (tmp_path / "elsewhere" / "inside" / "empty").rmdir()
    assert sums.of(tmp_path / "elsewhere") not in seen


def test_the_order_of_keys_does_not_count() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) != digest({"a": 1, "b": [3]})


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Notes the files that are read."""
    made: list[Path] = []

    def sha256(path: Path) -> str:
        made.append(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(checksums, "sha256", sha256)
    return made


def test_a_big_file_is_read_once(
    big: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = counted(monkeypatch)
    monkeypatch.setattr(checksums, "_AT_REST_NS", 0)
    memory, folder = tmp_path / "memory.json", tmp_path / "folder"
    folder.mkdir()
    big = big.rename(folder / "big")
    for _ in range(2):
        sums = Checksums(memory)
        first = sums.of(big)
        folder = folder.rename(f"{folder} moved")
        big = folder / "big"
        assert sums.of(big) == first
        sums.save()
    assert len(read) == 1
    memory.write_text("[1")
    assert Checksums(memory).of(big) == first


def test_a_file_that_has_just_changed_is_read_again(
    big: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = counted(monkeypatch)
    sums = Checksums(tmp_path / "memory.json")
    assert sums.of(big) == sums.of(big)
    assert len(read) == 2


def test_a_change_that_hides_its_time_is_seen(
    big: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksums, "_AT_REST_NS", 0)
    sums = Checksums(tmp_path / "memory.json")
    before, times = sums.of(big), big.stat()
    time.sleep(0.02)
    big.write_bytes(bytes(2**20 - 1) + b"1")
    os.utime(big, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert sums.of(big) != before


def test_a_memory_that_cannot_be_written_is_done_without(big: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sums = Checksums(tmp_path / "file" / "memory.json")
    assert sums.of(big)
    sums.save()


def test_what_cannot_be_read_to_an_end_is_refused(sums: Checksums, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe is neither a file nor a folder"):
        sums.of(tmp_path / "pipe")
