from __future__ import annotations

import json
import shutil
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
import torch
from optuna.trial import TrialState

from tests.making import DATABASE, HERE, TINY, make_brief, retrained, search
from tests.sampling import one_in
from tuner.bundle.bundle import open_bundle
from tuner.case.metric import METRICS_OF, scores
from tuner.errors import DataError, StudyError, UsageError
from tuner.evidence.ablation.confirming_parts import why_not_confirmable
from tuner.evidence.jobs import seed_of, stream_of
from tuner.evidence.rows.ensembles import together
from tuner.report.writing import write_report
from tuner.runs.models.tested import ModelsOfTest
from tuner.study.schema import CONFIRMATION, OPENINGS, PARTS, TESTED_WEIGHTS
from tuner.study.store import load_study

if TYPE_CHECKING:
    import optuna

    from tuner.runs.settings import Arm


def weights(bundle: Path) -> bytes:
    return (bundle / "weights.safetensors").read_bytes()


def manifest(bundle: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((bundle / "manifest.json").read_text())
    return read


def test_an_arm_and_a_seed_give_the_same_weights_bit_for_bit(own_workplace: Path) -> None:
    first = retrained("tiny", case_file=TINY, arm="recipe", seed=3, out=own_workplace / "first")
    again = retrained("tiny", case_file=TINY, arm="recipe", seed=3, out=own_workplace / "again")
    other = retrained("tiny", case_file=TINY, arm="recipe", seed=4, out=own_workplace / "other")
    assert weights(first) == weights(again)
    assert manifest(first) == manifest(again)
    assert weights(first) != weights(other)


@pytest.mark.parametrize("arm", one_in(3, ["best", "recipe", "baseline"]))
def test_the_weights_are_those_that_were_confirmed(own_workplace: Path, arm: Arm) -> None:
    facts = load_study(DATABASE, "tiny").user_attrs[CONFIRMATION]
    test = make_brief(TINY, own_workplace).dataset.test.open(lambda: None)
    for index, seed in enumerate(facts["arms"][arm]["seeds"]):
        opened = open_bundle(retrained("tiny", case_file=TINY, arm=arm, seed=seed), TINY)
        outputs = opened.fitted.outputs(test.features, opened.plan)
        stored = facts["arms"][arm]["scores"][index]
        assert scores(METRICS_OF["classification"], outputs, test.targets) == stored
        assert opened.manifest["metrics"]["test"] == stored


def test_the_scores_in_its_manifest_are_those_of_the_model(own_workplace: Path) -> None:
    bundle = open_bundle(retrained("tiny", case_file=TINY, arm="baseline"), TINY)
    test = make_brief(TINY, own_workplace).dataset.test.open(lambda: None)
    outputs = bundle.fitted.outputs(test.features, bundle.plan)
    metrics = METRICS_OF["classification"]
    assert bundle.manifest["metrics"]["test"] == scores(metrics, outputs, test.targets)


def test_an_ensemble_is_of_the_models_that_were_confirmed(own_workplace: Path) -> None:
    study = load_study(DATABASE, "tiny")
    arm = study.user_attrs[CONFIRMATION]["arms"]["recipe"]
    count = len(arm["seeds"])
    opened = open_bundle(retrained("tiny", case_file=TINY, arm="recipe", models=count), TINY)
    assert opened.manifest["seeds"] == arm["seeds"]
    assert opened.manifest["metrics"] == {
        "validation": opened.manifest["metrics"]["validation"],
        "test": arm["ensemble"]["scores"],
        "why_no_test": None,
    }
    test = make_brief(TINY, own_workplace).dataset.test.open(lambda: None)
    outputs = opened.fitted.outputs(test.features, opened.plan)
    found = scores(METRICS_OF["classification"], outputs, test.targets)
    assert found == arm["ensemble"]["scores"]
    each = [
        open_bundle(retrained("tiny", case_file=TINY, arm="recipe", seed=seed), TINY)
        for seed in arm["seeds"]
    ]
    said = [one.fitted.outputs(test.features, one.plan) for one in each]
    assert torch.equal(outputs, together(said, "classification"))
    mean = fmean(one["accuracy"] for one in arm["scores"])
    gain = arm["ensemble"]["scores"]["accuracy"] - mean
    assert arm["ensemble"]["gain"] == pytest.approx(gain, abs=1e-6)


@pytest.mark.parametrize(
    ("digests", "found", "why"),
    [
        ({1: "a"}, {"accuracy": 0.1}, None),
        ({3: "c"}, {"accuracy": 0.3}, None),
        ({1: "a", 2: "b", 3: "c"}, {"accuracy": 0.5}, None),
        ({1: "a", 2: "b"}, None, "an ensemble of these 2 models has not met the test"),
        ({1: "a", 2: "b", 3: "x"}, None, "has other weights"),
        ({1: "a", 2: "b", 3: None}, None, "has other weights"),
        ({1: "a", 2: "b", 3: "c", 4: "d"}, None, "with this seed has met the test"),
    ],
)
def test_test_scores_are_those_of_these_very_weights(
    digests: dict[int, str | None], found: dict[str, float] | None, why: str | None
) -> None:
    alone = [{"accuracy": one} for one in (0.1, 0.2, 0.3)]
    tested = ModelsOfTest((1, 2, 3), "stream", alone, ("a", "b", "c"), {"accuracy": 0.5})
    scores, why_not = tested.scores_of(digests)
    assert scores == found
    assert (why_not is None) if why is None else why in (why_not or "")


def test_an_ensemble_of_more_models_than_were_confirmed_has_no_test_scores(
    own_workplace: Path,
) -> None:
    del own_workplace
    seeds = load_study(DATABASE, "tiny").user_attrs[CONFIRMATION]["arms"]["best"]["seeds"]
    more = manifest(retrained("tiny", case_file=TINY, models=len(seeds) + 1))
    assert more["seeds"][:-1] == seeds
    assert more["seeds"][-1] not in seeds
    assert more["metrics"]["test"] is None


def test_a_seed_makes_one_model_and_no_ensemble_is_without_end(own_workplace: Path) -> None:
    del own_workplace
    with pytest.raises(UsageError, match="a seed trains one model; leave the seed out"):
        retrained("tiny", case_file=TINY, models=2, seed=3)
    for models in (0, 65):
        with pytest.raises(UsageError, match=f"got {models} models; an ensemble takes 1 to 64"):
            retrained("tiny", case_file=TINY, models=models)


def test_best_with_the_first_confirmed_seed_unless_told_otherwise(own_workplace: Path) -> None:
    bundle = retrained("tiny", case_file=TINY)
    study = load_study(DATABASE, "tiny")
    facts = manifest(bundle)
    first = seed_of(0, 0, stream_of(study.best_trial.number))
    assert bundle.resolve() == own_workplace / f"storage/bundles/tiny/best-seed-{first}"
    assert sorted(path.name for path in bundle.iterdir()) == [
        "manifest.json",
        "weights.safetensors",
    ]
    assert facts["trial"] == study.best_trial.number
    assert facts["seed"] == first
    assert facts["hyperparameters"] == study.best_trial.user_attrs["hyperparameters"]
    assert facts["epochs"] == study.best_trial.user_attrs["best_epoch"]
    assert facts["metrics"]["validation"] == {"accuracy": study.best_value}
    assert facts["data"]["fingerprint"] == study.user_attrs["tuner"]["data"]["fingerprint"]
    assert facts["classes"] == ["left", "right"]
    assert facts["preprocessing"]["columns"] == ["x", "y"]
    assert {"torch", "tuner", "python"} <= facts["machine"].keys()
    assert [path.name for path in (own_workplace / "storage/bundles/tiny").iterdir()] == [
        bundle.name
    ], "nothing is left beside it"


@pytest.mark.slow
def test_other_weights_than_those_that_met_the_test_have_no_test_scores(
    own_workplace: Path,
) -> None:
    """As on another machine, or with other code: the stored digest is of other weights."""
    study = load_study(DATABASE, "tiny")
    seed = study.user_attrs[CONFIRMATION]["seeds"][1]
    before = manifest(retrained("tiny", case_file=TINY, seed=seed))["metrics"]
    assert before["test"] is not None
    assert before["why_no_test"] is None
    kept = study.user_attrs[TESTED_WEIGHTS]
    others = {trial: [digest[::-1] for digest in digests] for trial, digests in kept.items()}
    for stored, reason in ((others, "has other weights"), ({}, "does not say which weights")):
        study.set_user_attr(TESTED_WEIGHTS, stored)
        found = manifest(retrained("tiny", case_file=TINY, seed=seed))["metrics"]
        assert found["test"] is None
        assert reason in found["why_no_test"]


def test_a_trial_can_be_named_by_its_number(own_workplace: Path) -> None:
    bundle = retrained("tiny", case_file=TINY, number=1, seed=5)
    assert weights(bundle) == weights(retrained("tiny", case_file=TINY, arm="recipe", seed=5))
    assert manifest(bundle)["metrics"]["test"] is None, "nobody has measured this seed"


def test_the_study_is_only_read(own_workplace: Path) -> None:
    before = load_study(DATABASE, "tiny")
    attributes, trials = before.user_attrs, before.trials
    retrained("tiny", case_file=TINY)
    after = load_study(DATABASE, "tiny")
    assert after.user_attrs == attributes
    assert after.trials == trials
    assert len(after.user_attrs[OPENINGS]) == 1


def test_data_that_left_the_cache_is_found_again(own_workplace: Path) -> None:
    before = weights(retrained("tiny", case_file=TINY))
    shutil.rmtree("storage/cache")
    assert weights(retrained("tiny", case_file=TINY)) == before


def test_other_data_than_the_study_had_is_refused(own_workplace: Path) -> None:
    case = own_workplace / "case.py"
    seed = own_workplace / "seed.txt"  # changes the data, but not the code
    seed.write_text("0")
    read = f"points(60, int(__import__('pathlib').Path({str(seed)!r}).read_text()))"
    case.write_text(Path(TINY).read_text().replace("points(60, 0)", read))
    study = search(DATABASE, make_brief("case.py", own_workplace / "elsewhere"), 2, name="mine")
    assert study.best_trial.state == TrialState.COMPLETE
    seed.write_text("2")
    shutil.rmtree("storage/cache")
    with pytest.raises(
        DataError, match=r"other data: it was made on tiny with \w{12}, and this is tiny with"
    ):
        retrained("mine", case_file="case.py")
    assert not (own_workplace / "storage/bundles").exists()


def test_only_complete_trials_can_be_had(own_workplace: Path) -> None:
    with pytest.raises(UsageError, match="trial 99 does not exist; a bundle needs a complete"):
        retrained("tiny", case_file=TINY, number=99)
    with pytest.raises(UsageError, match="no study 'tny'; did you mean 'tiny'"):
        retrained("tny")
    search(DATABASE, make_brief(TINY, own_workplace), 1, name="short")
    with pytest.raises(UsageError, match="trial 1 is WAITING"):
        retrained("short", case_file=TINY, number=1)
    with pytest.raises(StudyError, match="recipe has no complete trial in study 'short'"):
        retrained("short", case_file=TINY, arm="recipe")
    assert not (own_workplace / "storage/bundles").exists()


def with_another_best(study: optuna.Study) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Make another trial than the baseline win; return both configurations, and a change."""
    stored = study.user_attrs[CONFIRMATION]
    winner = next(number for number in stored["candidates"] if number != 0)
    study.set_user_attr(CONFIRMATION, {**stored, "winner": winner})
    was, best = (study.trials[number].user_attrs["hyperparameters"] for number in (0, winner))
    return was, best, next(n for n in ("width", "learning_rate") if was[n] != best[n])


def test_the_baseline_with_only_some_changes_of_the_best(own_workplace: Path) -> None:
    was, best, name = with_another_best(load_study(DATABASE, "tiny"))
    facts = manifest(retrained("tiny", case_file=TINY, only=(name,), seeds=0))
    assert facts["hyperparameters"] == {**was, name: best[name]}
    assert (facts["trial"], facts["confirmed"]) == (None, False)
    assert facts["only"][name]["now"] == best[name]
    assert facts["metrics"]["validation"] is facts["metrics"]["test"] is None
    assert "--seeds 0 does not use the test split" in facts["evidence"]
    assert len(load_study(DATABASE, "tiny").user_attrs[OPENINGS]) == 1
    with pytest.raises(UsageError, match="--only batch_size: the best does not change it"):
        retrained("tiny", case_file=TINY, only=("batch_size",))
    with pytest.raises(UsageError, match="no change of the best 'widht'"):
        retrained("tiny", case_file=TINY, only=("widht",))


@pytest.mark.slow
def test_a_part_of_the_changes_is_confirmed_once(own_workplace: Path) -> None:
    _, _, name = with_another_best(load_study(DATABASE, "tiny"))
    facts = manifest(first := retrained("tiny", case_file=TINY, only=(name,)))
    study = load_study(DATABASE, "tiny")
    assert len(study.user_attrs[OPENINGS]) == 2, "a look at the test rows is on the record"
    (part,) = study.user_attrs[PARTS].values()
    assert part["changes"] == [name]
    assert len(part["scores"]) == len(study.user_attrs[CONFIRMATION]["seeds"])
    over = facts["comparison"]["over_baseline"]
    told = sum(one["accuracy"] for one in part["scores"]) / len(part["scores"])
    had = sum(one["accuracy"] for one in part["baseline_scores"]) / len(part["baseline_scores"])
    assert over["gain"] == pytest.approx(told - had)
    assert over["looks"] == 2
    assert (facts["confirmed"], over["verdict"]) == (True, "no proven gain")  # on two seeds
    assert facts["metrics"]["test"] == part["scores"][0], "of exactly these weights"
    before = weights(first)
    assert weights(retrained("tiny", case_file=TINY, only=(name,))) == before
    assert len(load_study(DATABASE, "tiny").user_attrs[OPENINGS]) == 2, "what is known is kept"
    text = (HERE.report("tiny") / "report.md").read_text()
    assert f"**With only `{name}`:** it is not proven better" in text
    assert "The test split was opened 2 times" in text, "it was written again"
    text = write_report(load_study(DATABASE, "tiny"), HERE, own_workplace / "out").read_text()
    assert f"**With only `{name}`:** it is not proven better" in text


def test_a_part_is_not_confirmed_before_its_study_is(own_workplace: Path) -> None:
    study = search(DATABASE, make_brief(TINY, own_workplace), 2, name="short")
    assert why_not_confirmable(study) == (
        "the study has not been confirmed, so its test split is not used"
    )
    assert why_not_confirmable(load_study(DATABASE, "tiny")) is None
