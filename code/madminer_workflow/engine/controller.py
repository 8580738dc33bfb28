"""Yadage controller whose polls cost little when there are many steps.

At every poll Yadage's own asks for all steps, finished ones too, what they will publish and whether
they have ended, and looks for failures among all that they depend on. Here a step is asked once
what it will publish, which follows from its specification and parameters and does not change, and
is forgotten when it has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adage import dagstate, nodestate
from yadage.controllers import YadageController

__all__ = ["Controller"]


class Controller(YadageController):  # type: ignore[misc]  # Yadage is not typed
    """Yadage's controller of a workflow in memory."""

    def __init__(self, model: Any) -> None:
        """Takes over a workflow.

        Args:
            model: A Yadage workflow object.
        """
        self._seen: set[str] = set()
        self._open: list[Any] = []
        self._failed = False
        super().__init__(model)

    def sync_expected(self) -> None:
        """Takes up what was added to the graph, and finds what it will publish."""
        for identifier in list(self.adageobj.dag.nodes()):
            if identifier not in self._seen:
                self._seen.add(identifier)
                node = self.adageobj.dag.getNode(identifier)
                task = node.task
                node.expected_result = self.prepublishing_backend.prepublish(
                    task.spec, task.parameters.json(), task.state
                )
                self._open.append(node)

    def sync_backend(self) -> None:
        """Finds out which steps have ended since the last call."""
        self.sync_expected()
        for node in self._open:
            node.update_state(self.backend)
        self._failed |= any(node.state == nodestate.FAILED for node in self._open)
        self._open = [node for node in self._open if not node.ready()]

    def submittable_nodes(self) -> Iterator[Any]:
        """Yields the steps that can start: all that they depend on has ended well."""
        for node in self._open:
            if not node.submit_time and dagstate.upstream_ok(self.adageobj.dag, node):
                yield node

    def finished(self) -> bool:
        """Returns whether nothing is running and nothing more can start."""
        if any(True for _ in self.applicable_rules()):
            return False
        return all(map(self._is_hopeless, self._open))

    def successful(self) -> bool:
        """Returns whether the workflow is finished and no step has failed."""
        return not self._failed and self.finished()

    def _is_hopeless(self, node: Any) -> bool:
        """Returns whether a step cannot run, since something that it depends on has failed."""
        return self._failed and dagstate.upstream_failure(self.adageobj.dag, node)
