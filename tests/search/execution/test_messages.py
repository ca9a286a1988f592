from __future__ import annotations

import json

from pipeline.search.execution.messages import Assignment, Message


def test_an_assignment_is_the_same_after_it_travelled_as_plain_values() -> None:
    assignment = Assignment("00112233-0001", "cnn", {"train.epochs": 3, "model.skip": True}, 7, "/state", 2, "cpu")
    assert Assignment(**json.loads(json.dumps(assignment.record()))) == assignment


def test_a_message_is_without_epochs_and_end_unless_told() -> None:
    message = Message("00112233-0001")
    assert (message.epochs, message.end, message.reason) == ([], "", "")
