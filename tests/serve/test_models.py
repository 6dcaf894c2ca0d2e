"""Bundles: listed, promoted with proof, rolled back, downloaded; and the history of the current."""

from __future__ import annotations

import io
import re
import shutil
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import psutil
import pytest
from sqlalchemy.orm import Session

from tests.making import TINY, make_brief, retrained, search
from tests.own.pictures import photos, weights
from tests.serve.making import TABLE, client_of, form_key, listening, make_service, served
from tests.waiting import SECONDS_TO_HANG, wait_until
from tuner.bundle.manifest import read_manifest
from tuner.case.reference import to_door
from tuner.client import Client
from tuner.data.reading import BY_CASE
from tuner.errors import BundleError, DataError, UsageError
from tuner.evidence.rows.predictions import TARGETS, Predictions, keep_predictions, keep_targets
from tuner.serve import bulkhead
from tuner.serve.bulkhead import MOST_WAITING
from tuner.serve.models.ledger import READ_BY_CASE, Ledger
from tuner.serve.models.proof import gain_over
from tuner.serve.models.takeaway import Predictor, _with_header
from tuner.serve.tables import Promotion
from tuner.study.store import evidence_name
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tuner.serve.service import Service

V1 = "/api/v1"


@pytest.fixture(scope="module")
def with_bundles(workplace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage folder with the study `tiny`, and bundles of its best and its baseline."""
    folder = tmp_path_factory.mktemp("bundles") / "storage"
    shutil.copytree(workplace / "storage", folder)
    for arm in ("best", "baseline"):
        retrained("tiny", arm=arm, case_file=TINY, workplace=Workplace.at(folder))
    return folder


@pytest.fixture
def service(with_bundles: Path, tmp_path: Path) -> Iterator[Service]:
    shutil.copytree(with_bundles, tmp_path / "storage")
    made = make_service(Workplace.at(tmp_path / "storage"))
    yield made
    made.storage.engine.dispose()


def bundle_of(service: Service, arm: str) -> str:
    (found,) = [one.bundle for one in service.ledger.models() if one.bundle.startswith(arm)]
    return found


def test_models_are_promoted_rolled_back_and_remembered(service: Service) -> None:
    now = [100.0]
    ledger = Ledger(service.storage, service.workplace, lambda: now[0])
    best, baseline = bundle_of(service, "best"), bundle_of(service, "baseline")
    with pytest.raises(UsageError, match="write a reason; it is kept in the ledger"):
        ledger.promote("tiny", baseline, "current", "ann")
    ledger.promote("tiny", baseline, "current", "ann", "to begin with")
    now[0] = 200
    ledger.promote("tiny", best, "candidate", "bob")
    ledger.promote("tiny", best, "current", "bob", "it looks better")
    assert {one.bundle: one.aliases for one in ledger.models()} == {
        best: ("candidate", "current"),
        baseline: (),
    }
    with pytest.raises(UsageError, match="is the current model of 'tiny' already"):
        ledger.promote("tiny", best, "current", "bob", "again")
    now[0] = 300
    assert ledger.roll_back("tiny", "cid", "it was not").bundle == baseline
    with pytest.raises(UsageError, match="there is nothing to roll back to"):
        ledger.roll_back("tiny", "cid", "once more")
    when = {at: ledger.current("tiny", at=at) for at in (50, 150, 250, 350)}
    assert [one and one.bundle for one in when.values()] == [None, baseline, best, baseline]
    assert [(one.who, one.act, one.reason) for one in ledger.history("tiny")] == [
        ("cid", "roll back", "it was not"),
        ("bob", "promote", "it looks better"),
        ("bob", "promote", ""),
        ("ann", "promote", "to begin with"),
    ]


def rows_met(service: Service, study: str, wrong: float, seed: int) -> dict[str, Any]:
    """Store predictions: the models of trial 0 of a study are wrong on a share of 300 test rows."""
    optuna.copy_study(
        from_study_name="tiny",
        from_storage=service.storage,
        to_storage=service.storage,
        to_study_name=study,
    )
    evidence = optuna.create_study(study_name=evidence_name(study), storage=service.storage)
    targets = np.arange(300) % 2
    keep_targets(evidence, "the rows", targets)
    errs = np.random.default_rng(seed).random((6, 300)) < wrong
    said = np.where(errs, 1 - targets, targets)
    keep_predictions(evidence, 0, Predictions(tuple(range(6)), said), targets)
    return {"study": study, "trial": 0}


def test_a_gain_is_proven_on_the_same_test_rows(service: Service) -> None:
    current = rows_met(service, "current", 0.3, 1)
    better, alike = rows_met(service, "better", 0.05, 2), rows_met(service, "alike", 0.3, 3)
    gain = gain_over(service.storage, current, better)
    assert gain.proven
    assert re.search(r"the gain is 2\d\.\d points \(95 % interval .*, 300 test rows", gain.sentence)
    assert not gain_over(service.storage, better, current).proven
    assert not gain_over(service.storage, current, alike).proven
    assert not gain_over(service.storage, current, {**better, "trial": 1}).proven
    assert not gain_over(service.storage, current, {**better, "study": "gone"}).proven
    evidence = optuna.load_study(study_name=evidence_name("better"), storage=service.storage)
    evidence.set_user_attr(TARGETS, {**evidence.user_attrs[TARGETS], "rows": "other rows"})
    others = gain_over(service.storage, current, better)
    assert (others.proven, "on different rows" in others.sentence) == (False, True)


def test_a_damaged_bundle_is_shown_and_not_used(service: Service) -> None:
    bundle = bundle_of(service, "best")
    folder = service.workplace.bundles("tiny") / bundle
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"seed"', '"sead"', 1))
    client = client_of(service)
    assert "was altered" in client.get("/tuner/models").text
    assert client.get(f"/tuner/models/tiny/{bundle}").status_code == 200
    for path in ("promote", "predict"):
        answer = client.post(f"{V1}/models/tiny/{bundle}/{path}", json={"reason": "x"})
        assert answer.status_code == 409
    assert client.get(f"{V1}/models/tiny/{bundle}/download").status_code == 409
    with pytest.raises(BundleError):
        service.ledger.promote("tiny", bundle, "current", "ann", "x")


def test_a_link_out_of_the_folder_is_no_model(service: Service, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    shutil.copytree(service.workplace.bundles("tiny") / bundle_of(service, "best"), outside)
    (service.workplace.bundles("tiny") / "linked").symlink_to(outside)
    assert "linked" not in [one.bundle for one in service.ledger.models()]


def test_a_bundle_is_taken_away_whole(service: Service, tmp_path: Path) -> None:
    bundle = bundle_of(service, "best")
    answer = client_of(service).get(f"/tuner/models/tiny/{bundle}/download")
    assert f"tiny-{bundle}.zip" in answer.headers["content-disposition"]
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path / "out")
    assert read_manifest(tmp_path / "out" / bundle)["study"] == "tiny"


def test_promotion_by_forms(service: Service) -> None:
    client = client_of(service)
    page = f"/tuner/models/tiny/{bundle_of(service, 'baseline')}"
    key = form_key(client, page)
    fields = {"form_key": key, "alias": "current", "reason": ""}
    refused = client.post(f"{page}/promote", data=fields)
    assert refused.status_code == 400
    assert "write a reason" in refused.text
    assert client.post(f"{page}/promote", data={**fields, "reason": "why"}).status_code == 303
    assert "why" in client.get("/tuner/models").text
    found = client.get(f"{V1}/cases/tiny/current").json()
    assert (found["reason"], found["who"]) == ("why", "owner")
    assert client.get(f"{V1}/cases/tiny/current?at=2020-01-01").status_code == 404
    assert client.get(f"{V1}/cases/tiny/current?at=2999-01-01").json() == found
    assert client.get(f"{V1}/cases/tiny/current?at=soon").status_code == 400
    rolled = client.post("/tuner/cases/tiny/roll-back", data={"form_key": key, "reason": "x"})
    assert rolled.status_code == 400


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("3,3", "town,size\n3,3\n"),
        ("b,3", "town,size\nb,3\n"),
        ('"b, or a",', 'town,size\n"b, or a",\n'),
        ("town,size", "town,size\n"),
        ("size , town\n3,b", "size , town\n3,b\n"),
    ],
)
def test_a_single_row_of_any_cells_needs_no_header(typed: str, sent: str) -> None:
    assert _with_header(typed.encode(), ["town", "size"]) == sent.encode()


@pytest.mark.parametrize("typed", ["3", "b,3,4", "b;3"])
def test_a_single_row_with_other_cells_than_the_model_takes_is_told_so(typed: str) -> None:
    with pytest.raises(DataError, match=r"a single row; .* it has 2, .*: town, size"):
        _with_header(typed.encode(), ["town", "size"])


def test_few_wait_for_a_prediction_and_the_others_are_refused_at_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, answers = threading.Event(), []

    def slow(*_: object) -> list[dict[str, object]]:
        over.wait(SECONDS_TO_HANG)
        return []

    def ask() -> None:
        answers.append(client_of(service).post(model, content="3,3"))

    monkeypatch.setattr(Predictor, "_run", slow)
    monkeypatch.setattr(bulkhead, "SECONDS_TO_WAIT", SECONDS_TO_HANG)
    model = f"{V1}/models/tiny/{bundle_of(service, 'best')}/predict"
    with ThreadPoolExecutor(10) as pool:
        for _ in range(10):
            pool.submit(ask)
        wait_until(lambda: len(answers) == 10 - 1 - MOST_WAITING)
        assert {one.status_code for one in answers} == {400}
        assert "other predictions are running" in answers[0].json()["detail"]
        over.set()
    assert [one.status_code for one in answers[-4:]] == [200] * 4


def test_the_case_of_a_model_may_have_a_slash(service: Service) -> None:
    case = "table rents.csv /price/m2"
    with Session(service.storage.engine) as session:
        for at, arm in enumerate(("best", "baseline")):
            model = service.ledger.model("tiny", bundle_of(service, arm))
            weights = str(model.manifest["weights_sha256"])
            told = {"alias": "current", "act": "promote", "proof": "", "reason": "x", "who": "ann"}
            line = {"case": case, "study": "tiny", "bundle": model.bundle, "weights": weights}
            session.add(Promotion(at=float(at), **line, **told))
        session.commit()
    with listening(service) as url:
        client = Client(url)
        assert client.current(case)["bundle"] == bundle_of(service, "baseline")
        assert client.roll_back(case, "it was not")["bundle"] == bundle_of(service, "best")
    browser = client_of(service)
    page = browser.get("/tuner/models").text
    (action,) = re.findall(r'action="(/tuner/cases/[^"]+)"', page)
    fields = {"form_key": form_key(browser, "/tuner/models"), "reason": "once more"}
    refused = browser.post(action, data=fields)
    assert refused.status_code == 400
    assert "there is nothing to roll back to" in refused.text


@pytest.mark.slow
def test_the_web_process_answers_without_torch(with_bundles: Path, tmp_path: Path) -> None:
    shutil.copytree(with_bundles, tmp_path / "storage")
    with served(tmp_path / "storage") as (process, client):
        (tmp_path / "houses.csv").write_text(TABLE, encoding="utf-8")
        data = Client(str(client.base_url)).send(tmp_path / "houses.csv")
        door = f"data={data}&target=price"
        (model, *_) = client.get(f"{V1}/models").json()["models"]
        tried = f"{V1}/models/tiny/{model['bundle']}"
        assert client.post(f"{tried}/predict", content="3,3").status_code == 200
        assert client.post(f"{tried}/promote", json={"reason": "x"}).status_code == 201
        for path in (
            *("/tuner/", "/tuner/studies/tiny", "/tuner/studies/tiny/report", "/tuner/machine"),
            *("/tuner/models", tried, f"{tried}/download", f"{V1}/studies/tiny", "/metrics"),
            *("/tuner/new?case=tiny&read=1", f"/tuner/new?door=table&{door}&read=1"),
        ):
            assert client.get(path).status_code == 200, path
        mapped = {one.path for one in psutil.Process(process.pid).memory_maps()}
        assert not [path for path in mapped if "libtorch" in path]
        assert [path for path in mapped if "_sqlite3" in path], "libraries are seen so"


@pytest.mark.slow  # imports torch in a process of its own
def test_a_model_is_tried(service: Service) -> None:
    client = client_of(service)
    model = f"{V1}/models/tiny/{bundle_of(service, 'best')}"
    with_header = client.post(f"{model}/predict", content="x,y\n0,0\n3,3\n")
    _, right = with_header.json()["predictions"]
    assert set(right["probabilities"]) == {"left", "right"}
    (alone,) = client.post(f"{model}/predict", content="3,3").json()["predictions"]
    assert alone["probability"] == pytest.approx(right["probability"], abs=1e-6)
    wrong = client.post(f"{model}/predict", content="a,b\n0,0\n")
    assert wrong.status_code == 400
    assert "column" in wrong.json()["detail"]
    assert "/" not in wrong.json()["detail"], "no path of the machine is told"


@pytest.mark.slow
def test_a_model_on_the_features_of_pictures_is_tried_on_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photos(tmp_path / "photos")
    weights(tmp_path / "w.pth", "mobilenet_v3_small")
    given = {"data": "photos", "size": "32", "backbone": "mobilenet_v3_small", "weights": "w.pth"}
    workplace = Workplace.at(tmp_path / "storage")
    workplace.root.mkdir()
    search(workplace.url, make_brief(to_door("images", given), workplace.root), 1, name="heads")
    retrained("heads", arm="baseline", workplace=workplace)
    service = make_service(workplace)
    (model,) = service.ledger.models()
    assert model.manifest["preprocessing"]["columns"] != model.columns == []
    assert model.manifest["preprocessing"]["read"] == READ_BY_CASE == BY_CASE
    client = client_of(service)
    assert 'type="file"' in client.get(f"/tuner/models/heads/{model.bundle}").text
    picture = (tmp_path / "photos/cat/0.png").read_bytes()
    answer = client.post(f"{V1}/models/heads/{model.bundle}/predict", content=picture)
    (said,) = answer.json()["predictions"]
    assert said["class"] in {"cat", "dog"}
    service.storage.engine.dispose()
