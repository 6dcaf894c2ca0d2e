"""Private names of Optuna and PyTorch: each still exists, and is used in one package only."""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
import torch
from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage

from tuner.unpromised import OPTIMIZING
from tuner.unpromised.by_optuna import NOTE_VERSION, OFFERED_ARTIFACT, models
from tuner.unpromised.by_torch import TENSORS

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[1] / "src" / "tuner"
ROOM = SOURCE / "unpromised"
ADVICE = "changed what it does not promise: see src/tuner/unpromised"


def looked_up(path: str) -> Any:
    """Return the object of a dotted name in a module, as in `torch.cpu:_is_amx_tile_supported`."""
    module, _, names = path.partition(":")
    found: Any = import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found


@pytest.mark.parametrize(
    "path",
    [
        "numpy.random:get_bit_generator",
        "numpy.random:set_bit_generator",
        "optuna.samplers._tpe.parzen_estimator:_ParzenEstimator",
        "optuna.samplers._tpe.sampler:_split_trials",
        "optuna.samplers._tpe.sampler:default_gamma",
        "optuna.samplers:TPESampler._compare",
        "optuna.samplers:TPESampler._compute_acquisition_func",
        "optuna.storages._rdb.models:TrialIntermediateValueModel.intermediate_value_to_stored_repr",
        "torch.cpu:_is_amx_tile_supported",
        "torch.cpu:_is_avx512_bf16_supported",
        "torch.nn.modules.batchnorm:_BatchNorm",
        "torch.utils._pytree:tree_leaves",
        "torch:Tensor._backward_hooks",
        "torch:Tensor._post_accumulate_grad_hooks",
    ],
)
def test_a_private_name_is_still_there(path: str) -> None:
    try:
        looked_up(path)
    except (ImportError, AttributeError) as missing:
        pytest.fail(f"{path.partition('.')[0]} {ADVICE}: {path} is missing ({missing})")


PARTS = ("_n_ei_candidates", "_n_startup_trials", "_parzen_estimator_parameters", "_random_sampler")


@pytest.mark.parametrize("name", [*PARTS, "_rng.rng"])
def test_a_sampler_still_has_the_part(name: str) -> None:
    part: Any = TPESampler(seed=0, multivariate=False)
    for step in name.split("."):
        assert hasattr(part, step), f"optuna {ADVICE}: TPESampler has no {name}"
        part = getattr(part, step)


COLUMNS = {
    "TrialModel": "trial_id number study_id state datetime_start datetime_complete",
    "TrialParamModel": "param_id trial_id param_name param_value distribution_json",
    "TrialIntermediateValueModel": "trial_intermediate_value_id trial_id step intermediate_value "
    "intermediate_value_type",
    "TrialUserAttributeModel": "trial_user_attribute_id trial_id key value_json",
    "TrialSystemAttributeModel": "trial_system_attribute_id trial_id key value_json",
}


@pytest.mark.parametrize("table", COLUMNS)
def test_a_table_still_has_the_columns_that_are_written(table: str) -> None:
    """An additional column might have to be written as well."""
    found = {column.name for column in getattr(models, table).__table__.columns}
    assert found == set(COLUMNS[table].split()), f"optuna {ADVICE}: the columns of {table}"


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    return optuna.create_study(study_name="a", storage=f"sqlite:///{tmp_path}/a.db")


def test_a_study_still_says_where_it_is_stored(study: optuna.Study) -> None:
    asked = study.ask()
    (row,) = study._storage.get_all_studies()
    assert row._study_id == study._study_id, f"optuna {ADVICE}: _study_id"
    assert study._storage.get_trial(study.trials[0]._trial_id).number == asked.number
    backend: object = study._storage._backend  # type: ignore[attr-defined]
    assert isinstance(backend, RDBStorage), f"optuna {ADVICE}: _backend of a cached storage"


def test_an_artifact_and_a_note_are_still_kept_under_their_names(
    study: optuna.Study, tmp_path: Path
) -> None:
    from optuna_dashboard import save_note

    file = tmp_path / "file.txt"
    file.write_text("x", encoding="utf-8")
    store = FileSystemArtifactStore(str(tmp_path))
    artifact = upload_artifact(artifact_store=store, file_path=str(file), study_or_trial=study)
    save_note(study, "a note")
    attributes = study._storage.get_study_system_attrs(study._study_id)
    assert OFFERED_ARTIFACT + artifact in attributes, f"optuna {ADVICE}: OFFERED_ARTIFACT"
    assert NOTE_VERSION in attributes, f"optuna-dashboard {ADVICE}: NOTE_VERSION"


def test_a_module_still_keeps_its_tensors_under_these_names() -> None:
    assert set(vars(torch.nn.Linear(1, 1))) >= TENSORS, f"torch {ADVICE}: TENSORS"


def test_what_an_optimizer_imports_is_still_there() -> None:
    import_module(OPTIMIZING)
    assert OPTIMIZING in sys.modules


def private_names(file: Path) -> Iterator[str]:
    """Yield private names of other packages in a file: `thing._name`, and imports of such."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        where = f"{file.relative_to(SOURCE)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            if not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}):
                yield f"{where}: {ast.unparse(node)}"
        elif isinstance(node, ast.ImportFrom | ast.Import):
            module = getattr(node, "module", None) or ""
            parts = [*module.split("."), *(p for a in node.names for p in a.name.split("."))]
            if not module.startswith("tuner.") and any(map(_is_private, parts)):
                yield f"{where}: {ast.unparse(node)}"


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


# `os._exit` is documented. `_csv` has the type of a reader, which `csv` does not export.
ELSEWHERE = {"os._exit", "from _csv import Reader"}


@pytest.mark.slow
def test_private_names_stand_in_one_room_only() -> None:
    found = [
        name
        for file in sorted(SOURCE.rglob("*.py"))
        if ROOM not in file.parents
        for name in private_names(file)
        if name.partition(": ")[2] not in ELSEWHERE
    ]
    assert found == []
    assert len(list(private_names(ROOM / "by_optuna.py"))) > 5  # it finds existing ones
