"""The description of a run for archives: an RO-Crate, of which only the metadata are written.

It follows the profile Provenance Run Crate 0.5 (https://w3id.org/ro/wfrun/provenance/0.5) and those
that this one extends. All of it comes from the specification and from the records of the steps, so
that the same records give the same description.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

from madminer_workflow import assets
from madminer_workflow.engine.entities import PROFILES, Graph, Reference
from madminer_workflow.engine.graph import Step
from madminer_workflow.engine.records import RECORD, inputs_of, read_record, written
from madminer_workflow.storage import read_json, write_json

__all__ = ["CRATE", "stages", "write"]

CRATE = "ro-crate-metadata.json"

_Record = Mapping[str, Any]
_Contents = dict[str, list[Reference]]
"""What has been written, by checksum."""

_YADAGE = "https://yadage.readthedocs.io/"
_DONE = "http://schema.org/CompletedActionStatus"
_FAILED = "http://schema.org/FailedActionStatus"


def write(
    output_dir: Path,
    name: str,
    workflow: Path,
    steps: Sequence[Step],
    table: Sequence[assets.Step] = (),
) -> None:
    """Writes the description of a run that has ended.

    Args:
        output_dir: The folder of the run.
        name: What the workflow is called.
        workflow: The file of its specification, with all references resolved, in that folder.
        steps: Its steps.
        table: What the steps are declared to do.
    """
    found = [(step, read_record(step.folder / RECORD)) for step in steps]
    ended = [_Ended(output_dir, step, record) for step, record in found if record or step.error]
    ended.sort(key=lambda one: one.home)
    graph = Graph(output_dir)
    _add_parameters(graph, table)
    contents: _Contents = {}
    for one in ended:
        _add_outputs(graph, one, table, contents)
    tools = {
        stage: _add_tool(graph, stage, [one for one in ended if one.stage == stage], table)
        for stage in stages(read_json(output_dir / workflow))
    }
    actions = [_add_action(graph, one, tools[one.stage], contents) for one in ended]
    main = _add_workflow(graph, name, workflow, tools, table)
    last = [one for one in ended if one.stage == list(tools)[-1]]
    run = _add_run(graph, main, ended, last, contents)
    _add_engine(graph, ended, run)
    write_json(output_dir / CRATE, graph.generate(main, [run, *actions]))


def stages(specification: Mapping[str, Any]) -> list[str]:
    """Returns the names of all stages that run a step, in their order.

    Args:
        specification: A workflow, as Yadage loads it.
    """
    found: list[str] = []
    for stage in specification["stages"]:
        inner = stage["scheduler"].get("workflow")
        found += stages(inner) if inner else [stage["name"]]
    return found


class _Ended:
    """A step that has ended, with its record, which is empty if it has failed."""

    def __init__(self, output_dir: Path, step: Step, record: _Record) -> None:
        self.label, self.record = step.label, record
        self.stage = step.label.partition(" ")[0]
        self.home = step.folder.relative_to(output_dir)
        self.folder = step.folder
        self.error = str(step.error) if step.error else None
        self.provenance: Mapping[str, Any] = record.get("provenance", {})
        self.action = {"@id": f"#run/{quote(self.home.as_posix())}"}

    @property
    def files(self) -> dict[str, str]:
        """The checksums of the files that it has written, by path in its folder."""
        return {name: value for name, value in self.record.get("outputs", {}).items() if value}

    @property
    def course(self) -> dict[str, Any]:
        """The properties of an action that say when and how it ended, and who started it."""
        user = self.provenance.get("user")
        return {
            "startTime": self.provenance.get("started"),
            "endTime": self.provenance.get("ended"),
            "actionStatus": _FAILED if self.error else _DONE,
            "error": self.error,
            "agent": _user(user) if user else None,
        }


def _add_parameters(graph: Graph, table: Sequence[assets.Step]) -> None:
    """Adds the profiles, a word on rights, and what the table declares to be read or written."""
    for identifier, (name, version) in PROFILES.items():
        graph.add(identifier, "CreativeWork", name=name, version=version)
    rights = "Nothing is stated on the rights of results; the software has licences of its own."
    graph.add("#rights", "CreativeWork", name="Rights", description=rights)
    outputs = [asset for step in table for asset in step.outputs]
    for asset in (*assets.SOURCES, *outputs):
        graph.add(
            _slot(asset)["@id"],
            "FormalParameter",
            name=asset.name,
            description=asset.content,
            encodingFormat=asset.format,
            additionalType="File",
            valueRequired=str(not asset.optional),
        )


def _add_outputs(
    graph: Graph, one: _Ended, table: Sequence[assets.Step], contents: _Contents
) -> None:
    """Adds what a step has written, its record and its log."""
    files: dict[str, Reference] = {}
    for name, checksum in one.files.items():
        asset = assets.asset_of(table, one.stage, name)
        slot = _slot(asset) if asset else None
        files[name] = graph.add_file(one.home / name, sha256=checksum, exampleOfWork=slot)
    for name, checksum in written(one.record):
        parts = [file for path, file in files.items() if path.startswith(f"{name}/")]
        reference = files.get(name) or graph.add_folder(one.home / name, parts)
        contents.setdefault(checksum, []).append(reference)
    for path in (one.folder / RECORD, *sorted(one.folder.glob("_packtivity/*.log"))):
        if path.exists():
            graph.add_file(one.home / path.relative_to(one.folder), about=one.action)


def _add_tool(
    graph: Graph, stage: str, ended: list[_Ended], table: Sequence[assets.Step]
) -> Reference:
    """Adds the software that runs a step, with what it needs, reads and writes."""
    packages = {item for one in ended for item in one.provenance.get("packages", {}).items()}
    needed = [_add_package(graph, *item) for item in sorted(packages) if item[1]]
    versions = sorted(
        str(one.provenance["version"]) for one in ended if "version" in one.provenance
    )
    declared = next((step for step in table if step.name == stage), None)
    known = {asset.name: asset for step in table for asset in step.outputs}
    known |= {asset.name: asset for asset in assets.SOURCES}
    read = [name for names in declared.inputs.values() for name in names] if declared else []
    return graph.add(
        f"#tool/{stage}",
        "SoftwareApplication",
        name=stage,
        description=declared.about if declared else None,
        softwareVersion=versions[-1] if versions else None,
        softwareRequirements=needed,
        input=[_slot(known[name]) for name in read],
        output=[_slot(asset) for asset in declared.outputs] if declared else [],
    )


def _add_package(graph: Graph, name: str, version: str) -> Reference:
    """Adds a package of Python."""
    identifier = f"pkg:pypi/{name}@{quote(version)}"
    return graph.add(identifier, "SoftwareApplication", name=name, softwareVersion=version)


def _add_action(graph: Graph, one: _Ended, tool: Reference, contents: _Contents) -> Reference:
    """Adds that a step has run."""
    values = {
        name: value
        for name, value in one.record.get("parameters", {}).items()
        if isinstance(value, str | int | float)
    }
    if user := one.provenance.get("user"):
        graph.add(_user(user)["@id"], "Person", name=user)
    return graph.add(
        one.action["@id"],
        "CreateAction",
        name=one.label,
        description=" ".join(one.provenance.get("argv", [one.label])),
        instrument=tool,
        object=[
            *(_read(graph, *entry, contents) for entry in inputs_of(one.record)),
            *(
                graph.add(f"{one.action['@id']}/{name}", "PropertyValue", name=name, value=value)
                for name, value in values.items()
            ),
        ],
        result=[{"@id": quote((one.home / name).as_posix())} for name in one.files],
        containerImage=one.provenance.get("image"),
        **one.course,
    )


def _add_workflow(
    graph: Graph,
    name: str,
    path: Path,
    tools: Mapping[str, Reference],
    table: Sequence[assets.Step],
) -> Reference:
    """Adds the workflow, from the sources to what its last step writes."""
    graph.add(_YADAGE, "ComputerLanguage", name="Yadage", url={"@id": _YADAGE})
    steps = [
        graph.add(f"#step/{stage}", "HowToStep", name=stage, workExample=tool, position=str(number))
        for number, (stage, tool) in enumerate(tools.items())
    ]
    last = [step for step in table if step.name == list(tools)[-1]]
    return graph.add_file(
        path,
        ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        name=name,
        programmingLanguage={"@id": _YADAGE},
        hasPart=list(tools.values()),
        step=steps,
        input=[_slot(asset) for asset in assets.SOURCES],
        output=[_slot(asset) for step in last for asset in step.outputs],
    )


def _add_run(
    graph: Graph, main: Reference, ended: list[_Ended], last: list[_Ended], contents: _Contents
) -> Reference:
    """Adds that the workflow has run, from what came from outside to what its last step wrote."""
    inputs = [entry for one in ended for entry in inputs_of(one.record)]
    sources = [entry for entry in inputs if entry[1]["sha256"] not in contents]
    return graph.add(
        "#run",
        "CreateAction",
        name="Run of the workflow",
        instrument=main,
        object=_unique(_read(graph, *entry, contents) for entry in sources),
        result=[{"@id": quote((one.home / name).as_posix())} for one in last for name in one.files],
        **_course(ended),
    )


def _add_engine(graph: Graph, ended: list[_Ended], run: Reference) -> None:
    """Adds that Yadage has run the workflow, and which action belongs to which step of it."""
    controls = [
        graph.add(
            f"#control/{quote(one.home.as_posix())}",
            "ControlAction",
            name=f"Start of {one.label}",
            instrument={"@id": f"#step/{one.stage}"},
            object=one.action,
        )
        for one in ended
    ]
    engine = _add_package(graph, "yadage", metadata.version("yadage"))
    graph.add(
        "#engine",
        "OrganizeAction",
        name="Run of Yadage",
        instrument=engine,
        object=controls,
        result=run,
        **_course(ended),
    )


def _course(ended: list[_Ended]) -> dict[str, Any]:
    """Returns the properties of an action that several steps make up."""
    courses = [one.course for one in ended]
    failed = [f"{one.label} failed: {one.error}" for one in ended if one.error]
    return {
        "startTime": min((c["startTime"] for c in courses if c["startTime"]), default=None),
        "endTime": max((c["endTime"] for c in courses if c["endTime"]), default=None),
        "actionStatus": _FAILED if failed else _DONE,
        "error": "\n".join(failed) or None,
        "agent": next((c["agent"] for c in courses if c["agent"]), None),
    }


def _read(graph: Graph, option: str, entry: Mapping[str, str], contents: _Contents) -> Reference:
    """Returns the reference to something that a step has read; what is from outside is added."""
    path, checksum = Path(entry["path"]), entry["sha256"]
    if places := contents.get(checksum):
        here = {"@id": quote(path.as_posix())}
        folder = {"@id": f"{here['@id']}/"}
        return next((place for place in places if place in (here, folder)), places[0])
    asset = next((asset for asset in assets.SOURCES if asset.option == option), None)
    slot = _slot(asset) if asset else None
    return graph.add_file(path, sha256=checksum, exampleOfWork=slot)


def _slot(asset: assets.Asset) -> Reference:
    """Returns the reference to what stands for an asset in every run."""
    return {"@id": f"#asset/{quote(asset.name)}"}


def _user(name: str) -> Reference:
    """Returns the reference to a user."""
    return {"@id": f"#user/{quote(name)}"}


def _unique(references: Iterable[Reference]) -> list[Reference]:
    """Returns references without repetitions."""
    return [{"@id": identifier} for identifier in dict.fromkeys(r["@id"] for r in references)]
