"""Reading and writing files: the only place where results touch the disk."""

from madminer_workflow.storage.files import (
    atomic_path,
    read_json,
    read_npz,
    read_weights,
    sha256,
    staged,
    write_figure,
    write_figures,
    write_json,
    write_npz,
    write_svg,
    write_text,
    write_weights,
)

__all__ = [
    "atomic_path",
    "read_json",
    "read_npz",
    "read_weights",
    "sha256",
    "staged",
    "write_figure",
    "write_figures",
    "write_json",
    "write_npz",
    "write_svg",
    "write_text",
    "write_weights",
]
