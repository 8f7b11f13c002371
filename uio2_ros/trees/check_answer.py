"""Decides by an answer on the blackboard."""

from __future__ import annotations

from collections.abc import Callable

from py_trees.behaviour import Behaviour
from py_trees.common import Access, Status

from uio2_ros.client import AgentAnswer


class CheckAnswer(Behaviour):
    """SUCCESS if the answer passes `accepts`; FAILURE if not, or if there is none."""

    def __init__(
        self, name: str, accepts: Callable[[AgentAnswer], bool], *, answer_key: str = "answer"
    ) -> None:
        super().__init__(name)
        self._accepts = accepts
        self._key = answer_key
        self._blackboard = self.attach_blackboard_client(name)
        self._blackboard.register_key(answer_key, access=Access.READ)

    def update(self) -> Status:
        if not self._blackboard.exists(self._key):
            self.feedback_message = f"nobody has written {self._key!r} to the blackboard"
            return Status.FAILURE
        answer = self._blackboard.get(self._key)
        self.feedback_message = answer.text
        return Status.SUCCESS if self._accepts(answer) else Status.FAILURE
