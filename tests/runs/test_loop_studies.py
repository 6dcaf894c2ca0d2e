"""Studies of a user's loop: the same with any number of workers, resumed, repeated."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from contextlib import chdir
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import TrialState

from tests.disturbing import end_well
from tests.forked import Command
from tests.making import DATABASE
from tests.waiting import SECONDS_TO_HANG
from tuner.bundle.model import load
from tuner.case.assignments import parse_pairs, split_pairs, written_out
from tuner.commands.ablate import main as ablate
from tuner.commands.check import main as check
from tuner.commands.retrain import main as retrain
from tuner.commands.study import main as study
from tuner.commands.verify import main as verify
from tuner.errors import BundleError, CaseError, StudyError, UsageError
from tuner.evidence.final.odometer import looks_at
from tuner.evidence.jobs import seed_of
from tuner.evidence.loops import calls_to_show
from tuner.runs.library import run_study
from tuner.runs.typed import assigned
from tuner.seeds import Stream
from tuner.study.arms import arms_of
from tuner.study.schema import CONFIRMATION, OPENINGS, SEED_MATTERS
from tuner.study.store import evidence_of, load_study

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.xdist_group("loops")  # tests that share a study and a fork server

LOOP = """
import optuna, torch, tuner
from pathlib import Path

DIRECTION = "maximize"
METRIC = "accuracy"
BASELINE = {"lr": 0.001, "layers": 1}


def objective(trial):
    lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    layers = trial.suggest_int("layers", 1, 3)
    units = [trial.suggest_int(f"units_{n}", 4, 64, log=True) for n in range(layers)]
    for epoch in range(6):
        score = 1 - abs(torch.tensor(lr).log10() + 2) / 4 + 0.02 * layers + sum(units) / 4000
        score = score + 0.01 * epoch + 0.01 * torch.randn(())
        trial.report(score, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    trial.set_user_attr("units", units)
    (tuner.folder() / "notes.txt").write_text(str(tuner.seed()))
    return score
"""
BASELINE = {"lr": 0.001, "layers": 1}
TESTED = """
import torch

DIRECTION = "maximize"


def train(trial):
    width = trial.suggest_int("width", 1, 8)
    for epoch in range(3):
        yield {"validation": 0.6 + 0.04 * width + 0.01 * torch.rand(()), "train": 0.9, "f1": width}
    return torch.nn.Linear(width, 1)


def test(model):
    rows = torch.arange(200) % 10
    return (rows < 4 + model.in_features // 2).float()
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of the loop, made by two workers."""
    folder = tmp_path_factory.mktemp("loops")
    with chdir(folder):
        Path("train.py").write_text(LOOP, encoding="utf-8")
        assert study(["train.py:objective", "--trials", "10", "--workers", "2"]) == 0
    return folder


def trials_of(folder: Path, name: str = "train") -> list[tuple[Any, ...]]:
    """Return the parameters, pruning and scores of a study's trials."""
    with chdir(folder):
        trials = load_study(DATABASE, name).get_trials()
    return [
        (t.number, t.state, t.params, t.values, t.intermediate_values, t.user_attrs["seed"])
        for t in trials
    ]


@pytest.mark.slow  # three studies in processes; tests/search/test_coordinator.py guards the same
def test_a_study_is_the_same_with_any_number_of_workers(made: Path, tmp_path: Path) -> None:
    with chdir(tmp_path):
        Path("train.py").write_text(LOOP, encoding="utf-8")
        assert study(["train.py:objective", "--trials", "7", "--workers", "1", "--seeds", "0"]) == 0
        command = ["train.py:objective", "--trials", "10", "--workers", "2", "--seeds", "0"]
        assert study(command) == 0
    states = {state for _, state, *_ in trials_of(made)}
    assert states == {TrialState.COMPLETE, TrialState.PRUNED}
    # With one worker, a trial is drawn with more earlier results, so only the first are equal.
    assert trials_of(tmp_path)[:2] == trials_of(made)[:2]


@pytest.mark.slow
def test_the_same_command_makes_the_same_study(made: Path, tmp_path: Path) -> None:
    with chdir(tmp_path):
        Path("train.py").write_text(LOOP, encoding="utf-8")
        command = ["train.py:objective", "--trials", "10", "--workers", "2", "--seeds", "0"]
        assert study(command) == 0
    assert trials_of(tmp_path) == trials_of(made)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_study_that_is_ended_and_continued_is_the_same(
    made: Path, tmp_path: Path, how: signal.Signals
) -> None:
    slow = LOOP.replace("        trial.report", "        time.sleep(0.02); trial.report")
    slow = slow.replace("import optuna", "import time, optuna")
    words = ["tuner.study", "train.py:objective", "--trials", "10", "--workers", "2"]
    words += ["--seeds", "0"]
    (tmp_path / "train.py").write_text(slow, encoding="utf-8")
    ended = 0
    for at in (2, 5, 8):
        running = Command(words, tmp_path, os.environ)
        for line in running.stdout:
            if (match := re.match(r"\[(\d+)/", line)) and int(match[1]) >= at:
                time.sleep(0.05)
                running.send_signal(how)
                break
        running.communicate()
        ended += running.returncode != 0
    end_well(Command(words, tmp_path, os.environ))
    assert ended >= 2
    assert trials_of(tmp_path) == trials_of(made)


def test_what_a_loop_notes_is_kept(made: Path) -> None:
    with chdir(made):
        trials = load_study(DATABASE, "train").get_trials(states=(TrialState.COMPLETE,))
    assert trials
    for trial in trials:
        assert trial.user_attrs["units"] == [
            trial.params[f"units_{n}"] for n in range(trial.params["layers"])
        ]


def test_baseline_is_trial_0_and_its_missing_names_are_in_the_middle(made: Path) -> None:
    _, state, params, *_ = trials_of(made)[0]
    assert state == TrialState.COMPLETE
    assert params == {"lr": 0.001, "layers": 1, "units_0": 16}


def test_it_is_confirmed_on_seeds_that_nobody_chose(made: Path) -> None:
    with chdir(made):
        found = load_study(DATABASE, "train")
        confirmation = found.user_attrs[CONFIRMATION]
        evidence = optuna.load_study(study_name="train/evidence", storage=DATABASE)
    race = {t.user_attrs["seed"] for t in evidence.trials if not t.user_attrs["final"]}
    assert race
    assert not race & set(confirmation["seeds"])
    assert confirmation["plan"]["models"] == [len(confirmation["seeds"])]
    assert (confirmation["plan"]["fewest"], confirmation["plan"]["settled"]) == (6, True)
    assert OPENINGS not in found.user_attrs, "it has no test rows"
    report = (made / "storage" / "reports" / "train" / "report.json").read_text()
    pair = json.loads(report)["comparison"]["best_vs_baseline"]
    assert (pair["verdict"], pair["covers"]) == ("better", "seeds")


@pytest.mark.slow
def test_verify_ablate_and_retrain(made: Path) -> None:
    with chdir(made):
        assert verify(["train", "--all", "--case", "train.py", "--workers", "2"]) == 0
        assert ablate(["train", "--case", "train.py:objective", "--workers", "2"]) == 0
        assert retrain(["train", "--case", "train.py", "--out", "model"]) == 0
        manifest = json.loads(Path("model/manifest.json").read_text())
        assert Path("model/notes.txt").read_text() == str(manifest["seed"])
        facts = json.loads(Path("storage/reports/train/report.json").read_text())
        best = facts["arms"]["best"]
        assert manifest["hyperparameters"] == best["hyperparameters"]
        assert manifest["score"]["accuracy"] == best["test"]["accuracy"]["values"][0]
        path = [step["change"] for step in facts["ablation"]["path"]]
        assert "lr" in path
        assert retrain(["train", "--case", "train.py", "--out", "model"]) == 0


def test_a_loop_is_called_with_only_some_changes_of_the_best(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with chdir(made):
        again = ["train", "--case", "train.py", "--out", "part"]
        with pytest.raises(
            UsageError, match=r"no change of the best 'rate'\. The changes are layers, lr"
        ):
            retrain([*again, "--only", "rate"])
        with pytest.raises(UsageError, match="--only names no change; write it like --only"):
            retrain([*again, "--only", ","])
        assert retrain([*again, "--only", "lr"]) == 0
        part = json.loads(Path("part/manifest.json").read_text())
        best = arms_of(load_study(DATABASE, "train"))["best"]
    assert part["hyperparameters"] == {
        **part["hyperparameters"],
        **BASELINE,
        "lr": best.params["lr"],
    }
    assert (part["trial"], list(part["only"])) == (None, ["lr"])
    assert "It is not compared with the baseline" in capsys.readouterr().err


@pytest.mark.parametrize("command", [verify, ablate])
def test_a_cluster_is_refused_in_one_line(made: Path, command: Callable[[list[str]], int]) -> None:
    with (
        chdir(made),
        pytest.raises(UsageError, match="--engine ray cannot run a loop yet; leave it out"),
    ):
        command(["train", "--case", "train.py", "--engine", "ray"])


def test_verify_notices_a_loop_that_changed(made: Path, tmp_path: Path) -> None:
    other = tmp_path / "train.py"
    other.write_text(LOOP.replace("0.01 * epoch", "0.02 * epoch"), encoding="utf-8")
    with chdir(made):
        assert verify(["train", "--trial", "0", "--case", str(other)]) == 1
        with pytest.raises(StudyError, match="made with another version of its loop"):
            retrain(["train", "--case", str(other)])
        with pytest.raises(CaseError, match=r"pass its file: --case train\.py:objective"):
            retrain(["train"])
        with pytest.raises(
            UsageError, match="several models cannot be combined; leave --models out"
        ):
            retrain(["train", "--case", str(other), "--models", "2"])


@pytest.mark.slow
def test_a_changed_loop_is_another_study(made: Path, tmp_path: Path) -> None:
    with chdir(tmp_path):
        Path("train.py").write_text(LOOP, encoding="utf-8")
        assert study(["train.py:objective", "--trials", "2", "--seeds", "0"]) == 0
        Path("train.py").write_text(f"# a comment\n{LOOP}", encoding="utf-8")
        assert study(["train.py:objective", "--trials", "3", "--seeds", "0"]) == 0
        Path("train.py").write_text(LOOP.replace("(6)", "(7)"), encoding="utf-8")
        with pytest.raises(StudyError, match=r"code of its case has changed in train\.py"):
            study(["train.py:objective", "--trials", "4", "--seeds", "0"])
        with pytest.raises(StudyError, match="its direction is maximize, not minimize"):
            study(["train.py:objective", "--direction", "minimize", "--accept-changes"])
        with pytest.raises(StudyError, match=r"its baseline has lr=0\.001, not lr=0\.01"):
            study(["train.py:objective", "--baseline", "lr=0.01", "--baseline", "layers=1"])


@pytest.mark.slow
def test_test_rows_are_opened_once_and_decide(tmp_path: Path) -> None:
    with chdir(tmp_path):
        Path("train.py").write_text(TESTED, encoding="utf-8")
        command = ["train.py:train", "--trials", "7", "--baseline", "width=1"]
        assert study(command) == 0
        found = load_study(DATABASE, "train")
        facts = json.loads(Path("storage/reports/train/report.json").read_text())
        assert retrain(["train", "--case", "train.py", "--out", "model"]) == 0
        assert Path("model/model.safetensors").exists()
    assert len(found.user_attrs[OPENINGS]) == 1
    assert all(one.user_attrs["f1"] == one.params["width"] for one in found.trials)
    pair = facts["comparison"]["best_vs_baseline"]
    assert (pair["covers"], pair["rows"], pair["verdict"]) == ("rows", 200, "better")
    best = facts["arms"]["best"]["hyperparameters"]["width"]
    score = facts["arms"]["best"]["test"]["score"]["mean"]
    assert score == pytest.approx((4 + best // 2) / 10)
    assert pair["gain"] == pytest.approx((best // 2) / 10)
    assert not facts["confirmation"]["opposed"]


@pytest.mark.slow
def test_test_scores_the_other_way_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with chdir(tmp_path):
        Path("train.py").write_text(TESTED.replace("rows < 4", "rows >= 4"), encoding="utf-8")
        assert study(["train.py:train", "--trials", "4", "--baseline", "width=1"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "**Worse: " in shown
    assert "This verdict may be the wrong way round." in shown


@pytest.mark.slow
def test_test_rows_of_a_confirmation_that_failed_are_opened_once(tmp_path: Path) -> None:
    failing = TESTED.replace(
        "def test(model):\n", "def test(model):\n    import os\n    os.stat('there')\n"
    )
    with chdir(tmp_path):
        Path("train.py").write_text(
            failing.replace("'there'", repr(str(tmp_path / "there"))), encoding="utf-8"
        )
        command = ["train.py:train", "--trials", "4", "--baseline", "width=1", "--seeds", "3"]
        for _ in range(2):
            with pytest.raises(StudyError, match="there"):
                study(command)
        Path("there").touch()
        found = load_study(DATABASE, "train")
        assert found.user_attrs[OPENINGS][0]["test"]["count"] == 3
        assert looks_at(found, found.user_attrs[OPENINGS][0]["rows"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "end",
    [
        "raise optuna.TrialPruned",
        "raise RuntimeError('linalg.svd: did not converge')",
        "raise SystemExit(3)",
        "import os; os.kill(os.getpid(), 11)",
    ],
)
def test_a_round_in_which_a_call_comes_to_no_score_is_left_out(tmp_path: Path, end: str) -> None:
    """The third and the fifth seed of the test are multiples of three, which give no score."""
    text = TESTED.replace("import torch\n", "import optuna, torch, tuner\n").replace(
        "    return torch.nn",
        f"    if tuner.seed() % 3 == 0: {end}\n    return torch.nn",
    )
    with chdir(tmp_path):
        Path("train.py").write_text(text, encoding="utf-8")
        command = ["train.py:train", "--trials", "4", "--baseline", "width=1", "--seeds", "4"]
        assert study(command) == 0
        found = load_study(DATABASE, "train").user_attrs[CONFIRMATION]
        report = Path("storage/reports/train/report.md").read_text()
    assert found["seeds"] == [seed_of(0, index, Stream.TEST) for index in (0, 1, 3, 5)]
    assert {len(arm["scores"]) for arm in found["arms"].values()} == {4}
    assert "2 rounds of calls were left out" in " ".join(report.split())


@pytest.mark.slow
def test_a_crash_in_test_ends_the_study_before_more_is_called(tmp_path: Path) -> None:
    """Every call would crash, and their trainings would be lost one after the other."""
    text = TESTED.replace("def test(model):\n", "def test(model):\n    model.nothing_like_it\n")
    with chdir(tmp_path):
        Path("train.py").write_text(text, encoding="utf-8")
        command = ["train.py:train", "--trials", "4", "--baseline", "width=1", "--workers", "1"]
        with pytest.raises(
            StudyError, match=r"nothing_like_it.*run the same command with --accept"
        ):
            study(command)
        evidence = evidence_of(load_study(DATABASE, "train"))
        assert evidence is not None
        assert not [one for one in evidence.get_trials() if one.user_attrs["final"]]
        Path("train.py").write_text(TESTED, encoding="utf-8")
        assert study([*command, "--accept-changes"]) == 0


@pytest.mark.slow
def test_a_loop_is_retrained_with_a_seed_that_came_to_a_score(tmp_path: Path) -> None:
    first = seed_of(0, 0, Stream.TEST)
    text = TESTED.replace("import torch\n", "import optuna, torch, tuner\n").replace(
        "    return torch.nn",
        f"    if tuner.seed() == {first}: raise optuna.TrialPruned\n    return torch.nn",
    )
    with chdir(tmp_path):
        Path("train.py").write_text(text, encoding="utf-8")
        command = ["train.py:train", "--trials", "3", "--baseline", "width=1", "--seeds", "2"]
        assert study(command) == 0
        assert retrain(["train", "--case", "train.py", "--arm", "best", "--out", "model"]) == 0
        manifest = json.loads(Path("model/manifest.json").read_text())
    assert manifest["seed"] == seed_of(0, 1, Stream.TEST)


@pytest.mark.slow
def test_a_recipe_whose_calls_mostly_give_up_is_not_compared(tmp_path: Path) -> None:
    """The search and the race use other seeds than the test."""
    seeds = {seed_of(0, index, Stream.TEST) for index in range(20)}
    text = TESTED.replace("import torch\n", "import optuna, torch, tuner\nRECIPE = {'width': 2}\n")
    text = text.replace(
        "    return torch.nn",
        f"    if width == 2 and tuner.seed() in {seeds}: raise optuna.TrialPruned\n"
        "    return torch.nn",
    )
    with chdir(tmp_path):
        Path("train.py").write_text(text, encoding="utf-8")
        command = ["train.py:train", "--trials", "5", "--baseline", "width=1", "--seeds", "3"]
        assert study(command) == 0
        found = load_study(DATABASE, "train").user_attrs[CONFIRMATION]
        assert found["arms"].keys() == {"baseline", "best"}
        report = Path("storage/reports/train/report.md").read_text()
        assert study(command) == 0
        assert load_study(DATABASE, "train").user_attrs[CONFIRMATION] == found
    assert "The recipe is not compared: 6 new trainings of it gave no score." in report


def test_a_try_keeps_what_is_fixed(tmp_path: Path) -> None:
    text = """
def objective(trial):
    return trial.suggest_float("lr", 0, 1) + trial.suggest_int("depth", 1, 3)
"""
    with chdir(tmp_path):
        Path("train.py").write_text(text, encoding="utf-8")
        command = ["train.py:objective", "--direction", "maximize", "--seeds", "0"]
        command += ["--trials", "1", "--workers", "1", "--baseline", "lr=0.9", "--fix", "lr=0.5"]
        assert study([*command, "--try", "depth=3"]) == 0
        trials = load_study(DATABASE, "train").get_trials()
        with pytest.raises(UsageError, match=r"--try lr=0\.1: this study fixes lr=0\.5; leave lr"):
            study([*command, "--try", "lr=0.1"])
    assert trials[-1].params == {"lr": 0.5, "depth": 3}


@pytest.mark.slow
def test_a_script_with_a_test_function_of_its_own_is_searched_and_confirmed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in PyTorch's own examples: `test(model, device, loader)` beside an objective."""
    script = (
        "import random\ndef test(model, device, loader): ...\n"
        "def objective(trial): return trial.suggest_float('a', 0, 1) + random.random() / 10"
    )
    with chdir(tmp_path):
        Path("train.py").write_text(script, encoding="utf-8")
        assert check(["train.py:objective", "--seconds", "5"]) in {0, 1}
        assert "The function `test` of the file is not used: the loop yields no scores" in (
            capsys.readouterr().out
        )
        command = ["train.py:objective", "--direction", "maximize", "--trials", "7", "--seeds", "2"]
        assert study(command) == 0
        facts = json.loads(Path("storage/reports/train/report.json").read_text())
        assert retrain(["train", "--case", "train.py", "--out", "made"]) == 0
        with pytest.raises(BundleError, match=r"made holds what the loop train:objective wrote"):
            load("made")
    assert facts["comparison"]["best_vs_baseline"]["covers"] == "seeds"


@pytest.mark.slow
def test_a_loop_that_seeds_itself_proves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = "def objective(trial): return trial.suggest_float('a', 0, 1)"
    with chdir(tmp_path):
        Path("train.py").write_text(fixed, encoding="utf-8")
        command = ["train.py:objective", "--direction", "maximize", "--trials", "7"]
        assert study(command) == 0
        found = load_study(DATABASE, "train")
        facts = json.loads(Path("storage/reports/train/report.json").read_text())
    assert found.user_attrs[SEED_MATTERS] == "nothing"
    assert facts["comparison"]["best_vs_baseline"]["verdict"] == "no proven gain"
    shown = capsys.readouterr().out
    assert "Fresh seeds change nothing" in shown
    assert "No baseline was given, so it is the middle of each range" in shown


def test_what_is_typed_wrong(tmp_path: Path) -> None:
    with chdir(tmp_path):
        Path("train.py").write_text("def objective(trial): return 1", encoding="utf-8")
        with pytest.raises(UsageError, match="Add --direction maximize or --direction minimize"):
            study(["train.py:objective"])
        for wrong, message in {
            ("--baseline", "lr"): "--baseline lr has no value",
            ("--fix", "=1"): "--fix =1 has no value",
            ("--engine", "ray"): "--engine ray cannot run a loop yet",
            ("--address", "auto"): "--address auto is only used with --engine ray",
            ("--max-parameters", "9"): "--max-parameters does not work with a training loop: the",
            ("--max-latency-ms", "9"): "--max-latency-ms does not work with a training loop: the",
            ("--precision", "float32"): "--precision does not work with a training loop: it comp",
            ("--metric", "accuracy"): "--metric accuracy does not work .*, or use --score to say",
            ("--max-cost", "2"): "--max-cost does not work with a training loop: what it computes",
            ("--data-dir", "."): "--data-dir does not work with a training loop: it reads its own",
        }.items():
            command = ["train.py:objective", "--direction", "maximize", *wrong]
            with pytest.raises(UsageError, match=message):
                study(command)
        with pytest.raises(UsageError, match="--direction is for a training loop of your own"):
            study(["housing", "--direction", "maximize"])
        with pytest.raises(UsageError, match="the metric of case 'housing' is chosen with --metr"):
            study(["housing", "--score", "mae"])
        limited = partial(run_study, "train.py:objective", direction="maximize")
        with pytest.raises(UsageError, match="--max-parameters does not work with a training loop"):
            limited(max_parameters=9)
        with pytest.raises(UsageError, match="--metric accuracy does not work with a training lo"):
            limited(metric="accuracy")
        with pytest.raises(UsageError, match="the metric of case 'housing' is chosen with --metr"):
            run_study("housing", score="mae")
        with pytest.raises(UsageError, match="--baseline is for a training loop of your own"):
            run_study("housing", baseline={"width": 3})
        wrongs: tuple[dict[str, Any], ...]
        wrongs = {"direction": "up"}, {"trials": "auto"}, {"trials": 0}, {"workers": -1}
        for other in wrongs:
            (name,) = other
            given: dict[str, Any] = {"direction": "maximize", **other}
            with pytest.raises(UsageError, match=f"{name} is "):
                run_study("train.py:objective", **given)
        with pytest.raises(UsageError, match="is a function, and its calls are made in other proc"):
            run_study(test_what_is_typed_wrong)  # type: ignore[arg-type]
        with pytest.raises(
            UsageError, match=r"case is of type dict; .* Write rows into a file, and"
        ):
            run_study({"x": [1, 2]})  # type: ignore[arg-type]
        assert not Path("storage").exists()


@pytest.mark.parametrize(
    "value",
    ["18", "None", "adam,fused", "a'b,\"c", "x=1", "(1,", "relu", 18, True, None, 0.5, (0.9, 0.99)],
)
def test_a_value_of_python_is_read_as_it_was(value: Any) -> None:
    typed = ",".join(assigned({"a": value, "b": 1}))
    assert parse_pairs(split_pairs(typed), "--try") == {"a": written_out(value), "b": 1}


def test_a_baseline_that_crashes_ends_the_study_at_once(tmp_path: Path) -> None:
    with chdir(tmp_path):
        Path("train.py").write_text("def objective(trial): return 1 / 0", encoding="utf-8")
        with pytest.raises(StudyError, match=r"the baseline failed: crashed: line 1 of train\.py"):
            study(["train.py:objective", "--direction", "maximize"])


@pytest.mark.slow
def test_limits_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with chdir(tmp_path):
        Path("train.py").write_text(LOOP, encoding="utf-8")
        assert study(["train.py:objective", "--trials", "3", "--seeds", "0"]) == 0
        assert len(trials_of(tmp_path)) == 3
        slow = LOOP.replace("    lr =", "    __import__('time').sleep(0.5)\n    lr =")
        Path("slow.py").write_text(slow, encoding="utf-8")
        command = ["slow.py:objective", "--timeout", "2", "--trials", "1000", "--seeds", "0"]
        assert study(command) == 0
        assert sum(trial.state.is_finished() for trial in load_study(DATABASE, "slow").trials) < 50
        timed = ["slow.py:objective", "--name", "timed", "--budget", "2s", "--seeds", "0"]
        capsys.readouterr()
        assert study(timed) == 0
        assert "Stopped by --budget so that the rest fits into 2 s." in capsys.readouterr().out


OWN_STUDY = "study = __import__('optuna').create_study()\nstudy.optimize(train, n_trials=2)"


@pytest.mark.parametrize(
    ("body", "said", "status"),
    [
        ("import torch; return torch.rand(()).item()", "Two calls with the same seed are equal", 1),
        ("import time; return time.time_ns() % 10007", "first differ in the score", 1),
        ("return 1", "Another seed changes nothing", 1),
        ("import tuner; return tuner.seed() > 2", "Another seed gives another result", 1),
        ("SEEN.append(1); return len(SEEN)", "SEEN grows with each call", 1),
        ("import random as r; trial.report(r.random(), 0); return r.random()", "It reports", 0),
        ("trial.report(1, 0); return 1", "(1 times within", 1),
        ("trial.report(float('nan'), 0); return 1", "Two calls with the same seed are equal", 1),
        (
            "open(__file__ + '.best', 'w').close(); return 1",
            "same files: `train.py.best`. Calls",
            1,
        ),
        ("return 1\nBASELINE = {'lr': 1}", "it names lr, and the loop asked for nothing", 1),
        ("yield 1; return 2\ndef test(m): return [1, m]", "a score for each of 2 rows", 1),
        (f"return 1\n{OWN_STUDY}", "(line 5: study.optimize(train, n_trials=2))", 1),
    ],
)
def test_a_loop_is_tried_before_a_night_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, said: str, status: int
) -> None:
    path = tmp_path / "train.py"
    path.write_text(f"SEEN = []\ndef train(trial):\n  {body}", encoding="utf-8")
    assert check([str(path), "--seconds", f"{SECONDS_TO_HANG:.0f}"]) == status
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("BASELINE = {'lr': '0.1'}", r"BASELINE lr='0\.1' is a text, and the loop asks"),
        ("def test(model): return model / 0", r"crashed: line 4 of train\.py: ZeroDivisionError"),
    ],
)
def test_what_would_end_a_study_is_noticed_before_it(tmp_path: Path, more: str, said: str) -> None:
    path = tmp_path / "train.py"
    loop = "def train(trial):\n    yield 2 * trial.suggest_float('lr', 0, 1)\n    return 1"
    path.write_text(f"{loop}\n{more}", encoding="utf-8")
    with pytest.raises(CaseError, match=said):
        check([str(path)])


ODD = """
import random, torch
from pathlib import Path

def train(trial):
    x = trial.suggest_float("x", -10, 10)
    trial.set_constraint("size", FLOOR - x)
    torch.save([x], "best.pt")
    return x * x + random.random() / 100 + 0 * torch.load("best.pt")[0]
"""


@pytest.mark.slow
@pytest.mark.parametrize("floor", [3, 20])
def test_constraints_and_shared_files_are_told_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], floor: int
) -> None:
    """A trial that breaks a constraint is not the best, however good its score is."""
    with chdir(tmp_path):
        Path("train.py").write_text(ODD.replace("FLOOR", str(floor)), encoding="utf-8")
        command = ["train.py:train", "--direction", "minimize", "--trials", "6", "--workers", "1"]
        assert study([*command, "--seeds", "2", "--baseline", "x=0", "--try", "x=5"]) == 0
        said = capsys.readouterr().out
        facts = json.loads(Path("storage/reports/train/report.json").read_text())
        text = Path("storage/reports/train/report.md").read_text()
    assert said.count("use the same files: `best.pt`. Calls run at the same time") == 2
    assert "> **About the files of the loop:** Several calls" in text
    assert f"The baseline breaks a constraint of the loop: size ({floor}, above 0)." in said
    assert "> **About the constraints:** the baseline breaks `size`: the loop gave" in text
    assert facts["broken_constraints"] == {"baseline": {"size": floor}}
    if floor == 3:
        assert facts["arms"]["best"]["hyperparameters"]["x"] >= floor
        assert "it is the best within the limits, and the baseline is over them" in text
        assert "--arm baseline" not in text
    else:
        assert "best" not in facts["arms"]
        assert "Nothing to confirm yet: every complete trial breaks a constraint" in said


def test_how_many_seeds_show_a_gain() -> None:
    assert calls_to_show(0.0, 1.0, 6) == 6
    assert calls_to_show(100.0, 1.0, 6) == 6
    assert calls_to_show(0.01, 1.0, 6) == 24
    assert 6 < calls_to_show(1.5, 1.0, 6) < 24


@pytest.mark.slow
def test_a_failure_of_the_machine_takes_no_trials_place(tmp_path: Path) -> None:
    once = """
from pathlib import Path
mark = Path(__file__).parent / "mark"
def objective(trial):
    a = trial.suggest_float("a", 0, 1)
    if trial.number == 2 and not mark.exists():
        mark.touch()
        raise OSError("no space left on device")
    if trial.number == 4:
        raise ValueError("its own")
    return a
"""
    with chdir(tmp_path):
        Path("train.py").write_text(once, encoding="utf-8")
        command = ["train.py:objective", "--direction", "maximize", "--trials", "6"]
        assert study([*command, "--workers", "1", "--seeds", "0"]) == 0
        trials = load_study(DATABASE, "train").get_trials()
    assert [trial.state.name for trial in trials].count("COMPLETE") == 5
    assert [trial.number for trial in trials if trial.state == TrialState.FAIL] == [2, 4]
    assert trials[3].params == trials[2].params
    assert trials[3].user_attrs["again_of"] == 2
    assert len(trials) == 7


@pytest.mark.parametrize(
    "asked",
    [
        "trial.suggest_categorical('c', list('abc')[: 1 + trial.number % 3])",
        "trial.suggest_int('c', 0, 2) if trial.number else trial.suggest_float('c', 0, 1)",
    ],
)
def test_a_name_that_changes_its_kind_costs_one_trial(tmp_path: Path, asked: str) -> None:
    with chdir(tmp_path):
        text = f"def objective(trial):\n  {asked}\n  return trial.suggest_float('a', 0, 1)\n"
        Path("train.py").write_text(text, encoding="utf-8")
        command = ["train.py:objective", "--direction", "maximize", "--trials", "4"]
        assert study([*command, "--workers", "1", "--seeds", "0"]) == 0
        trials = load_study(DATABASE, "train").get_trials()
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    assert failed
    assert trials[0].state == TrialState.COMPLETE
    for trial in failed:
        assert "'c' is asked for with other choices, or as another" in trial.user_attrs["failure"]


def test_a_baseline_that_gives_up_ends_the_study_at_once(tmp_path: Path) -> None:
    with chdir(tmp_path):
        text = "import optuna\ndef objective(trial): raise optuna.TrialPruned"
        Path("train.py").write_text(text, encoding="utf-8")
        with pytest.raises(StudyError, match=r"never prunes the baseline; .* Fix that, and"):
            study(["train.py:objective", "--direction", "maximize", "--workers", "2"])
        states = {trial.state for trial in load_study(DATABASE, "train").get_trials()}
    assert TrialState.RUNNING not in states


@pytest.mark.slow
def test_what_a_database_cannot_hold_is_kept_as_text(tmp_path: Path) -> None:
    text = """
import warnings, numpy as np
warnings.simplefilter("ignore")
def objective(trial):
    kind = trial.suggest_categorical("kind", [dict, list])
    trial.set_user_attr("seen", np.arange(2))
    trial.set_user_attr("made", object())
    return 1 + isinstance(kind(), list) + np.random.rand()
"""
    with chdir(tmp_path):
        Path("train.py").write_text(text, encoding="utf-8")
        command = ["train.py:objective", "--direction", "maximize", "--trials", "2", "--seeds", "1"]
        assert study([*command, "--workers", "2"]) == 0
        trials = load_study(DATABASE, "train").get_trials()
        assert verify(["train", "--all", "--case", "train.py", "--workers", "2"]) == 0
    assert trials[0].params == {"kind": "dict"}
    for trial in trials:
        assert (trial.user_attrs["seen"], trial.user_attrs["made"]) == ([0, 1], "<object object>")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("lr=5", r"lr=5 is out of range; it takes 0\.0001 to 0\.1"),
        pytest.param(
            "lr=abc", r"lr=abc is not a number; it takes 0\.0001 to 0\.1", marks=pytest.mark.slow
        ),
        pytest.param(
            "layers=1.5",
            r"layers=1\.5 is not a whole number; it takes 1 to 3",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "kind=no",
            "kind=no is not one of its choices: True, None, relu, 18",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "kind=true",
            'kind=true is not one of its choices: it is a text; write "kind=True"',
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "kind=18",
            "kind=18 is not one of its choices: its choices are texts; write \"kind='18'\"",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "rate=1",
            "it names rate, and the loop asked for kind, layers, lr; correct the names",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_value_that_the_loop_does_not_take_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], typed: str, said: str
) -> None:
    text = """
def objective(trial):
    trial.suggest_categorical("kind", [True, None, "relu", "18"])
    return trial.suggest_int("layers", 1, 3) + trial.suggest_float("lr", 1e-4, 1e-1, log=True)
"""
    with chdir(tmp_path):
        Path("train.py").write_text(text, encoding="utf-8")
        command = ["train.py:objective", "--direction", "maximize", "--seeds", "0", "--trials"]
        with pytest.raises(StudyError, match=f"the baseline failed: {said}. Fix that, and run the"):
            study([*command, "2", "--baseline", typed])
        assert study([*command, "1", "--baseline", "lr=0.01"]) == 0
        capsys.readouterr()
        assert study([*command, "1", "--baseline", "lr=0.01", "--try", typed]) == 0
        assert re.search(f"trial 1 .*failed: {said}", capsys.readouterr().out)
        if typed != "rate=1":
            with pytest.raises(UsageError, match=f"--fix {said}"):
                study([*command, "2", "--fix", typed, "--name", "fixed"])
            good = ["--fix", "lr=0.01", "--name", "fixed"]
            assert study([*command, "1", *good]) == 0, "the name is free for the corrected command"
        else:
            assert study([*command, "2", "--fix", typed, "--name", "fixed"]) == 0
            assert "No trial asked for rate, which --fix names" in capsys.readouterr().out


@pytest.mark.parametrize(("option", "number"), [("--baseline", 0), ("--recipe", 1)])
def test_a_name_that_a_loop_has_not_asked_for_is_said_at_the_first_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, number: int
) -> None:
    text = """
def objective(trial):
    lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    trial.report(lr, 0)
    trial.report(lr, 1)
    return lr
"""
    with chdir(tmp_path):
        Path("train.py").write_text(text, encoding="utf-8")
        command = ["train.py:objective", "--direction", "maximize", "--seeds", "0", "--trials", "2"]
        if option == "--baseline":
            with pytest.raises(StudyError, match="it names rate, and the loop asked for lr;"):
                study([*command, option, "rate=1"])
        else:
            assert study([*command, option, "rate=1"]) == 0
    arm = option.removeprefix("--")
    early = f"Trial {number} ({arm}) names rate. By its first report the loop asked only for lr."
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.count(early) == 1
    before, after = shown.split(early)
    failed = f"trial {number} ({arm}): failed"
    assert failed in after
    assert failed not in before
    without = "The recipe failed, so this study continues without one."
    assert (without in after) is (option == "--recipe")


@pytest.mark.slow
def test_what_a_try_does_not_name_is_the_baselines(made: Path, tmp_path: Path) -> None:
    with chdir(tmp_path):
        Path("train.py").write_text(LOOP, encoding="utf-8")
        assert study(["train.py:objective", "--trials", "1", "--seeds", "0"]) == 0
        command = ["train.py:objective", "--trials", "1", "--seeds", "0", "--try", "lr=0.01"]
        assert study(command) == 0
    assert trials_of(tmp_path)[1][2] == {"lr": 0.01, "layers": 1, "units_0": 16}
