"""The options of a door are the same as typed, as a stored reference, and as a value."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from tuner.case.reference import as_words, options_of, to_door
from tuner.errors import UsageError
from tuner.own.options import from_root, option, options_for, read, write


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    data: Path = option("a file")
    group_of: str | None = option("a column", default=None)
    size: int = option("pixels", default=8)
    task: str | None = option("the task", default=None, choices=("one", "two"))
    model: Path | None = option("what it begins with", default=None, lasting=True)


@pytest.mark.parametrize(
    "given",
    [
        Given(data=Path("a b/it's.csv")),
        Given(data=Path("x"), group_of="--odd name", size=16, task="two"),
    ],
)
def test_what_is_given_comes_back_from_its_reference(given: Given) -> None:
    assert read(Given, options_of(to_door("table", write(given)))) == given


def test_a_reference_is_typed_as_it_is_read() -> None:
    given = Given(data=Path("-x.csv"), group_of="--odd=name", task="two")
    reference = to_door("table", write(given))
    words = as_words(reference)
    assert words == ["table", "--data=-x.csv", "--group-of=--odd=name", "--task", "two"]
    assert options_of(shlex.join(words)) == options_of(reference)


def test_a_file_that_models_need_is_kept_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = {"data": "x", "model": "w.pth"}
    kept = {"data": "x", "model": (Path.cwd() / "w.pth").as_posix()}
    assert from_root(Given, words) == from_root(Given, kept) == kept
    assert from_root(Given, {"data": "x"}) == {"data": "x"}


@pytest.mark.parametrize("reference", ["table --data", "table --data x --target"])
def test_an_option_without_a_value_is_refused(reference: str) -> None:
    with pytest.raises(ValueError, match="has no value"):
        options_of(reference)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({}, "--data is missing; a file"),
        ({"data": "x", "sise": "1"}, "no option 'sise'; did you mean 'size'?"),
        ({"data": "x", "size": "big"}, "--size big is not a whole number"),
        ({"data": "x", "task": "three"}, "--task three is not one of its choices: one, two"),
    ],
)
def test_what_a_door_does_not_take(words: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        read(Given, words)


def test_the_kind_of_an_option_is_that_of_its_field() -> None:
    kinds = {one.name: (one.kind, one.required) for one in options_for(Given)}
    assert kinds == {
        "data": (Path, True),
        "group-of": (str, False),
        "size": (int, False),
        "task": (str, False),
        "model": (Path, False),
    }
