"""The command `self-check`: what an image or environment lacks is said before any step."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import click

__all__ = ["self_check"]

# The image does not have what the engine and studies need, and what follows a run.
_NOT_OF_STEPS = ("__main__", "champion", "cli", "engine", "follow", "gather", "tuning")

# What steps import while they run: MLflow by our code, the others by MLflow and Matplotlib.
_LAZY = (
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "mlflow.projects",
    "mlflow.store.tracking.sqlalchemy_store",
)


@click.command("self-check")
def self_check() -> None:
    """Import all that the steps need and print its versions."""
    from madminer_workflow.storage.provenance import software
    from madminer_workflow.tables import aligned

    try:
        for name in (*_modules("madminer_workflow"), *_LAZY):
            importlib.import_module(name)
        record = software()
    except (ImportError, OSError) as error:  # OSError where no folder for temporary files is
        raise click.ClickException(f"the steps cannot run here: {error}") from error
    rows = [("madminer-workflow-ml", record["version"]), ("python", record["python"])]
    rows += [(name, version) for name, version in record["packages"].items() if version]
    click.echo("\n".join(aligned(rows)))
    click.echo("ok: the steps have all that they import")


def _modules(package: str) -> Iterator[str]:
    """Yields the modules of a package, those of the packages in it included."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if module.name not in _NOT_OF_STEPS:
            name = f"{package}.{module.name}"
            yield name
            if module.ispkg:
                yield from _modules(name)
