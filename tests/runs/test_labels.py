"""A study with several labels per row, from the search to a model in use."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import tuner
from tests.cases import colours
from tuner.bundle.bundle import open_bundle
from tuner.bundle.prediction import Prediction
from tuner.commands.predict import main as predict
from tuner.commands.retrain import main as retrain
from tuner.commands.study import main as study
from tuner.commands.verify import main as verify
from tuner.evidence.rows.ensembles import Ensemble
from tuner.study.store import load_study

FILE = str(Path(colours.__file__))


def test_a_prediction_of_labels_says_all_of_them() -> None:
    found = Prediction("red|blue", {"red": 0.9, "green": 0.1, "blue": 0.6}, ("red", "blue"))
    assert found.cells() == ["red|blue"]
    assert found.facts() == {"labels": ["red", "blue"], "probabilities": found.probabilities}
    assert found.probability is None


@pytest.mark.slow
def test_from_the_search_to_a_model_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert study([FILE, "--trials", "4", "--workers", "1", "--seeds", "6"]) == 0
    said = capsys.readouterr().out
    assert "1 − Jaccard index" in said  # noqa: RUF001
    report = json.loads(Path("storage/reports/colours/report.json").read_text(encoding="utf-8"))
    pair = report["comparisons"]["best"] if "comparisons" in report else None
    assert pair is None or pair["covers"] == "rows"
    assert {one["label"] for one in report["mistakes"]["labels"]} == set(colours.LABELS)
    assert verify(["colours", "--case", FILE, "--sample", "2"]) == 0
    assert load_study("sqlite:///storage/studies.db", "colours").user_attrs["confirmation"]
    assert retrain(["--case", FILE, "colours"]) == 0
    (bundle,) = Path("storage/bundles/colours").iterdir()
    assert retrain(["--case", FILE, "colours", "--models", "6", "--out", "six"]) == 0
    kept = load_study("sqlite:///storage/studies.db", "colours").user_attrs["confirmation"]
    six = tuner.load("six", case=FILE)
    assert six.manifest["metrics"]["test"] == kept["arms"]["best"]["ensemble"]["scores"]
    model = tuner.load(bundle, case=FILE)
    rows = colours.mixed(50, 9)
    labels = model.predict(rows.features)
    assert labels.shape == (50, 3)
    assert set(labels.ravel().tolist()) <= {0, 1}
    shares = torch.from_numpy(model.predict_proba(rows.features))
    assert torch.equal((shares > 0.5).long(), torch.from_numpy(labels))
    opened = open_bundle(Path("six"), FILE)
    assert isinstance(six.network, Ensemble)
    each = [
        replace(opened.fitted, model=network).outputs(rows.features, opened.plan).sigmoid()
        for network in six.network.members
    ]
    mean = torch.stack(each).mean(dim=0).double()
    torch.testing.assert_close(torch.from_numpy(six.predict_proba(rows.features)), mean)
    Path("new.csv").write_text("a,b,c,d\n5,5,-5,0\n-5,-5,-5,0\n", encoding="utf-8")
    capsys.readouterr()
    assert predict([str(bundle), "new.csv", "--case", FILE, "--json"]) == 0
    first, _ = json.loads(capsys.readouterr().out)
    row = torch.tensor([[5.0, 5.0, -5.0, 0.0]])
    wanted = [name for name, yes in zip(model.classes, model.predict(row)[0], strict=True) if yes]
    assert first["labels"] == wanted
