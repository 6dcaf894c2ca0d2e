"""A study checks everything that its results depend on; harmless changes do not count."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest

from tests.making import TINY, make_brief, open_as_command
from tests.sampling import one_in
from tuner.errors import StudyError
from tuner.search.pruner import TaperingPruner, pruner_named
from tuner.study.design import KEPT, SQUARE, Design
from tuner.study.identity import changes, refuse_another_case
from tuner.study.opening import open_study
from tuner.study.samplers import GAUSSIAN, SAMPLERS
from tuner.study.schema import CHANGES, CONCLUSIONS, CONFIRMATION, EVIDENCE, FACTS
from tuner.study.store import evidence_name, load_study

if TYPE_CHECKING:
    from tuner.study.configuration import StudyConfig

TEXT = Path(TINY).read_text(encoding="utf-8")


def edited(folder: Path, *edits: tuple[str, str], text: str = TEXT) -> StudyConfig:
    """Write the tiny case with edits in its file, as a user makes them."""
    for old, new in edits:
        assert text.count(old) >= 1
        text = text.replace(old, new, 1)
    file = folder / "mine.py"
    file.write_text(text, encoding="utf-8")
    return make_brief(str(file), folder)


def accepting(url: str, config: StudyConfig) -> optuna.Study:
    """Open the study like `tuner study --accept-changes`."""
    return open_study(url, "study", config, pruner_named, accept=True)[0]


EDITS = {
    "its validation split is KFold(3), not KFold(10)": ("KFold(3)", "KFold(10)"),
    "its columns are y, where now are z": ('("x", "y")', '("x", "z")'),
    "its baseline has width=4, not width=5": ("width: int = 4", "width: int = 5"),
    "its recipe has dropout=0.1, not dropout=0.2": ("dropout=0.1", "dropout=0.2"),
    "its search space has changed in width: width from 2 to 8, now width from 2 to 9": (
        '"width", 2, 8',
        '"width", 2, 9',
    ),
    "its number of validations an epoch is 1, not 2": (
        "    build=build,",
        "    build=build,\n    points_per_epoch=2,",
    ),
    "its data is tiny with fingerprint": ("1.5 * targets", "1.6 * targets"),
    "the code of its case has changed in mine.py": (
        "return build_mlp(hyperparameters, shape)",
        "return build_mlp(hyperparameters, shape).double()",
    ),
}


@pytest.mark.parametrize(
    ("said", "edit"), one_in(3, EDITS.items()), ids=[edit[0] for edit in EDITS.values()]
)
def test_a_change_is_refused_and_named_alone_and_can_be_accepted(
    url: str, tmp_path: Path, said: str, edit: tuple[str, str]
) -> None:
    first = accepting(url, edited(tmp_path))
    first.set_user_attr(CONFIRMATION, {"candidates": [0]})
    changed = edited(tmp_path, edit)
    with pytest.raises(StudyError) as refused:
        open_as_command(url, "study", changed)
    message = str(refused.value)
    assert said in message
    assert "--accept-changes" in message
    others = [other.split(" is ")[0] for other in EDITS if other != said]
    code = "the code of its case has changed in mine.py"
    assert [other for other in others if other in message and other != code] == []
    study = accepting(url, changed)
    noted = study.user_attrs[CHANGES]
    assert {"when", "what", "was", "now"} == noted[0].keys()
    assert "code of the case" in {one["what"] for one in noted}
    assert not any(study.user_attrs.get(name) for name in CONCLUSIONS)
    again, opened = open_as_command(url, "study", changed)
    assert again.user_attrs[CHANGES] == noted
    assert opened.identity == first.user_attrs[FACTS]["identity"]


HARMLESS = [
    ("import torch", "import torch  # a remark"),
    ('"""Two noisy clouds."""', '"""Two clouds,\n\n    with noise."""'),
    ('    """Make the data."""\n', ""),
    ("    del folders\n", '    del folders\n\n    "A note."\n'),
    (
        "return build_mlp(hyperparameters, shape)",
        "return build_mlp(\n        hyperparameters,\n        shape,\n    )",
    ),
    ("width: int = 4\n", "width: int = (4)\n"),
]


def test_harmless_edits_lock_nobody_out(url: str, tmp_path: Path) -> None:
    """All at once, because any of them alone would also be found among the others."""
    open_as_command(url, "study", edited(tmp_path))
    study, _ = open_as_command(url, "study", edited(tmp_path, *HARMLESS))
    assert CHANGES not in study.user_attrs


def test_a_module_beside_the_case_is_part_of_it(url: str, tmp_path: Path) -> None:
    text = TEXT.replace("return build_mlp(", "from layers import make\n\n    return make(")
    (tmp_path / "layers.py").write_text("from deeper import make\n", encoding="utf-8")
    deeper = tmp_path / "deeper.py"
    deeper.write_text("from tuner import build_mlp as make\n", encoding="utf-8")
    open_as_command(url, "study", edited(tmp_path, text=text))
    deeper.write_text("from tuner import build_mlp\n\n\ndef make(h, s): return build_mlp(h, s)\n")
    with pytest.raises(StudyError, match="code of its case has changed in deeper\\."):
        open_as_command(url, "study", edited(tmp_path, text=text))


@pytest.mark.parametrize(
    ("reference", "to_do"),
    [
        ("mine.py", "Name the version that made it with --case, or"),
        ("table --data houses.csv --target price", "Use the version of tuner that made it, or"),
    ],
)
def test_who_has_a_file_of_a_case_is_asked_for_it(
    config: StudyConfig, url: str, reference: str, to_do: str
) -> None:
    study, opened = open_as_command(url, "study", config)
    stored = {**study.user_attrs[FACTS], "reference": reference}
    changed = replace(opened.source, main="0" * 16)
    with pytest.raises(StudyError, match=f"code of its case has changed in .*py. {to_do} continue"):
        refuse_another_case("study", stored, opened.case, changed)
    refuse_another_case("study", stored, opened.case, opened.source)


@pytest.mark.parametrize("what", ["sampler", "pruner"])
def test_another_sampler_or_pruner_is_noticed(config: StudyConfig, url: str, what: str) -> None:
    study, _ = open_as_command(url, "study", replace(config, sampler="ours"))
    study.set_user_attr(FACTS, {**study.user_attrs[FACTS], what: "another"})
    with pytest.raises(StudyError, match=f"its {what} is another, not "):
        open_as_command(url, "study", replace(config, sampler="ours"))


@pytest.mark.parametrize("accepted", [False, True])
def test_a_study_begun_with_the_rules_before_keeps_them(
    config: StudyConfig, url: str, accepted: bool
) -> None:
    study, _ = open_as_command(url, "study", config)
    facts = study.user_attrs[FACTS]
    before = {name: value for name, value in facts.items() if name not in KEPT}
    if accepted:  # continue the study with another change
        before["rules"] = {**facts["rules"], "training/step.py": "0" * 16}
    study.set_user_attr(FACTS, {**before, "pruner": SQUARE})
    study, opened = open_study(url, "study", config, pruner_named, accept=True)
    assert opened.design == Design() != config.design
    assert opened.pruner == study.user_attrs[FACTS]["pruner"] == SQUARE
    assert isinstance(study.pruner, TaperingPruner)
    assert (study.pruner.power, study.pruner.least) == (2, 0.15)
    assert not set(KEPT) & study.user_attrs[FACTS].keys()
    assert bool(study.user_attrs.get(CHANGES)) == accepted


@pytest.mark.parametrize("begun_with", SAMPLERS)
def test_a_study_continues_with_the_sampler_it_was_begun_with(
    config: StudyConfig, url: str, begun_with: str
) -> None:
    open_as_command(url, "study", replace(config, sampler=begun_with))
    study, _ = open_as_command(url, "study", replace(config, sampler=GAUSSIAN))
    assert study.user_attrs[FACTS]["sampler"] == begun_with
    rules = {**study.user_attrs[FACTS]["rules"], "training/step.py": "0" * 16}
    study.set_user_attr(FACTS, {**study.user_attrs[FACTS], "rules": rules})
    accepted = accepting(url, replace(config, sampler=GAUSSIAN))
    assert accepted.user_attrs[FACTS]["sampler"] == begun_with


def test_another_training_code_of_tuner_is_noticed(config: StudyConfig, url: str) -> None:
    study, _ = open_as_command(url, "study", config)
    facts = study.user_attrs[FACTS]
    rules = {**facts["rules"], "training/step.py": "0" * 16}
    study.set_user_attr(FACTS, {**facts, "rules": rules})
    with pytest.raises(StudyError, match=r"training code of tuner .*: training/step\.py"):
        open_as_command(url, "study", config)
    assert accepting(url, config).user_attrs[CHANGES][0]["what"] == "training code of tuner"


@pytest.mark.parametrize("change", [{"seed": 1}, {"fixed": {"width": 3}}, {"order": "arrival"}])
def test_what_was_typed_cannot_be_accepted(
    config: StudyConfig, url: str, change: dict[str, Any]
) -> None:
    open_as_command(url, "study", config)
    with pytest.raises(StudyError) as refused:
        accepting(url, replace(config, **change))
    assert "--accept-changes" not in str(refused.value)


def test_choices_that_optuna_cannot_change_are_not_accepted(url: str, tmp_path: Path) -> None:
    open_as_command(url, "study", edited(tmp_path))
    changed = edited(tmp_path, ('"step_lr", (False, True)', '"step_lr", (False, True, None)'))
    with pytest.raises(StudyError, match="Optuna cannot add or remove choices"):
        accepting(url, changed)


def test_a_study_of_an_older_tuner_continues_only_with_a_word(
    config: StudyConfig, url: str
) -> None:
    study, _ = open_as_command(url, "study", config)
    facts = study.user_attrs[FACTS]
    new = {"identity", "source", "rules", "baseline", "recipe", "points_per_epoch"}
    data = {k: v for k, v in facts["data"].items() if k not in {"identity", "validation"}}
    old = {**{k: v for k, v in facts.items() if k not in new}, "data": data}
    study.set_user_attr(FACTS, old)
    with pytest.raises(StudyError, match="did not record the code of its case"):
        open_as_command(url, "study", config)
    accepted = accepting(url, config)
    assert accepted.user_attrs[FACTS]["source"] == json.loads(json.dumps(facts["source"]))
    assert open_as_command(url, "study", config)[1].identity


def test_a_number_that_is_not_equal_to_itself_is_not_a_change(
    config: StudyConfig, url: str
) -> None:
    study, _ = open_as_command(url, "study", config)
    wanted = {**study.user_attrs[FACTS], "baseline": {"gamma": float("nan")}}
    assert changes(json.loads(json.dumps(wanted)), wanted) == []


def test_evidence_of_a_deleted_study_goes_with_it(config: StudyConfig, url: str) -> None:
    study, first = open_as_command(url, "study", config)
    evidence = optuna.create_study(study_name=evidence_name("study"), storage=study._storage)
    evidence.set_user_attr(EVIDENCE, "study")
    optuna.delete_study(study_name="study", storage=study._storage)
    _, second = open_as_command(url, "study", config)
    assert evidence_name("study") not in optuna.get_all_study_names(
        load_study(url, "study")._storage
    )
    assert first.basis != second.basis


def test_what_evidence_depends_on_is_in_its_key(config: StudyConfig, tmp_path: Path) -> None:
    others = [
        replace(config, identity="another"),
        replace(config, plan=replace(config.plan, threads=2)),
        replace(config, dataset=replace(config.dataset, columns=("a", "b"))),
        replace(config, case=replace(config.case, points_per_epoch=2)),
        edited(tmp_path, ("KFold(3)", "KFold(4)")),
        edited(tmp_path, ("hyperparameters.breaks", "not not hyperparameters.breaks")),
    ]
    assert len({config.basis, *(other.basis for other in others)}) == 1 + len(others)
