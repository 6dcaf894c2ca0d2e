"""A case with its own step, optimizer and raw features, in everything that a case goes through."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from tests.making import TINY, history, make_brief, make_engine, retrained, search
from tests.runs.running import run
from tuner.bundle.bundle import open_bundle
from tuner.bundle.files import reader_of
from tuner.bundle.prediction import predict_files
from tuner.case.loading import load_case
from tuner.data.sources.folders import Folders
from tuner.engines.compute import Compute
from tuner.errors import BundleError
from tuner.evidence.rows.ensembles import Ensemble, together
from tuner.report.facts.gathering import gather
from tuner.runs.ablation import run_ablation
from tuner.runs.observer import Silent
from tuner.runs.settings import AblationSettings, Stored, VerificationSettings
from tuner.runs.verification import run_verification
from tuner.study.store import load_study
from tuner.training.plan import Plan
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from typing import Any

WORDS = str(Path(TINY).with_name("words.py"))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A workplace with a study of sentences."""
    workplace = Workplace.at(tmp_path_factory.mktemp("words"))
    run(WORDS, workplace)
    return workplace


def stored(workplace: Workplace) -> Stored:
    return Stored(study="words", workplace=workplace, case_file=WORDS)


@pytest.mark.slow
def test_it_is_searched_confirmed_and_reported(here: Workplace) -> None:
    facts = gather(load_study(here.url, "words"), here)
    assert facts["comparison"]["best_vs_baseline"]["covers"] == "rows"
    assert (here.report("words") / "report.md").exists()


@pytest.mark.slow
def test_its_trials_repeat_bit_for_bit(here: Workplace) -> None:
    settings = VerificationSettings(stored=stored(here), compute=Compute(workers=1))
    assert run_verification(settings, Silent()) is True


def test_its_model_reads_new_files(here: Workplace, tmp_path: Path) -> None:
    bundle = retrained("words", WORDS, arm="recipe", out=tmp_path / "bundle", workplace=here)
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["preprocessing"] | {"read": "case", "kind": "raw"} == manifest["preprocessing"]
    assert manifest["preprocessing"]["type"] == "torch.int64"
    (tmp_path / "one.txt").write_text("1 3 2", encoding="utf-8")
    opened = open_bundle(bundle, WORDS)
    read = reader_of(opened)
    assert read is not None
    (said,) = json.loads(predict_files(opened, read, [tmp_path / "one.txt"], as_json=True))
    assert set(said["probabilities"]) == {"sad", "happy"}
    rows = [{**manifest, "preprocessing": {**manifest["preprocessing"], "type": "torch.int8"}}]
    for altered in rows:
        with pytest.raises(ValueError, match="type of its features"):
            type(opened.interface).read(altered)


@pytest.mark.slow
def test_an_ensemble_applies_each_network_as_the_case_does(here: Workplace, tmp_path: Path) -> None:
    folders = {count: tmp_path / f"of-{count}" for count in (1, 2)}
    one, both = (
        open_bundle(
            retrained("words", WORDS, models=count, out=folder, workplace=here), WORDS
        ).fitted
        for count, folder in folders.items()
    )
    assert isinstance(both.model, Ensemble)
    rows = load_case(WORDS).dataset(Folders(own=tmp_path)).development.features
    first = replace(one, model=both.model.members[0])
    assert torch.equal(first.outputs(rows, Plan()), one.outputs(rows, Plan()))
    second = replace(one, model=both.model.members[1])
    said = [fitted.outputs(rows, Plan()) for fitted in (first, second)]
    assert torch.equal(both.outputs(rows, Plan()), together(said, "classification"))


def test_without_read_new_files_are_refused(here: Workplace, tmp_path: Path) -> None:
    case = tmp_path / "words.py"
    text = Path(WORDS).read_text(encoding="utf-8").replace("    read=read,\n", "")
    case.write_text(text, encoding="utf-8")
    bundle = retrained("words", WORDS, out=tmp_path / "bundle", workplace=here)
    with pytest.raises(BundleError, match="has none"):
        reader_of(open_bundle(bundle, str(case)))


@pytest.mark.slow
def test_its_changes_are_measured(here: Workplace, tmp_path: Path) -> None:
    settings = AblationSettings(
        stored=stored(here), seeds=2, out=tmp_path, compute=Compute(workers=1)
    )
    run_ablation(settings, Silent())
    facts = gather(load_study(here.url, "words"), here)
    assert facts["ablation"] is not None


@pytest.mark.slow
def test_two_workers_make_the_same_study_as_before(tmp_path: Path) -> None:
    found: list[Any] = []
    for place in ("one", "other"):
        engine = make_engine(2)
        try:
            config = make_brief(WORDS, tmp_path / place)
            url = f"sqlite:///{tmp_path / place}.db"
            found.append(history(search(url, config, 5, engine=engine)))
        finally:
            engine.close()
    assert found[0] == found[1]
