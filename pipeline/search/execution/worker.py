"""The Ray actor that trains trials, one after another; it stays warm between them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from ray import tune

from pipeline.search.execution import allocator, heartbeat, ray_board
from pipeline.search.execution.heartbeat import Heartbeat
from pipeline.search.execution.messages import Assignment, Message, TrialData

MESSAGE = "convoy_message"  # the key of the message in what Ray Tune carries


class TrialWorker(tune.Trainable):
    """One step is one message of run_trial; the driver says when a trial ends."""

    def setup(self, config: dict[str, Any], data: TrialData) -> None:  # type: ignore[override]  # tune.with_parameters adds it
        """Called once an actor; `data` is read from the object store without a copy."""
        self._data, self._heartbeat = data, Heartbeat(ray_board.post, heartbeat.POST_SECONDS)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial in the same process."""
        from pipeline.search.execution.trial import run_trial  # imports torch, which the driver does without

        self.cleanup()
        assignment = Assignment(**new_config)
        self._heartbeat.begin(heartbeat.name(assignment.trial_key, assignment.attempt))
        self._messages: Generator[Message] = run_trial(assignment, self._data, self._heartbeat.beat)
        return True

    def cleanup(self) -> None:
        """End the trial that was begun last, with the processes it has."""
        if hasattr(self, "_messages"):
            self._messages.close()
            allocator.give_back()

    def step(self) -> dict[str, Any]:
        """The next message, as a result of Ray Tune."""
        with self._heartbeat.at_work():
            return {MESSAGE: next(self._messages)}
