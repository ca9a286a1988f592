from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from pipeline.search.account import account, times
from pipeline.search.spaces.space import load
from pipeline.study.records import Rerun
from tests.search.test_importance import SPACE, study


def test_the_account_is_json_with_the_ranges_searched_and_without_what_is_fixed(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    space = load(tmp_path / "space.yaml")
    told = account(replace(study(space, 12), facts={"data": "bands"}), space)
    assert json.loads(json.dumps(told)).keys() == told.keys()
    assert told["searched"]["train.learning_rate"] == {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}
    assert told["searched"]["train.optimizer"] == {"type": "categorical", "choices": ["adam", "sgd"]}
    assert "train.epochs" not in told["searched"] and told["facts"] == {"data": "bands"}
    assert told["importance"]["trials"] == 12
    assert account(study(space, 1), space)["importance"] is None


def test_time_is_told_by_how_trials_ended_with_what_was_trained_again_and_the_wall(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    snapshot = study(load(tmp_path / "space.yaml"), 6, states=("completed", "pruned", "completed"))
    snapshot = replace(snapshot, reruns=(Rerun(replace(snapshot.trials[0], key="again"), "k-0", 0),))
    table = times(snapshot, 12.3456).set_index("what")
    seconds = snapshot.trials[0].epochs[0].seconds
    assert table["runs"].to_dict() == {"completed": 4, "pruned": 2, "trained again": 1, "wall": 7}
    assert table["epochs"]["wall"] == 7 and table["seconds"]["wall"] == 12.346
    assert table["seconds"]["completed"] == round(4 * seconds, 3)
