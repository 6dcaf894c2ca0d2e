"""Standard output holds a command's result and nothing else."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, subprocess, sys
from tuner.commands.results import results_alone
with results_alone():
    print("by print")
    os.write(1, b"by a descriptor\\n")
    subprocess.run([sys.executable, "-c", "print('by a program')"])
sys.stdout.write("the result")
"""


def program(redirection: str) -> subprocess.CompletedProcess[str]:
    shell = ["sh", "-c", f'exec "$0" "$@" {redirection}', sys.executable, "-c", PROGRAM]
    return subprocess.run(shell, capture_output=True, text=True, check=False)


def test_whatever_else_is_printed_goes_to_standard_error() -> None:
    ended = program("")
    assert ended.stdout == "the result"
    assert set(ended.stderr.splitlines()) == {"by print", "by a descriptor", "by a program"}


def test_the_result_comes_alone_without_a_standard_error_too() -> None:
    assert program("2>&-").stdout == "the result"
