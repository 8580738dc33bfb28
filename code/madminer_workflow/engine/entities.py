"""Entities of an RO-Crate, from which the library rocrate makes the metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

__all__ = ["PROFILES", "Graph", "Reference"]

Reference = dict[str, str]
"""What refers to an entity in JSON-LD."""

_TERMS = "https://w3id.org/ro/terms/workflow-run/context"
_LAYOUT = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    _LAYOUT: ("Workflow RO-Crate", "1.0"),
}
_FORMATS = {
    ".h5": "application/x-hdf5",
    ".json": "application/json",
    ".log": "text/plain",
    ".npz": "application/zip",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".yml": "application/yaml",
}


class Graph:
    """Entities, which refer to one another as in JSON-LD."""

    def __init__(self, output_dir: Path) -> None:
        """Is empty.

        Args:
            output_dir: The folder of the run, which is that of the crate.
        """
        self._output_dir = output_dir
        self._entities: dict[str, dict[str, Any]] = {}
        self._sources: dict[str, str | Path] = {}

    def add(self, identifier: str, kind: str | list[str], **properties: Any) -> Reference:
        """Adds an entity and returns the reference to it.

        Args:
            identifier: Its `@id`.
            kind: Its types.
            properties: Its properties; those without a value are left out.
        """
        given = {name: value for name, value in properties.items() if value not in (None, [])}
        self._entities[identifier] = {"@type": kind, **given}
        return {"@id": identifier}

    def add_file(self, path: Path, kind: str | list[str] = "File", **properties: Any) -> Reference:
        """Adds a file and returns the reference to it.

        Args:
            path: The file; a relative path starts from the folder of the run.
            kind: Its types.
            properties: Further properties; name, size and format are added.
        """
        absolute = self._output_dir / path
        size = str(absolute.stat().st_size) if absolute.is_file() else None
        identifier = path.as_uri() if path.is_absolute() else quote(path.as_posix())
        self._sources[identifier] = identifier if path.is_absolute() else path
        form = _FORMATS.get(path.suffix)
        given = {"name": path.name, "encodingFormat": form, "contentSize": size, **properties}
        return self.add(identifier, kind, **given)

    def add_folder(self, path: Path, parts: list[Reference]) -> Reference:
        """Adds a folder and returns the reference to it.

        Args:
            path: The folder, relative to that of the run.
            parts: The files in it.
        """
        identifier = f"{quote(path.as_posix())}/"
        self._sources[identifier] = path
        return self.add(identifier, "Dataset", name=path.name, hasPart=parts)

    def generate(self, main: Reference, actions: list[Reference]) -> dict[str, Any]:
        """Returns the content of the metadata file.

        Args:
            main: The workflow.
            actions: What was done, first of all the run of the workflow.
        """
        from rocrate.model.contextentity import ContextEntity
        from rocrate.model.dataset import Dataset
        from rocrate.model.file import File
        from rocrate.rocrate import ROCrate

        crate = ROCrate(version="1.1")
        for identifier, properties in self._entities.items():
            source = self._sources.get(identifier)
            kind = Dataset if properties["@type"] == "Dataset" else File
            if isinstance(source, Path):
                crate.add(kind(crate, dest_path=source, properties=properties))
            elif source:
                crate.add(File(crate, source, properties=properties))
            else:
                crate.add(ContextEntity(crate, identifier, properties))
        workflow, run = (self._entities[one["@id"]] for one in (main, actions[0]))
        root = crate.root_dataset
        root["name"] = f"Run of {workflow['name']}"
        root["description"] = "Inputs, steps and results of a run of a workflow, with checksums."
        root["conformsTo"] = [{"@id": profile} for profile in PROFILES]
        root["license"] = {"@id": "#rights"}
        root["mainEntity"], root["mentions"] = main, actions
        if "endTime" in run:
            root["datePublished"] = run["endTime"]
        crate.metadata["conformsTo"] = [{"@id": crate.metadata.profile}, {"@id": _LAYOUT}]
        crate.metadata.extra_contexts.append(_TERMS)
        generated: dict[str, Any] = crate.metadata.generate()
        return generated
