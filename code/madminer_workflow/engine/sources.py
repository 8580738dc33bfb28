"""The code that a command runs: what it imports of a package, found without running it."""

from __future__ import annotations

import ast
import contextlib
import functools
import platform
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from madminer_workflow.engine.checksums import digest
from madminer_workflow.storage import sha256

__all__ = ["Sources"]


class Sources:
    """The modules of a package, and what each imports."""

    def __init__(self, package: Path) -> None:
        """Finds the package.

        Args:
            package: The folder of the package.
        """
        self._package = package

    def checksum(self, modules: Collection[str], further: Collection[Path] = ()) -> str:
        """Returns the checksum of all code that some modules run.

        This is that of the modules themselves, those that they import, files of data beside
        them, and the versions of Python and of other packages.

        Args:
            modules: Names of modules.
            further: Further files to count in.
        """
        found, others = self._closure(modules)
        files = {str(path.relative_to(self._package)): sha256(path) for path in found}
        more = [sha256(path) for path in further]
        versions = {name: _version(name) for name in others}
        return digest([files, more, platform.python_version(), versions])

    def _closure(self, modules: Collection[str]) -> tuple[list[Path], list[str]]:
        """Returns the files of all modules that are imported, and the names of other packages."""
        found: set[Path] = set()
        others: set[str] = set()
        waiting = set(modules)
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            seen.add(name)
            if name.split(".")[0] != self._package.name:
                others.add(name.split(".")[0])
            elif path := self._file(name):
                found.update((path, *_data(path.parent)))
                waiting.update({*self._imported(name, path), *_parents(name)} - seen)
        return sorted(found), sorted(others - sys.stdlib_module_names)

    def _imported(self, name: str, path: Path) -> Iterator[str]:
        """Yields what a module imports when it is imported, or when its functions run."""
        parsed = _parsed(path)
        for module, item in parsed.imports:
            yield module
            if item:
                yield f"{module}.{item}"
                yield from self._lazy(module, item)
        if parsed.is_dynamic and path.name != "__init__.py":
            package = name.rpartition(".")[0]
            yield from (f"{package}.{other.stem}" for other in path.parent.glob("*.py"))

    def _lazy(self, package: str, item: str) -> Iterator[str]:
        """Yields the module that a package imports when one of its names is first used."""
        if (path := self._file(package)) and path.name == "__init__.py":
            yield from (module for module, name in _parsed(path).types if name == item)

    def _file(self, name: str) -> Path | None:
        """Returns the file of a module of the package; None if the name is not that of one."""
        path = self._package.joinpath(*name.split(".")[1:])
        candidates = (path / "__init__.py", path.with_suffix(".py"))
        return next((candidate for candidate in candidates if candidate.is_file()), None)


@dataclass(frozen=True)
class _Parsed:
    """What a module imports.

    Attributes:
        imports: Modules, and the names that are taken from them, if any are.
        types: The same for what is imported for the type checker only.
        is_dynamic: Whether it imports modules by names that are made when it runs.
    """

    imports: tuple[tuple[str, str], ...]
    types: tuple[tuple[str, str], ...]
    is_dynamic: bool


def _parsed(path: Path) -> _Parsed:
    """Returns what a module imports."""
    return _parse(path.read_text(encoding="utf-8"))


@functools.cache
def _parse(text: str) -> _Parsed:
    """Returns what the text of a module imports."""
    tree = ast.parse(text)
    blocks = [node for node in tree.body if _is_for_types(node)]
    types = {node for block in blocks for node in ast.walk(block)}
    nodes = [node for node in ast.walk(tree) if node not in types]
    names = {getattr(node, "attr", getattr(node, "id", None)) for node in nodes}
    return _Parsed(tuple(_imports(nodes)), tuple(_imports(types)), "import_module" in names)


def _is_for_types(node: ast.stmt) -> bool:
    """Returns whether a statement is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    """Yields the modules of import statements, and the names that are taken from them."""
    for node in nodes:
        match node:
            case ast.ImportFrom(module=str(module), names=aliases):
                yield from ((module, alias.name) for alias in aliases)
            case ast.Import(names=aliases):
                yield from ((alias.name, "") for alias in aliases)


def _parents(name: str) -> list[str]:
    """Returns the packages around a module.

    >>> _parents("a.b.c")
    ['a.b', 'a']
    """
    return [name.rsplit(".", n)[0] for n in range(1, name.count(".") + 1)]


def _data(folder: Path) -> list[Path]:
    """Returns the files of data in a package."""
    return list(folder.glob("*.json"))


def _version(package: str) -> str | None:
    """Returns the version of a package; None if it is not known by the name of its module."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return None
