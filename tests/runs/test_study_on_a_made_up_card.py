"""A whole study and the commands on it, with a fake GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.making import TINY
from tests.training.test_made_up_card import card as card
from tuner.__main__ import main
from tuner.engines import choosing
from tuner.engines.inprocess import InProcessEngine

if TYPE_CHECKING:
    from pathlib import Path

    from tests.made_up_card import MadeUpCard

COMMANDS = (
    ("study", TINY, "--trials", "3", "--seeds", "2"),
    ("verify", "tiny", "--sample", "1", "--case", TINY),
    ("retrain", "tiny", "--arm", "baseline", "--case", TINY),
)


@pytest.mark.slow
def test_a_study_on_a_card_comes_to_its_end(
    card: MadeUpCard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Search, race, test, report, verification and a model, in one process, as with one GPU."""
    monkeypatch.setattr(choosing, "ProcessEngine", lambda *_, **__: InProcessEngine())
    for words in COMMANDS:
        monkeypatch.setattr("sys.argv", ["tuner", *words, "--home", str(tmp_path)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "made up (0)" in said
    assert "are the same, bit for bit" in said
    assert card.replays > 0
    memory = [line for line in card.told if line.startswith("memory is")]
    given_back = [line for line in memory if line.startswith("memory is given back")]
    assert memory == given_back
    for place in ("_rehearse", "_open"):
        assert any(f" {place} " in line for line in given_back), "workers can use it then"
