from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.making import TINY
from tuner import files
from tuner.bundle.bundle import open_bundle
from tuner.bundle.manifest import read_manifest, write_bundle
from tuner.case.contract import Shape
from tuner.case.loading import load_case
from tuner.data.scaling import Scaler
from tuner.data.tensors import load_tensors, save_tensors
from tuner.errors import BundleError, CaseError, UsageError
from tuner.evidence.rows.ensembles import Ensemble
from tuner.training.inference import Fitted
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

CASE = load_case(TINY)
FACTS: dict[str, Any] = {
    "case": "tiny",
    "reference": TINY,
    "hyperparameters": {
        name: getattr(CASE.baseline, name) for name in CASE.baseline.__dataclass_fields__
    },
    "shape": {"inputs": [2], "outputs": 2},
    "plan": {"precision": "float32", "channels_last": False},
    "preprocessing": {"kind": "table", "columns": ["x", "y"]},
    "classes": ["inside", "outside"],
}


@pytest.fixture
def fitted() -> Fitted:
    torch.manual_seed(0)
    model = CASE.build(CASE.baseline, Shape((2,), 2)).eval()
    return Fitted(
        model, Scaler(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])), Scaler.identity()
    )


@pytest.fixture
def bundle(fitted: Fitted, tmp_path: Path) -> Path:
    fitted.save(tmp_path / "weights")
    write_bundle(tmp_path / "bundle", tmp_path / "weights", FACTS)
    return tmp_path / "bundle"


def test_a_bundle_gives_back_the_model(bundle: Path, fitted: Fitted) -> None:
    opened = open_bundle(bundle, TINY)
    rows = torch.randn(9, 2)
    assert torch.equal(opened.fitted.outputs(rows, opened.plan), fitted.outputs(rows, Plan()))
    assert opened.manifest["hyperparameters"] == FACTS["hyperparameters"]
    assert not (bundle.parent / "weights").exists(), "the weights were moved"


def test_a_bundle_takes_the_place_of_an_older_one(bundle: Path, fitted: Fitted) -> None:
    fitted.save(bundle.parent / "weights")
    write_bundle(bundle, bundle.parent / "weights", {**FACTS, "note": "newer"})
    assert read_manifest(bundle)["note"] == "newer"
    assert list(bundle.parent.iterdir()) == [bundle]


def test_a_bundle_that_is_replaced_meanwhile_is_opened_anew(
    bundle: Path, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the classes of one model would name the answers of another."""
    load = Fitted.load
    newer = {**FACTS, "classes": ["outside", "inside"]}

    def replaced_first(model: nn.Module, *given: Any) -> Fitted:
        if read_manifest(bundle)["classes"] != newer["classes"]:
            fitted.save(bundle.parent / "weights")
            write_bundle(bundle, bundle.parent / "weights", newer)
        return load(model, *given)

    monkeypatch.setattr(Fitted, "load", replaced_first)
    assert open_bundle(bundle, TINY).interface.classes == ("outside", "inside")


def test_a_bundle_that_is_not_there_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with pytest.raises(BundleError, match="is not a bundle: No such file"):
        open_bundle(tmp_path / "none", TINY)
    assert len(waits) < files.ATTEMPTS


def test_a_bundle_takes_the_place_of_nothing_else(fitted: Fitted, tmp_path: Path) -> None:
    fitted.save(tmp_path / "weights")
    folder, file, link = (tmp_path / name for name in ("folder", "file", "link"))
    folder.mkdir()
    write_bundle(folder, tmp_path / "weights", FACTS)  # an empty folder is taken
    (folder / "thesis.txt").write_text("years of work", encoding="utf-8")
    file.write_text("also dear", encoding="utf-8")
    link.symlink_to(tmp_path / "nowhere")
    before = set(tmp_path.rglob("*"))
    fitted.save(tmp_path / "weights")
    for place in (folder, file, link):
        with pytest.raises(UsageError, match="already exists and is not a bundle"):
            write_bundle(place, tmp_path / "weights", FACTS)
    assert set(tmp_path.rglob("*")) == before | {tmp_path / "weights"}


def flip_byte(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_bit_can_be_changed_unseen(data: st.DataObject, bundle: Path) -> None:
    path = data.draw(st.sampled_from(sorted(bundle.iterdir())))
    before = path.read_bytes()
    place = data.draw(st.integers(0, len(before) - 1))
    flip_byte(path, place)
    try:
        with pytest.raises(BundleError):
            open_bundle(bundle, TINY)
    finally:
        path.write_bytes(before)
    open_bundle(bundle, TINY)


def edited(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    change(manifest)
    (bundle / "manifest.json").write_text(json.dumps(manifest))


def test_an_edited_manifest_says_so(bundle: Path) -> None:
    edited(bundle, lambda manifest: manifest.update(case="another"))
    with pytest.raises(BundleError, match="was altered after it was written"):
        open_bundle(bundle, TINY)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", "null", "[" * 100_000])
def test_what_is_not_a_manifest_says_so(bundle: Path, text: str) -> None:
    (bundle / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match=r"manifest\.json is not a bundle's manifest"):
        open_bundle(bundle, TINY)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from([*FACTS, "format", "manifest_sha256", "x"]), inner)
    ),
    max_leaves=6,
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(manifest=JSON)
def test_no_manifest_breaks_the_reader(manifest: object, tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").touch()
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError):
        read_manifest(tmp_path)


@pytest.mark.parametrize("read", ["os.system", "tuner.read_image", "", None, 1, ["case"]])
def test_a_way_of_reading_that_nobody_knows_is_refused(
    fitted: Fitted, tmp_path: Path, read: object
) -> None:
    fitted.save(tmp_path / "weights")
    facts = {**FACTS, "preprocessing": {**FACTS["preprocessing"], "read": read}}
    write_bundle(tmp_path / "bundle", tmp_path / "weights", facts)
    with pytest.raises(BundleError, match=r"manifest\.json is not a bundle's manifest"):
        open_bundle(tmp_path / "bundle", TINY)


@pytest.mark.parametrize("name", ["manifest.json", "weights.safetensors"])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=f"is not a bundle: No such file.*{name}"):
        open_bundle(bundle, TINY)


def test_a_newer_format_is_not_guessed_at(fitted: Fitted, tmp_path: Path) -> None:
    fitted.save(tmp_path / "weights")
    write_bundle(tmp_path / "bundle", tmp_path / "weights", {**FACTS, "format": 3})
    with pytest.raises(BundleError, match="has bundle format 3, this version reads 1 and 2"):
        open_bundle(tmp_path / "bundle", TINY)


def test_a_users_case_is_run_only_when_named(bundle: Path) -> None:
    with pytest.raises(CaseError, match=r"uses your own case 'tiny'; pass its file: --case "):
        open_bundle(bundle)
    with pytest.raises(CaseError, match="uses case 'tiny', but housing is case 'housing'"):
        open_bundle(bundle, "housing")


def test_a_case_that_has_changed_is_refused(bundle: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.py"
    changed.write_text(Path(TINY).read_text().replace("breaks: bool", "cracks: bool"))
    with pytest.raises(CaseError, match="differ in breaks, cracks"):
        open_bundle(bundle, str(changed))


@pytest.mark.parametrize(("name", "value"), [("depth", 10**9), ("dropout", 7.0)])
def test_what_no_search_could_draw_is_not_built(
    fitted: Fitted, tmp_path: Path, name: str, value: float
) -> None:
    fitted.save(tmp_path / "weights")
    absurd = {**FACTS, "hyperparameters": {**FACTS["hyperparameters"], name: value}}
    write_bundle(tmp_path / "bundle", tmp_path / "weights", absurd)
    with pytest.raises(BundleError, match=r"cannot draw the configuration of .* so it is"):
        open_bundle(tmp_path / "bundle", TINY)


@pytest.mark.parametrize("name", ["weights.safetensors", "manifest.json"])
def test_only_a_regular_file_is_read(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    (bundle / name).symlink_to("/dev/zero")
    with pytest.raises(BundleError, match="is not a regular file"):
        open_bundle(bundle, TINY)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("features.mean", torch.zeros(7)),
        ("features.std", torch.zeros(4)),
        ("targets.std", torch.ones(5, 1, 1)),
        ("features.mean", torch.zeros(4, dtype=torch.complex64)),
    ],
)
def test_scalers_that_fit_no_row_are_refused(
    fitted: Fitted, tmp_path: Path, name: str, tensor: Tensor
) -> None:
    fitted.save(tmp_path / "whole")
    save_tensors({**load_tensors(tmp_path / "whole"), name: tensor}, tmp_path / "weights")
    write_bundle(tmp_path / "bundle", tmp_path / "weights", FACTS)
    with pytest.raises(BundleError, match="scaler"):
        open_bundle(tmp_path / "bundle", TINY)


def test_weights_of_another_model_are_refused(fitted: Fitted, tmp_path: Path) -> None:
    fitted.save(tmp_path / "weights")
    wider = {**FACTS, "hyperparameters": {**FACTS["hyperparameters"], "width": 8}}
    write_bundle(tmp_path / "bundle", tmp_path / "weights", wider)
    with pytest.raises(BundleError, match="does not hold the weights of this model"):
        open_bundle(tmp_path / "bundle", TINY)


def ensemble_of(fitted: Fitted, folder: Path, facts: dict[str, Any]) -> Path:
    torch.manual_seed(1)
    other = CASE.build(CASE.baseline, Shape((2,), 2)).eval()
    both = Ensemble((fitted.model, other), "classification")
    replace(fitted, model=both).save(folder / "weights")
    write_bundle(folder / "bundle", folder / "weights", facts)
    return folder / "bundle"


def test_an_ensemble_says_the_mean_of_what_its_networks_say(fitted: Fitted, tmp_path: Path) -> None:
    opened = open_bundle(ensemble_of(fitted, tmp_path, {**FACTS, "models": 2}), TINY)
    rows = torch.randn(9, 2)
    networks = opened.fitted.model.members
    assert isinstance(networks, torch.nn.ModuleList)
    each = [
        replace(opened.fitted, model=one).outputs(rows, opened.plan).softmax(dim=1)
        for one in networks
    ]
    assert torch.equal(
        replace(opened.fitted, model=networks[0]).outputs(rows, opened.plan),
        fitted.outputs(rows, Plan()),
    )
    found = opened.fitted.outputs(rows, opened.plan).softmax(dim=1)
    torch.testing.assert_close(found, (each[0] + each[1]) / 2)


@pytest.mark.parametrize("models", [0, -1, 65, 10**12, True, 2.0, "2", None, [2]])
def test_so_many_networks_are_not_built(fitted: Fitted, tmp_path: Path, models: object) -> None:
    bundle = ensemble_of(fitted, tmp_path, {**FACTS, "models": models})
    with pytest.raises(BundleError, match="is not a bundle's manifest"):
        open_bundle(bundle, TINY)


@pytest.mark.parametrize("models", [1, 3])
def test_another_number_of_networks_than_the_weights_have_is_refused(
    fitted: Fitted, tmp_path: Path, models: int
) -> None:
    bundle = ensemble_of(fitted, tmp_path, {**FACTS, "models": models})
    with pytest.raises(BundleError, match="does not hold the weights of this model"):
        open_bundle(bundle, TINY)
