"""Users' loops: the result of each kind, and that no call affects the next."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from tests.waiting import SECONDS_TO_HANG, has_ended, wait_until
from tuner.engines.job import Failed, Finished, LoopJob
from tuner.engines.loops import LoopEngine
from tuner.own.loops.events import Noted, Reported, ShouldPrune, Suggest
from tuner.own.loops.trial import middle

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.own.loops.events import Question, Told

# Each kind of loop: the body of `loop(trial)`, and its expected result: a score, or a reason.
SOUND: dict[str, tuple[str, float]] = {
    "a plain score": ("return 0.5", 0.5),
    "an integer": ("return 3", 3.0),
    "a number of NumPy's": ("import numpy as np; return np.float32(0.5)", 0.5),
    "a tensor of one number": ("import torch; return torch.tensor(0.25)", 0.25),
    "prints a lot": ("print('x' * 2_000_000); return 1", 1.0),
    "prints to the descriptor": ("import os; os.write(1, b'x' * 200_000); return 1", 1.0),
    "changes the folder": ("import os; os.chdir('/'); return 1", 1.0),
    "changes the environment": ("import os; os.environ.clear(); return 1", 1.0),
    "threads that never end": (
        "import threading as t, time\nt.Thread(target=time.sleep, args=(600,)).start()\nreturn 1",
        1.0,
    ),
    "processes of its own": (
        "import multiprocessing as m\n"
        "p = m.get_context('fork').Process(target=print)\np.start(); p.join(); return p.exitcode",
        0.0,
    ),
    "a child that goes on": (
        "import os\nif os.fork() == 0:\n  trial.report(9, 9)\n  return 9\nreturn 1",
        1.0,
    ),
    "the same step twice": ("trial.report(1, 0); trial.report(2, 0); return 2", 2.0),
    "reports out of order": ("trial.report(1, 5); trial.report(2, 3); return 2", 2.0),
    "reports nan on the way": ("trial.report(float('nan'), 0); return 1", 1.0),
    "the same name twice": (
        "return trial.suggest_float('a', 0, 1) == trial.suggest_float('a', 0, 1)",
        1.0,
    ),
    "the same name with two ranges": (
        "import warnings; warnings.simplefilter('ignore')\n"
        "return trial.suggest_float('a', 0, 1) == trial.suggest_float('a', 0, 2)",
        1.0,
    ),
    "a range of one value": ("return trial.suggest_int('a', 4, 4)", 4.0),
    "a name of any kind": ("return trial.suggest_int('größe [px] / \\'x\\'', 1, 3)", 2.0),
    "its own attributes": ("trial.set_user_attr('k', [1]); return trial.user_attrs['k'][0]", 1.0),
    "the older names": ("return trial.suggest_uniform('a', 0, 1)", 0.5),
    "ignores signals": (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN); return 1",
        1.0,
    ),
    "takes over the output": ("import sys; sys.stdout = None; return 1", 1.0),
    "a generator": ("for e in range(20): yield e", 18.5),
    "a generator of mappings": ("yield {'validation': 0.5, 'train': 0.9}", 0.5),
}
UNSOUND: dict[str, tuple[str, str]] = {
    "nothing": ("pass", "no score: the loop returned None; it has to be a number"),
    "a text": ("return 'good'", "no score: the loop returned 'good'"),
    "a list": ("return [1, 2]", "no score: the loop returned 2 values; a study searches for one"),
    "a tensor of many": ("import torch; return torch.ones(3)", r"no score: .* \(Tensor\)"),
    "a model": ("import torch; return torch.nn.Linear(1, 1)", r"no score: .* \(Linear\)"),
    "nan": ("return float('nan')", "not a number: the loop returned nan"),
    "infinity": ("return float('inf')", "not a number: the loop returned inf"),
    "raises": ("return 1 / 0", r"crashed: line 2 of loop\.py: ZeroDivisionError"),
    "raises before it asks": ("raise KeyError('x')", r"crashed: line 2 of loop\.py: KeyError"),
    "reads an empty file": ("import pickle; pickle.loads(b'')", "crashed: line 2 .*: EOFError"),
    "exits": ("import sys; sys.exit(3)", r"crashed: it called sys\.exit\(3\)"),
    "exits at once": ("import os; os._exit(3)", "crashed: its process ended with exit status 3"),
    "a crash in C": ("import os; os.abort()", "crashed: its process ended with signal SIGABRT"),
    "no such choice": ("trial.suggest_categorical('a', [])", "crashed: .*ValueError"),
    "a range the wrong way": ("trial.suggest_float('a', 2, 1)", "crashed: .*ValueError"),
    "two kinds of one name": (
        "trial.suggest_int('a', 0, 3); return trial.suggest_float('a', 0, 1)",
        "crashed: .*ValueError",
    ),
    "reports a text": ("trial.report('x', 0)", "crashed: .*TypeError"),
    "a step below zero": ("trial.report(1, -1)", "crashed: .*ValueError"),
    "asks for the other trials": (
        "return trial.study.best_value",
        r"crashed: .*trial\.study\.best_value cannot work",
    ),
    "stops the study": ("trial.study.stop()", r"crashed: .*trial\.study\.stop cannot work"),
    "Optuna's own attributes": ("trial.set_system_attr('a', 1)", "crashed: .*use set_user_attr"),
    "a GPU where there is none": (
        "import torch; return torch.ones(1, device='cuda').item()",
        r"crashed: line 2 of loop\.py: (AssertionError|RuntimeError)",
    ),
    "a generator of nothing": ("return\nyield", "no score: the loop yielded nothing"),
    "a generator of texts": ("yield 'good'", "no score: the loop yielded 'good'"),
    "a generator without validation": (
        "yield {'train': 1}",
        "no score: the loop yielded train; it has to hold 'validation'",
    ),
    "a generator of nan": ("yield float('nan')", "not a number: the loop yielded nan"),
    "no memory": ("raise MemoryError", "crashed: .*MemoryError"),
}
FILES: dict[str, tuple[str, str]] = {
    "raises on import": ("x = 1 / 0\ndef loop(trial): return 1", "cannot be imported: line 1"),
    "exits on import": ("import sys; sys.exit(1)\ndef loop(trial): return 1", "cannot be imported"),
    "is no function": ("loop = 3", "loop is not a function"),
    "takes no trial": ("def loop(): return 1", "crashed: TypeError"),
}


@dataclass
class Run:
    """The result of a call."""

    events: list[Question | Told] = field(default_factory=list)
    ended: Finished | Failed | None = None


def follow(engine: LoopEngine, jobs: dict[int, LoopJob], prune_at: int | None = None) -> list[Run]:
    """Run calls, and answer each question with the middle of the range."""
    runs = {key: Run() for key in jobs}
    for key, job in jobs.items():
        engine.start(key, job)
    while any(run.ended is None for run in runs.values()):
        for key, run in runs.items():
            event = None if run.ended else engine.next(key, 0.01)
            if isinstance(event, Finished | Failed):
                run.ended = event
            elif event is not None:
                run.events.append(event)
                if isinstance(event, Suggest):
                    engine.answer(key, middle(event.distribution))
                elif isinstance(event, ShouldPrune):
                    reports = sum(isinstance(one, Reported) for one in run.events)
                    engine.answer(key, prune_at is not None and reports >= prune_at)
    return list(runs.values())


def write(folder: Path, text: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "loop.py").write_text(text, encoding="utf-8")
    return f"{folder / 'loop.py'}:loop"


def body(lines: str) -> str:
    return "def loop(trial):\n" + "\n".join(f"  {line}" for line in lines.splitlines())


def job_of(loop: str, **changes: Any) -> LoopJob:
    made: dict[str, Any] = {"loop": loop, "number": 7, "seed": 3, "direction": "maximize"}
    return LoopJob(**{**made, **changes})


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Every kind of loop, called once, one after the other on the same engine."""
    folder = tmp_path_factory.mktemp("loops")
    texts = {name: body(lines) for name, (lines, _) in {**SOUND, **UNSOUND}.items()}
    texts |= {name: text for name, (text, _) in FILES.items()}
    jobs = {
        place: job_of(write(folder / str(place), text)) for place, text in enumerate(texts.values())
    }
    with closing(LoopEngine(3)) as engine:
        return dict(zip(texts, follow(engine, jobs), strict=True))


@pytest.mark.xdist_group("loops")
@pytest.mark.parametrize("name", SOUND)
def test_a_loop_that_works(kinds: dict[str, Run], name: str) -> None:
    ended = kinds[name].ended
    assert isinstance(ended, Finished), ended
    assert ended.outcome is not None
    assert ended.outcome.value == SOUND[name][1]


@pytest.mark.xdist_group("loops")
@pytest.mark.parametrize("name", [*UNSOUND, *FILES])
def test_a_loop_that_does_not(kinds: dict[str, Run], name: str) -> None:
    ended = kinds[name].ended
    assert isinstance(ended, Failed), ended
    assert re.search({**UNSOUND, **FILES}[name][1], ended.reason), ended.reason
    assert "\n" not in ended.reason
    assert ended.diverged == name.endswith(("nan", "infinity"))
    assert ended.may_pass == (name == "no memory")


def test_what_a_loop_says_comes_in_order(tmp_path: Path) -> None:
    loop = write(
        tmp_path,
        body(
            "a = trial.suggest_float('a', 1e-4, 1e-2, log=True)\n"
            "b = trial.suggest_categorical('b', ['x', None, 2])\n"
            "for step in range(3):\n"
            "  trial.report(step, step)\n"
            "  if trial.should_prune(): raise __import__('optuna').TrialPruned\n"
            "trial.set_user_attr('seen', trial.number)\n"
            "trial.set_constraint('size', 2)\n"
            "return a"
        ),
    )
    with closing(LoopEngine(1)) as engine:
        (run,) = follow(engine, {0: job_of(loop)})
    kinds = [type(one) for one in run.events]
    assert kinds == [Suggest, Suggest, *[Reported, ShouldPrune] * 3, Noted, Noted]
    assert run.events[-2:] == [Noted("seen", 7), Noted("size", 2.0, is_constraint=True)]
    assert isinstance(run.ended, Finished)
    assert run.ended.outcome is not None
    assert run.ended.outcome.params == {"a": pytest.approx(1e-3), "b": "x"}


@pytest.mark.parametrize("kind", ["objective", "generator"])
def test_a_loop_that_is_told_to_end(tmp_path: Path, kind: str) -> None:
    loops = {
        "objective": "import optuna\nfor step in range(9):\n  trial.report(step, step)\n"
        "  if trial.should_prune(): raise optuna.TrialPruned\nreturn 1",
        "generator": "try:\n  for step in range(9): yield step\n"
        "finally: trial.set_user_attr('closed', True)",
    }
    with closing(LoopEngine(1)) as engine:
        (run,) = follow(engine, {0: job_of(write(tmp_path, body(loops[kind])))}, prune_at=4)
    assert run.ended == Finished(run.ended.seconds) if isinstance(run.ended, Finished) else False
    assert sum(isinstance(one, Reported) for one in run.events) == 4
    assert (Noted("closed", True) in run.events) == (kind == "generator")


def test_the_seed_decides_and_is_told(tmp_path: Path) -> None:
    loop = write(
        tmp_path,
        "import random, numpy as np, torch, tuner\n"
        + body(
            "trial.set_user_attr('seed', tuner.seed())\n"
            "return random.random() + np.random.rand() + torch.rand(()).item()"
        ),
    )
    jobs = {place: job_of(loop, seed=seed) for place, seed in enumerate([1, 1, 2**32 - 1])}
    with closing(LoopEngine(2)) as engine:
        runs = follow(engine, jobs)
    values = [run.ended.outcome.value for run in runs if isinstance(run.ended, Finished)]  # type: ignore[union-attr]
    assert values[0] == values[1] != values[2]
    assert [run.events[0] for run in runs] == [Noted("seed", seed) for seed in (1, 1, 2**32 - 1)]


def test_what_a_file_draws_when_it_is_imported_is_alike_in_each_call(tmp_path: Path) -> None:
    """That is, in each process: a split made at import is the same for all trials of a study."""
    text = (
        "import random, numpy as np, torch\n"
        "DRAWN = [random.random(), np.random.rand(), torch.rand(()).item()]\n"
        "def loop(trial):\n  trial.set_user_attr('drawn', DRAWN)\n  return random.random()"
    )
    loop = write(tmp_path, text)
    with closing(LoopEngine(2)) as engine:
        runs = follow(engine, {0: job_of(loop, seed=1), 1: job_of(loop, seed=2)})
    random.seed(0)
    expected = [random.random(), np.random.RandomState(0).rand()]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected.append(torch.rand(()).item())
    assert [run.events[0] for run in runs] == 2 * [Noted("drawn", expected)]
    values = [run.ended.outcome.value for run in runs if isinstance(run.ended, Finished)]  # type: ignore[union-attr]
    assert values[0] != values[1]


@pytest.mark.slow
def test_the_program_that_runs_a_study_is_not_run_again(tmp_path: Path) -> None:
    """Without `if __name__ == "__main__"`, which Python requires and people forget."""
    write(tmp_path, body("return trial.suggest_float('a', 0, 1)"))
    (tmp_path / "program.py").write_text(
        "print('begun')\nimport tuner\n"
        "for case in ('loop.py:loop', 'housing'):\n"
        "    more = {'direction': 'maximize'} if ':' in case else {}\n"
        "    print(len(tuner.run_study(case, trials=2, seeds=0, workers=2, **more).facts))\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "begun"
    assert len(done.stdout.splitlines()) == 3


def test_nothing_of_a_call_reaches_the_next(tmp_path: Path) -> None:
    loop = write(
        tmp_path,
        "seen = []\n" + body("seen.append(trial.number); return len(seen)"),
    )
    with closing(LoopEngine(1)) as engine:
        runs = follow(engine, {key: job_of(loop) for key in range(3)})
    assert [run.ended.outcome.value for run in runs] == [1, 1, 1]  # type: ignore[union-attr]


def test_a_killed_call_begins_again_and_is_answered_as_before(tmp_path: Path) -> None:
    loop = write(
        tmp_path,
        "import os, time\nfrom pathlib import Path\nmark = Path(__file__).parent / 'mark'\n"
        + body(
            "a = trial.suggest_int('a', 0, 9)\n"
            "trial.report(a, 0)\n"
            "if not mark.exists():\n"
            "  mark.write_text(str(os.getpid())); time.sleep(600)\n"
            "trial.report(a, 1)\nreturn a"
        ),
    )
    with closing(LoopEngine(1)) as engine:
        engine.start(0, job_of(loop))
        assert engine.next(0, SECONDS_TO_HANG) is not None
        engine.answer(0, 8)
        assert engine.next(0, SECONDS_TO_HANG) == Reported(0, 8.0)
        mark = tmp_path / "mark"
        wait_until(lambda: mark.exists() and mark.read_text())
        os.kill(int(mark.read_text()), signal.SIGKILL)
        assert engine.next(0, SECONDS_TO_HANG) == Reported(1, 8.0)
        ended = engine.next(0, SECONDS_TO_HANG)
    assert isinstance(ended, Finished)
    assert ended.outcome is not None
    assert ended.outcome.value == 8


@pytest.mark.slow
def test_a_call_that_hangs_is_given_up(tmp_path: Path) -> None:
    loop = write(tmp_path, body("import time; time.sleep(600)"))
    with closing(LoopEngine(1, patience=0.5)) as engine:
        engine.start(0, job_of(loop))
        ended = wait_until(lambda: engine.next(0, 0.2))
    assert isinstance(ended, Failed)
    assert ended.reason == "its worker was lost twice (the last sent nothing for 0.5 s)"
    assert ended.may_pass


def test_processes_of_a_loop_end_with_it(tmp_path: Path) -> None:
    loop = write(
        tmp_path,
        "from pathlib import Path\n"
        + body(
            "import subprocess\np = subprocess.Popen(['sleep', '600'])\n"
            "(Path(__file__).parent / 'child').write_text(str(p.pid)); return 1"
        ),
    )
    with closing(LoopEngine(1)) as engine:
        follow(engine, {0: job_of(loop)})
    child = int((tmp_path / "child").read_text())
    wait_until(lambda: has_ended(child))


@pytest.mark.parametrize(
    "end",
    [
        "raise ValueError('no')",
        "import os; os._exit(3)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    ],
)
def test_what_a_call_printed_last_is_kept_where_it_crashed(tmp_path: Path, end: str) -> None:
    loop = write(tmp_path, body(f"for n in range(100): print('line', n)\n{end}"))
    with closing(LoopEngine(1)) as engine:
        (run,) = follow(engine, {0: job_of(loop)})
    assert isinstance(run.ended, Failed)
    assert run.ended.traceback.endswith("line 99")
    assert "line 80" in run.ended.traceback
    assert "line 70" not in run.ended.traceback


def test_the_traceback_of_a_file_that_cannot_be_imported_begins_in_it(tmp_path: Path) -> None:
    text = "def helper(): raise ValueError('no')\n\nhelper()\n" + body("return 1")
    loop = write(tmp_path, text)
    with closing(LoopEngine(1)) as engine:
        (run,) = follow(engine, {0: job_of(loop)})
    assert isinstance(run.ended, Failed)
    assert run.ended.reason.endswith("cannot be imported: line 1: ValueError: no")
    first, place, *_, last = run.ended.traceback.splitlines()
    assert first.startswith("Traceback")
    assert "line 3, in <module>" in place
    assert last == "ValueError: no"


def test_a_preset_call_asks_nothing(tmp_path: Path) -> None:
    loop = write(
        tmp_path,
        body(
            "a, b = trial.suggest_int('a', 0, 9), trial.suggest_int('b', 0, 10)\n"
            "trial.report(a, 0)\nassert not trial.should_prune()\nreturn a + b"
        ),
    )
    with closing(LoopEngine(1)) as engine:
        (run,) = follow(engine, {0: job_of(loop, preset={"a": 9})})
    assert run.events == [Reported(0, 9.0)]
    assert isinstance(run.ended, Finished)
    assert run.ended.outcome is not None
    assert (run.ended.outcome.value, run.ended.outcome.params) == (14.0, {"a": 9, "b": 5})


def test_an_edited_loop_is_not_called(tmp_path: Path) -> None:
    loop = write(tmp_path, body("return 1"))
    with closing(LoopEngine(1)) as engine:
        (run,) = follow(engine, {0: job_of(loop, source="0" * 64)})
    assert isinstance(run.ended, Failed)
    assert "was edited while the study ran" in run.ended.reason


HANDED_OVER: dict[str, tuple[str, Any]] = {
    "a number of NumPy's": ("import numpy as np; v = np.int64(2)", 2),
    "an array": ("import numpy as np; v = np.arange(3)", [0, 1, 2]),
    "a tensor": ("import torch; v = {'t': torch.ones(2, requires_grad=True)}", {"t": [1.0, 1.0]}),
    "a model": ("import torch; v = torch.nn.Linear(1, 2)", re.compile("Linear.in_features=1")),
    "a class of the file's": ("class A: pass\nv = A()", re.compile("<.*A object>")),
    "a set": ("v = {2, 1}", [1, 2]),
    "a path": ("import pathlib; v = pathlib.Path('a/b')", "a/b"),
    "a date": ("import datetime; v = datetime.date(2024, 1, 2)", "datetime.date(2024, 1, 2)"),
    "itself": ("v = []; v.append(v)", re.compile("")),
    "too many numbers": ("import numpy as np; v = np.zeros(10**6)", re.compile("array")),
}


@pytest.mark.parametrize("name", HANDED_OVER)
def test_what_a_loop_notes_is_handed_over_as_plain_values(tmp_path: Path, name: str) -> None:
    lines, expected = HANDED_OVER[name]
    text = body(f"{lines}\ntrial.set_user_attr('k', v); return trial.user_attrs['k'] is v")
    with closing(LoopEngine(1)) as engine:
        run = follow(engine, {0: job_of(write(tmp_path, text))})[0]
    noted = next(event for event in run.events if isinstance(event, Noted))
    json.dumps(noted.value)
    if isinstance(expected, re.Pattern):
        assert expected.search(str(noted.value))
    else:
        assert noted.value == expected


@pytest.mark.parametrize("preset", [None, {}])
def test_choices_of_any_kind(tmp_path: Path, preset: dict[str, Any] | None) -> None:
    text = (
        "import numpy, warnings\nwarnings.simplefilter('ignore')\nclass A: pass\nclass B: pass\n"
        "def loop(trial):\n"
        "  a = trial.suggest_categorical('a', [A, B])\n"
        "  b = trial.suggest_categorical('b', [(1, 2), None])\n"
        "  c = trial.suggest_categorical('c', [B])\n"
        "  d = trial.suggest_categorical('d', list(numpy.arange(3)))\n"
        "  assert trial.params == {'a': a, 'b': b, 'c': c, 'd': d}\n"
        "  return (a is A) + (b == (1, 2)) + (c is B)\n"
    )
    with closing(LoopEngine(1)) as engine:
        job = job_of(write(tmp_path, text), preset=preset, repeats=1)
        run = follow(engine, {0: job})[0]
    assert isinstance(run.ended, Finished), run.ended
    assert run.ended.outcome is not None
    assert run.ended.outcome.value == run.ended.outcome.again[0].value == 3
    assert run.ended.outcome.params == {"a": "A", "b": "(1, 2)", "c": "B", "d": 0}


PROCESSES: dict[str, str] = {
    "a DataLoader": "s = sum(b.sum().item() for b in DataLoader(Rows(), num_workers=2))",
    "a pool": "with multiprocessing.Pool(1) as p: s = sum(p.map(square, range(3)))",
    "an executor": "with ProcessPoolExecutor(1) as p: s = sum(p.map(square, range(3)))",
    "processes that import anew": (
        "with multiprocessing.get_context('spawn').Pool(1) as p: s = sum(p.map(square, range(3)))"
    ),
    "processes that import a module beside it": (
        "with multiprocessing.get_context('spawn').Pool(1) as p: s = 1 + sum(p.map(twice, (0, 2)))"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROCESSES)
def test_a_loop_has_processes_as_its_own_script_would(tmp_path: Path, name: str) -> None:
    text = (
        "import multiprocessing, sys, torch\n"
        "from arithmetic import twice\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from torch.utils.data import DataLoader, Dataset\n"
        "class Rows(Dataset):\n"
        "  def __len__(self): return 3\n"
        "  def __getitem__(self, row): return torch.tensor(float(square(row)))\n"
        "def square(x): return x * x\n"
        f"def loop(trial):\n  {PROCESSES[name]}\n  return s\n"
    )
    (tmp_path / "arithmetic.py").write_text("def twice(x): return 2 * x\n")
    with closing(LoopEngine(1)) as engine:
        run = follow(engine, {0: job_of(write(tmp_path, text))})[0]
    assert isinstance(run.ended, Finished), run.ended
    assert run.ended.outcome is not None
    assert run.ended.outcome.value == 5


def test_arguments_of_tuner_are_not_those_of_a_loop(tmp_path: Path) -> None:
    text = (
        "import argparse\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--epochs', type=int, default=3)\n"
        "ARGUMENTS = parser.parse_args()\n"
        "def loop(trial): return ARGUMENTS.epochs\n"
    )
    with closing(LoopEngine(1)) as engine:
        run = follow(engine, {0: job_of(write(tmp_path, text))})[0]
    assert isinstance(run.ended, Finished), run.ended


@pytest.mark.slow
def test_a_call_ends_with_whoever_runs_it(tmp_path: Path) -> None:
    text = (
        "import os, subprocess, time\nfrom pathlib import Path\n"
        "def loop(trial):\n"
        "  child = subprocess.Popen(['sleep', '600'])\n"
        f"  Path({str(tmp_path / 'pids')!r}).write_text(f'{{os.getpid()}} {{child.pid}} end')\n"
        "  time.sleep(600)\n"
    )
    runner = (
        "from tuner.engines.job import LoopJob\nfrom tuner.engines.loops import LoopEngine\n"
        "if __name__ == '__main__':\n"
        "  engine = LoopEngine(1)\n"
        f"  job = LoopJob(loop={write(tmp_path, text)!r}, number=0, seed=1, direction='maximize')\n"
        "  engine.start(0, job)\n  engine.next(0, 600)\n"
    )
    (tmp_path / "runner.py").write_text(runner, encoding="utf-8")
    running = subprocess.Popen([sys.executable, str(tmp_path / "runner.py")])
    told = tmp_path / "pids"
    wait_until(lambda: told.exists() and told.read_text().endswith("end"))
    pids = [int(word) for word in told.read_text().split()[:2]]
    running.kill()
    running.wait()
    wait_until(lambda: all(has_ended(pid) for pid in pids))
