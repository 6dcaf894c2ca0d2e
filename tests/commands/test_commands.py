"""The commands as a user types them, in separate processes and an empty folder."""

from __future__ import annotations

import errno
import os
import shlex
import signal
import subprocess
import sys
import time
from ast import literal_eval
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from tests.making import TINY, history
from tests.sampling import one_in
from tests.waiting import SECONDS_TO_HANG
from tuner import __main__ as tuner_main
from tuner.commands.ending import REFUSED
from tuner.commands.study import main as study_main
from tuner.depot.use import files_in_use, files_to_move
from tuner.errors import DepotError
from tuner.machine import most_workers
from tuner.revision import full_version
from tuner.serve.jobs.child import LATER, NO_ROOM, _status_of
from tuner.study.database.lock import only_writer
from tuner.study.database.storage import open_storage
from tuner.study.store import load_study

if TYPE_CHECKING:
    from collections.abc import Callable

RAY = ("--engine", "ray", "--address")
COMMANDS = tuple(tuner_main.COMMANDS)


def tuner(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m tuner.COMMAND ...` in a folder, with one thread and no network."""
    return subprocess.run(
        [sys.executable, "-m", "tuner", *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=SECONDS_TO_HANG,
        check=False,
    )


HELP = """
import io, runpy, sys
from contextlib import redirect_stdout

for command in sys.argv[1:]:
    sys.argv = ["tuner", command, "--help"]
    shown, code = io.StringIO(), None
    try:
        with redirect_stdout(shown):
            runpy.run_module("tuner", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    heavy = {"torch", "optuna", "numpy", "matplotlib", "sklearn"} & sys.modules.keys()
    print(repr((command, shown.getvalue(), code, sorted(heavy))))
"""


def test_help_answers_without_torch_or_optuna() -> None:
    """In one process for all commands: a slow import of one would be seen for the next."""
    shown = subprocess.run(
        [sys.executable, "-c", HELP, *COMMANDS], capture_output=True, text=True, check=True
    ).stdout
    answers = [literal_eval(line) for line in shown.splitlines()]
    assert [command for command, *_ in answers] == list(COMMANDS)
    for command, said, code, heavy in answers:
        assert said.startswith(f"usage: tuner {command}")
        assert (command, code, heavy) == (command, 0, [])
        assert command != "study" or "cases: flowers, housing, mnist" in said


def test_the_console_script_hands_over() -> None:
    for arguments, code in (([], 2), (["--help"], 0), (["nonsense"], 2), (["report", "--help"], 0)):
        ended = subprocess.run(
            [sys.executable, "-m", "tuner", *arguments], capture_output=True, text=True, check=False
        )
        assert ended.returncode == code
        assert "usage: tuner" in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--help"], *(pytest.param([word], marks=pytest.mark.slow) for word in ("--version", "list"))],
)
def test_output_that_cannot_be_written_is_one_line(
    own_workplace: Path, arguments: list[str]
) -> None:
    """`own_workplace` has a study to list."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    command = [sys.executable, "-m", "tuner", *arguments]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("tuner: [Errno 28]")
    assert ended.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a shell there closes no stream")
def test_streams_that_are_closed_take_what_is_written() -> None:
    """Else `None` is written to, or the next file that is opened gets a library's messages."""
    program = """
import os, subprocess, sys
from tuner.commands.ending import run
def main(_):
    sys.stdout.write("out\\udc80"); sys.stderr.write("err"); sys.stdin.read()
    lacks = "import sys; sys.exit(None in (sys.stdin, sys.stdout, sys.stderr))"
    started = subprocess.run([sys.executable, "-S", "-c", lacks])  # as a worker is
    return started.returncode if os.open(os.devnull, os.O_RDONLY) > 2 else 1
run(main)
"""
    closing = f'{shlex.quote(sys.executable)} -c "$0" <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", closing, program], check=False).returncode == 0


@pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there in any locale")
@pytest.mark.parametrize("name", ["\u5bb6", "caf\u00e9"])
def test_names_in_another_encoding_than_the_shell_has_are_refused(name: str) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ended = subprocess.run(
        [sys.executable, "-m", "tuner", "list", "--home", name],
        env={**os.environ, **ascii_only},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"tuner: {name.encode()!r} is UTF-8, and the locale of this ")
    assert "PYTHONUTF8=1" in ended.stderr


def test_a_whole_study_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process; `test_commands_one_after_another` has one process per command."""
    monkeypatch.chdir(tmp_path)
    assert study_main([TINY, "--trials", "4", "--seeds", "2", "--workers", "1"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    lines = shown.out.splitlines()
    assert lines[0].startswith("Study 'tiny': 4 trials. Data: two clouds.")
    assert lines.pop(2).startswith("Diagnosis of the baseline: ")
    trials = [line[:5] for line in lines if line.startswith("[")]
    assert trials == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    failed = next(n for n, line in enumerate(lines) if "failed: line 68 of tiny.py" in line)
    assert lines[failed + 2].startswith("Traceback"), "what the user's code raised is shown once"
    assert "Report: storage/reports/tiny/report.html" in lines
    assert lines[-1].startswith("Next:   tuner study ")
    report = tmp_path / "storage" / "reports" / "tiny"
    assert {"report.md", "report.json"} <= {path.name for path in report.iterdir()}


@pytest.mark.slow
def test_commands_one_after_another(tmp_path: Path) -> None:
    ended = tuner("study", TINY, "--trials", "4", "--seeds", "2", "--workers", "1", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    report = tmp_path / "storage" / "reports" / "tiny"
    before = {path.name: path.read_bytes() for path in report.iterdir()}
    again = tuner("report", "tiny", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert {path.name: path.read_bytes() for path in report.iterdir()} == before
    bundle = tuner("retrain", "tiny", "--case", TINY, "--arm", "baseline", cwd=tmp_path)
    assert bundle.returncode == 0, bundle.stderr
    (tmp_path / "in.csv").write_text("x,y\n1,2\n")
    predicted = tuner(
        "predict", bundle.stdout.strip(), "in.csv", "--json", "--case", TINY, cwd=tmp_path
    )
    assert predicted.returncode == 0, predicted.stderr
    assert '"class"' in predicted.stdout


@pytest.fixture(scope="module")
def with_a_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of two trials, without a confirmation."""
    folder = tmp_path_factory.mktemp("commands")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        study_main([TINY, "--trials", "2", "--seeds", "0", "--workers", "1"])
    (folder / "notes.txt").write_text("no database " * 100)
    return folder


@pytest.mark.slow
def test_without_seeds_nothing_is_confirmed_and_the_report_says_so(with_a_study: Path) -> None:
    report = (with_a_study / "storage" / "reports" / "tiny" / "report.md").read_text()
    assert "Not confirmed yet" in report
    study = load_study(f"sqlite:///{with_a_study}/storage/studies.db", "tiny")
    assert "test_openings" not in study.user_attrs


@pytest.mark.parametrize(
    ("arguments", "message"),
    one_in(
        2,
        [
            (("study", "flower"), "no case 'flower'; did you mean 'flowers'?"),
            (("study", "mine.py"), "no case file mine.py"),
            (
                ("study", TINY, "--fix", "widht=3"),
                "no hyperparameter 'widht'; did you mean 'width'?",
            ),
            (("study", TINY, "--fix", "width=99"), "--fix width=99 is out of range"),
            (("study", TINY, "--seed", "1"), "its seed is 0, not 1"),
            (("study", TINY, "--name", "tiny", "--fix", "width=3"), "--fix"),
            (("study", TINY, "--precision", "bfloat16"), "its precision is float32, not bfloat16"),
            (("study", "housing", "--name", "tiny"), "its case is tiny, not housing"),
            (("study", TINY, "--name", "../up"), "has a slash"),
            (("study", TINY, "--storage", "nonsense"), "is not a storage URL"),
            (("study", TINY, "--storage", "sqlite:///notes.txt"), "cannot be used as a database"),
            (
                ("study", "mnist", "--data-dir", "storage"),
                "--data-dir storage lacks MNIST/raw/train",
            ),
            (("study", "flowers", "--data-dir", "storage"), "lacks flowers-102/imagelabels.mat"),
            (("report", "tinny"), "no study 'tinny'; did you mean 'tiny'?"),
            (("report", "tiny", "--storage", "sqlite:///none.db"), "no database none.db"),
            (("retrain", "tiny", "--trial", "7"), "trial 7 does not exist"),
            (
                ("retrain", "tiny", "--case", TINY, "--out", "storage"),
                "storage already exists and is not a bundle",
            ),
            (
                ("retrain", "tiny", "--case", TINY, "--out", "notes.txt"),
                "notes.txt already exists and is not a bundle",
            ),
            (("study", TINY, "--name", ""), "the study name '' is empty"),
            (("study", TINY, "--workers", str(most_workers() + 1)), "this machine allows at most"),
            (("study", TINY, "--data-dir", "nowhere"), "--data-dir nowhere is not a folder"),
            (
                ("study", TINY, *RAY, "head"),
                "--address head is not HOST:PORT of the cluster's head",
            ),
            (("study", TINY, *RAY, "ray://head:10001"), "A Ray client (ray://) cannot be used"),
            (("study", TINY, *RAY, "127.0.0.1:1"), "nothing answers at --address 127.0.0.1:1"),
            (("study", TINY, "--address", "auto"), "--address auto is only used with --engine ray"),
            (("predict", "nowhere", "in.csv"), "nowhere is not a bundle"),
        ],
    ),
)
def test_bad_input_is_one_line_and_changes_nothing(
    with_a_study: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    """In this process, through the same `run` as the commands, to save time."""
    from importlib import import_module

    from tuner.commands.ending import run

    monkeypatch.chdir(with_a_study)
    study = load_study("sqlite:///storage/studies.db", "tiny")
    before = history(study), files(with_a_study)
    monkeypatch.setattr(sys, "argv", [f"tuner {arguments[0]}", *arguments[1:]])
    with pytest.raises(SystemExit) as end:
        run(import_module(f"tuner.commands.{arguments[0]}").main)
    assert end.value.code == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("tuner: ")
    assert shown.err.count("\n") == 1
    assert message in shown.err
    assert (history(study), files(with_a_study)) == before


def files(folder: Path) -> set[str]:
    """Return the files in a folder; SQLite's temporary files do not count."""
    return {str(p) for p in folder.rglob("*") if not p.name.endswith(("-wal", "-shm"))}


@pytest.mark.parametrize(
    "words",
    [
        (TINY, "--trials", "0"),
        (TINY, "--trials", "x"),
        (TINY, "--workers", "0"),
        (TINY, "--seeds", "-1"),
        (TINY, "--seed", str(2**32)),
        ("images", "--data", "photos", "--size", "x"),
        ("images", "--data", "photos", "--backbone", "resnet18", "--unfreeze", "1.5"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        study_main([*words])
    assert end.value.code == 2
    assert "it takes a whole number" in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_settles_and_says_how_to_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-m", "tuner.study", TINY, "--trials", "100000"]
    running = subprocess.Popen(
        [*command, "--workers", "1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    for line in running.stdout:
        if line.startswith("[3/"):
            break
    time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=SECONDS_TO_HANG)
    assert running.returncode == 130
    assert err == ""
    assert f"tuner study {TINY} --trials 100000 --workers 1" in out
    study = load_study(f"sqlite:///{tmp_path}/storage/studies.db", "tiny")
    states = {trial.state.name for trial in study.trials}
    assert "RUNNING" not in states
    assert "COMPLETE" in states


DROPPED = """
import signal, time, weakref
from tuner.commands.ending import run


class Thing:
    pass


def main(_):
    thing = Thing()
    watched = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    del thing
    time.sleep(600)


run(main)
"""


WHILE_IT_IMPORTS = """
import signal, sys
from tuner.__main__ import main


class Finder:
    def find_spec(self, name, *_):
        if name == "tuner.commands.list":
            signal.raise_signal(signal.SIGINT)


sys.meta_path.insert(0, Finder())
sys.argv[1:] = ["list"]
main()
"""


def test_ctrl_c_while_a_command_is_imported_leaves_no_traceback() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WHILE_IT_IMPORTS], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_ctrl_c_is_not_lost_where_python_drops_it() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DROPPED],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_TO_HANG,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def fill_a_database(folder: Path) -> None:
    with open_storage(f"sqlite:///{folder}/studies.db", create=True).engine.begin() as connection:
        connection.execute(text("PRAGMA max_page_count = 1"))  # at least its present size
        connection.execute(text("CREATE TABLE large AS SELECT zeroblob(1000000)"))


def fill_a_disk(_folder: Path) -> None:
    try:
        raise OSError(errno.ENOSPC, "No space left on device")
    except OSError as error:
        raise DepotError("the model cannot be kept") from error


def refuse(_folder: Path) -> None:
    raise DepotError("the model cannot be kept")


def take_a_study_twice(folder: Path) -> None:
    url = f"sqlite:///{folder}/studies.db"
    with only_writer(url, "tiny"), only_writer(url, "tiny"):
        pass


def use_files_that_move(folder: Path) -> None:
    with files_to_move(folder), files_in_use(folder):
        pass


def wait_for_a_database(folder: Path) -> None:
    engine = open_storage(f"sqlite:///{folder}/studies.db", create=True).engine
    with engine.begin() as one, engine.begin() as other:
        for connection in (one, other):
            connection.exec_driver_sql("BEGIN IMMEDIATE")


def ask_a_server_that_is_away(_folder: Path) -> None:
    open_storage("postgresql+psycopg://nobody@127.0.0.1:1/nothing", create=True)


@pytest.mark.parametrize(
    ("fail", "status"),
    [
        (fill_a_database, NO_ROOM),
        (fill_a_disk, NO_ROOM),
        (take_a_study_twice, LATER),
        (use_files_that_move, LATER),
        (wait_for_a_database, LATER),
        (ask_a_server_that_is_away, LATER),
        (refuse, REFUSED),
    ],
)
def test_what_may_pass_has_a_status_of_its_own_for_the_service(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fail: Callable[[Path], None],
    status: int,
) -> None:
    from tuner.commands.ending import run

    monkeypatch.setattr("tuner.study.database.sqlite.SECONDS_TO_WAIT_FOR_A_LOCK", 0.0)

    def main(_: object) -> int:
        fail(tmp_path)
        return 0

    with pytest.raises(SystemExit) as end:
        run(main, _status_of)
    assert end.value.code == status
    with pytest.raises(SystemExit) as end:
        run(main)
    assert end.value.code == 2, "what a person has typed"
    assert capsys.readouterr().err.count("\n") == 2


LEAKING = """
import atexit, os, sys
from tuner.commands.ending import run
sys.modules[sys.argv[1]] = os
atexit.register(os.write, 2, b"leaked\\n")  # called last, as the first of them
def main(_):
    atexit.register(print, "the last words", file=sys.stderr)
    return 3
run(main)
"""


@pytest.mark.parametrize(
    ("imported", "left"), [("triton", ""), ("another", "leaked\n")], ids=["triton", "another"]
)
def test_what_triton_lists_as_leaks_is_not_shown(imported: str, left: str) -> None:
    words = [sys.executable, "-c", LEAKING, imported]
    made = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (3, f"the last words\n{left}")


def test_what_no_text_can_hold_is_printed_all_the_same() -> None:
    program = "from tuner.commands.ending import run\nrun(lambda _: print('\\udcff.png') or 0)"
    made = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stdout, made.stderr) == (0, "\\udcff.png\n", "")


def test_the_version_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tuner", "--version"])
    with pytest.raises(SystemExit, match=r"^0$"):
        tuner_main.main()
    assert capsys.readouterr().out == f"tuner {full_version()}\n"
