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

    from madminer_workflow.configuration import load_variants
    from madminer_workflow.configuration.document import observed_file
    from madminer_workflow.configuration.restrict import plan, settings
    from madminer_workflow.events import read_header
    from madminer_workflow.storage import staged, write_json, write_text

    variants = load_variants(input_file, read_header(data_file))
    with staged(output_dir / "settings") as folder:
        for name, content in settings(variants).items():
            write_json(folder / name, content)
        for variant in variants:
            for observed in variant.configuration.all_observed:
                observed.save(folder / observed_file(observed))
            for routine in variant.configuration.routines:
                routine.save(folder)
    published = plan(variants, (output_dir / "settings").resolve())
    write_text(output_dir / "publish.yml", yaml.safe_dump(published, sort_keys=False))
