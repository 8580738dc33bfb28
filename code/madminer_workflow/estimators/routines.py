"""Finds estimators of one's own: classes in files or in installed packages.

A reference is FILE.py:CLASS or MODULE:CLASS. Packages give their classes names by entry points of
the group `madminer_workflow.estimators`. The source of a file is run from memory, so that nothing
is written beside it and what was checked is what runs.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from madminer_workflow.errors import InputError
from madminer_workflow.estimators.own import Estimator
from madminer_workflow.estimators.registry import MethodSpec, of_own
from madminer_workflow.estimators.settings import rule
from madminer_workflow.storage import write_text

__all__ = ["GROUP", "Routine", "class_of", "find", "installed", "is_file", "traits"]

GROUP = "madminer_workflow.estimators"
"""The group of entry points in which packages name their estimators."""

_BASES = "RatioEstimator, DensityEstimator, ScoreEstimator or QuadraticEstimator"
_REFERENCE = "expected FILE.py:CLASS or MODULE:CLASS"


@dataclass(frozen=True)
class Routine:
    """An estimator of one's own.

    Attributes:
        spec: Its name, what it gives, and what samples it needs.
        reference: Where its class is; empty in steps that do not train.
        code: Checksum of its code; empty likewise.
        source: The text of its file, which may change after it was read; None for a package.
        settings: The value of each attribute of its settings.
    """

    spec: MethodSpec
    reference: str = ""
    code: str = ""
    source: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> str | None:
        """The name under which its source is kept; None for a package."""
        return None if self.source is None else f"{self.spec.name}.py"

    @property
    def kept(self) -> str:
        """The reference from the folder where its source is kept."""
        return self.reference if self.file is None else f"{self.file}:{_parts(self.reference)[1]}"

    def save(self, folder: Path) -> None:
        """Writes its source to where `kept` expects it, if it has one.

        Args:
            folder: The folder to write into.
        """
        if self.file is not None and self.source is not None:
            write_text(folder / self.file, self.source)


def installed() -> dict[str, str]:
    """Returns the references of the estimators of installed packages by their names."""
    return {point.name: point.value for point in metadata.entry_points(group=GROUP)}


def is_file(reference: str) -> bool:
    """Returns whether a reference names a file.

    Args:
        reference: Where a class is, or a text that is none.

    >>> is_file("my estimators.py:Boosted"), is_file("package.module:Boosted")
    (True, False)
    """
    return reference.rpartition(":")[0].endswith(".py")


def find(name: str, reference: str) -> Routine:
    """Returns an estimator whose class has been checked.

    Args:
        name: The name that it has among the methods.
        reference: Where its class is; a path is seen from the present folder.

    Raises:
        InputError: There is no such file, module or class, or it is not an estimator.
    """
    source = _text(path) if (path := _file(reference)) else None
    found = class_of(reference, source)
    facts = traits(found)
    if source is None:
        return Routine(of_own(name, **facts), reference, _installed_code(found))
    code = hashlib.sha256(source.encode()).hexdigest()
    return Routine(of_own(name, **facts), reference, code, source)


def class_of(reference: str, source: str | None = None) -> type[Estimator]:
    """Returns the class of an estimator.

    Args:
        reference: Where it is.
        source: The text of its file, which is read if it is not given.

    Raises:
        InputError: There is no such file, module or class, or it is not an estimator.
    """
    place, name = _parts(reference)
    path = _file(reference)
    module = _module(place) if path is None else _run(path, source or _text(path))
    classes = {key: value for key, value in vars(module).items() if inspect.isclass(value)}
    if name not in classes:
        ours = [key for key, value in classes.items() if value.__module__ == module.__name__]
        raise InputError(f"{place}: no class '{name}', allowed: {', '.join(ours) or 'none'}")
    found = classes[name]
    if not issubclass(found, Estimator):
        raise InputError(f"{place}: '{name}' is not an estimator, expected a subclass of {_BASES}")
    if missing := sorted(found.__abstractmethods__):
        raise InputError(f"{place}: '{name}' does not define {', '.join(missing)}")
    _check(place, found)
    return found


def traits(found: type[Estimator] | MethodSpec) -> dict[str, Any]:
    """Returns what an estimator gives and what samples it needs, by the names of `MethodSpec`.

    Args:
        found: Its class or its specification.
    """
    names = ("kind", "uses_joint_ratio", "uses_joint_score", "weighted")
    return {name: getattr(found, name) for name in names}


def _check(place: str, found: type[Estimator]) -> None:
    """Raises InputError if what a class says about itself cannot be."""
    kind = getattr(found, "kind", None)
    if kind not in ("ratio", "density", "score"):
        raise InputError(f"{place}: '{found.__name__}' is not an estimator, inherit from {_BASES}")
    if found.weighted and kind != "ratio":
        raise InputError(f"{place}: {found.__name__}.weighted: true for a {kind}, allowed: ratio")
    try:
        rule(found.Settings)
    except InputError as error:
        raise InputError(f"{place}: {found.__name__}.Settings: {error}") from error


def _parts(reference: str) -> tuple[str, str]:
    """Returns file or module, and class."""
    place, _, name = reference.rpartition(":")
    if not place.strip() or not name.isidentifier():
        raise InputError(f"'{reference}', {_REFERENCE}")
    return place, name


def _file(reference: str) -> Path | None:
    """Returns the file of a reference; None if it names a module."""
    place, _ = _parts(reference)
    return Path(place) if is_file(reference) else None


def _text(path: Path) -> str:
    """Returns the source of a file."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), {_REFERENCE}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file, {_REFERENCE}") from error


def _run(path: Path, source: str) -> ModuleType:
    """Returns the module that a source makes, the same one for the same source."""
    name = f"routine_{hashlib.sha256(source.encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # where dataclasses look for the types of their annotations
    try:
        exec(compile(source, str(path), "exec"), vars(module))
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise InputError(f"{path}: cannot be imported ({_described(error)})") from error
    return module


def _module(name: str) -> ModuleType:
    """Returns a module of an installed package."""
    try:
        __import__(name)
    except (Exception, SystemExit) as error:
        raise InputError(f"{name}: cannot be imported ({_described(error)})") from error
    return sys.modules[name]


def _described(error: BaseException) -> str:
    """Returns an error on one line."""
    where = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"


def _installed_code(found: type[Estimator]) -> str:
    """Returns the checksum of the file of a class, and of the version of its package."""
    source = inspect.getsourcefile(found)
    content = hashlib.sha256(Path(source).read_bytes() if source else b"")
    package = found.__module__.split(".")[0]
    for distribution in metadata.packages_distributions().get(package, []):
        content.update(f"{distribution} {metadata.version(distribution)}".encode())
    return content.hexdigest()
