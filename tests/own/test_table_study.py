"""A study of a table: repeated in parallel, resumed, verified, retrained, and used."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from contextlib import chdir, redirect_stdout
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import ThreadpoolController

from tests.making import DATABASE, InterruptsAt, history, make_brief, make_engine, retrained, search
from tests.own.tables import houses, with_column, without, write
from tuner.bundle.bundle import open_bundle
from tuner.bundle.manifest import WEIGHTS, write_bundle
from tuner.bundle.prediction import predict_tables
from tuner.case.reference import to_door
from tuner.commands.report import main as report
from tuner.commands.study import main
from tuner.commands.verify import main as verify
from tuner.data.splits import TimeFolds, folds
from tuner.depot.contract import MANIFEST
from tuner.errors import BundleError, DataError, StudyError, UsageError
from tuner.evidence.rivals.trained import train_rivals
from tuner.evidence.rows.predictions import TARGETS
from tuner.study.reopening import config_of
from tuner.study.schema import CONFIRMATION, OPENINGS
from tuner.study.store import evidence_of, load_study
from tuner.training.fitting import fit
from tuner.training.inference import Fitted, plain_of
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

    from tuner.study.configuration import StudyConfig

pytestmark = pytest.mark.slow  # whole studies of tables

QUICK = ("--trials", "2", "--seeds", "2", "--workers", "1")


def run(folder: Path, *words: str) -> str:
    """Run the study command in a folder; return its output."""
    with chdir(folder), redirect_stdout(io.StringIO()) as out:
        assert main(["table", "--data", "houses.csv", *words, *QUICK]) == 0
    return out.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a study of classes, and its output; read it only."""
    folder = tmp_path_factory.mktemp("made")
    write(folder / "houses.csv", houses())
    return folder, run(folder, "--target", "dear", "--name", "classes")


@pytest.fixture
def own(made: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, in which the test runs."""
    folder = tmp_path / "own"
    shutil.copytree(made[0], folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def bundle(made: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The best of that study, trained again; read it only."""
    folder = tmp_path_factory.mktemp("bundle")
    shutil.copytree(made[0], folder / "own")
    with chdir(folder / "own"):
        return retrained("classes").absolute()


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of numbers, without categories; read it only."""
    folder = tmp_path_factory.mktemp("numbers")
    write(folder / "houses.csv", without(houses(), "town", "plan", "built", "garden", "dear", "id"))
    run(folder, "--target", "price", "--name", "numbers")
    return folder


@pytest.fixture
def reference(tmp_path: Path) -> str:
    path = write(tmp_path / "houses.csv", houses())
    return to_door("table", {"data": str(path), "target": "dear"})


def brief(reference: str, folder: Path) -> StudyConfig:
    """A config whose trials drawn by the search are short."""
    return make_brief(reference, folder, epochs=20, depth=1, waves=0)


def report_of(folder: Path, study: str) -> tuple[dict[str, Any], str]:
    reports = folder / "storage" / "reports" / study
    found: dict[str, Any] = json.loads((reports / "report.json").read_text())
    return found, (reports / "report.md").read_text()


def test_what_the_columns_are_is_said_before_anything_trains(made: tuple[Path, str]) -> None:
    said = made[1]
    assert said.index("codes with leading zeros") < said.index("[1/2] trial 0 (baseline)")
    assert "Target: dear, 2 classes." in said
    assert "Each FILE is a CSV or Parquet file with the columns of the one that was st" in said


def test_who_gave_a_table_has_no_case_to_fix(tmp_path: Path) -> None:
    rows = with_column(houses(), "dear", ["dear"] * 2 + ["cheap"] * 58)
    path = write(tmp_path / "houses.csv", rows)
    config = brief(to_door("table", {"data": str(path), "target": "dear"}), tmp_path)
    config = replace(config, case=config.case.scored_by("roc_auc"), metric="roc_auc")
    with pytest.raises(StudyError, match=r"roc_auc is not defined .* Fix the data or the options"):
        search(f"sqlite:///{tmp_path / DATABASE}", config, 2)


@pytest.mark.parametrize("study", ["classes", pytest.param("numbers", marks=pytest.mark.slow)])
def test_rivals_stand_beside_the_network_in_every_report(
    study: str, request: pytest.FixtureRequest
) -> None:
    found = request.getfixturevalue("made" if study == "classes" else "numbers")
    facts, text = report_of(found[0] if study == "classes" else found, study)
    assert list(facts["rivals"])[:2] == ["linear", "boosting"]
    first, _, rest = text.partition("\n## ")
    assert "linear model" in first
    assert "gradient boosting" in first
    assert "Is a network the right model for this table?" in rest
    metric = facts["metric"]["name"]
    for rival in facts["rivals"].values():
        assert rival["test"][metric]["n"] == len(facts["confirmation"]["seeds"])
        assert rival["validation"]["n"] == facts["data"]["sizes"]["folds"]
        assert rival["against_best"]["rows"] == facts["data"]["sizes"]["test"]
        together = 1 - 0.05 / len(facts["rivals"])
        assert rival["against_best"]["confidence"] == pytest.approx(together)
    assert len(facts["test_openings"]) == 1
    assert "beside linear model and gradient boosting" in facts["test_openings"][0]["reason"]


def test_rivals_that_win_are_in_the_verdict(own: Path) -> None:
    facts, _ = report_of(own, "classes")
    facts["rivals"].pop("realmlp", None)
    from tuner.report.sections.rivals import rivals_section, rivals_verdict

    rival = facts["rivals"]["boosting"]
    for verdict, first, answer in (
        ("better", "But gradient boosting (", "No: gradient boosting did better."),
        ("worse", "(proven worse)", "Yes: it is proven better than both rivals."),
        (
            "no proven gain",
            "(no difference is proven)",
            "This is not decided: no difference from the gradient boosting is proven.",
        ),
    ):
        rival["against_best"]["verdict"] = verdict
        facts["rivals"]["linear"]["against_best"]["verdict"] = "worse"
        assert first in rivals_verdict(facts)
        assert answer in rivals_section(facts)
    assert "scored on the same test rows, the rivals at the first look." in rivals_section(facts)


def test_realmlp_is_a_further_rival_where_it_is_installed(reference: str, tmp_path: Path) -> None:
    pytest.importorskip("pytabkit", reason="without the extra realmlp")
    config = make_brief(reference, tmp_path)
    rivals = train_rivals(config, lambda _: [1], lambda _text: None)
    assert list(rivals) == ["linear", "boosting", "realmlp"]
    features = config.dataset.development.features
    outputs = rivals["realmlp"].models[0](features)
    assert outputs.shape == (len(features), 2)
    assert fmean(rivals["realmlp"].validation) > 0.5


def test_rows_that_a_rival_cannot_learn_from_leave_it_out_with_a_word(
    reference: str, tmp_path: Path
) -> None:
    config = make_brief(reference, tmp_path)
    data = config.dataset
    targets = torch.zeros_like(data.development.targets)
    targets[-1] = 1  # most folds train on one class
    moments = torch.arange(len(targets))
    rows = replace(data.development, targets=targets, groups=moments)
    said: list[str] = []
    missing: dict[str, str] = {}
    found = train_rivals(
        replace(config, dataset=replace(data, development=rows, validation=TimeFolds(3))),
        lambda _: [1],
        said.append,
        missing.__setitem__,
    )
    assert "linear" not in found
    assert said[0] == (
        f"Rival, linear model, cannot be trained on these rows: {missing['linear model']}"
    )


def test_a_rival_that_is_missing_is_in_the_report(tmp_path: Path) -> None:
    """Squares of such numbers overflow, and a linear model fails."""
    rows = without(houses(200), "town", "plan", "built", "garden", "dear", "id")
    huge = [f"{(n * 37 % 200 - 100) / 50}e155" for n in range(200)]
    write(tmp_path / "houses.csv", with_column(rows, "distance", huge))
    run(tmp_path, "--target", "price", "--name", "far")
    facts, text = report_of(tmp_path, "far")
    assert facts["untrained_rivals"].keys() == {"linear model"}
    assert facts["rivals"].keys() >= {"boosting"}
    assert "- The linear model is missing: it cannot be trained on these rows (" in text
    assert "The linear model and gradient boosting are scikit-learn's" not in text


def test_boosting_of_few_rows_works_with_one_thread(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[int] = set()

    def watched(method: str) -> Callable[..., Any]:
        usual = getattr(HistGradientBoostingClassifier, method)

        def call(*arguments: Any, **options: Any) -> Any:
            found = ThreadpoolController().select(user_api="openmp").info()
            seen.update(one["num_threads"] for one in found)
            return usual(*arguments, **options)

        return call

    for method in ("fit", "predict_proba"):
        monkeypatch.setattr(HistGradientBoostingClassifier, method, watched(method))
    config = make_brief(reference, tmp_path)
    with ThreadpoolController().limit(limits=2, user_api="openmp"):
        rivals = train_rivals(config, lambda _: [1], lambda _text: None)
        assert seen == {1}
        rivals["boosting"].models[0](config.dataset.development.features)
        assert seen == {1}
        found = ThreadpoolController().select(user_api="openmp").info()
        assert {one["num_threads"] for one in found} == {2}


def test_rivals_are_the_same_again(reference: str, tmp_path: Path) -> None:
    config = make_brief(reference, tmp_path)
    rows = config.dataset.development.features
    said: list[str] = []
    for first, again in zip(
        *(train_rivals(config, lambda _: [5], said.append).values() for _ in range(2)), strict=True
    ):
        assert first.validation == again.validation
        assert torch.equal(first.models[0](rows), again.models[0](rows))
    assert said[0].startswith("Rival, linear model (numbers ")


def test_a_study_with_two_workers_repeats(reference: str, tmp_path: Path) -> None:
    studies = []
    for name in ("first", "again"):
        url = f"sqlite:///{tmp_path}/{name}.db"
        engine = make_engine(2)
        try:
            studies.append(search(url, brief(reference, tmp_path), 3, engine=engine))
        finally:
            engine.close()
    assert history(studies[0]) == history(studies[1])


def test_an_interrupted_study_continues_as_if_it_had_not_been(
    reference: str, tmp_path: Path
) -> None:
    config = brief(reference, tmp_path)
    whole = search(f"sqlite:///{tmp_path}/whole.db", config, 3)
    url = f"sqlite:///{tmp_path}/cut.db"
    with pytest.raises(KeyboardInterrupt):
        search(url, config, 3, observer=InterruptsAt(40))
    assert history(search(url, config, 3)) == history(whole)


def test_the_table_is_not_needed_once_its_data_is_cached(own: Path) -> None:
    (own / "houses.csv").unlink()
    assert verify(["classes", "--all", "--workers", "1"]) == 0


def test_another_table_in_its_place_is_refused(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(own / "houses.csv", houses(seed=1))
    with pytest.raises(Exception, match="there is already a different study 'classes'"):
        main(["table", "--data", "houses.csv", "--target", "dear", "--name", "classes", *QUICK])


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_bundle_takes_rows_in_the_format_of_the_file(own: Path, bundle: Path) -> None:
    model = open_bundle(bundle)
    whole = rows_of(predict_tables(model, [Path("houses.csv")], as_json=False))
    assert len(whole) == 60
    assert {row["prediction"] for row in whole} <= {"cheap", "dear"}
    right = sum(row["prediction"] == row["dear"] for row in whole)
    assert right > 40
    new = with_column(without(houses(), "dear", "id"), "town", ["Mars"] * 60)
    new[1][new[0].index("size")] = "NA"
    new[2][new[0].index("garden")] = ""
    write(Path("new.csv"), [row[::-1] for row in new], separator=";")
    found = rows_of(predict_tables(model, [Path("new.csv")], as_json=False))
    assert len(found) == 60
    assert all(0.5 <= float(row["probability"]) <= 1 for row in found)


def test_a_bundle_predicts_numbers_in_the_units_of_the_target(
    numbers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(numbers, tmp_path / "own")
    monkeypatch.chdir(tmp_path / "own")
    assert verify(["numbers", "--all", "--workers", "1"]) == 0
    bundle = open_bundle(retrained("numbers"))
    write(Path("new.csv"), houses())
    found = rows_of(predict_tables(bundle, [Path("new.csv")], as_json=False))
    off = [abs(float(row["prediction"]) - float(row["price"])) for row in found]
    assert sum(off) / len(off) < 40


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda rows: without(rows, "town"), UsageError, "lacks the columns town; its first line"),
        (
            lambda rows: with_column(rows, "prediction", ["x"] * 60),
            UsageError,
            "has a column 'prediction' already",
        ),
        (
            lambda rows: with_column(rows, "size", [*["1"] * 9, "big", *["1"] * 50]),
            DataError,
            "row 10 of column 'size' is 'big', which does not fit the column",
        ),
        (
            lambda rows: with_column(rows, "built", ["yesterday"] * 60),
            DataError,
            "row 1 of column 'built' is 'yesterday'",
        ),
        (lambda rows: rows[:1], DataError, "has a header and no rows"),
    ],
)
def test_rows_that_do_not_fit_the_model_are_refused(
    bundle: Path,
    tmp_path: Path,
    change: Callable[[list[list[str]]], list[list[str]]],
    error: type[Exception],
    said: str,
) -> None:
    new = write(tmp_path / "new.csv", change(houses()))
    with pytest.raises(error, match=said):
        predict_tables(open_bundle(bundle), [new], as_json=False)


def test_what_was_fitted_is_in_the_bundle_as_data_and_an_odd_table_is_refused(
    bundle: Path, tmp_path: Path
) -> None:
    assert {path.name for path in bundle.iterdir()} == {MANIFEST, WEIGHTS}
    names = load_file(bundle / WEIGHTS)
    assert {"features.quantiles", "features.codes", "features.median"} <= set(names)
    stored = json.loads((bundle / MANIFEST).read_text())
    alterations: dict[str, Callable[[dict[str, Any]], None]] = {
        "width": lambda facts: facts["shape"].update(inputs=[3]),
        "codes": lambda facts: facts["shape"].update(categories=[99]),
        "columns": lambda facts: facts["preprocessing"].update(columns=["a"]),
        "kind": lambda facts: facts["preprocessing"]["table"]["columns"][1].update(kind="picture"),
    }
    for name, alter in alterations.items():
        facts = json.loads(json.dumps(stored))
        alter(facts)
        for key in ("manifest_sha256", "weights_sha256", "format"):
            facts.pop(key)
        shutil.copy(bundle / WEIGHTS, tmp_path / "weights")
        write_bundle(tmp_path / name, tmp_path / "weights", facts)
        with pytest.raises(BundleError, match="is not a bundle's manifest"):
            open_bundle(tmp_path / name)


def test_what_is_fitted_sees_the_training_rows_of_its_fold_alone(
    reference: str, tmp_path: Path
) -> None:
    from tuner.training.learner import make_learners

    config = make_brief(reference, tmp_path)
    data = config.dataset
    (fold, *_) = folds(data.development, data.validation, 0)
    before, after = [], data.development.features.clone()
    after[fold.validation] = 1e6  # only held-out rows change
    after[fold.validation, -2:] = 0
    for features in (data.development.features.clone(), after):
        data.development.features.copy_(features)
        (learner,) = make_learners(config.case, config.case.baseline, data, [fold], seed=0)
        before.append(learner.features.tensors())
    assert all(torch.equal(one, before[1][name]) for name, one in before[0].items())


def test_a_target_with_a_long_tail_is_scored_as_it_is(tmp_path: Path) -> None:
    rows = houses()
    long = [f"{math.exp(float(row[6]) / 20):.3f}" for row in rows[1:]]
    path = write(tmp_path / "houses.csv", with_column(rows, "price", long))
    config = make_brief(to_door("table", {"data": str(path), "target": "price"}), tmp_path)
    data = config.dataset
    assert data.table is not None
    assert data.table.skewed
    (fold, *_) = folds(data.development, data.validation, 0)
    running = fit(config.case, config.case.baseline, data, [fold], 0, config.plan, stop_after=3)
    points = []
    while True:
        try:
            points.append(next(running))
        except StopIteration as end:
            (fitted,) = end.value
            break
    fitted.save(tmp_path / "weights")
    loaded = Fitted.load(fitted.model, tmp_path / "weights", data.row_shape, data.table)
    outputs = loaded.outputs(data.development.features[fold.validation], config.plan)
    true = data.development.targets
    off = (loaded.targets.undo(outputs) - true[fold.validation]).abs().mean()
    spread = true[fold.training].std(correction=0)
    assert points[-1].fold_scores[0] == pytest.approx(float(off / spread), rel=1e-3)


def test_an_ensemble_of_a_target_with_a_long_tail_is_the_one_that_was_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = houses()
    long = [f"{math.exp(float(row[6]) / 20):.3f}" for row in rows[1:]]
    write(tmp_path / "houses.csv", with_column(rows, "price", long))
    run(tmp_path, "--target", "price", "--name", "long")
    monkeypatch.chdir(tmp_path)
    study: optuna.Study = load_study(DATABASE, "long")
    arm = study.user_attrs[CONFIRMATION]["arms"]["best"]
    bundle = open_bundle(retrained("long", models=2))
    assert bundle.manifest["metrics"]["test"] == arm["ensemble"]["scores"]
    config = config_of(study, Workplace.at(), None, None)
    test = config.dataset.test.open(lambda: None)
    true = plain_of(bundle.fitted.targets)(test.targets)
    off = bundle.fitted.scored(test.features, config.plan) - true
    found = arm["ensemble"]["scores"]["mae"]
    assert off.abs().mean().item() == pytest.approx(found, rel=1e-6)


def test_the_study_keeps_what_the_rivals_said(own: Path) -> None:
    study: optuna.Study = load_study(DATABASE, "classes")
    rivals = study.user_attrs[CONFIRMATION]["rivals"]
    assert {name: len(one["scores"]) for name, one in rivals.items()} == dict.fromkeys(
        rivals, len(study.user_attrs[CONFIRMATION]["seeds"])
    )
    assert len(study.user_attrs[OPENINGS]) == 1
    assert run(own, "--target", "dear", "--name", "classes")
    assert load_study(DATABASE, "classes").user_attrs[CONFIRMATION]["rivals"] == rivals


def test_rows_in_the_order_of_time_may_be_alike_in_the_verdict(tmp_path: Path) -> None:
    write(tmp_path / "houses.csv", houses(200))
    run(tmp_path, "--target", "price", "--time", "built", "--name", "built")
    folder = tmp_path / "storage/reports/built"
    pair = json.loads((folder / "report.json").read_text("utf-8"))["comparison"]["best_vs_baseline"]
    assert pair["in_time"]
    text = "may be alike, and the interval allows for that"
    assert text in (folder / "report.md").read_text("utf-8")


def test_rows_of_a_group_count_as_one_in_the_verdict(tmp_path: Path) -> None:
    owners = [f"owner {n % 23}" for n in range(200)]
    write(tmp_path / "houses.csv", with_column(houses(200), "owner", owners))
    out = run(tmp_path, "--target", "dear", "--group", "owner", "--name", "owned")
    (said,) = [line for line in out.splitlines() if "What the test can show" in line]
    groups = int(said.partition("With ")[2].partition(" groups of test rows")[0])
    assert 3 <= groups <= 6
    folder = tmp_path / "storage/reports/owned"
    pair = json.loads((folder / "report.json").read_text("utf-8"))["comparison"]["best_vs_baseline"]
    assert pair["groups"] == groups < pair["rows"]
    text = f"new groups of test rows (there were {groups}, of {pair['rows']} rows)"
    assert text in (folder / "report.md").read_text("utf-8")

    evidence = evidence_of(load_study(f"sqlite:///{tmp_path}/storage/studies.db", "owned"))
    assert evidence is not None
    kept = evidence.user_attrs[TARGETS]
    evidence.set_user_attr(TARGETS, {key: kept[key] for key in kept if key != "groups"})
    with chdir(tmp_path), redirect_stdout(io.StringIO()):
        assert report(["owned"]) == 0
    told = (folder / "report.md").read_text("utf-8")
    assert f"new test rows (there were {pair['rows']})" in told
    assert "**But each row counts by itself**, though rows of one `--group` may be alike" in told
