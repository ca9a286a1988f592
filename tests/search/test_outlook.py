from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.search.execution.messages import Message
from pipeline.search.forecast import Work
from pipeline.search.outlook import Outlook
from pipeline.study.records import TrialRecord
from pipeline.training.metrics import EpochMetrics
from tests.search.driving import SPACE, Search

FOUR_EPOCHS = SPACE.replace("{type: int, low: 1, high: 9}", "4").replace("low: 1, high: 8", "low: 4, high: 6")
PER_LAYER = 10.0  # seconds an epoch takes for each layer of the network


class Simulated:
    """A search on two workers whose epochs take 10 s a layer, in virtual time; starting up has taken 100 s."""

    def __init__(self, folder: Path, **budget: object) -> None:
        self.search = Search(folder, FOUR_EPOCHS)
        self.outlook = Outlook(_work, [(4, Work(1, 4.0)), (4, Work(1, 6.0))], self.search.clock)
        self.conductor = self.search.conductor(sampler="random", **budget)
        self.search.listener = lambda trial: self.outlook.ended(self.conductor, trial)
        self.search.clock.now += 100
        self.busy: dict[str, tuple[float, int, TrialRecord]] = {}  # when its next epoch is over, which one

    def run(self, until_ended: int) -> float:
        """Let so many trials end; the seconds left as estimated then."""
        while self.conductor.progress().done < until_ended:
            while len(self.busy) < 2 and (trial := self.conductor.next()):
                self.busy[trial.key] = (self.search.clock.now + _seconds(trial), 1, trial)
            key, (when, number, trial) = min(self.busy.items(), key=lambda item: item[1][0])
            self.search.clock.now = when
            height = 1 / (1 + trial.number)
            metrics = EpochMetrics(number, 1.0, 1.0, height, height, height, height, _seconds(trial))
            if self.conductor.heard(Message(key, [metrics])):
                del self.busy[key]
            else:
                self.busy[key] = (when + _seconds(trial), number + 1, trial)
        left = self.outlook.seconds_left(self.conductor)
        assert left is not None
        return left


def _work(trial: TrialRecord) -> Work:
    return Work(1, float(trial.hyperparameters["model.num_conv_layers"]))


def _seconds(trial: TrialRecord) -> float:
    return PER_LAYER * float(trial.hyperparameters["model.num_conv_layers"])


@pytest.mark.parametrize(("ended", "within"), [(1, 0.15), (5, 0.15), (15, 0.15), (28, 0.3)])
def test_time_left_is_foreseen_from_the_first_end_on(tmp_path: Path, ended: int, within: float) -> None:
    simulated = Simulated(tmp_path, trials=30)
    left, then = simulated.run(ended), simulated.search.clock.now
    simulated.run(30)
    assert left == pytest.approx(simulated.search.clock.now - then, rel=within)
    assert simulated.outlook.seconds_left(simulated.conductor) == 0


def test_before_any_trial_has_ended_only_a_limit_on_time_says_when_it_ends(tmp_path: Path) -> None:
    assert Simulated(tmp_path, trials=30).outlook.seconds_left(Search(tmp_path).conductor(trials=30)) is None
    timed = Simulated(tmp_path, trials=30, time_limit_minutes=3)
    assert timed.outlook.seconds_left(timed.conductor) == 80


def test_worker_hours_are_used_up_by_all_workers_at_once(tmp_path: Path) -> None:
    simulated = Simulated(tmp_path, trials=None, worker_hours=1.0)
    left = simulated.run(12)
    used = simulated.conductor.used.worker_seconds
    assert left == pytest.approx((3600 - used) / 2, rel=0.1)


def test_the_chance_of_a_better_one_is_named_when_enough_have_ended_and_some_are_to_come(tmp_path: Path) -> None:
    simulated = Simulated(tmp_path, trials=14)
    simulated.run(9)
    assert simulated.outlook.chance(simulated.conductor) is None
    simulated.run(10)
    chance = simulated.outlook.chance(simulated.conductor)
    assert chance is not None and 0.05 < chance < 4 / 14
    simulated.run(14)
    assert simulated.outlook.chance(simulated.conductor) is None
