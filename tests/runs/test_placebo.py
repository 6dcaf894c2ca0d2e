"""`tuner placebo`: the same search on data without a signal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.making import DATABASE, TINY, make_brief
from tests.report.studies import make_study
from tuner.commands.delete import main as delete
from tuner.commands.placebo import main
from tuner.commands.rename import main as rename
from tuner.commands.verify import main as verify
from tuner.data.shuffling import shuffled
from tuner.errors import UsageError
from tuner.runs.folder.deletion import plan_deletion
from tuner.study.schema import OPENINGS, PLACEBO
from tuner.study.store import load_study
from tuner.workplace import Workplace

if TYPE_CHECKING:
    import optuna


def test_targets_are_shuffled_and_nothing_else(tmp_path: Path) -> None:
    data = make_brief(TINY, tmp_path).dataset
    made, again, other = shuffled(data, 0), shuffled(data, 0), shuffled(data, 1)
    assert not made.development.targets.equal(data.development.targets)
    assert made.development.targets.sort().values.equal(data.development.targets.sort().values)
    assert made.development.features.equal(data.development.features)
    assert made.development.targets.equal(again.development.targets)
    assert made.identity == again.identity
    assert len({data.identity, made.identity, other.identity}) == 3
    assert made.test is data.test, "not opened"


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"task": "loop"}, "searches a loop"), ({"shuffled": True}, "is a placebo itself")],
)
def test_what_has_no_placebo(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    task = str(changes.pop("task", "classification"))
    make_study(tmp_path, "flowers", task=task, **changes)
    with pytest.raises(UsageError, match=said):
        main(["flowers", "--storage", f"sqlite:///{tmp_path}/studies.db", "--workers", "1"])


def trials(name: str) -> list[optuna.trial.FrozenTrial]:
    return load_study(DATABASE, name).get_trials()


@pytest.mark.slow
def test_a_placebo_from_its_search_to_its_deletion(
    own_workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tiny", "--case", TINY, "--workers", "1", "--trials"]
    assert main([*words, "2"]) == 0
    said = capsys.readouterr().out
    assert "On shuffled targets, where there is nothing to find, the best of 2 trials has" in said
    first = trials("tiny-placebo")
    assert len(first) == 2
    assert main([*words, "3"]) == 0
    assert trials("tiny-placebo")[:2] == first, "it was continued"
    placebo, study = load_study(DATABASE, "tiny-placebo"), load_study(DATABASE, "tiny")
    assert not placebo.user_attrs.get(OPENINGS), "the test split stays closed"
    assert study.user_attrs[PLACEBO] == {"study": "tiny-placebo", **placebo.user_attrs[PLACEBO]}
    assert len(placebo.user_attrs[PLACEBO]["fresh"]) == 6
    for one, other in zip(first, trials("tiny"), strict=False):
        assert one.params == other.params, "the same baseline and recipe"
        assert one.user_attrs["curve"] != other.user_attrs["curve"], "on other targets"
    facts = json.loads(Path("storage/reports/tiny/report.json").read_text("utf-8"))
    assert facts["placebo"]["trials"] == 3
    assert facts["placebo"]["optimism"] is not None
    text = Path("storage/reports/tiny-placebo/report.md").read_text("utf-8")
    assert "with the targets of its development rows shuffled" in text
    shutil.rmtree("storage/cache")
    assert verify(["tiny-placebo", "--case", TINY, "--all", "--workers", "1"]) == 0
    assert rename(["tiny", "other"]) == 0
    assert load_study(DATABASE, "other").user_attrs[PLACEBO]["study"] == "other-placebo"
    facts = json.loads(Path("storage/reports/other/report.json").read_text("utf-8"))
    assert facts["placebo"]["study"] == "other-placebo"
    assert len(trials("other-placebo")) == 3
    planned = plan_deletion(Workplace.at(), "other")
    assert planned.trials == len(trials("other")) + 3
    assert delete(["other", "--yes"]) == 0
    assert not Path("storage/reports/other-placebo").exists()
    for name in ("tiny-placebo", "other-placebo"):
        with pytest.raises(UsageError):
            load_study(DATABASE, name)
