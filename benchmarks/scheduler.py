"""What the scheduler costs: CPU seconds a step of a fan-out, with our launcher and without.

Each member is a chain of two trivial steps, as in the real workflow. With our launcher every step
gets its record with checksums, and the run its RO-Crate. Without it, Yadage's own command runs the
same specification; of our plugins it has the one that runs steps as processes, since there may be
no docker. Children count: the processes of the steps in both cases, Yadage's workers in the second.
"""

from __future__ import annotations

import argparse
import io
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

FLOW = Path(__file__).parents[1] / "tests" / "engine" / "flow"
LIMIT = 0.05
"""CPU seconds a step that our launcher may cost."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=1000, help="with our launcher")
    parser.add_argument("--plain", type=int, default=30, help="without; its cost grows with them")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    print(f"{'':24}{'members':>8}{'steps':>8}{'CPU-s a step':>14}{'wall s':>8}")
    ours = measure("our launcher", launch, arguments.members, arguments.jobs)
    again = measure("the same, all finished", launch, arguments.members, arguments.jobs, again=True)
    same = measure("our launcher", launch, arguments.plain, arguments.jobs)
    plain = measure("plain yadage-run", yadage_run, arguments.plain, arguments.jobs)
    print(f"\nplain over ours, {arguments.plain} members: {plain / same:.1f}")
    print(f"plain with {arguments.plain} over ours with {arguments.members}: {plain / ours:.1f}")
    if ours > LIMIT or again > LIMIT:
        sys.exit(f"more than {LIMIT} CPU-s a step")


def measure(
    name: str,
    run: Callable[[Path, int], int],
    members: int,
    jobs: int,
    *,
    again: bool = False,
) -> float:
    """Runs a fan-out, prints what it cost, and returns the CPU seconds a step."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), members)
        if again:
            run(Path(folder), jobs)
        start, before = time.monotonic(), used()
        n_steps = run(Path(folder), jobs)
        wall, after = time.monotonic() - start, used()
    cost = (after - before) / n_steps
    print(f"{name:24}{members:8}{n_steps:8}{cost:14.4f}{wall:8.1f}", flush=True)
    return cost


def used() -> float:
    """Gives the CPU seconds of this process and of its children that have ended."""
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def prepare(folder: Path, members: int) -> None:
    """Makes the specification and its input."""
    shutil.copytree(FLOW, folder / "flow")
    (folder / "orders").mkdir()
    names = ", ".join(f"{{name: m_{number}}}" for number in range(members))
    (folder / "plan.yml").write_text(f"members: [{names}]\n")


def launch(folder: Path, jobs: int) -> int:
    """Runs it with our launcher; gives the number of steps."""
    from madminer_workflow.engine import launch

    initdata = {"plan": str(folder / "plan.yml"), "orders": str(folder / "orders")}
    outcome = launch.run(
        "flow/workflow.yml", initdata, folder / "out", jobs, toplevel=folder, stream=io.StringIO()
    )
    assert outcome.is_complete
    return len(outcome.steps)


def yadage_run(folder: Path, jobs: int) -> int:
    """Runs it with Yadage's own command; gives the number of steps."""
    words = ["-t", ".", "out", "flow/workflow.yml", "-v", "ERROR", "-b", f"multiproc:{jobs}"]
    words += ["--plugins", "madminer_workflow.engine.runtime"]
    words += ["-k", "packconfig_spec={executor: {docker-encapsulated: local}}"]
    for name in ("plan.yml", "orders"):
        words += ["-p", f"{Path(name).stem}={folder / name}"]
    program = Path(sys.executable).parent / "yadage-run"
    subprocess.run([program, *words], cwd=folder, check=True, capture_output=True)
    return len(list((folder / "out").glob("**/_packtivity")))


if __name__ == "__main__":
    main()
