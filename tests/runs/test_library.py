"""The library: the commands as functions that leave the process unchanged."""

from __future__ import annotations

import logging
import os
import random
import shlex
import shutil
import signal
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
import torch

import tuner
from tests.making import DATABASE, TINY
from tests.sampling import one_in
from tuner.commands.study import parser, settings_of
from tuner.errors import StoreError, StudyError, UsageError
from tuner.report.wording import BLANK
from tuner.runs.observer import Message, Silent, Stage
from tuner.runs.settings import StudySettings
from tuner.runs.typed import command_of
from tuner.runs.watching import NotebookObserver, observer_here
from tuner.study.limits import Limits
from tuner.study.schema import SESSIONS
from tuner.study.store import load_study
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tuner.runs.observer import Event


@pytest.fixture
def study(own_workplace: Path) -> tuner.Study:
    return tuner.open_study("tiny", case=TINY, workers=1)


def state() -> dict[str, Any]:
    """Return the state of the process that a library must not change."""
    numbers: Any = np.random.get_state()
    return {
        "threads": torch.get_num_threads(),
        "torch": torch.get_rng_state().tolist(),
        "python": random.getstate(),
        "numpy": (numbers[0], numbers[1].tolist(), *numbers[2:]),
        "optuna": optuna.logging.get_verbosity(),
        "logging": (logging.root.level, list(logging.root.handlers)),
        "signals": {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)},
        "warnings": list(warnings.filters),
    }


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


CALLS: dict[str, Callable[[tuner.Study], object]] = {
    "run_study": lambda _: tuner.run_study(TINY, trials=6, seeds=0, workers=1),
    "open_study": lambda _: tuner.open_study("tiny"),
    "list_studies": lambda _: tuner.list_studies(),
    "load": lambda study: tuner.load(study.retrain("recipe"), TINY).predict([[0.0, 1.0]]),
    "report": lambda study: study.report(),
    "verify": lambda study: study.verify(sample=1),
    "show": lambda study: (study._repr_html_(), repr(study), study.best),
}


@pytest.mark.parametrize("name", one_in(2, CALLS))
def test_a_call_leaves_the_process_as_it_was(
    name: str, study: tuner.Study, three_threads: None
) -> None:
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    before = state()
    CALLS[name](study)
    assert state() == before


def test_a_failed_call_leaves_the_process_as_it_was(own_workplace: Path) -> None:
    before = state()
    with pytest.raises(UsageError, match="no metric"):
        tuner.run_study(TINY, metric="acuracy", workers=1)
    assert state() == before


@pytest.mark.slow
def test_studies_in_threads_are_what_each_is_alone(own_workplace: Path) -> None:
    home, before = own_workplace / "of threads", state()

    def search(number: int) -> tuner.Study:
        return tuner.run_study(
            TINY, name=f"study {number}", trials=4, seeds=0, workers=1, home=home
        )

    with ThreadPoolExecutor(3) as threads:
        studies = list(threads.map(search, range(3)))
    assert state() == before
    assert [study.verify() for study in studies] == [True] * 3


@pytest.mark.slow
def test_a_study_is_made_continued_and_used(own_workplace: Path, tmp_path: Path) -> None:
    study = tuner.run_study(TINY, trials=6, seeds=2, workers=1)
    assert study.facts["trials"]["total"] == 6
    assert study.best["metric"] == "accuracy"
    assert study.verdict in repr(study)
    assert study.report(tmp_path / "report") == tmp_path / "report" / "report.md"
    assert study.verify(sample=1) is True
    model = tuner.load(study.retrain("recipe", out=tmp_path / "bundle"), TINY)
    assert model.manifest["study"] == "tiny"
    (entry,) = tuner.list_studies()
    assert (entry.name, entry.trials) == ("tiny", 6)


def test_what_was_called_is_kept_as_a_command(own_workplace: Path) -> None:
    tuner.run_study(TINY, trials=6, seeds=0, workers=1)
    (*_, session) = load_study(Workplace.at().url, "tiny").user_attrs[SESSIONS]
    assert session["command"] == f"tuner study {TINY} --trials 6 --seeds 0 --workers 1"


def test_the_command_makes_the_same_settings() -> None:
    settings = StudySettings(
        case="mine.py",
        workplace=Workplace.at(Path("else where")),
        command="",
        trials=None,
        name="-mine",
        seed=3,
        metric="roc_auc",
        timeout=60,
        data_dir=Path("-rows"),
        fix=("depth=2",),
        direction="minimize",
        score="loss",
        baseline=("width=4", "depth=1"),
        recipe=("width=8",),
        tries=("width=4,depth=2",),
        limits=Limits(parameters=1234567, latency_ms=0.5),
        accept_changes=True,
    )
    words = shlex.split(command_of(settings, "else where", None))
    assert words[:2] == ["tuner", "study"]
    assert settings_of(parser().parse_args(words[2:]), "") == settings
    settings = replace(settings, case="table --data 'my rows.csv' --target=-price")
    words = shlex.split(command_of(settings, None, None))
    assert words[:6] == ["tuner", "study", "table", "--data", "my rows.csv", "--target=-price"]


def test_a_study_shows_itself(study: tuner.Study) -> None:
    shown = study._repr_html_()
    assert shown.startswith('<div class="tuner-study">')
    assert study.facts["arms"]["best"]["trial"] is not None
    assert shown.count("data:image/svg+xml;base64,") == 2
    assert "<table>" in shown
    assert "Study <code>tiny</code>: 5 trials" in shown
    assert BLANK not in shown.partition("<table>")[0]


def test_a_study_without_a_trial_shows_that(own_workplace: Path) -> None:
    storage = load_study(Workplace.at().url, "tiny")._storage
    empty = optuna.create_study(study_name="empty", storage=storage, direction="maximize")
    facts = load_study(Workplace.at().url, "tiny").user_attrs["tuner"]
    empty.set_user_attr("tuner", facts)
    study = tuner.open_study("empty")
    assert "0 trials" in study._repr_html_()
    assert study.verdict == "no trial is complete yet"
    with pytest.raises(StudyError, match="no complete trial"):
        _ = study.best


@pytest.mark.parametrize(
    ("name", "home", "error"), [("tyni", None, UsageError), ("tiny", "nowhere", StoreError)]
)
def test_a_study_that_is_not_there_is_refused(
    own_workplace: Path, name: str, home: str | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        tuner.open_study(name, home=home)


class Place:
    """A notebook's output area, with everything that it was told to show."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, shown: Any) -> None:
        self.shown.append(shown._repr_html_())


class Both(Silent):
    """Passes everything on to another observer, and stores it."""

    def __init__(self, other: NotebookObserver) -> None:
        self.other, self.events = other, list[Any]()

    def tell(self, event: Event) -> None:
        self.events.append(event)
        self.other.tell(event)


@pytest.mark.slow
def test_a_run_shows_how_far_it_has_come(own_workplace: Path) -> None:
    place = Place()
    observer = Both(NotebookObserver(place))
    shutil.rmtree("storage")
    tuner.run_study(TINY, trials=3, seeds=2, workers=1, observer=observer)
    assert any("<b>searching</b> · 0 of 3 trials" in line for line in place.shown)
    assert "<b>writing the report</b> · 3 of 3 trials" in place.shown[-1]
    assert len(place.shown) < len(observer.events)


def test_what_is_shown_is_escaped() -> None:
    place = Place()
    watching = NotebookObserver(place)
    watching.tell(Message("<script>x</script>\nand more"))
    watching.tell(Stage("a < b"))
    assert place.shown[-1] == "<p><b>a &lt; b</b> · &lt;script&gt;x&lt;/script&gt;</p>"


def test_outside_of_a_notebook_nothing_is_shown() -> None:
    with observer_here() as observer:
        assert type(observer) is Silent


@pytest.mark.parametrize(
    ("raised", "shown"), [(None, "done"), (StudyError, "stopped"), (KeyboardInterrupt, "stopped")]
)
def test_a_notebook_shows_how_a_run_has_ended(
    monkeypatch: pytest.MonkeyPatch, raised: type[BaseException] | None, shown: str
) -> None:
    place = Place()
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    outputs = SimpleNamespace(display=lambda _, display_id: place)
    monkeypatch.setitem(sys.modules, "IPython.display", outputs)
    with suppress(StudyError, KeyboardInterrupt), observer_here() as observer:
        observer.tell(Stage("writing the report"))
        if raised:
            raise raised
    assert place.shown == ["<p><b>writing the report</b></p>", f"<p><b>{shown}</b></p>"]


@pytest.mark.parametrize("name", ["ablate", "verify"])
def test_an_interrupted_call_returns_nothing(
    study: tuner.Study, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A notebook needs an exception: otherwise it would run the next cell."""
    run = {"ablate": "run_ablation", "verify": "run_verification"}[name]
    monkeypatch.setattr(f"tuner.runs.handle.{run}", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        getattr(study, name)()


INTERRUPTS = """
import os, signal

def objective(trial):
    if trial.number == 1:
        os.kill({pid}, signal.SIGINT)
        signal.pause()
    return trial.suggest_float("x", -1.0, 1.0)
"""


def test_an_interrupt_reaches_the_caller_and_the_same_call_continues(tmp_path: Path) -> None:
    with chdir(tmp_path):
        Path("train.py").write_text(INTERRUPTS.format(pid=os.getpid()), encoding="utf-8")
        options: dict[str, Any] = {"direction": "minimize", "seeds": 0, "workers": 1}
        with pytest.raises(KeyboardInterrupt):
            tuner.run_study("train.py:objective", trials=3, **options)
        states = [one.state.name for one in load_study(DATABASE, "train").get_trials()]
        assert states == ["COMPLETE", "WAITING"]
        Path("train.py").write_text(LOOP, encoding="utf-8")
        made = tuner.run_study("train.py:objective", trials=3, accept_changes=True, **options)
        assert made.facts["trials"]["total"] == 3


LOOP = """
def objective(trial):
    return (trial.suggest_float("x", -1.0, 1.0) - 0.5) ** 2
"""


def test_a_loop_is_searched_as_a_case_is(here: Path) -> None:
    Path("loop.py").write_text(LOOP, encoding="utf-8")
    study = tuner.run_study(
        "loop.py:objective",
        trials=4,
        seeds=0,
        workers=1,
        direction="minimize",
        score="square",
        baseline={"x": 0.0},
    )
    assert study.facts["metric"]["name"] == "square"
    assert study.facts["trials"]["total"] == 4
    assert study.facts["arms"]["baseline"]["validation"]["mean"] == 0.25
    assert "<table>" in study._repr_html_()


def test_a_loop_does_not_take_the_name_of_a_case_s_study(own_workplace: Path) -> None:
    (path := own_workplace / "loop.py").write_text(LOOP, encoding="utf-8")
    with pytest.raises(StudyError, match="its case is tiny, not loop:objective; its task is cla"):
        tuner.run_study(f"{path}:objective", name="tiny", direction="minimize", accept_changes=True)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


MISTAKEN: dict[str, tuple[dict[str, Any], str]] = {
    "fix": ({"fix": ["width=9"]}, r"fix is \['width=9'\]; it takes values by name"),
    "tries, one alone": ({"tries": {"width": 9}}, r"tries is {'width': 9}; it takes a list"),
    "tries": ({"tries": ["width=9"]}, "one of tries is 'width=9'; it takes values by name"),
    "seed": ({"seed": "a"}, "seed is 'a'; it takes a whole number, 0 to 4294967295"),
    "seeds": ({"seeds": -1}, "seeds is -1; it takes a whole number, 0 or more"),
    "workers": ({"workers": "2"}, "workers is '2'; it takes a whole number from 1 on"),
    "a worker that is true": ({"workers": True}, "workers is True; it takes a whole number from 1"),
    "budget": ({"budget": "5m"}, "budget is '5m'; it takes a number of seconds above zero"),
    "budget below zero": ({"budget": -1}, "budget is -1; it takes a number of seconds"),
    "timeout": ({"timeout": float("nan")}, "timeout is nan; it takes a number of seconds"),
    "max_parameters": ({"max_parameters": 0.5}, "max_parameters is 0.5; it takes a whole number"),
    "home": ({"home": TINY}, "home is '.*tiny.py', which is a file; name a folder"),
    "max_cost": ({"max_cost": "x"}, "max_cost is 'x'; it takes a number above zero"),
}


@pytest.mark.parametrize("name", MISTAKEN)
def test_an_argument_of_another_kind_is_refused_by_name(name: str, own_workplace: Path) -> None:
    arguments, message = MISTAKEN[name]
    with pytest.raises(UsageError, match=message):
        tuner.run_study(TINY, **arguments)


MISTAKEN_CALLS: dict[str, tuple[Callable[[Any], object], str]] = {
    "arm": (lambda study: study.retrain("bst"), "arm is 'bst'; it takes 'baseline', 'recipe', 'b"),
    "trial": (lambda study: study.retrain(trial="0"), "trial is '0'; it takes a whole number"),
    "only": (lambda study: study.retrain(only="width"), r"only is 'width'; it takes a list"),
    "seed": (lambda study: study.retrain(seed=1.5), "seed is 1.5; it takes a whole number"),
    "a seed below zero": (lambda study: study.retrain(seed=-1), "seed is -1; it takes a whole"),
    "models": (lambda study: study.retrain(models="2"), "models is '2'; it takes a whole number"),
    "rounds": (lambda study: study.ablate(seeds=0), "seeds is 0; it takes a whole number, 1 or"),
    "budget": (lambda study: study.ablate(budget="5m"), "budget is '5m'; it takes a number of se"),
    "sample": (lambda study: study.verify(sample=0), "sample is 0; it takes a whole number, 1 or"),
    "trial again": (lambda study: study.verify(trial="1"), "trial is '1'; it takes a whole number"),
}


@pytest.mark.parametrize("name", MISTAKEN_CALLS)
def test_an_argument_of_another_kind_is_refused_by_a_study(name: str, study: tuner.Study) -> None:
    call, message = MISTAKEN_CALLS[name]
    with pytest.raises(UsageError, match=message):
        call(study)
