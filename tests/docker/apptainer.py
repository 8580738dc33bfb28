"""Stands for the program `apptainer`: knows the options that we use, and refuses all others.

`build FILE docker-daemon://NAME` unpacks an image of the Docker engine beside FILE; `exec` runs a
command in its root, with nothing of this machine but what is mounted. It needs root, to change the
root, but gives the command no capabilities.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

PREFIX = "APPTAINERENV_"
NOTHING_OF_THEIRS = ("HOME",)  # which Apptainer sets itself


def build(file: Path, source: str) -> None:
    scheme, name = source.split("://")
    assert scheme in ("docker", "docker-daemon"), source
    root = file.with_name(f"root-{os.getpid()}")
    root.mkdir()
    container = output("docker", "create", "--network", "none", name)
    with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
        subprocess.run(["tar", "-x", "-C", root], stdin=export.stdout, check=True)
    output("docker", "rm", container)
    variables = json.loads(output("docker", "inspect", "-f", "{{json .Config.Env}}", name))
    file.write_text(json.dumps({"root": str(root), "variables": variables}))


def execute(options: argparse.Namespace) -> None:
    assert options.cleanenv
    assert options.contain
    assert options.no_home
    assert options.no_privs
    assert options.network == ("none" if options.net else None)
    image = json.loads(Path(options.words[0]).read_text())
    root = Path(image["root"])
    run("mount", "--make-rprivate", "/")
    run("mount", "--bind", str(root), str(root))
    run("mount", "-t", "tmpfs", "-o", "mode=1777,size=64m", "tmpfs", f"{root}/tmp")
    for name in ("proc", "dev"):
        run("mount", "--rbind", f"/{name}", f"{root}/{name}")
    for description in options.mount:
        bind(root, description)
    run("mount", "-o", "remount,bind,ro", str(root))
    variables = dict(pair.split("=", 1) for pair in image["variables"])
    for name, value in os.environ.items():
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in NOTHING_OF_THEIRS:
            variables[name.removeprefix(PREFIX)] = value
    os.chroot(root)
    os.chdir(options.pwd)
    words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *options.words[1:]]
    os.execvpe(words[0], words, variables)


def bind(root: Path, description: str) -> None:
    (fields,) = csv.reader([description])
    assert fields[0] == "type=bind"
    assert fields[3:] in ([], ["ro"])
    source = Path(fields[1].removeprefix("source="))
    target = root / Path(fields[2].removeprefix("destination=")).relative_to("/")
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    run("mount", "--bind", str(source), str(target))
    run("mount", "-o", f"remount,bind,{'ro' if fields[3:] else 'rw'}", str(target))


def run(*words: str) -> None:
    subprocess.run(words, check=True)


def output(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", allow_abbrev=False)
    building.add_argument("file", type=Path)
    building.add_argument("source")
    executing = commands.add_parser("exec", allow_abbrev=False)
    for name in ("cleanenv", "contain", "no-home", "no-privs", "net", "nv"):
        executing.add_argument(f"--{name}", action="store_true")
    executing.add_argument("--network", choices=["none"])
    executing.add_argument("--memory")
    executing.add_argument("--mount", action="append", default=[])
    executing.add_argument("--pwd", required=True)
    executing.add_argument("words", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.command == "build":
        build(options.file, options.source)
    elif "APART" not in os.environ:
        apart = ["unshare", "--mount", *(["--net"] if options.net else [])]
        words = [*apart, sys.executable, __file__, *sys.argv[1:]]
        os.execvpe(words[0], words, {**os.environ, "APART": "1"})
    else:
        execute(options)


if __name__ == "__main__":
    main()
