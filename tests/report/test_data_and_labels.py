"""Data files and suspicious labels, in the report."""

from __future__ import annotations

from typing import Any

import optuna

from tuner.data.splits import KFold, TimeFolds
from tuner.report.facts.mistaken import mistakes_facts
from tuner.report.sections.data import data_section
from tuner.report.sections.errors import MOST_SUSPECTS, errors_section


def mistakes(suspects: list[dict[str, Any]] | None) -> dict[str, Any]:
    found = {
        "classes": ["a", "b"],
        "models": 6,
        "confusion": [[5, 1], [0, 6]],
        "recall": [5 / 6, 1.0],
        "one_class": None,
        "mistakes": [],
    }
    return {"mistakes": found if suspects is None else {**found, "suspects": suspects}}


def suspect(number: int, file: str | None) -> dict[str, Any]:
    return {
        "row": number,
        "file": file,
        "label": "a",
        "said": "b",
        "probability": 0.971,
        "models": 6,
    }


def test_suspects_are_named_by_their_files() -> None:
    text = errors_section(mistakes([suspect(3, "a/x|y.png")]), [])
    assert (
        "Nearly all models contradict 1 label of the test rows, with a mean probability of 90 %"
        in (text)
    )
    assert "Even such confident models are sometimes wrong." in text, (
        "as a study made before tells it"
    )
    assert "| file | label | models say | mean probability | models against the label |" in text
    assert r"| `a/x\|y.png` | `a` | `b` | 97 % | 6 of 6 |" in text


def test_how_many_sure_answers_are_wrong_is_told_beside_the_suspects() -> None:
    facts = mistakes([suspect(3, "a.png")])
    facts["mistakes"]["sure"] = {"answers": 1812, "wrong": 9.84}
    assert (
        "by their own probabilities, 9.8 of their 1,812 confident answers are."
        in errors_section(facts, [])
    )


def test_of_a_study_made_before_those_are_left_out_that_models_are_not_sure_of() -> None:
    unsure = {**suspect(4, "b.png"), "probability": 0.6}
    found = mistakes([suspect(3, "a.png"), unsure])["mistakes"]
    best = optuna.trial.create_trial(value=0.9)
    facts = mistakes_facts({**found, "trial": best.number}, {"best": best})
    assert facts is not None
    assert [one["row"] for one in facts["suspects"]] == [3]


def test_rows_without_files_have_numbers_and_the_longest_list_is_cut() -> None:
    text = errors_section(mistakes([suspect(n, None) for n in range(MOST_SUSPECTS + 3)]), [])
    assert "| test row | label |" in text
    assert f"The first {MOST_SUSPECTS} are shown." in text
    assert text.count("97 %") == MOST_SUSPECTS
    assert "| 1 | `a` |" in text


def test_that_no_label_is_suspect_is_said_and_older_studies_say_nothing() -> None:
    assert "No label looks wrong" in errors_section(mistakes([]), [])
    assert "label" not in errors_section(mistakes(None), [])


def test_what_was_found_in_the_files_is_listed() -> None:
    facts: dict[str, Any] = {
        "data": {
            "name": "photos",
            "source": "photos: 12 pictures",
            "fingerprint": "0" * 64,
            "sizes": {"training": 8, "validation": 2, "development": 10, "test": 2},
            "inspection": [["copies", "1 equal in all pixels"]],
        },
        "test_openings": [],
    }
    text = data_section(facts)
    assert "- copies: `1 equal in all pixels`" in text
    del facts["data"]["inspection"]
    assert "What was found in the files" not in data_section(facts)


def test_folds_in_the_order_of_time_are_not_said_to_be_alike() -> None:
    sizes = {"training": 35, "validation": 40, "development": 240, "test": 60, "folds": 5}
    facts: dict[str, Any] = {
        "data": {
            "name": "sales",
            "source": "sales.csv",
            "fingerprint": "0" * 64,
            "sizes": sizes,
            "validation": {"kind": TimeFolds.__name__, "k": 5},
        },
        "test_openings": [],
    }
    text = data_section(facts)
    assert (
        "240 development rows in the order of time (5 folds: each validates on about 40, and "
        "trains on all before them; the first on 35), 60 test rows" in text
    )
    facts["data"]["validation"] = {"kind": KFold.__name__, "k": 5}
    assert "(5 folds, each with 35 to train and 40 to validate)" in data_section(facts)
