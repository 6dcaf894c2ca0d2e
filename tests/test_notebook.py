"""The notebook in studies/examples runs from top to bottom, and shows what it announces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[1] / "studies" / "examples" / "notebook.ipynb"
SECONDS = 900


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*Proactor.*:RuntimeWarning")
def test_the_notebook_runs(tmp_path: Path) -> None:
    nbformat: Any = pytest.importorskip("nbformat", reason="pip install -e '.[dev]' brings it")
    nbclient: Any = pytest.importorskip("nbclient", reason="pip install -e '.[dev]' brings it")
    pytest.importorskip("ipykernel", reason="pip install -e '.[dev]' brings it")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=SECONDS, resources=place).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [output["data"] for output in outputs if "data" in output]
    pages = "".join(data.get("text/html", "") for data in shown)
    assert '<div class="tuner-study">' in pages
    assert "data:image/svg+xml;base64," in pages
    assert "<b>done</b>" in pages  # the progress line
    assert "<b>writing the report</b>" not in pages
    assert "housing by R²" in "".join(data.get("text/plain", "") for data in shown)
    assert not [output for output in outputs if output["output_type"] == "error"]
