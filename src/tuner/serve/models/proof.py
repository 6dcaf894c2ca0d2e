"""Whether one model is better than another, by stored predictions: no model is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import optuna

from tuner.case.metric import metric_of
from tuner.errors import TunerError
from tuner.evidence.final.odometer import looks_among, openings_in
from tuner.evidence.rows.predictions import TARGETS
from tuner.evidence.rows.rowwise import Kept, Rule, gain_between
from tuner.evidence.statistics.looks import Share
from tuner.language import reason_of, said
from tuner.report.facts import gather
from tuner.runs.folder.inventory import best_in
from tuner.serve.finding import catalogue_of, is_there
from tuner.serve.words import word
from tuner.study.schema import FACTS, SEED_MATTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.storages import RDBStorage

    from tuner.case.metric import Metric
    from tuner.evidence.rows.predictions import Predictions
    from tuner.evidence.statistics.gain import Gain
    from tuner.workplace import Workplace


@dataclass(frozen=True, slots=True)
class Proof:
    """The evidence for a gain.

    Attributes:
        sentence: what was compared, and the result.
    """

    proven: bool
    sentence: str


def gain_over_the_baseline(
    storage: RDBStorage, workplace: Workplace, manifest: Mapping[str, Any]
) -> Proof:
    """Return whether a model's configuration is better than its study's baseline."""
    name = str(manifest.get("study"))
    try:
        study = catalogue_of(storage, name).load(name)
        best = best_in(gather(study, workplace, further=False))
    except TunerError as error:
        return Proof(False, said("Its gain is not proven: {error}.", error=reason_of(error)))
    if best["trial"] != manifest.get("trial"):
        return Proof(
            False, said("Its gain is not proven: it is not the best of study {name!r}.", name=name)
        )
    if best["verdict"] != "better":
        return Proof(
            False,
            said(
                "Its gain over the baseline is not proven: {verdict}.",
                verdict=word(best["verdict"]),
            ),
        )
    return Proof(
        True,
        said(
            "Against the baseline of study {name!r}: {sentence}",
            name=name,
            sentence=best["sentence"],
        ),
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """Two trained configurations, compared by their models' predictions for the same test rows.

    Attributes:
        gain: of the second over the first; None if they cannot be compared, and then `why` is the
            reason.
        matters: whether different seeds give different models; otherwise nothing can be proven.
    """

    gain: Gain | None
    metric: Metric | None = None
    matters: bool = True
    why: str = ""

    @property
    def verdict(self) -> str:
        """The verdict on the second, compared with the first: better, no proven gain, or worse."""
        return self.gain.verdict if self.gain and self.matters else "no proven gain"

    @property
    def is_measured(self) -> bool:
        """Whether there is a gain with an interval; if not, `in_words` gives the reason."""
        return self.gain is not None and self.gain.interval is not None

    def in_words(self) -> str:
        """Return the gain with its interval, or the reason why there is none."""
        if self.gain is None or self.metric is None:
            return self.why
        write = self.metric.write_difference
        if self.gain.interval is None:
            one, other = self.gain.seeds
            return said(
                "too few models of both were tested ({one} and {other})", one=one, other=other
            )
        low, high = (write(end) for end in self.gain.interval)
        return said(
            "{gain} ({sure:.4g} % interval {low} to {high}, {rows} test rows)",
            gain=write(self.gain.gain),
            sure=100 * (1 - self.gain.share.alpha),
            low=low,
            high=high,
            rows=self.gain.rows,
        )


def paired(
    storage: RDBStorage, first: tuple[str, object], second: tuple[str, object], pairs: int = 1
) -> Pair:
    """Compare two configurations by stored predictions for the same test rows.

    The interval covers new rows and new trainings.

    Args:
        first: name of a study, and number of one of its trials.
        second: likewise.
        pairs: number of comparisons made together; they share the error probability of 5 %.
    """
    one, other = _Side.of(storage, *first), _Side.of(storage, *second)
    if one is None or other is None:
        return Pair(None, why=said("not both have kept their predictions for each test row"))
    rows = one.rows
    if rows != other.rows:
        return Pair(None, why=said("they were tested on different rows"))
    names = (one.study.study_name, other.study.study_name)
    told_of = [looks_among(openings_in(storage.engine, name, rows), name, rows) for name in names]
    looks = pairs * max(1, *told_of)
    rule = Rule(Share(looks), exact=True)
    metric = other.metric
    gain = gain_between(other.kept, one.predictions, other.predictions, metric, rule)
    if gain is None or metric.name != one.metric.name:
        return Pair(None, why=said("they have different metrics"))
    return Pair(gain, metric, one.seed_matters and other.seed_matters)


@dataclass(frozen=True, slots=True)
class _Side:
    """One of two compared configurations, with what its study stores about it.

    Attributes:
        predictions: of its models, for the test rows.
    """

    study: optuna.Study
    kept: Kept
    predictions: Predictions

    @classmethod
    def of(cls, storage: RDBStorage, name: str, trial: object) -> Self | None:
        """Read it from a study; None if there are no predictions."""
        if not is_there(storage, name):
            return None
        study = optuna.load_study(study_name=name, storage=storage)
        kept = Kept.of(study)
        predictions = kept and kept.said(str(trial))
        return cls(study, kept, predictions) if kept and predictions else None

    @property
    def rows(self) -> str:
        """SHA-256 of the test rows."""
        rows: str = self.kept.attributes[TARGETS]["rows"]
        return rows

    @property
    def metric(self) -> Metric:
        """The metric of its search."""
        return metric_of(self.study.user_attrs[FACTS])

    @property
    def seed_matters(self) -> bool:
        """Whether different seeds give different models."""
        return self.study.user_attrs.get(SEED_MATTERS) in {None, "weights"}


def gain_over(
    storage: RDBStorage, current: Mapping[str, Any], candidate: Mapping[str, Any]
) -> Proof:
    """Return whether the candidate's configuration is better than the current model's.

    Args:
        current: manifest of its bundle.
        candidate: likewise.
    """
    told = [(str(one.get("study")), one.get("trial")) for one in (current, candidate)]
    pair = paired(storage, told[0], told[1])
    if pair.verdict == "better":
        return Proof(
            True,
            said("Against the current model, the gain is {gain}.", gain=pair.in_words()),
        )
    words = pair.in_words()
    return Proof(
        False,
        said("Its gain over the current model is not proven: it is {words}.", words=words)
        if pair.is_measured
        else said("Its gain over the current model is not proven: {words}.", words=words),
    )
