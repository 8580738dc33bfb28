"""The code that a command runs: what it imports of a package, found without running it."""

from __future__ import annotations

import ast
import contextlib
import functools
import platform
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from madminer_workflow.engine.checksums import digest
from madminer_workflow.storage import sha256

__all__ = ["Sources", "closure"]

_Times = list[tuple[int, int, int] | None]


class Sources:
    """The code of a package, by what its modules import."""

    def __init__(self, package: Path, further: Sequence[Path] = ()) -> None:
        """Names the code.

        Args:
            package: The folder of the package.
            further: Further files that count whichever module is asked for.
        """
        self._package = package
        self._further = further
        self._known: dict[frozenset[str], tuple[list[Path], _Times, str]] = {}

    def checksum(self, *modules: str) -> str:
        """Returns the checksum of all code that some modules run.

        This is that of the modules themselves, those of the package that they import, files of
        data beside them, and the versions of Python and of other packages. It is computed again
        when one of the files has changed.

        Args:
            modules: Names of modules.
        """
        key = frozenset(modules)
        if key not in self._known or self._known[key][1] != _times(self._known[key][0]):
            found, others = closure(self._package, modules)
            files = [*found, *self._further]
            times = _times(files)
            sums = {str(path.relative_to(self._package)): sha256(path) for path in found}
            further = [sha256(path) for path in self._further]
            versions = {name: _version(name) for name in others}
            code = digest([sums, further, platform.python_version(), versions])
            self._known[key] = files, times, code
        return self._known[key][2]


def closure(package: Path, modules: Collection[str]) -> tuple[list[Path], list[str]]:
    """Returns the files of all that some modules import, and the names of other packages.

    Imports inside of functions count, those for type checkers do not. A module that imports
    others by names that it makes itself may need all of its package.

    Args:
        package: The folder of the package.
        modules: Names of modules.
    """
    found: set[Path] = set()
    others: set[str] = set()
    seen: set[str] = set()
    waiting = set(modules)
    while waiting:
        name = waiting.pop()
        seen.add(name)
        if name.split(".")[0] != package.name:
            others.add(name.split(".")[0])
        elif path := _file(package, name):
            found.update((path, *path.parent.glob("*.json")))
            waiting.update({*_imported(package, name, path), *_parents(name)} - seen)
    return sorted(found), sorted(others - sys.stdlib_module_names)


def _imported(package: Path, name: str, path: Path) -> Iterator[str]:
    """Yields what a module imports when it is imported, or when its functions run."""
    parsed = _parse(path.read_text(encoding="utf-8"))
    for module, item in parsed.imports:
        yield module
        if item:
            yield f"{module}.{item}"
            yield from _lazy(package, module, item)
    if parsed.is_dynamic and path.name != "__init__.py":
        yield from (f"{name.rpartition('.')[0]}.{other.stem}" for other in path.parent.glob("*.py"))


def _lazy(package: Path, module: str, item: str) -> Iterator[str]:
    """Yields the module that a package imports when one of its names is first used."""
    path = _file(package, module)
    if path and path.name == "__init__.py":
        types = _parse(path.read_text(encoding="utf-8")).types
        yield from (home for home, name in types if name == item)


def _file(package: Path, name: str) -> Path | None:
    """Returns the file of a module of the package; None if the name is not that of one."""
    path = package.joinpath(*name.split(".")[1:])
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


def _times(paths: Sequence[Path]) -> _Times:
    """Returns what changes when files are written; None for those that are gone."""
    status = [path.stat() if path.exists() else None for path in paths]
    return [s and (s.st_mtime_ns, s.st_ctime_ns, s.st_size) for s in status]


def _version(package: str) -> str | None:
    """Returns the version of a package; None if it is not known by the name of its module."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return None
