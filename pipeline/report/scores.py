"""How good the model is, and how far each score can be believed: in a few lines, and on a page.

`selection` is what best.yaml and model.json hold of the choice, `test` the metrics of evaluate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_TEST = ("accuracy", "precision_macro", "recall_macro", "f1_macro", "loss")

Values = Mapping[str, Any]


def lines(selection: Values, test: Values | None = None) -> list[str]:
    """A line for each score that there is."""
    metric, search, again = selection["metric"], selection["search"], selection["reselection"]
    best_of = _best_of(selection)
    found = [f"search: {metric} {search['value']:.4f} ({best_of}){_luck(selection)}"]
    if again is not None:
        tied = ", ".join(map(str, again["tied_with"])) or "none"
        score = f"{metric} {again['value']:.4f} ({again['confidence']:.0%} interval {_range(again)})"
        found.append(f"reselection: {score}, trial {selection['chosen_trial']} with {_seeds(again)}, tied with: {tied}")
    if test is not None:
        found += [_tested(test, name) for name in dict.fromkeys(["test_accuracy", _counterpart(metric)])]
    return found


def _best_of(selection: Values) -> str:
    """The trial whose score the search's is."""
    search = selection["search"]
    if not search["completed_trials"]:
        return f"trial {search['trial']} where it stood, as none had come to its end"
    how = "named by hand, one" if selection.get("named") else "the best"
    return f"trial {search['trial']}, {how} of {search['completed_trials']} completed"


def _luck(selection: Values) -> str:
    """How optimistic the search's score is, as far as it is known."""
    again = selection["reselection"]
    if again is None:
        return ", optimistic by an unknown amount: nothing was trained again"
    return "" if again["search_optimism"] is None else f", with new seeds {_fresh(selection):.4f}"


def _fresh(selection: Values) -> float:
    """The value of the search's best trial with new seeds."""
    luck = selection["reselection"]["search_optimism"]
    value: float = selection["search"]["value"] - (-luck if selection["metric"].endswith("loss") else luck)
    return value


def page(selection: Values, test: Values) -> str:
    """Markdown: the three scores, what they say of each other, the candidates, and every test metric with its interval."""
    rows = [[name, f"{test[f'test_{name}']:.4f}", _range(test, f"test_{name}")] for name in _TEST]
    parts = [
        "# How good it is",
        _three_scores(selection, test),
        "\n".join(f"- {statement[0].upper()}{statement[1:]}." for statement in statements(selection, test)),
        *_candidates(selection),
        "## On the test split",
        _table([f"Metric, {test['n']} images", "Value", f"{test['confidence']:.0%} interval"], rows),
        "The interval of the accuracy is Wilson's score interval; by the bootstrap it is"
        f" {_range(test, 'test_accuracy_bootstrap')}. Those of the other metrics are by the bootstrap: percentiles over draws of"
        " the images, of each class as many as there are. Other seeds are not in them: the model is one network.",
    ]
    return "\n\n".join(parts) + "\n"


def statements(selection: Values, test: Values) -> list[str]:
    """What the scores say of each other, each the beginning of a sentence."""
    metric, search, again = selection["metric"], selection["search"], selection["reselection"]
    found = []
    if again is None:
        found.append("nothing was trained again, so how optimistic the search was shows on the test split alone")
    elif (luck := again["search_optimism"]) is not None:
        found.append(f"with new seeds the search's best has {_fresh(selection):.4f}: its score was {_too_good(luck)}")
    if again is not None:
        best_of = f"as the best of {len(again['candidates'])}"
        found.append(f"the reselection's score is, {best_of}, about {_too_good(again['choice_optimism'])}")
    gap = search["value"] - test[_counterpart(metric)]
    found.append(f"held against the test split the search's score was {_too_good(-gap if metric.endswith('loss') else gap)}")
    return found


def _three_scores(selection: Values, test: Values) -> str:
    metric, search, again = selection["metric"], selection["search"], selection["reselection"]
    rows = [["Search", f"{_best_of(selection)}, on val", f"{search['value']:.4f}", "none"]]
    if again is not None:
        what = f"trial {selection['chosen_trial']} with {_seeds(again)}, on {again['scored_on']} ({again['images']} images)"
        rows.append(["Reselection", what, f"{again['value']:.4f}", _range(again)])
    name = _counterpart(metric)
    what = f"trial {selection['chosen_trial']} refitted, on the sealed test split ({test['n']} images)"
    rows.append(["Test", what, f"{test[name]:.4f}", _range(test, name)])
    return _table(["Score", "Of what", metric.removeprefix("val_"), f"{test['confidence']:.0%} interval"], rows)


def _candidates(selection: Values) -> list[str]:
    again = selection["reselection"]
    if again is None:
        return []
    head = ["Trial", "Search", "New seeds", "Mean", f"{again['confidence']:.0%} interval", "Behind the chosen one", "Parameters"]
    rows = [_candidate(one, is_chosen=one["trial_number"] == selection["chosen_trial"]) for one in again["candidates"]]
    return [
        "## The candidates",
        _table(head, rows),
        "The best mean over the new seeds is chosen; the search's values only made them candidates. Tied: with images and seeds"
        " drawn again, the interval of the difference holds 0.",
        *(f"Trial {one['trial_number']} could not be chosen: {one['why']}." for one in again["left_out"]),
        *(f"Trial {one['trial_number']}, trained again: {one['note']}." for one in again["notes"]),
    ]


def _candidate(one: Values, is_chosen: bool) -> list[str]:
    values = ", ".join(f"{value:.4f}" for value in one["values"])
    behind = f"{one['behind_low']:.4f} to {one['behind_high']:.4f}{': tied' if one['tied'] else ''}"
    standing = "chosen" if is_chosen else behind
    search, mean = f"{one['search_value']:.4f}", f"{one['value']:.4f}"
    return [str(one["trial_number"]), search, values, mean, _range(one), standing, f"{one['parameters']:,}"]


def _tested(test: Values, name: str) -> str:
    interval = f"{test['confidence']:.0%} interval {_range(test, name)}"
    return f"{name.replace('_', ' ')}: {test[name]:.4f} ({interval}, n = {test['n']})"


def _too_good(luck: float) -> str:
    return f"{luck:.4f} too good" if luck >= 0 else f"{-luck:.4f} too modest"


def _seeds(again: Values) -> str:
    return "1 new seed" if again["seeds"] == 1 else f"{again['seeds']} new seeds"


def _counterpart(metric: str) -> str:
    return f"test_{metric.removeprefix('val_')}"


def _range(values: Values, name: str = "") -> str:
    prefix = f"{name}_" if name else ""
    return f"{values[f'{prefix}low']:.4f}–{values[f'{prefix}high']:.4f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
