"""Files of a call at paths that every other call would use too."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

LISTEN = """
import json, os, shutil, sys, time
from pathlib import Path
from tuner.own.loops.shared_files import SharedFiles
Path("old.csv").write_text("1"); os.utime("old.csv", (1, 1))
Path("fresh.pt").write_text("1")
os.makedirs("own"); os.makedirs(".cache"); os.makedirs("runs/1")
shared = SharedFiles([Path.cwd()], [Path("own")], time.time() - 60)
{body}
print(json.dumps(shared.names()))
"""


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("open('best.pt', 'wb')", ["best.pt"]),
        ("os.close(os.open('best.pt', os.O_CREAT | os.O_RDWR))", ["best.pt"]),
        ("Path('runs/1/best.pt').write_text('x')", ["runs/1/best.pt"]),
        ("os.chdir('runs'); open('1/best.pt', 'w')", ["runs/1/best.pt"]),
        ("open('fresh.pt').read()", ["fresh.pt"]),  # PyTorch does not write through Python's open
        ("open('old.csv').read()", []),
        ("open('log.txt', 'a').write('x')", []),
        ("open('own/best.pt', 'w')", []),
        ("os.close(os.open('runs/1', os.O_RDONLY))", []),
        ("open('.cache/lock', 'w')", []),
        ("open(os.devnull, 'w')", []),
        ("os.path.exists('no') or open(shutil.copy('old.csv', 'new.csv'))", ["new.csv"]),
    ],
)
def test_files_that_others_would_use_as_well(tmp_path: Path, body: str, names: list[str]) -> None:
    """A process cannot stop listening, so each test uses its own process."""
    found = subprocess.run(
        [sys.executable, "-c", LISTEN.replace("{body}", body)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(found.stdout) == names
