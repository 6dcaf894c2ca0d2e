"""Plots and remarks on data in Chinese: words are translated, names and numbers are not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from matplotlib.figure import Figure
from optuna.trial import TrialState

from tests.report.studies import add_trial, facts_of, make_study, usual_study
from tests.report.test_chinese import english, regression, with_everything
from tuner.data.reading import UNKNOWN, remarks
from tuner.data.remarks import Findings
from tuner.language import speaking
from tuner.report.captions import captioned
from tuner.report.charts.curves import draw_curves
from tuner.report.charts.errors import draw_confusion, draw_mistakes
from tuner.report.charts.history import draw_history
from tuner.report.charts.importances import draw_importance
from tuner.report.charts.look import save
from tuner.report.charts.waterfall import draw_waterfall
from tuner.report.known import DATA, known
from tuner.report.page import html

if TYPE_CHECKING:
    from collections.abc import Iterator

    import optuna

    Facts = dict[str, Any]

pytestmark = pytest.mark.pictures

STUDIES = Path(__file__).parents[2] / "studies"
SHAPES = r"<!--\s*(.*?)\s*-->\s*<g[^>]*>(.*?)</g>"
# Not translated: names of metrics, of hyperparameters and their values, of classes.
STAY = {
    *("MAE", "MSE", "accuracy", "macro", "F1", "epochs"),
    *("activation", "width", "relu", "silu", "one_cycle", "depth"),
}


def drawn(study: optuna.Study, facts: Facts) -> Iterator[Figure | None]:
    trials = study.get_trials()
    yield draw_history(facts, trials)
    yield draw_curves(facts, trials)
    for draw in (draw_confusion, draw_mistakes, draw_importance, draw_waterfall):
        yield draw(facts)


def left_in(picture: str, names: set[str]) -> list[str]:
    """Return the texts that are still drawn in English, except names."""
    shapes = [
        words for words, body in re.findall(SHAPES, picture, re.DOTALL) if "<text" not in body
    ]
    return [one for one in shapes if set(re.findall("[A-Za-z_]{2,}", one)) - names]


def of_every_kind(folder: Path) -> tuple[optuna.Study, Facts]:
    facts = with_everything(folder)
    import optuna

    from tests.report.studies import url_in

    return optuna.load_study(study_name=facts["study"], storage=url_in(folder)), facts


@pytest.mark.slow
def test_no_english_word_is_left_in_a_picture(tmp_path: Path) -> None:
    study, facts = of_every_kind(tmp_path)
    words = [*facts["mistakes"]["classes"], *facts["arms"]["best"]["hyperparameters"]]
    names = STAY | set(re.findall("[A-Za-z_]+", " ".join(words)))
    seen = 0
    for figure in drawn(study, facts):
        if figure is None:
            continue
        save(figure, tmp_path / "one.svg")
        english_one = (tmp_path / "one.svg").read_text()
        assert captioned(english_one) == english_one
        with speaking("zh"):
            told = captioned(english_one)
        assert not left_in(told, names)
        assert english_one.partition("</style>")[0].count("@media") == told.count("@media") == 1
        seen += 1
    assert seen >= 4


@pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.PRUNED])
def test_marks_beyond_the_edge_are_told(tmp_path: Path, state: TrialState) -> None:
    study = make_study(tmp_path)
    for value in (0.9, 0.91, 0.92, 0.93, 0.94, 0.95):
        add_trial(study, value=value)
    if state == TrialState.COMPLETE:
        add_trial(study, value=0.01)
    else:
        for value in (0.9, 0.91, 0.01):
            add_trial(study, TrialState.PRUNED, value, stop=2)
    add_trial(study, TrialState.FAIL, failure="no")
    figure = draw_history(facts_of(study, tmp_path), study.get_trials())
    assert figure is not None
    save(figure, tmp_path / "one.svg")
    with speaking("zh"):
        told = captioned((tmp_path / "one.svg").read_text())
    assert "超出图的范围" in told
    assert "失败" in told
    assert not left_in(told, STAY)


def test_residuals_are_told(tmp_path: Path) -> None:
    figure = draw_mistakes(regression(tmp_path))
    assert figure is not None
    save(figure, tmp_path / "one.svg")
    with speaking("zh"):
        told = captioned((tmp_path / "one.svg").read_text())
    assert "误差：预测 − 真实" in told  # noqa: RUF001 - a true minus sign
    assert not left_in(told, STAY)


@pytest.mark.parametrize("name", ["flowers", "housing", "mnist"])
def test_pictures_that_are_kept(name: str) -> None:
    pictures = sorted((STUDIES / name).glob("*.svg"))
    assert pictures
    for one in pictures:
        with speaking("zh"):
            told = captioned(one.read_text())
        ticks = re.sub(
            r'<g id="[xy]tick_\d+">.*?</g>\s*</g>\s*</g>\s*</g>', "", told, flags=re.DOTALL
        )
        classes = {"petunia", "wallflower", "passion", "flower", "watercress", "water", "lily"}
        assert not left_in(ticks, STAY | classes), one


@pytest.mark.parametrize(
    "text", ["", "<svg", "<svg/>", "<svg xmlns='http://www.w3.org/2000/svg'/>"]
)
def test_another_picture_is_left_alone(text: str) -> None:
    with speaking("zh"):
        assert "<text" not in captioned(text)


def test_a_class_that_is_called_like_a_word_of_the_picture_stays(tmp_path: Path) -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.set_xticks([0.2, 0.8], ["trial", "predicted"])
    axes.set_xlabel("predicted")
    save(figure, tmp_path / "one.svg")
    with speaking("zh"):
        told = captioned((tmp_path / "one.svg").read_text())
    assert re.findall("<text[^>]*>([^<]*)", told) == ["预测"]


def test_the_page_has_them_told(tmp_path: Path) -> None:
    study = usual_study(tmp_path)
    figure = draw_history(facts_of(study, tmp_path), study.get_trials())
    assert figure is not None
    save(figure, tmp_path / "history.svg")
    plain = html("![x](history.svg)", "x", tmp_path)
    with speaking("zh"):
        told = html("![x](history.svg)", "x", tmp_path)
    assert re.findall('base64,[^"]*', plain) != re.findall('base64,[^"]*', told)


FEW, MANY = ["one only"], [f"class {number}" for number in range(10)]


@pytest.mark.parametrize("names", [FEW, MANY], ids=["one", "many"])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize("by_chance", [False, True])
def test_remarks_on_data_are_told(
    names: list[str], count: int, *, several: bool, by_chance: bool
) -> None:
    found = Findings(
        rows=1000,
        in_test=count,
        repeated=count,
        repeated_in_test=count,
        development=dict.fromkeys(names, count) | {"large": 960 if several else 900},
        test=dict.fromkeys(names, 0) | {"large": 100},
        folds=8,
        constant=names,
        suspects={"a b": 0.995},
        numbering=names,
        target=None,
        several=several,
        by_chance=by_chance,
        told=remarks(UNKNOWN),
    )
    with speaking("zh"):
        told = [known(one, DATA) for one in found.remarks()]
    assert len(told) >= 9
    said = "\n".join(re.sub(r"'[^']*'|--\w+|tuner predict|Case", "", one) for one in told)
    assert not english(said.replace("balanced_accuracy", ""))


def test_what_a_person_wrote_stays() -> None:
    with speaking("zh"):
        for text in ("my own sentence", "a; b", "x (y)", "n: 3", "a, b"):
            assert known(text, DATA) == text
