"""The command `configure`: what each step needs to know, in files of its own."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["configure"]


@click.command()
@click.option("-d", "--data_file", type=Path, required=True, help="MadMiner event file (HDF5).")
@click.option("-i", "--input_file", type=Path, required=True, help="Input file (YAML).")
@click.option("-o", "--output_dir", type=Path, required=True, help="Folder to write into.")
def configure(data_file: Path, input_file: Path, output_dir: Path) -> None:
    """Resolve the input file into one settings file per step."""
    import yaml

    from madminer_workflow.configuration import load
    from madminer_workflow.configuration.document import complete, observed_file
    from madminer_workflow.configuration.restrict import plan, settings
    from madminer_workflow.events import read_header
    from madminer_workflow.storage import staged, write_json, write_text

    header = read_header(data_file)
    configuration = load(input_file, header)
    document = complete(configuration, header)
    with staged(output_dir / "settings") as folder:
        for name, content in settings(document).items():
            write_json(folder / name, content)
        if configuration.observed is not None:
            configuration.observed.save(folder / observed_file(configuration.observed))
        for method in configuration.methods:
            if method.routine is not None:
                method.routine.save(folder)
    published = plan(document, (output_dir / "settings").resolve())
    write_text(output_dir / "publish.yml", yaml.safe_dump(published, sort_keys=False))
