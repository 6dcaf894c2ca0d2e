"""The report in Chinese: only names remain in English, for every kind of study."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import TrialState

from tests.report.studies import (
    ablated,
    add_session,
    add_trial,
    audited,
    confirm,
    erring,
    facts_of,
    keep_ensembles,
    make_study,
    url_in,
    usual_study,
)
from tests.sampling import one_in
from tuner.case.metric import METRICS
from tuner.commands.report import main
from tuner.errors import UsageError
from tuner.language import speaking
from tuner.report.document import document
from tuner.report.page import fragment
from tuner.report.recalling import recalled
from tuner.report.retelling import retold
from tuner.report.sections.verdict import verdict
from tuner.report.writing import CONFUSION, CURVES, HISTORY, IMPORTANCE, MISTAKES, WATERFALL
from tuner.runs.folder.inventory import best_in
from tuner.study.design import PRUNERS
from tuner.study.samplers import SAMPLERS

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

    Facts = dict[str, Any]

PICTURES = (WATERFALL, IMPORTANCE, HISTORY, CURVES, CONFUSION, MISTAKES)
STUDIES = Path(__file__).parents[2] / "studies"
# Names are the same in every language: of programs, of methods, of hardware, of values.
NAMES = {
    *(
        "tuner",
        "Optuna",
        "PyTorch",
        "Ray",
        "CUDA",
        "cuDNN",
        "GPU",
        "CSV",
        "Parquet",
        "FILE",
        "SHA",
        "GiB",
    ),
    *("fANOVA", "Welch", "bootstrap", "RealMLP", "BayesianSampler", "TPESampler"),
    *("TaperingPruner", "PercentilePruner", "n_startup_trials", "multivariate", "NA"),
    *(
        "True",
        "False",
        "relu",
        "silu",
        "adam",
        "adamw",
        "muon",
        "sgd",
        "flatten",
        "average",
        "both",
    ),
    *("learning_rate", "dropout", "depth", "width", "epochs", "put_", "scatter", "macro_f"),
    *("Linux", "AMD", "EPYC", "Intel", "Xeon", "Some", "Processor", "GHz"),
    *("cpu", "float", "bfloat"),
    *("python", "torch", "torchvision", "optuna", "numpy", "safetensors"),
    *(word for one in METRICS.values() for word in one.title.split()),
}
LINKS = r"\]\([^)]*\)|\d{4}-\d\d-\d\dT[\d:+]+|report\.json|channels last|scikit-learn"


def english(text: str) -> list[str]:
    """Return the lines with an English word, except names, code and links to pictures."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    text = re.sub(rf"(`+) ?.*?\1|{LINKS}", "", text)
    return [
        line
        for line in text.splitlines()
        if any(word not in NAMES for word in re.findall(r"[A-Za-z][A-Za-z_]+", line))
    ]


def arms(folder: Path, *, task: str = "classification") -> optuna.Study:
    study = make_study(folder, task=task)
    good = (0.6, 0.7, 0.8) if task == "classification" else (0.07, 0.08, 0.01)
    for value, arm in zip(good, ("baseline", "recipe", None), strict=True):
        add_trial(study, value=value, arm=arm)
    add_session(study)
    return study


def nothing(folder: Path) -> Facts:
    return facts_of(make_study(folder), folder)


def without_a_baseline(folder: Path) -> Facts:
    study = make_study(folder)
    add_trial(study, TrialState.FAIL, arm="baseline", failure="no")
    add_trial(study, value=0.5)
    return facts_of(study, folder)


def unfinished(folder: Path) -> Facts:
    study = make_study(folder)
    add_trial(study, TrialState.PRUNED, 0.4, stop=2)
    study.enqueue_trial({"epochs": 3})
    return facts_of(study, folder)


def unconfirmed(folder: Path) -> Facts:
    return facts_of(arms(folder), folder)


def overtaken(folder: Path) -> Facts:
    study = arms(folder)
    confirm(study, baseline=[0.6] * 6, recipe=[0.6] * 6, best=[0.9] * 6)
    add_trial(study, value=0.95)
    return facts_of(study, folder)


def usual(folder: Path) -> Facts:
    return facts_of(usual_study(folder), folder)


def with_ensembles(folder: Path) -> Facts:
    study = usual_study(folder)
    keep_ensembles(study, 0.02, 0.004)
    return facts_of(study, folder)


def with_ensembles_of_auc(folder: Path) -> Facts:
    study = usual_study(folder)
    keep_ensembles(study, 0.02, None)
    return facts_of(study, folder)


def unproven(folder: Path) -> Facts:
    study = arms(folder)
    same = [0.8, 0.82, 0.79, 0.81, 0.8, 0.8]
    confirm(study, baseline=same, recipe=same, best=same[::-1])
    return facts_of(study, folder)


def worse(folder: Path) -> Facts:
    study = arms(folder)
    good, bad = [0.9, 0.91, 0.9] * 2, [0.7, 0.71, 0.7] * 2
    confirm(study, baseline=good, recipe=bad, best=bad)
    return facts_of(study, folder)


def of_one_seed(folder: Path) -> Facts:
    study = arms(folder)
    confirm(study, baseline=[0.6], recipe=[0.7], best=[0.8])
    return facts_of(study, folder)


def baseline_is_best(folder: Path) -> Facts:
    study = make_study(folder)
    add_trial(study, value=0.9, arm="baseline")
    add_trial(study, value=0.8, arm="recipe")
    confirm(study, baseline=[0.9] * 6, recipe=[0.8] * 6, best=[0.9] * 6)
    return facts_of(study, folder)


def recipe_is_best(folder: Path) -> Facts:
    study = make_study(folder)
    add_trial(study, value=0.8, arm="baseline")
    add_trial(study, value=0.9, arm="recipe")
    good = [0.9, 0.91, 0.9] * 2
    confirm(study, baseline=[0.8, 0.8, 0.81] * 2, recipe=good, best=good)
    return facts_of(study, folder)


def regression(folder: Path) -> Facts:
    study = arms(folder, task="regression")
    confirm(study, baseline=[0.07] * 6, recipe=[0.08] * 6, best=[0.01, 0.011] * 3)
    facts = facts_of(study, folder)
    facts["data"]["target"] = {"mean": 3.0, "std": 100.0, "trivial_mae": 80.0}
    best = facts["arms"]["best"]["trial"]
    facts["mistakes"] = {"trial": best, "true": [0.0, 1.0, 2.0], "predicted": [0.1, 0.8, 2.0]}
    return facts


def with_everything(folder: Path) -> Facts:
    study = usual_study(folder)
    ablated(study)
    erring(study)
    audited(study, 0.61, None)
    shuffled = {"study": "placebo", "trials": 12, "best": 4, "score": 0.31, "fresh": [0.2, 0.22]}
    study.set_user_attr("placebo", {**shuffled, "chance": 0.2})
    session = {"search_seconds": 4000.0, "workers": 2}
    add_session(study, "tuner study flowers --budget 10m", **session)
    facts = facts_of(study, folder)
    facts["stopped"] = {"reason": "after 100 trials, the most that it runs"}
    facts["made_up"] = True
    facts["fixed"] = {"dropout": 0.1, "width": 3}
    facts["manifest"]["same_machine_throughout"] = False
    facts["manifest"]["not_repeatable"] = ["put_", "scatter"]
    facts["manifest"]["cluster"] = {"nodes": 2, "processors": ["`a`", "`b`"]}
    facts["manifest"]["cards"] = {"names": ["`H`"], "driver": 1, "cuda": 2, "cudnn": 3}
    change = {"when": "2026-11-30T14:54:02+00:00", "what": "data", "was": "a", "now": "b"}
    facts["changes_accepted"] = ["x", {"y": 1}, change]
    best = facts["arms"]["best"]["trial"]
    facts["guesses"] = [{"trial": best, "state": "complete", "score": 0.9}]
    facts["tries"] = [
        {"trial": number, "values": {"width": 3}, "state": state, "score": score}
        for number, (state, score) in enumerate(
            [("fail", None), ("pruned", None), ("complete", 0.5), ("running", None)]
        )
    ]
    return facts


def half_ablated(folder: Path) -> Facts:
    study = usual_study(folder, trials=12)
    ablated(study)
    stored = study.user_attrs["ablation"]
    short = {
        "complete": False,
        "path": ["learning_rate"],
        "path_scores": stored["path_scores"][:2],
        "without": {"learning_rate": [0.65, 0.67]},
        "rest": ["dropout"],
        "at_once": 4,
    }
    study.set_user_attr("ablation", {**stored, **short})
    return facts_of(study, folder)


def of_a_loop(folder: Path, *, rows: bool = False) -> Facts:
    facts = usual(folder)
    facts |= {"task": "loop", "reference": "own.py:train"}
    facts["metric"] = {"name": "accuracy", "direction": "maximize"}
    if not rows:
        facts["test_openings"] = []
    elif facts["confirmation"]:
        facts["confirmation"] = {**facts["confirmation"], "opposed": True}
    return facts


def of_a_loop_with_test_rows(folder: Path) -> Facts:
    return of_a_loop(folder, rows=True)


def rival(title: str, verdict: str | None) -> Facts:
    mean = {"mean": 0.9, "std": 0.01, "n": 4, "values": [0.9]}
    pair = {"verdict": verdict, "gain": 0.01, "interval": [-0.01, 0.02]}
    return {
        "title": title,
        "setting": "numbers by quantiles, penalty 100",
        "seconds": 1.0,
        "validation": mean,
        "test": {"accuracy": mean},
        "against_best": pair if verdict else None,
    }


def of_a_table(folder: Path, *verdicts: str | None) -> Facts:
    facts = usual(folder)
    titles = ("linear model", "gradient boosting", "RealMLP")
    facts["rivals"] = {
        title: rival(title, one) for title, one in zip(titles, verdicts, strict=False)
    }
    columns = [
        {"name": "a", "kind": "number", "why": "all are numbers; NA is a missing value"},
        {"name": "b", "kind": "category", "why": "text, 12 values"},
        {"name": "c", "kind": "yes or no", "why": "n is 0, j is 1"},
        {"name": "d", "kind": "left out", "why": "the same in all rows"},
    ]
    facts["data"]["table"] = {
        "columns": [{**one, "missing": 0} for one in columns],
        "target": {"name": "t", "why": "text, 3 values"},
        "skewed": True,
        "notes": [],
    }
    return facts


def with_rivals_that_win(folder: Path) -> Facts:
    return of_a_table(folder, "better", "better", "worse")


def with_rivals_that_tie(folder: Path) -> Facts:
    return of_a_table(folder, "worse", "no proven gain")


def with_rivals_that_lose(folder: Path) -> Facts:
    return of_a_table(folder, "worse", "worse")


def with_rivals_not_compared(folder: Path) -> Facts:
    return of_a_table(folder, None)


def with_limits(folder: Path) -> Facts:
    facts = usual(folder)
    facts["limits"] = {
        "in_words": "1,000 parameters and 2 ms a row",
        "limits": {"parameters": 1000, "latency_ms": 2.0},
        "arms": {
            name: {"parameters": 2000, "latency_ms": 1.0, "breaks": name == "recipe"}
            for name in facts["arms"]
        },
    }
    facts["trials"]["passed_over"] = 3
    return facts


def with_parts(folder: Path) -> Facts:
    study = usual_study(folder)
    ablated(study)
    facts = facts_of(study, folder)
    pair = {"gain": 0.1, "interval": [0.0, 0.2], "p_value": 0.01, "n": 6}
    facts["parts"] = [
        {
            "changes": [name],
            "over_baseline": {**pair, "verdict": one, "interval": interval},
            "best_over": {**pair, "verdict": one},
        }
        for name, one, interval in (
            ("learning_rate", "better", [0.0, 0.2]),
            ("dropout", "worse", None),
            ("width", "no proven gain", [0.0, 0.2]),
        )
    ]
    facts["parts"].append({"changes": ["depth"], "over_baseline": None, "best_over": None})
    return facts


def with_two_looks(folder: Path) -> Facts:
    facts = usual(folder)
    pair = facts["comparison"]["best_vs_baseline"]
    certainty = (
        "With 983 test rows and 6 seeds, a gain under 3.1 points will often be missed; one more "
        "hour of training, for 12 more seeds per arm, would lower this to 2.0 points. To show a "
        "gain of 1.0 points, use 1,200 test rows or 40 seeds."
    )
    pair |= {"rows": 983, "share_of_rows": 0.5, "share_of_seeds": 0.5, "looks": 2, "used_up": True}
    pair |= {"certainty": certainty, "confidence": 0.97, "verdict": "no proven gain"}
    facts["confirmation"]["plan"] = {"models": [4, 8], "made": 2, "settled": True}
    facts["confirmation"]["price"] = {"words": certainty}
    facts["test_openings"] = [
        {"when": "2026-11-23T07:20:00+00:00", "reason": reason, "look": look}
        for look, reason in (
            (1, "final evaluation of 3 configurations on 4 seeds, beside linear model"),
            (
                2,
                "second look, which was planned: final evaluation of 3 configurations on 4 seeds, "
                "beside linear model and gradient boosting",
            ),
        )
    ]
    return facts


def of_few_folds(folder: Path) -> Facts:
    return facts_of(usual_study(folder, trials=12, folds_in_search=2), folder)


def of_a_placebo(folder: Path) -> Facts:
    facts = unconfirmed(folder)
    facts["shuffled"] = True
    return facts


def of_trials_of_another(folder: Path) -> Facts:
    facts = usual(folder)
    facts["parent"] = {"study": "before", "taken": 8, "left": 2}
    return facts


def told_later(folder: Path) -> Facts:
    facts = usual(folder)
    facts["tries"] = [{"trial": 7, "values": {"depth": 2}, "state": "complete", "score": 0.7}]
    facts["sessions"] = [*facts["sessions"], *facts["sessions"]]
    return facts


KINDS: tuple[Callable[[Path], Facts], ...] = (
    *(nothing, without_a_baseline, unfinished, unconfirmed, overtaken, usual, unproven, worse),
    *(with_ensembles, with_ensembles_of_auc),
    *(of_one_seed, baseline_is_best, recipe_is_best, regression, with_everything, half_ablated),
    *(of_a_loop, of_a_loop_with_test_rows, with_rivals_that_win, with_rivals_that_tie),
    *(with_rivals_that_lose, with_rivals_not_compared, with_limits, with_parts, with_two_looks),
    *(of_few_folds, of_a_placebo, of_trials_of_another, told_later),
)


@pytest.mark.parametrize("make", one_in(3, KINDS), ids=lambda one: one.__name__)
def test_no_english_word_is_left(tmp_path: Path, make: Callable[[Path], Facts]) -> None:
    facts = make(tmp_path)
    before = deepcopy(facts)
    with speaking("zh"):
        text = document(facts, PICTURES)
    assert not english(text)
    assert facts == before
    shown = re.sub("<code>.*?</code>", "", fragment(text), flags=re.DOTALL)
    assert not re.findall(r".*\*.*", shown), "a mark that Markdown does not take beside Chinese"
    assert not re.findall("[\u4e00-\u9fff] [\u4e00-\u9fff]", shown)


def test_an_english_word_is_seen() -> None:
    assert english("测试 error\n`code` and\n![图](a.svg)\n准确 accuracy") == ["测试 error", " and"]


@pytest.mark.parametrize("name", ["flowers", "housing"])
def test_reports_that_are_kept(name: str) -> None:
    text = retold(STUDIES / name, "report.md", "zh")
    page = retold(STUDIES / name, "report.html", "zh")
    assert text is not None
    assert not english(text)
    assert '<html lang="zh">' in str(page)


def test_numbers_and_commands_are_the_same(tmp_path: Path) -> None:
    facts = with_everything(tmp_path)
    with speaking("zh"):
        chinese = document(facts, PICTURES)
    whole = document(facts, PICTURES)
    for shape in (r"```sh.*?```", r"\d+\.\d+"):
        found = [sorted(re.findall(shape, text, flags=re.DOTALL)) for text in (whole, chinese)]
        assert found[0] == found[1]


def test_the_command_writes_it_beside_the_english_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = arms(tmp_path)
    out = tmp_path / "out"
    typed = [study.study_name, "--storage", url_in(tmp_path), "--out", str(out)]
    assert main(typed) == 0
    plain = {path.name: path.read_bytes() for path in out.iterdir()}
    assert main([*typed, "--language", "zh"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "report.zh.md")
    pictures = {name.replace(".svg", ".zh.svg") for name in plain if name.endswith(".svg")}
    added = {path.name for path in out.iterdir()} - plain.keys()
    assert added == {"report.zh.md", "report.zh.html"} | pictures
    assert {name: (out / name).read_bytes() for name in plain} == plain
    text = (out / "report.zh.md").read_text()
    assert text.startswith("# 研究 `flowers`")
    assert set(re.findall(r"\((\w+\.zh\.svg)\)", text)) == pictures
    assert retold(out, "report.html", "zh") == (out / "report.zh.html").read_text()
    assert retold(out, "report.md", "zh") == (out / "report.zh.md").read_text()
    with pytest.raises(UsageError, match=r"no language 'klingon'\. The languages are en, zh"):
        main([*typed, "--language", "klingon"])


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"study": 3}'])
def test_a_report_of_another_version_stays_as_it_is(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "report.json").write_text(text)
    assert retold(tmp_path, "report.html", "zh") is None
    assert retold(tmp_path, "report.json", "zh") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "the model does badly even on the rows it was trained on",
            "模型连在训练过的样本上也表现很差",
        ),
        ("3 of 50 trials failed", "50 个试验中有 3 个失败"),
        ("what a person wrote", "what a person wrote"),
        ("A note. 3 of 50 trials failed", "A note. 3 of 50 trials failed"),
        ("two points", "two points"),
        (
            "after 30 trials: all 9 configurations have been tried",
            "在 30 个试验之后：全部 9 个配置都已尝试过",
        ),
        ("after 100 trials, the most that it runs", "在 100 个试验之后，这是它最多运行的数目"),
    ],
)
def test_a_stored_sentence_is_known_by_its_pattern(text: str, told: str) -> None:
    assert recalled(text) == text
    with speaking("zh"):
        assert recalled(text) == told


@pytest.mark.parametrize("text", [*SAMPLERS, *PRUNERS])
def test_samplers_and_pruners_are_known(text: str) -> None:
    with speaking("zh"):
        assert recalled(str(text)) != text


def test_what_is_kept_is_english(tmp_path: Path) -> None:
    facts = usual(tmp_path)
    with speaking("zh"):
        assert verdict(facts).startswith("更好")
        assert best_in(facts)["sentence"].startswith("Better")
