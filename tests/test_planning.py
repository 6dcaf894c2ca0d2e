"""How a new study comes to its plan; what the clock says is given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.cases.stamps import CASE as STAMPS
from tests.making import STAMPS as STAMPS_FILE
from tests.making import TINY, history, make_brief, search
from tuner.case import load_case
from tuner.data.sources import Folders
from tuner.errors import StudyError, UsageError
from tuner.plan import Plan
from tuner.planning import Bench, Planned, Speed, clearly_fastest, make_plan, precisions
from tuner.session import run_study
from tuner.study.__main__ import parser
from tuner.study.opening import open_study
from tuner.study.store import load_study

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from tuner.study.opening import Brief

WAYS = [
    Plan(precision=precision, channels_last=last)
    for precision in ("float32", "bfloat16")
    for last in (False, True)
]


class SaidSpeeds(Bench):
    """Measures nothing: is told the rows a second of every plan, and notes what it was asked."""

    def __init__(self, trained: Sequence[float], applied: dict[int, float]) -> None:
        self.trained, self.applied = trained, applied
        self.asked: list[Plan] = []

    def training(self, plans: Sequence[Plan]) -> list[Speed]:
        self.asked += plans
        return [
            Speed("training", plan, speed) for plan, speed in zip(plans, self.trained, strict=True)
        ]

    def evaluation(self, plans: Sequence[Plan]) -> list[Speed]:
        self.asked += plans
        return [Speed("evaluation", plan, self.applied[plan.evaluation_batch]) for plan in plans]


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that computes in bfloat16, and no GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)


@pytest.fixture
def emulated(native: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that does not."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)


@pytest.mark.parametrize(
    ("speeds", "expected"),
    [
        ([100, 100, 100, 100], 0),
        ([100, 119, 119, 119], 0),
        ([100, 119, 122, 140], 2),  # the last is faster, but not clearly
        ([100, 150, 130, 160], 1),
        ([100, 150, 130, 220], 3),
        ([0, 100, 0, 105], 1),  # some ways do not work at all
        ([0, 0, 0, 0], 0),
    ],
)
def test_only_what_is_clearly_faster_is_chosen(speeds: list[float], expected: int) -> None:
    measured = [Speed("training", plan, speed) for plan, speed in zip(WAYS, speeds, strict=True)]
    assert clearly_fastest(measured).plan == WAYS[expected]


def many_stamps() -> Any:
    data = STAMPS.dataset(Folders())
    rows = data.development
    many = type(rows)(features=rows.features.repeat(40, 1, 1, 1), targets=rows.targets.repeat(40))
    return replace(data, development=many)


def test_the_evaluation_batch_is_measured_on_the_chosen_way(native: None) -> None:
    bench = SaidSpeeds([3000, 4000, 3500, 6000], {100: 1000, 250: 1100, 500: 1250, 1000: 1400})
    planned = make_plan(STAMPS, many_stamps(), bench=bench)
    best = Plan(precision="bfloat16", channels_last=True)
    sizes = [replace(best, evaluation_batch=size) for size in (100, 250, 500, 1000)]
    assert bench.asked == [*WAYS, *sizes]
    assert planned.plan == replace(best, evaluation_batch=500)
    assert [one.rows_per_second for one in planned.speeds] == [
        *(3000, 4000, 3500, 6000),
        *(1000, 1100, 1250, 1400),
    ]


@pytest.mark.parametrize(("speed", "tried"), [(600, [100, 250, 500]), (240, [])])
def test_a_slow_model_is_not_kept_waiting_by_large_batches(
    native: None, speed: float, tried: list[int]
) -> None:
    bench = SaidSpeeds([speed, 0, 0, 0], dict.fromkeys((100, 250, 500), 100))
    planned = make_plan(STAMPS, many_stamps(), bench=bench)
    assert [plan.evaluation_batch for plan in bench.asked[4:]] == tried
    assert planned.plan == Plan(evaluation_batch=100)


def test_few_rows_fill_no_batch(native: None) -> None:
    bench = SaidSpeeds([3000, 3000, 3000, 3000], {})
    assert make_plan(STAMPS, STAMPS.dataset(Folders()), bench=bench).plan == Plan(
        evaluation_batch=100
    )


@pytest.mark.parametrize("reference", [TINY, "housing"])
def test_tables_are_not_measured(reference: str, native: None) -> None:
    case = load_case(reference)
    bench = SaidSpeeds([], {})
    planned = make_plan(case, case.dataset(Folders()), "float32", bench=bench)
    assert planned == Planned(Plan())
    assert bench.asked == []


def test_a_precision_that_is_asked_for_is_the_only_one(native: None) -> None:
    bench = SaidSpeeds([3000, 3100], {})
    planned = make_plan(STAMPS, STAMPS.dataset(Folders()), "bfloat16", bench=bench)
    assert bench.asked == WAYS[2:]
    assert planned.plan == Plan(precision="bfloat16", evaluation_batch=100)


def test_nothing_is_emulated(emulated: None) -> None:
    bench = SaidSpeeds([3000, 4000], {})
    planned = make_plan(STAMPS, STAMPS.dataset(Folders()), bench=bench)
    assert bench.asked == WAYS[:2]
    assert planned.plan == Plan(channels_last=True, evaluation_batch=100)


def test_bfloat16_is_refused_where_it_will_not_do() -> None:
    stamps, tiny = STAMPS.dataset(Folders()), load_case(TINY)
    table = tiny.dataset(Folders())
    with pytest.raises(UsageError, match=r"buys tables nothing.*leave it out, or ask for float32"):
        precisions(tiny, table, "bfloat16", native=True)
    with pytest.raises(UsageError, match="would be emulated"):
        precisions(STAMPS, stamps, "bfloat16", native=False)
    regression = replace(STAMPS, task="regression")
    with pytest.raises(UsageError, match="would round what a regression predicts"):
        precisions(regression, stamps, "bfloat16", native=True)
    assert precisions(regression, stamps, None, native=True) == ("float32",)


def test_a_measurement_leaves_no_trace_in_the_process() -> None:
    torch.set_num_threads(2)
    before = torch.get_rng_state()
    plans = [Plan(), Plan(channels_last=True)]
    bench = Bench(STAMPS, STAMPS.dataset(Folders()), "cpu")
    speeds = [*bench.training(plans), *bench.evaluation([Plan(evaluation_batch=250)])]
    assert [one.plan for one in speeds] == [*plans, Plan(evaluation_batch=250)]
    assert all(one.rows_per_second > 0 for one in speeds)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == 2


def test_the_clock_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([0, 10, 0, 8, *[0, 2, 0, 4] * 9])
    monkeypatch.setattr("time.process_time", lambda: next(seconds))
    bench = Bench(STAMPS, STAMPS.dataset(Folders()), "cpu")
    speeds = bench.training([Plan(), Plan(channels_last=True)])
    assert [one.rows_per_second for one in speeds] == [8 / 2, 8 / 4]


def test_a_baseline_that_ends_on_its_own_schedule_or_breaks_is_no_obstacle() -> None:
    data = STAMPS.dataset(Folders())
    one_cycle = replace(STAMPS, baseline=replace(STAMPS.baseline, one_cycle=True, epochs=1))
    assert all(one.rows_per_second > 0 for one in Bench(one_cycle, data, "cpu").training([Plan()]))

    def build(*_: Any) -> nn.Module:
        raise SystemExit("no such model")

    broken = replace(STAMPS, build=build)
    assert [one.rows_per_second for one in Bench(broken, data, "cpu").training(WAYS)] == [0] * 4
    assert make_plan(broken, data).plan == Plan(evaluation_batch=100)


def chooser(plan: Plan, calls: list[int]) -> Callable[[], Planned]:
    def choose() -> Planned:
        calls.append(1)
        return Planned(plan, (Speed("training", plan, 123.4),))

    return choose


def test_a_new_study_is_measured_once_and_keeps_what_was_found(brief: Brief, url: str) -> None:
    calls: list[int] = []
    found, other = Plan(channels_last=True, evaluation_batch=250), Plan(evaluation_batch=1000)
    _, opened = open_study(url, "study", brief, chooser(found, calls))
    study, again = open_study(url, "study", brief, chooser(other, calls), "float32")
    assert calls == [1]
    assert opened.plan == again.plan == found
    (kept,) = study.user_attrs["speeds"]
    assert (kept["part"], kept["plan"]["evaluation_batch"]) == ("training", 250)
    assert kept["rows_per_second"] == 123.4


def test_another_precision_than_the_studys_is_refused(brief: Brief, url: str) -> None:
    open_study(url, "study", brief)
    with pytest.raises(StudyError, match=r"its precision is float32, not bfloat16\. .*--name"):
        open_study(url, "study", brief, precision="bfloat16")


def test_a_study_that_is_refused_a_plan_is_not_begun(brief: Brief, url: str) -> None:
    def refuse() -> Planned:
        raise UsageError("not so")

    with pytest.raises(UsageError, match="not so"):
        open_study(url, "study", brief, refuse)
    with pytest.raises(UsageError, match="no study 'study'"):
        load_study(url, "study")


def test_a_study_is_the_same_whether_its_plan_is_measured_or_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [STAMPS_FILE, "--trials", "4", "--seeds", "0", "--workers", "1"]
    assert run_study(parser().parse_args([*words, "--precision", "float32"]), "command") == 0
    measured = load_study("sqlite:///storage/studies.db", "stamps")
    assert {one["part"] for one in measured.user_attrs["speeds"]} == {"training"}
    plan = Plan(**measured.user_attrs["tuner"]["plan"])
    assert plan.precision == "float32"
    given = replace(make_brief(STAMPS_FILE, tmp_path), plan=plan)
    assert history(search(f"sqlite:///{tmp_path}/given.db", given, 4)) == history(measured)
    report = Path("storage/reports/stamps/report.md").read_text()
    assert (
        "- Measured with the baseline at the study's start, in rows a second. Training: " in report
    )
