from __future__ import annotations

import errno
import gc
import os
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import optuna
import pytest
from sqlalchemy import NullPool, QueuePool, create_engine, inspect, text

from tests.disks import leave
from tuner.errors import StoreError, lacks_room
from tuner.study.database.lock import only_writer
from tuner.study.database.sqlite import SECONDS_TO_WAIT_FOR_A_LOCK
from tuner.study.database.storage import is_read_only, open_storage
from tuner.study.database.url import shown, without_secrets
from tuner.study.store import load_study
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAKER = (
    "import sys, optuna\n"
    "from tuner.study.database.storage import open_storage\n"
    "print('ready', flush=True)\n"
    "sys.stdin.readline()\n"
    "storage = open_storage(sys.argv[1], create=True)\n"
    "optuna.create_study(study_name=sys.argv[2], storage=storage)\n"
)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Python before 3.13 warns of none")
def test_of_connections_that_are_dropped_nobody_is_warned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", warnings.append)
    storage = open_storage(f"sqlite:///{tmp_path}/a.db", create=True)
    optuna.create_study(study_name="here", storage=storage).set_user_attr("kept", True)
    engine = storage.engine
    assert isinstance(engine.pool, QueuePool)
    assert engine.pool.checkedin(), "one is left open"
    del storage, engine
    gc.collect()
    ours = [warning for warning in warnings if "tuner" in str(warning)]
    assert not ours, "others are those of tests before, by Optuna's storage"


@pytest.mark.slow
def test_several_may_make_the_same_database_at_once(url: str, tmp_path: Path) -> None:
    names = [f"study {number}" for number in range(4)]
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKER, url, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for maker in makers:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "ready\n"
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("go\n")
        maker.stdin.flush()
    errors = [maker.communicate()[1] for maker in makers]
    assert [maker.returncode for maker in makers] == [0, 0, 0, 0], errors
    assert sorted(optuna.get_all_study_names(url)) == names
    assert not list(tmp_path.glob("*.new*"))


def test_it_is_made_where_the_file_system_has_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    url = f"sqlite:///{tmp_path}/new folder/studies.db"
    open_storage(url, create=True)
    assert optuna.get_all_study_names(url) == []
    with sqlite3.connect(tmp_path / "new folder" / "studies.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_nothing_is_left_where_it_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StoreError, match=r"studies\.db cannot be made: .*No space left"):
        open_storage(f"sqlite:///{tmp_path}/studies.db", create=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_servers_database_of_something_else_is_left_as_it_was(postgres: str) -> None:
    with pytest.raises(StoreError, match="is empty; run a study first"):
        open_storage(postgres, create=False)
    engine = create_engine(postgres, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE people (name TEXT)"))
    with pytest.raises(StoreError, match="was not made by Optuna; name an empty one"):
        open_storage(postgres, create=True)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["people"]


def test_a_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    url = "postgresql+psycopg://host/db"
    for use in (lambda: open_storage(url, create=True), only_writer(url, "one").__enter__):
        with pytest.raises(StoreError, match=r"pip install -e '\.\[postgres\]'"):
            use()


def test_a_password_is_not_shown() -> None:
    assert shown("sqlite:///studies.db") == "sqlite:///studies.db"
    with pytest.raises(StoreError, match="cannot be opened") as raised:
        open_storage("postgresql+psycopg://me:secret@localhost:1/x?connect_timeout=1", create=True)
    assert "secret" not in str(raised.value)
    assert "me:***@localhost" in str(raised.value)


SECRET = "s3cr3t-w0rd"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}@localhost/x",
        f"postgresql+psycopg://localhost/x?user=me&password={SECRET}",
        f"postgresql+psycopg://localhost/x?sslmode=require&sslpassword={SECRET}&passfile={SECRET}",
        f"postgresql+psycopg://localhost/x?token={SECRET}&password={SECRET}",
        f"postgresql+psycopg://localhost/x?options=-c%20{SECRET}",
        f"postgresql+psycopg://me%3A{SECRET}@localhost/x",
        f"postgresql+psycopg://me:{SECRET}@localhost:port/x",
        f"mysql+pymysql://me:{SECRET}@localhost/x",
        f"no such thing://me:{SECRET}@localhost/x",
    ],
)
def test_no_secret_of_a_url_is_shown(url: str) -> None:
    assert SECRET not in shown(url)
    assert SECRET not in without_secrets(f"cannot connect to '{url}', says the server")
    command = ["tuner", "study", "x", "--storage", url, f"--storage={url}"]
    assert SECRET not in " ".join(without_secrets(word) for word in command)
    with suppress(StoreError):
        assert SECRET not in Workplace.at(url=url).root.as_posix()
    for use in (
        lambda: open_storage(f"{url}", create=True),
        lambda: load_study(url, "x"),
        lambda: only_writer(url, "x").__enter__(),
    ):
        with pytest.raises(StoreError) as raised:
            use()
        assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "echoed",
    [
        f"could not connect: password={SECRET} host=localhost",
        f"no pg_hba.conf entry for '{quote(SECRET, safe='')}'",
        f"postgresql://me:{SECRET}@localhost/x is down",
    ],
)
def test_what_a_driver_says_of_a_secret_is_hidden(echoed: str) -> None:
    url = f"postgresql+psycopg://localhost/x?user=me&password={quote(SECRET, safe='')}"
    hidden = without_secrets(echoed, url)
    assert SECRET not in hidden
    assert "***" in hidden


def test_a_short_secret_does_not_hide_other_words() -> None:
    assert (
        without_secrets("password a of a car", "postgresql://u:a@h/x") == "password *** of *** car"
    )


def test_what_is_not_secret_is_shown_as_it_is() -> None:
    for url in (
        "sqlite:///studies.db",
        "postgresql+psycopg://me@host/db",
        "postgresql://host:5432/db?user=me&sslmode=require&connect_timeout=3",
        "nonsense",
    ):
        assert shown(url) == url
    page = "from https://example.org/data.csv?version=2&key=columns"
    assert without_secrets(page) == page


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("sqlite://x.db", "did you mean sqlite:///x.db"),
        ("sqlite:x.db", "did you mean sqlite:///x.db"),
        ("sqlite:/x.db", "did you mean sqlite:////x.db"),
        ("sqlite://me:pass@host/x.db", "did you mean sqlite:///host/x.db"),
        ("sqlite:///file:x.db?uri=true", "did you mean sqlite:///x.db"),
        ("sqlite:///a?b.db", "is not a part of the file's name"),
        ("sqlite:///a%3Fb.db", r"a%3Fb\.db would be read as a\?b\.db"),
        ("sqlite:///my%20files/b.db", "would be read as my files/b.db"),
        ("sqlite:///a.db?timeout=5", "no option is taken there; write sqlite:///a.db"),
        (
            "sqlite:///folder/",
            r"folder is a folder; name a file in it: sqlite:///folder/studies\.db",
        ),
        ("sqlite:///~nobody-of-this-name/x.db", "write the whole path"),
        (os.fsdecode(b"sqlite:///h\xe9.db"), r"b'h\\xe9\.db' is not UTF-8; choose another name"),
        ("x.db", "is not a storage URL; write it like sqlite:///"),
        ("mysql+pymysql://host/x", "of the kind 'mysql'; studies are kept in SQLite"),
        ("postgres://host/x", "of the kind 'postgres'; studies are kept in SQLite"),
        ("oracle://host/x", "of the kind 'oracle'; studies are kept in SQLite"),
    ],
)
def test_odd_urls_are_refused_before_anything_is_opened(
    url: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uses: list[Callable[[], object]] = [
        lambda: open_storage(url, create=True),
        lambda: load_study(url, "x"),
        lambda: only_writer(url, "x").__enter__(),
    ]
    if url.startswith("sqlite"):
        uses.append(lambda: Workplace.at(url=url))
    for use in uses:
        with pytest.raises(StoreError, match=meant):
            use()
    assert not list(tmp_path.iterdir())


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    workplace = Workplace.at(url="sqlite:///~/x.db")
    assert workplace == Workplace(tmp_path / "home" / "x", f"sqlite:///{tmp_path}/home/x.db")
    assert Workplace.at(Path("~/tuner")).root == tmp_path / "home" / "tuner"
    open_storage("sqlite:///~/x.db", create=True)
    assert (tmp_path / "home" / "x.db").exists()
    assert not (tmp_path / "~").exists()


def test_two_databases_have_two_folders() -> None:
    urls = ("sqlite:///a.db", "sqlite:///a", "sqlite:///b/studies.db", "postgresql://h/a")
    more = ("postgresql:///a?host=h", "postgresql:///a?host=g", "postgresql://h/b?password=a@h/b")
    roots = [Workplace.at(url=url).root for url in (*urls, *more)]
    assert len(set(roots)) == len(roots)
    assert Path("a") == roots[0]
    assert all(root.as_posix() not in {"a.db", "b/studies.db"} for root in roots)
    moved = [Workplace.at(url=f"postgresql://h/b?password={word}").root for word in "xy"]
    assert moved[0] == moved[1], "a new password does not move the reports"


def test_braces_in_a_name_are_kept(tmp_path: Path) -> None:
    open_storage(f"sqlite:///{tmp_path}/{{x}} {{0}}.db", create=True)
    assert (tmp_path / "{x} {0}.db").exists()


@pytest.mark.parametrize("happens", ["deleted", "replaced by another file"])
def test_a_file_that_is_gone_is_noticed_at_the_next_write(happens: str, tmp_path: Path) -> None:
    database = tmp_path / "studies.db"
    url = f"sqlite:///{database}"

    def use() -> None:
        with only_writer(url, "one"):
            study = optuna.create_study(storage=open_storage(url, create=True))
            study.set_user_attr("before", 1)
            database.unlink()
            if happens != "deleted":
                optuna.create_study(storage=f"sqlite:///{tmp_path}/other.db")
                (tmp_path / "other.db").rename(database)
            study.set_user_attr("after", 1)

    with pytest.raises(StoreError, match=rf"studies\.db was {happens} while it was in use"):
        use()


WAITING = """
import optuna, os, signal, sys, threading
from tuner.study.database.storage import open_storage
study = optuna.load_study(study_name="one", storage=open_storage(sys.argv[1], create=True))
print("waiting", flush=True)
try:
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    study.set_user_attr("said", 1)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.slow
def test_ctrl_c_ends_the_wait_for_a_locked_database(tmp_path: Path) -> None:
    """In a separate process: the signal would end the process of the tests."""
    url = f"sqlite:///{tmp_path}/studies.db"
    study = optuna.create_study(study_name="one", storage=open_storage(url, create=True))
    with closing(sqlite3.connect(tmp_path / "studies.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = subprocess.Popen(
            [sys.executable, "-c", WAITING, url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "waiting\n"
        assert waiting.communicate(timeout=SECONDS_TO_WAIT_FOR_A_LOCK / 2) == ("interrupted\n", "")
        other.execute("ROLLBACK")
    study.set_user_attr("said", 2)
    assert load_study_attributes(url) == {"said": 2}


def load_study_attributes(url: str) -> dict[str, object]:
    (found,) = optuna.get_all_study_summaries(open_storage(url, create=False))
    return found.user_attrs


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A read-only folder with a study."""
    folder = tmp_path / "there"
    folder.mkdir()
    root = os.geteuid() == 0  # root needs a read-only file system
    if root:
        made = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], check=False)
        if made.returncode:
            pytest.skip("no file system can be mounted here")
    url = f"sqlite:///{folder}/studies.db"
    with only_writer(url, "one"):
        optuna.create_study(storage=open_storage(url, create=True), study_name="one")
    if root:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    else:
        folder.chmod(0o555)
    yield folder
    folder.chmod(0o755) if not root else subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_store_that_may_only_be_read_is_read(read_only: Path) -> None:
    url = f"sqlite:///{read_only}/studies.db"
    assert {path.name for path in read_only.iterdir()} == {"studies.db", "studies.db.one.lock"}
    assert is_read_only(url)
    assert optuna.get_all_study_names(open_storage(url, create=False)) == ["one"]
    with (
        pytest.raises(
            StoreError, match=r"cannot be written: .*\. Copy the folder to where you may"
        ),
        only_writer(url, "one"),
    ):
        pytest.fail("it may only be read")


@pytest.mark.slow
def test_a_full_disk_is_not_taken_for_a_damaged_database(small_disk: Path) -> None:
    """There is no space for the file that SQLite needs to read a database in WAL mode."""
    url = f"sqlite:///{small_disk}/studies.db"
    open_storage(url, create=True).engine.dispose()
    leave(small_disk, 0)
    with pytest.raises(StoreError, match=r"the disk of .*studies\.db is full") as refused:
        open_storage(url, create=False)
    assert lacks_room(refused.value)
    (small_disk / "filler").unlink()
    assert optuna.get_all_study_names(open_storage(url, create=False)) == []
