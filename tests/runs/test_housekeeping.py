"""list, best, compare, delete, rename and clean, on a whole study of the tiny case."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from tests.disks import leave
from tests.making import DATABASE, HERE, TINY, make_brief, retrained, search
from tuner.bundle.bundle import open_bundle
from tuner.bundle.manifest import read_manifest
from tuner.commands import best, clean, compare, delete, rename
from tuner.commands.list import main as list_main
from tuner.commands.study import main as study_main
from tuner.errors import StudyError, UsageError
from tuner.evidence.final.odometer import looks_among, looks_at, openings_in
from tuner.evidence.statistics.looks import Plan
from tuner.report.facts import gather
from tuner.runs.contrast import contrast
from tuner.runs.folder import renaming
from tuner.runs.folder.backup import back_up
from tuner.runs.folder.cleaning import find_waste, take_away
from tuner.runs.folder.deletion import delete_study, plan_deletion
from tuner.runs.folder.inventory import short_verdict, studies_of
from tuner.runs.folder.renaming import rename_study
from tuner.runs.folder.restore import restore
from tuner.runs.holding import at_work
from tuner.study.catalogue import Catalogue
from tuner.study.database.lock import only_writer
from tuner.study.database.storage import open_storage
from tuner.study.limits import BREAKS
from tuner.study.schema import ARM, CONFIRMATION, LOST
from tuner.study.store import load_study, settle
from tuner.study.trials import finished
from tuner.workplace import Workplace

LONG_AGO = 1_000_000_000


def catalogue() -> Catalogue:
    return Catalogue(open_storage(DATABASE, create=False))


def belonging_to(name: str) -> set[str]:
    """Return everything in the storage folder that has the name of a study."""
    return {str(path) for path in Path("storage").rglob("*") if name in path.name}


def waste() -> dict[str, str]:
    return {one.what: one.kind for one in find_waste(HERE)}


def aged(path: Path) -> Path:
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def test_list_tells_what_each_study_has_come_to(
    own_workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search(DATABASE, make_brief(TINY, own_workplace), 2, name="short")
    assert list_main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["study", "short", "tiny"]
    assert list_main(["--json"]) == 0
    short, tiny = json.loads(capsys.readouterr().out)
    assert (short["trials"], short["state"], short["split"]) == (2, "searched", "validation")
    assert short["verdict"] == "not confirmed"
    assert (tiny["trials"], tiny["state"], tiny["split"]) == (5, "confirmed", "test")
    scores = load_study(DATABASE, "tiny").user_attrs[CONFIRMATION]["arms"]["best"]["scores"]
    assert tiny["best"] == pytest.approx(sum(one["accuracy"] for one in scores) / len(scores))


def test_a_row_of_the_list_is_what_the_report_says(own_workplace: Path) -> None:
    search(DATABASE, make_brief(TINY, own_workplace), 2, name="short")
    catalogue().load("tiny").enqueue_trial({"width": 3})
    catalogue().load("short").add_trial(
        create_trial(state=TrialState.COMPLETE, value=2.0)  # added by another program: never an arm
    )
    for row in studies_of(HERE):
        facts = gather(load_study(DATABASE, row.name), HERE)
        assert (row.trials, row.verdict) == (facts["trials"]["total"], short_verdict(facts))
        best = facts["arms"]["best"]
        split = best["test"].get("accuracy") or best["validation"]
        assert row.best == pytest.approx(split["mean"])
        assert row.split == ("test" if best["test"] else "validation")
    assert [one.state for one in studies_of(HERE)] == ["searched", "confirmed"]
    begun = catalogue().load("tiny")
    begun.ask()  # the queued one
    with only_writer(DATABASE, "tiny"):
        assert [one.state for one in studies_of(HERE)] == ["searched", "running"]
    assert [one.state for one in studies_of(HERE)] == ["searched", "interrupted"]  # it was killed
    settle(begun)
    assert [one.state for one in studies_of(HERE)] == ["searched", "interrupted"]


def test_a_trial_that_was_not_trained_or_was_lost_is_not_counted(own_workplace: Path) -> None:
    study = catalogue().load("tiny")
    for state, attributes, score in (
        (TrialState.PRUNED, {BREAKS: [0.5]}, 0.5),  # over a limit
        (TrialState.FAIL, {LOST: True}, None),
        (TrialState.FAIL, {ARM: "recipe", BREAKS: [0.5]}, None),  # an arm is trained anyway
    ):
        study.add_trial(create_trial(state=state, value=score, user_attrs=attributes))
    assert finished(study) == 6
    assert [one.trials for one in studies_of(HERE)] == [6]
    assert plan_deletion(HERE, "tiny").trials == 6
    assert back_up(HERE, own_workplace / "copy.zip").trials == {"tiny": 6}


def test_best_is_what_the_study_says(
    own_workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert own_workplace.is_dir()
    assert best.main(["tiny", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    trial = load_study(DATABASE, "tiny").trials[found["trial"]]
    assert found["hyperparameters"] == trial.user_attrs["hyperparameters"]
    assert best.main(["tiny"]) == 0
    shown = capsys.readouterr().out
    assert found["sentence"] in shown
    assert all(name in shown for name in found["hyperparameters"])


def test_none_as_a_value_is_told_from_a_value_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop.py").write_text(
        "DIRECTION = 'maximize'\nBASELINE = {'kind': 'a'}\n"
        "def loop(trial):\n"
        "    kind = trial.suggest_categorical('kind', ['a', None])\n"
        "    return 0.0 if kind else trial.suggest_float('more', 1, 1)\n"
    )
    words = ["loop.py:loop", "--trials", "2", "--seeds", "0", "--workers", "1"]
    assert study_main([*words, "--try", "kind=None"]) == 0
    assert "kind=None (was a)" in capsys.readouterr().out
    assert best.main(["loop"]) == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["kind", "None", "a", "changed"] in shown
    assert ["more", "1", "-", "changed"] in shown


@pytest.mark.slow
def test_compare_tells_whether_scores_can_be_compared(
    own_workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search(DATABASE, make_brief(TINY, own_workplace, seed=1, width=3), 3, name="fixed")
    found = contrast(HERE, "tiny", "fixed")
    assert found["comparable"]
    assert found["inputs"]["seed"] == [0, 1]
    assert "validation" in found["reasons"][0]
    assert compare.main(["tiny", "fixed"]) == 0
    shown = capsys.readouterr().out
    assert "can be compared" in shown
    assert "width=3" in shown
    other = own_workplace / "other.py"
    other.write_text(Path(TINY).read_text().replace("points(60, 0)", "points(60, 2)"))
    search(DATABASE, make_brief(str(other), own_workplace), 3, name="other")
    found = contrast(HERE, "tiny", "other")
    assert not found["comparable"]
    assert "different data" in found["reasons"][0]


def test_delete_takes_all_that_belongs_to_it_and_nothing_else(
    own_workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search(DATABASE, make_brief(TINY, own_workplace), 2, name="other")
    retrained("tiny", case_file=TINY)
    artifacts = catalogue().artifacts("tiny")
    assert artifacts
    assert delete.main(["tiny"]) == 2, "nobody is there to be asked"
    assert "add --yes" in capsys.readouterr().out
    assert "tiny" in catalogue().studies
    assert delete.main(["tiny", "--yes"]) == 0
    assert [*catalogue().studies] == ["other"]
    assert "tiny" not in catalogue().evidence
    assert not any((HERE.root / "artifacts" / one).exists() for one in artifacts)
    assert belonging_to("tiny") <= {"storage/studies.db.tiny.lock"}
    with pytest.raises(UsageError, match="no study 'tiny'"):
        delete_study(HERE, "tiny")


@pytest.mark.slow
def test_looks_at_a_test_set_outlive_delete_and_clean(own_workplace: Path) -> None:
    other = search(DATABASE, make_brief(TINY, own_workplace), 2, name="other")
    identity = make_brief(TINY, own_workplace).dataset.test.identity()
    before = looks_at(other, identity)
    assert before >= 1
    for rows in (identity, "others", None):
        some = openings_in(open_storage(DATABASE, create=False).engine, "other", rows)
        assert looks_among(some, "other", rows) == looks_at(other, rows)
    delete_study(HERE, "tiny")
    assert looks_at(load_study(DATABASE, "other"), identity) == before
    assert clean.main(["--yes"]) == 0
    assert looks_at(load_study(DATABASE, "other"), identity) == before


@pytest.mark.slow
def test_an_interrupted_deletion_that_is_repeated_counts_its_looks_once(
    own_workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = search(DATABASE, make_brief(TINY, own_workplace), 2, name="other")
    identity = make_brief(TINY, own_workplace).dataset.test.identity()
    before = looks_at(other, identity)
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(Catalogue, "delete", interrupted)
            with pytest.raises(KeyboardInterrupt):
                delete_study(HERE, "tiny")
    delete_study(HERE, "tiny")
    assert looks_at(load_study(DATABASE, "other"), identity) == before


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_a_study_at_work_is_kept(own_workplace: Path) -> None:
    assert own_workplace.is_dir()
    before = catalogue().artifacts("tiny")
    with only_writer(DATABASE, "tiny"):
        with pytest.raises(StudyError, match="tiny"):
            delete_study(HERE, "tiny")
        with pytest.raises(StudyError, match="tiny"):
            rename_study(HERE, "tiny", "other")
        weights = HERE.confirmation("tiny")
        weights.mkdir(parents=True)
        assert [one.what for one in take_away(HERE, find_waste(HERE))] == [str(weights)]
    assert weights.exists()
    assert catalogue().artifacts("tiny") == before
    assert HERE.report("tiny").exists()


@pytest.mark.slow
def test_a_full_disk_can_be_emptied(own_workplace: Path, small_disk: Path) -> None:
    there = Workplace.at(small_disk / "storage")
    restore(there, back_up(HERE, own_workplace / "backup.zip").path)
    weights = there.confirmation("tiny") / "model"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(bytes(100_000))
    leave(small_disk, 0)
    assert take_away(there, find_waste(there)) == []
    assert not weights.exists()
    leave(small_disk, 0)
    delete_study(there, "tiny")
    assert Catalogue(open_storage(there.url, create=False)).studies == {}
    assert shutil.disk_usage(small_disk).free > 0


@pytest.mark.slow
def test_rename_moves_the_study_with_all_that_names_it(own_workplace: Path) -> None:
    assert own_workplace.is_dir()
    bundle = retrained("tiny", case_file=TINY)
    trials = load_study(DATABASE, "tiny").trials
    assert rename.main(["tiny", "new name"]) == 0
    assert [*catalogue().studies] == ["new name"]
    assert [*catalogue().evidence] == ["new name"]
    study = load_study(DATABASE, "new name")
    assert [t.params for t in study.trials] == [t.params for t in trials]
    report = HERE.report("new name")
    assert json.loads((report / "report.json").read_text())["study"] == "new name"
    assert "--name 'new name'" in study.user_attrs["sessions"][-1]["command"]
    moved = HERE.bundles("new name") / bundle.name
    assert read_manifest(moved)["study"] == "new name"
    assert open_bundle(moved, TINY).manifest["trial"] is not None
    assert belonging_to("tiny") <= {"storage/studies.db.tiny.lock"}
    assert set(waste().values()) <= {"lock"}


@pytest.mark.slow
def test_a_rename_interrupted_at_its_report_is_done_by_the_same_command(
    own_workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert own_workplace.is_dir()
    with monkeypatch.context() as patch:
        patch.setattr(renaming, "write_and_publish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            rename_study(HERE, "tiny", "new name")
    rename_study(HERE, "tiny", "new name")
    report = HERE.report("new name")
    assert json.loads((report / "report.json").read_text())["study"] == "new name"
    with pytest.raises(UsageError, match="no study 'tiny'"):
        rename_study(HERE, "tiny", "new name")


@pytest.mark.parametrize("taken", ["tiny", "", "a/b", ".hidden"])
def test_a_name_that_cannot_be_is_refused_and_nothing_moves(
    own_workplace: Path, taken: str
) -> None:
    before = {path for path in own_workplace.rglob("*") if path.suffix == ".md"}
    with pytest.raises(UsageError):
        rename_study(HERE, "tiny", taken)
    assert {path for path in own_workplace.rglob("*") if path.suffix == ".md"} == before


def test_rename_leaves_files_of_a_name_without_a_study_alone(own_workplace: Path) -> None:
    assert own_workplace.is_dir()
    (HERE.report("other")).mkdir()
    with pytest.raises(StudyError, match="no study has that name"):
        rename_study(HERE, "tiny", "other")
    assert "tiny" in catalogue().studies


def test_weights_that_a_second_look_needs_are_kept(own_workplace: Path) -> None:
    assert own_workplace.is_dir()
    weights = HERE.confirmation("tiny") / "seed.safetensors"
    weights.parent.mkdir(parents=True)
    weights.touch()
    study = load_study(DATABASE, "tiny")
    found = study.user_attrs[CONFIRMATION]
    for made, kinds in ((1, set()), (2, {"weights"})):
        plan = asdict(replace(Plan.of(1), made=made))
        study.set_user_attr(CONFIRMATION, {**found, "plan": plan})
        assert set(waste().values()) == kinds


def test_what_another_clean_has_taken_meanwhile_is_no_error(own_workplace: Path) -> None:
    assert own_workplace.is_dir()
    for artifact in catalogue().artifacts():
        (HERE.root / "artifacts" / artifact).unlink()
    found = find_waste(HERE)
    assert {one.kind for one in found} == {"record"}
    for _ in range(2):
        assert take_away(HERE, found) == []
    assert find_waste(HERE) == []


def test_clean_finds_what_serves_nothing_and_touches_nothing_else(
    own_workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert own_workplace.is_dir()
    assert waste() == {}, "a study that has ended leaves nothing that may go"
    named = next(iter(catalogue().artifacts()))
    (HERE.root / "artifacts" / named).unlink()
    expected = {named: "record"}
    for path, kind in (
        (HERE.report("gone") / "report.md", "folder"),
        (HERE.bundles("gone") / "a" / "weights", "folder"),
        (HERE.confirmation("tiny") / "seed.safetensors", "weights"),
        (HERE.cache / "0123" / "dataset.json", "cache"),
        (aged_file(HERE.root / "artifacts" / "nobody"), "artifact"),
        (aged_file(HERE.report("tiny") / ".report.md.ab12cd34"), "leftover"),
        (aged_file(HERE.root / "studies.db.4242.new"), "leftover"),
        (HERE.root / "studies.db.gone.lock", "lock"),
    ):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x" * 100)
        single = kind in {"artifact", "leftover", "lock"}
        top = path if single else HERE.root.joinpath(*path.relative_to(HERE.root).parts[:2])
        expected[str(top)] = kind
    recent = HERE.report("tiny") / ".report.md.zz99zz99"
    recent.write_text("a write in progress")
    kept = {path for path in HERE.root.rglob("*") if path.is_file()}
    assert waste() == expected
    assert clean.main([]) == 0
    assert "Nothing was removed" in capsys.readouterr().out
    assert {path for path in HERE.root.rglob("*") if path.is_file()} == kept, "a dry run"
    assert clean.main(["--what", named, "--what", "cache"]) == 0
    said = capsys.readouterr().out
    assert "'cache' is not on the list of what can be removed." in said
    assert str(HERE.cache) not in said
    assert clean.main(["--yes"]) == 0
    assert waste() == {}
    assert recent.exists()
    assert (HERE.report("tiny") / "report.md").exists()
    assert retrained("tiny", case_file=TINY).is_dir(), "the study can still be used"


def test_the_lock_of_a_study_that_has_just_begun_is_no_waste(own_workplace: Path) -> None:
    assert own_workplace.is_dir()
    with only_writer(DATABASE, "begun"):
        assert waste() == {}
    assert set(waste().values()) <= {"lock"}


def aged_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x" * 100)
    return aged(path)


def test_evidence_without_its_study_is_found(own_workplace: Path) -> None:
    assert own_workplace.is_dir()
    optuna.delete_study(study_name="tiny", storage=open_storage(DATABASE, create=False))
    assert waste()["tiny"] == "evidence"
    assert clean.main(["--yes"]) == 0
    assert "tiny" not in catalogue().evidence
    assert waste() == {}


def test_a_folder_that_databases_share_has_no_orphans(own_workplace: Path) -> None:
    assert own_workplace.is_dir()
    HERE.report("gone").mkdir()
    assert waste()
    (HERE.root / "another.db").touch()
    assert waste() == {}


@pytest.mark.parametrize("name", ["team.sqlite", "no suffix"])
def test_a_database_is_known_by_what_it_is(own_workplace: Path, name: str) -> None:
    assert own_workplace.is_dir()
    HERE.report("gone").mkdir()
    (HERE.root / "notes.txt").write_text("no database")
    assert waste()
    open_storage(f"sqlite:///{HERE.root / name}", create=True).engine.dispose()
    assert waste() == {}


def test_a_database_elsewhere_is_noted_where_its_studies_have_files(
    own_workplace: Path, tmp_path: Path
) -> None:
    assert own_workplace.is_dir()
    HERE.report("gone").mkdir()
    for url in (DATABASE, f"sqlite:///{HERE.root.resolve() / 'studies.db'}"):
        with at_work(Workplace.at(HERE.root, url), "tiny"):
            assert waste(), "it is this folder's own, by whatever name"
    with at_work(Workplace.at(HERE.root, f"sqlite:///{tmp_path}/team.db"), "tiny"):
        pass
    assert waste() == {}


def test_weights_wait_for_a_confirmation_that_is_due(own_workplace: Path) -> None:
    assert own_workplace.is_dir()
    HERE.confirmation("tiny").mkdir(parents=True)
    study = load_study(DATABASE, "tiny")
    stored = study.user_attrs[CONFIRMATION]
    study.set_user_attr(CONFIRMATION, {**stored, "candidates": [99]})
    assert waste() == {}


@pytest.mark.slow
def test_a_study_with_something_fixed_is_a_study_of_its_own(own_workplace: Path) -> None:
    assert own_workplace.is_dir()
    line = [TINY, "--trials", "2", "--seeds", "0", "--workers", "1"]
    assert study_main([*line, "--fix", "width=3"]) == 0
    assert study_main([*line, "--fix", "width=3"]) == 0, "the same line continues it"
    assert [one.name for one in studies_of(HERE)] == ["tiny", "tiny-width-3"]


@pytest.mark.slow
def test_a_fixed_study_of_an_earlier_version_keeps_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = [TINY, "--trials", "2", "--seeds", "0", "--workers", "1", "--fix", "width=3"]
    assert study_main([*line, "--name", "tiny"]) == 0
    assert study_main(line) == 0
    assert [one.name for one in studies_of(HERE)] == ["tiny"]
