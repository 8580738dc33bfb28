"""Opens MLflow's web interface."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import click

__all__ = ["ui"]

_PATH = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.option("--output_dir", type=_PATH, required=True, help="Folder of the run.")
@click.option("--port", type=click.IntRange(1, 65535), default=5000, help="Port to listen on.")
def ui(output_dir: Path, port: int) -> None:
    """Open the web interface of MLflow on the store of a run."""
    from madminer_workflow.errors import InputError
    from madminer_workflow.tracking import store

    uri = store.uri_of(output_dir)
    if uri.startswith(("http://", "https://")):
        click.echo(f"the runs are on the server {store.masked(uri)}")
        return
    store.check_exists(output_dir)
    if _is_taken(port):
        raise InputError(f"PORT: {port} is used by another program, choose another one")
    os.environ.update(store.QUIET)
    click.echo(f"http://127.0.0.1:{port} shows {uri}; Ctrl-C ends it", err=True)
    words = ["ui", "--backend-store-uri", uri, "--port", str(port), "--workers", "1"]
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", *words])


def _is_taken(port: int) -> bool:
    """Returns whether something listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
