"""Trials across studies: differences, scores with intervals, and the paired verdict."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from pydantic import TypeAdapter

from tuner.client import answers
from tuner.errors import StudyError, UsageError
from tuner.evidence.rows.predictions import Predictions, keep_predictions, keep_targets
from tuner.serve.models.proof import paired
from tuner.serve.studies import comparing
from tuner.serve.studies.comparing import MOST, Score, compare
from tuner.study.arms import ARMS
from tuner.study.store import evidence_name

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tuner.serve.service import Service


def copied(
    service: Service, name: str, wrong: float, seed: int, rows: str = "rows", models: int = 6
) -> None:
    """Copy the study `tiny`; the models of trials 0 and 1 are wrong on a share of 300 test rows."""
    optuna.copy_study(
        from_study_name="tiny",
        from_storage=service.storage,
        to_storage=service.storage,
        to_study_name=name,
    )
    evidence = optuna.create_study(study_name=evidence_name(name), storage=service.storage)
    targets = np.arange(300) % 2
    keep_targets(evidence, rows, targets)
    for trial in (0, 1):
        errs = np.random.default_rng(seed + trial).random((models, 300)) < wrong
        said = np.where(errs, 1 - targets, targets)
        keep_predictions(evidence, trial, Predictions(tuple(range(models)), said), targets)


def test_a_trial_of_two_arms_is_named_in_the_language_of_its_reader(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "arms_of", lambda study: dict.fromkeys(ARMS, study.trials[0]))
    path = "/tuner/compare?study=tiny&study=tiny%231"
    chinese = client.get(path, headers={"Accept-Language": "zh"}).text
    assert "<small>基线、教科书方案、最佳</small>" in chinese
    assert "<small>baseline, recipe, best</small>" in client.get(path).text


@pytest.mark.slow
def test_trials_of_studies_stand_beside_each_other(service: Service, client: TestClient) -> None:
    copied(service, "worse", 0.3, 1)
    copied(service, "better", 0.05, 3)
    copied(service, "others", 0.05, 5, "other rows")
    found = compare(service.storage, ["worse#0", "better#0", "better#1", "others#0", "tiny"])
    assert [one.label for one in found.sides][:3] == ["worse#0", "better#0", "better#1"]
    assert [pair.verdict for pair in found.pairs[:2]] == ["better", "better"]
    assert [pair.why for pair in found.pairs[2:]] == [
        "they were tested on different rows",
        "they were tested on different rows",
    ]
    baseline, best = found.sides[0], found.sides[-1]
    assert "baseline" in baseline.arm
    assert "best" in best.arm
    for name, values in found.hyperparameters.items():
        assert values == [one.hyperparameters.get(name) for one in found.sides]
        assert len(set(map(str, values))) > 1
    assert set(found.curves) == {one.label for one in found.sides}
    accuracy = best.test["accuracy"]
    assert accuracy is not None
    assert accuracy.interval is not None
    assert accuracy.interval[0] <= accuracy.mean <= accuracy.interval[1]
    shown = client.get("/tuner/compare?study=worse%230&study=better%231").text
    assert re.search(
        r'better#1</strong> against <strong>worse#0.*?"state done">better<', shown, re.S
    )
    assert "300 test rows" in shown


def test_several_comparisons_share_the_error_rate(service: Service) -> None:
    copied(service, "one", 0.3, 1)
    copied(service, "two", 0.2, 3)
    widths = []
    for pairs in (1, 4):
        gain = paired(service.storage, ("one", 0), ("two", 0), pairs).gain
        assert gain is not None
        assert gain.interval is not None
        widths.append(gain.interval[1] - gain.interval[0])
    assert widths[0] < widths[1]


def test_too_few_models_prove_nothing_in_a_sentence(service: Service, client: TestClient) -> None:
    copied(service, "one", 0.3, 1, models=2)
    copied(service, "two", 0.2, 3, models=2)
    page = client.get("/tuner/compare?study=one%230&study=two%230").text
    told = " ".join(re.sub(r"<[^>]+>", "", page).split())
    assert "not known: too few models of both were tested (2 and 2)." in told
    assert "An interval covers" not in told, "there is none"


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["tiny"], "got 1 to compare"),
        (["tiny", "tiny"], "got 1 to compare"),
        ([f"tiny#{number}" for number in range(MOST + 1)], f"got {MOST + 1} to compare"),
        (["tiny", "tinny"], "no study 'tinny'"),
        (["tiny", "nothing#3"], "no study 'nothing'"),
        (["tiny", "tiny#99"], "no trial 99 in study 'tiny'"),
        (["tiny#0", "tiny#00"], "the same trial"),
    ],
)
def test_what_cannot_be_compared_is_said(
    service: Service, client: TestClient, labels: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        compare(service.storage, labels)
    answer = client.get("/tuner/compare", params={"study": labels})
    assert answer.status_code == 400
    assert said.replace("'", "&#39;") in answer.text


@pytest.mark.slow
def test_the_api_compares_several_studies_in_the_words_of_the_page(
    service: Service, client: TestClient
) -> None:
    for name, wrong, seed in (("worse", 0.3, 1), ("better", 0.05, 3), ("same", 0.05, 5)):
        copied(service, name, wrong, seed)
    names = ["worse", "better", "same", "tiny"]
    page = client.get("/tuner/compare", params={"study": names}).text
    found = client.get("/api/v1/compare", params={"study": names}).json()
    assert TypeAdapter(answers.Comparison).validate_python(found) == found
    assert found["studies"] == names
    assert len(found["scores"]) == len(found["sentences"]) == len(names)
    for values in (*found["inputs"].values(), *found["hyperparameters"].values()):
        assert len(values) == len(names)
    assert [(one["study"], one["verdict"]) for one in found["pairs"]] == [
        ("better", "better"),
        ("same", "better"),
        ("tiny", None),
    ]
    assert {one["against"] for one in found["pairs"]} == {"worse"}
    for pair in found["pairs"]:
        assert pair["gain"] in html.unescape(page)
    alone = client.get("/api/v1/compare", params={"study": names[:2]}).json()["pairs"]
    assert alone[0]["gain"] != found["pairs"][0]["gain"]  # three comparisons share the 5 %


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["tiny", "tiny"], "got 1 to compare; choose 2 to 8"),
        (["tiny", "tiny", "other"], "two of them are the same trial; choose different ones"),
        ([f"study {number}" for number in range(MOST + 1)], "got 9 to compare; choose 2 to 8"),
        (["tiny", "nope"], "no study 'nope'"),
    ],
)
def test_what_the_api_cannot_compare_is_said(
    client: TestClient, names: list[str], said: str
) -> None:
    answer = client.get("/api/v1/compare", params={"study": names})
    assert answer.status_code in {400, 404}
    assert said in answer.json()["detail"]


def test_a_study_without_a_result_is_compared_later(service: Service, client: TestClient) -> None:
    study = optuna.create_study(study_name="fresh", storage=service.storage)
    tiny = optuna.load_study(study_name="tiny", storage=service.storage)
    study.set_user_attr("tuner", tiny.user_attrs["tuner"])
    with pytest.raises(StudyError, match="no complete trial yet"):
        compare(service.storage, ["tiny", "fresh"])
    assert client.get("/tuner/compare?study=tiny&study=fresh").status_code == 400


def test_an_interval_covers_the_mean_and_needs_two_scores() -> None:
    assert Score.of([]) is None
    assert Score.of([1.0, float("nan")]) is None
    assert Score.of([0.5]) == Score(0.5, 1, None)
    three = Score.of([1.0, 2.0, 3.0])
    assert three is not None
    assert three.interval == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-3)
    shares = Score.of([0.9, 1.0, 1.0], share=True)
    assert shares is not None
    assert shares.interval is not None
    assert shares.interval[1] == 1.0, "no share is more than the whole"
