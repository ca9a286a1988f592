from __future__ import annotations

from pipeline.report.front import lines


def test_the_front_is_told_where_several_objectives_were_wanted() -> None:
    front = {"objectives": ["val_accuracy", "parameters"], "trials": [3, 12], "picture": "results/search/front.png"}
    (line,) = lines({"front": front, "trials": {"completed": 9, "pruned": 4}})
    assert line == (
        "front: 2 of 9 finished trials are beaten by none in val_accuracy, parameters: 3, 12 (results/search/front.png); "
        "refit.trial names another than the winner"
    )
    assert lines({"trials": {"completed": 9}}) == []
