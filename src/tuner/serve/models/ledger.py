"""The models of cases: the existing bundles, the current one, and who promoted it and why."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tuner.bundle.finding import manifest_of
from tuner.case.reference import door_of, options_of
from tuner.errors import BundleError, UsageError, unknown_name
from tuner.language import said
from tuner.naming import folder_name
from tuner.serve.models.proof import gain_over, gain_over_the_baseline
from tuner.serve.tables import Promotion
from tuner.serve.words import word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optuna.storages import RDBStorage

    from tuner.depot.contract import Kept
    from tuner.serve.models.proof import Proof
    from tuner.workplace import Workplace

CURRENT, CANDIDATE = "current", "candidate"
ALIASES = (CURRENT, CANDIDATE)
LONGEST_REASON = 1000
READ_BY_CASE = "case"  # a value of tuner.data.reading, which imports torch


@dataclass(frozen=True, slots=True)
class Model:
    """A bundle of a study.

    Attributes:
        kept: its place.
        manifest: of the bundle; empty if it is damaged, and then `damage` is the reason.
        aliases: names that it has now.
    """

    study: str
    bundle: str
    kept: Kept
    manifest: Mapping[str, Any]
    damage: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def case(self) -> str:
        """The case of the model, see `case_of`."""
        return case_of(self.manifest)

    @property
    def columns(self) -> list[str]:
        """The columns of its input rows; empty if it takes pictures or other files.

        The features of a pretrained network have names too, but they are computed from a picture.
        """
        prepared = self.manifest["preprocessing"]
        by_file = prepared.get("read") == READ_BY_CASE
        return [] if by_file else [str(one) for one in prepared["columns"]]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The bundles of a storage folder and the ledger in its database."""

    storage: RDBStorage
    workplace: Workplace
    clock: Callable[[], float] = time.time

    def models(self, of_study: str | None = None) -> list[Model]:
        """Return the bundles of all studies or of one, sorted by study and name, damaged ones too.

        Raises:
            DepotError: their place cannot be reached.
        """
        now, depot = self._now(), self.workplace.depot
        found = []
        for kept in depot.bundles(of_study):
            study, bundle = kept.study, kept.name
            try:
                manifest, damage = manifest_of(depot, kept), ""
            except BundleError as error:
                manifest, damage = {}, str(error)
            aliases = tuple(
                alias
                for (case, alias), one in sorted(now.items())
                if case == case_of(manifest) and (one.study, one.bundle) == (study, bundle)
            )
            found.append(Model(study, bundle, kept, manifest, damage, aliases))
        return found

    def model(self, study: str, bundle: str) -> Model:
        """Return a bundle; only listed ones, so a name never leads elsewhere.

        Raises:
            UsageError: there is no bundle of that name.
        """
        folder_name(study)
        models = {(one.study, one.bundle): one for one in self.models()}
        if (study, bundle) not in models:
            names = [f"{one}/{other}" for one, other in models]
            raise unknown_name("model", "models", f"{study}/{bundle}", names)
        return models[study, bundle]

    def proof(self, model: Model) -> Proof:
        """Return whether a gain of this model over the current one, or the baseline, is proven."""
        current = self.current(model.case, CURRENT)
        if current is None:
            return gain_over_the_baseline(self.storage, self.workplace, model.manifest)
        try:
            other = self.model(current.study, current.bundle)
        except UsageError:
            return gain_over_the_baseline(self.storage, self.workplace, model.manifest)
        return gain_over(self.storage, other.manifest, model.manifest)

    def promote(self, study: str, bundle: str, alias: str, who: str, reason: str = "") -> Promotion:
        """Give an alias of the model's case to this model.

        Raises:
            UsageError: the model does not exist or already has the alias, or its gain is not proven
                and no reason was given.
            BundleError: it is damaged.
        """
        if alias not in ALIASES:
            raise unknown_name("alias", "aliases", alias, ALIASES)
        _check_reason(reason)
        model = self.model(study, bundle)
        if model.damage:
            raise BundleError(model.damage)
        if alias in model.aliases:
            raise UsageError(
                said(
                    "{study}/{bundle} is the {alias} model of {case!r} already",
                    study=study,
                    bundle=bundle,
                    alias=word(alias),
                    case=model.case,
                )
            )
        proof = self.proof(model)
        if alias == CURRENT and not proof.proven and not reason.strip():
            raise UsageError(
                said(
                    "{sentence} To promote this model anyway, write a reason; it is kept in the "
                    "ledger",
                    sentence=proof.sentence,
                )
            )
        return self._add(
            case=model.case,
            alias=alias,
            act="promote",
            study=study,
            bundle=bundle,
            weights=str(model.manifest["weights_sha256"]),
            proof=proof.sentence if proof.proven else "",
            reason=reason.strip(),
            who=who,
        )

    def roll_back(self, case: str, who: str, reason: str) -> Promotion:
        """Make the previous model of a case the current one again.

        Raises:
            UsageError: there is no previous model, it is gone or has changed, or no reason was
                given.
            BundleError: it is damaged.
        """
        _check_reason(reason)
        if not reason.strip():
            raise UsageError(said("a roll-back needs a reason; it is kept in the ledger"))
        earlier = self._before(case)
        model = self.model(earlier.study, earlier.bundle)
        if model.damage:
            raise BundleError(model.damage)
        if model.manifest["weights_sha256"] != earlier.weights:
            raise UsageError(
                said(
                    "{study}/{bundle} has different weights now than when it was current; check "
                    "it, and promote it yourself",
                    study=earlier.study,
                    bundle=earlier.bundle,
                )
            )
        return self._add(
            case=case,
            alias=CURRENT,
            act="roll back",
            study=earlier.study,
            bundle=earlier.bundle,
            weights=earlier.weights,
            proof="",
            reason=reason.strip(),
            who=who,
        )

    def current(self, case: str, alias: str = CURRENT, at: float | None = None) -> Promotion | None:
        """Return the entry that an alias points to, now or at a past time; None if there is none.

        Args:
            at: seconds since 1970; None for now.
        """
        wanted = select(Promotion).where(Promotion.case == case, Promotion.alias == alias)
        if at is not None:
            wanted = wanted.where(Promotion.at <= at)
        with self._session() as session:
            return session.scalar(wanted.order_by(Promotion.id.desc()).limit(1))

    def history(self, case: str | None = None) -> Sequence[Promotion]:
        """Return the entries of the ledger, the newest first."""
        wanted = select(Promotion).order_by(Promotion.id.desc())
        with self._session() as session:
            return session.scalars(
                wanted if case is None else wanted.where(Promotion.case == case)
            ).all()

    def _before(self, case: str) -> Promotion:
        """Return the entry that was current before this one; a roll-back undoes one promotion.

        Raises:
            UsageError: there is none.
        """
        stack: list[Promotion] = []
        for one in reversed(self.history(case)):
            if one.alias != CURRENT:
                continue
            if one.act == "roll back" and len(stack) > 1:
                stack.pop()
            else:
                stack.append(one)
        if len(stack) < 2:
            raise UsageError(
                said(
                    "no model of {case!r} was current before, so there is nothing to roll back to",
                    case=case,
                )
            )
        return stack[-2]

    def _now(self) -> dict[tuple[str, str], Promotion]:
        return {(one.case, one.alias): one for one in reversed(self.history())}

    def _add(self, **facts: str) -> Promotion:
        with self._session() as session:
            added = Promotion(at=self.clock(), **facts)
            session.add(added)
            session.commit()
            return added

    def _session(self) -> Session:
        return Session(self.storage.engine, expire_on_commit=False)


def case_of(manifest: Mapping[str, Any]) -> str:
    """Return the case of a bundle's model; for a door, the door with its data and target.

    All cases of a door share one name. With the data in it, a model of houses does not replace one
    of visits. Uploads and the owner's data have distinct names.

    >>> case_of({"case": "table", "reference": "table --data /srv/houses.csv --target price"})
    'table houses.csv price'
    """
    reference = str(manifest.get("reference", ""))
    door = door_of(reference)
    if door is None:
        return str(manifest.get("case", "?"))
    options = options_of(reference)
    return " ".join(filter(None, (door, Path(options.get("data", "")).name, options.get("target"))))


def _check_reason(reason: str) -> None:
    if len(reason) > LONGEST_REASON:
        raise UsageError(
            said(
                "the reason has {count} characters; it may have {longest_reason} at most",
                count=len(reason),
                longest_reason=LONGEST_REASON,
            )
        )
