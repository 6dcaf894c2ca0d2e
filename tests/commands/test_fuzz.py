"""No input from a stranger makes a user see a traceback.

Whatever the input, a parser of ours returns a valid result or raises an error of ours. `-m slow`
tries tens of thousands of inputs, the default some hundred of each kind.
"""

from __future__ import annotations

import argparse
import io
import json
import math
from contextlib import redirect_stderr, suppress
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.bundle.test_bundle import CASE, FACTS
from tests.making import TINY
from tuner.bundle.bundle import open_bundle
from tuner.bundle.manifest import write_bundle
from tuner.bundle.prediction import predict_tables
from tuner.case.contract import Shape
from tuner.case.loading import load_case
from tuner.case.space import parse_fixed, space
from tuner.commands.options import whole_number
from tuner.commands.study import parser as study_parser
from tuner.data.images import read_image
from tuner.data.scaling import Scaler
from tuner.errors import TunerError
from tuner.naming import folder_name
from tuner.study.database.url import parse_url, shown
from tuner.training.inference import Fitted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tuner.bundle.bundle import Bundle

FEW, SOME, MANY = 20, 100, 2_000
DEAR = 400  # number of inputs that take a tenth of a second each
EVERY = pytest.mark.parametrize("inputs", [SOME, pytest.param(MANY, marks=pytest.mark.slow)])
FEWER = pytest.mark.parametrize("inputs", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])


def feed(inputs: int, strategy: st.SearchStrategy[Any], take: Callable[[Any], object]) -> None:
    """Give a parser this many inputs; it may raise an error of ours."""

    @settings(max_examples=inputs, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def one(value: Any) -> None:
        with suppress(TunerError):
            take(value)

    one()


NUMBERS = st.integers().map(str) | st.floats().map(repr) | st.from_regex(r"[-+]?[0-9_.eE]{1,12}")
WORDS = st.text(max_size=20)
LITERALS = st.recursive(
    NUMBERS | st.sampled_from(["True", "None", "'a'", "(", ")", "[", "{", "-", "lambda: 0", "..."]),
    lambda inner: st.lists(inner, max_size=3).map(",".join) | inner.map("({})".format),
)
FIXES = st.builds(
    "{}{}{}".format,
    st.sampled_from([*space(CASE), "x", ""]) | WORDS,
    st.sampled_from(["=", "==", " = ", ""]),
    NUMBERS | LITERALS | WORDS,
)


@EVERY
def test_fixed_hyperparameters(inputs: int) -> None:
    def take(assignments: list[str]) -> None:
        for name, value in parse_fixed(CASE, assignments).items():
            distribution = space(CASE)[name]
            assert distribution._contains(distribution.to_internal_repr(value))

    feed(inputs, st.lists(FIXES, max_size=3), take)


PATHS = st.builds(
    "{}{}".format,
    WORDS | st.sampled_from(["mnist", "tuner.cases.mnist", "../tests/cases/tiny", "/", ".", "\0"]),
    st.sampled_from(["", ".py", ".PY", "/", "/.py", ".py/x.py"]),
)


@EVERY
def test_cases(inputs: int) -> None:
    def take(reference: str) -> None:
        assert load_case(reference).name  # ours, or refused

    feed(inputs, PATHS.filter(lambda text: text != "mnist"), take)


@EVERY
def test_names_of_studies(inputs: int, tmp_path: Path) -> None:
    def take(name: str) -> None:
        folder = tmp_path / folder_name(name)
        assert folder.parent == tmp_path
        assert folder.name == name

    feed(inputs, WORDS | st.sampled_from(["..", "a/../..", "a" * 300, "~", "\u202eevil"]), take)


URLS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["sqlite", "postgresql", "postgresql+psycopg", "mysql", "redis", ""]) | WORDS,
    st.sampled_from(["://", ":///", ":", "//", ""]),
    WORDS | st.sampled_from(["user:pass@host:port/name", "[::1]/x", "%", "host:99999999/x?a=b&a"]),
)


@EVERY
def test_storage_urls(inputs: int) -> None:
    def take(url: str) -> None:
        password = parse_url(url).password
        assert password is None or f":{password}@" not in shown(url)

    feed(inputs, URLS, take)


OPTIONS = st.sampled_from(
    [
        "--trials",
        "--seed",
        "--seeds",
        "--workers",
        "--timeout",
        "--fix",
        "--name",
        "--storage",
        "-x",
    ]
)


@EVERY
def test_command_lines(inputs: int) -> None:
    made = study_parser()

    def take(words: list[str]) -> None:
        with redirect_stderr(io.StringIO()) as said, suppress(SystemExit):
            arguments = made.parse_args(words)
        if "error: " in said.getvalue():
            return
        assert arguments.trials in (None, "auto") or arguments.trials >= 1
        assert arguments.timeout is None or 0 < arguments.timeout < math.inf

    words = (OPTIONS | NUMBERS | WORDS).filter(lambda word: word not in ("-h", "--help"))
    feed(inputs, st.lists(words, max_size=5).map(lambda rest: ["mnist", *rest]), take)


@EVERY
def test_whole_numbers(inputs: int) -> None:
    parse = whole_number(1, 8)

    def take(text: str) -> None:
        with suppress(argparse.ArgumentTypeError):
            assert 1 <= int(parse(text)) <= 8

    feed(inputs, NUMBERS | WORDS, take)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    torch.manual_seed(0)
    model = CASE.build(CASE.baseline, Shape((2,), 2)).eval()
    return Fitted(model, Scaler(torch.zeros(2), torch.ones(2)), Scaler.identity())


def packed(folder: Path, fitted: Fitted, facts: dict[str, Any]) -> Path:
    fitted.save(folder / "weights")
    write_bundle(folder / "bundle", folder / "weights", facts)
    return folder / "bundle"


CELLS = NUMBERS | WORDS | st.sampled_from(["nan", "inf", "1e39", "1_000", "٣", '"', '"a\nb"', ""])
ROWS = st.lists(st.lists(CELLS, max_size=4).map(",".join), max_size=4).map("\n".join)
HEADERS = st.sampled_from(["x,y", "y,x", "x,y,z", "x", "x,x,y", "x,y,prediction", '"x","y"', ""])
CSV = st.binary(max_size=60) | st.builds("{}\n{}".format, HEADERS, ROWS).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


@FEWER
def test_tables(inputs: int, tmp_path: Path, fitted: Fitted) -> None:
    bundle, path = open_bundle(packed(tmp_path, fitted, FACTS), TINY), tmp_path / "in.csv"

    def take(content: bytes) -> None:
        path.write_bytes(content)
        rows = json.loads(predict_tables(bundle, [path], as_json=True))
        assert all(0.5 <= row["probability"] <= 1 for row in rows)

    feed(inputs, CSV, take)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FACTS, "kind", "inputs"]) | WORDS, inner, max_size=3)
    ),
    max_leaves=6,
)


def places(facts: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the paths of all values in a manifest: keys, and keys of nested dictionaries."""
    inner = [(k, i) for k, value in facts.items() if isinstance(value, dict) for i in value]
    return [*((key,) for key in facts), *inner]


def replaced(facts: dict[str, Any], place: tuple[str, ...], value: object) -> dict[str, Any]:
    first, *rest = place
    return {**facts, first: replaced(facts[first], tuple(rest), value) if rest else value}


@pytest.mark.parametrize("inputs", [FEW, pytest.param(DEAR, marks=pytest.mark.slow)])
def test_manifests_with_the_right_checksums(inputs: int, tmp_path: Path, fitted: Fitted) -> None:
    rows = tmp_path / "in.csv"
    rows.write_text("x,y\n1,2\n")

    def take(change: tuple[tuple[str, ...], object]) -> None:
        bundle: Bundle = open_bundle(packed(tmp_path, fitted, replaced(FACTS, *change)), TINY)
        assert predict_tables(bundle, [rows], as_json=False).startswith(
            "x,y,prediction,probability\n1,2,"
        )

    feed(inputs, st.tuples(st.sampled_from(places(FACTS)), JSON), take)


def image_bytes() -> list[bytes]:
    found = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        written = io.BytesIO()
        Image.new("RGB", (5, 4), "red").save(written, kind)
        found.append(written.getvalue())
    return found


@st.composite
def damaged_images(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from(image_bytes())))
    for _ in range(draw(st.integers(0, 4))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(0, len(content)))])


@FEWER
def test_images(inputs: int, tmp_path: Path) -> None:
    path = tmp_path / "image"

    def take(content: bytes) -> None:
        path.write_bytes(content)
        assert read_image(path, (3, 6, 8)).shape == (3, 6, 8)

    feed(inputs, damaged_images() | st.binary(max_size=40), take)
