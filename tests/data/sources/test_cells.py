"""Text cells, in the form that each version of pyarrow returns."""

from __future__ import annotations

import unicodedata
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tuner.data.sources.cells import trimmed

WRITTEN = [" a\u0308 ", "\u00e4", None, "", " plain"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("chunked", [False, True])
def test_an_umlaut_is_one_character_whatever_pyarrow_takes_for_it(
    kind: pa.DataType, chunked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def split(cells: Any, form: str) -> Any:  # result of pyarrow before 26, for every form
        texts = [one and unicodedata.normalize("NFD", one) for one in cells.to_pylist()]
        return pa.array(texts, cells.type)

    monkeypatch.setattr(pc, "utf8_normalize", split)
    cells = (
        pa.chunked_array([WRITTEN[:2], WRITTEN[2:]], kind) if chunked else pa.array(WRITTEN, kind)
    )
    found = trimmed(cells)
    assert (found.to_pylist(), found.type) == (["\u00e4", "\u00e4", None, "", "plain"], kind)


def test_cells_of_none_at_all_and_of_nothing_stay() -> None:
    for cells in (pa.array([], pa.string()), pa.array([None, None], pa.string())):
        assert trimmed(cells).equals(cells)
