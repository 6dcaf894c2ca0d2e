"""A real Ray cluster of several nodes on this machine: the same fits, and killed nodes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.engines.driving import drain
from tests.making import TINY, differences, make_brief, rerun, search
from tests.waiting import SECONDS_TO_HANG
from tuner.commands.verify import main as verify
from tuner.data.cache import TEST
from tuner.engines.cluster import RayCluster, _answers_as_ray, _check
from tuner.engines.job import Failed, Finished, Job
from tuner.engines.processes import ProcessEngine
from tuner.engines.remote import RemoteEngine
from tuner.engines.tasks import Head, RayEngine, _own_folder
from tuner.engines.worker import run
from tuner.errors import EngineError, UsageError
from tuner.machine import machine
from tuner.search.jobs import search_job
from tuner.training.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from optuna.trial import FrozenTrial
    from ray.cluster_utils import Cluster

    from tuner.search.lineup import Running
    from tuner.study.configuration import StudyConfig

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]

GATED = """
import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import ray

from tests.cases import tiny

GATE = Path({gate!r})

def build(hyperparameters, shape):
    while GATE.exists():
        with suppress(FileNotFoundError):  # it has been opened since
            (GATE / ray.get_runtime_context().get_node_id()).touch()
            (GATE / f"{{os.getpid()}}.process").touch()
        time.sleep(0.05)
    return tiny.build(hyperparameters, shape)

CASE = replace(tiny.CASE, build=build)
"""


class Gate:
    """While it is closed, trainings wait before they build their model, and report their node."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "gate"
        self.case = folder / "gated.py"
        self.case.write_text(GATED.format(gate=str(self.folder)))

    def shut(self) -> None:
        self.folder.mkdir()

    def waiting(self) -> set[str]:
        return {path.name for path in self.folder.iterdir() if not path.suffix}

    def processes(self) -> set[str]:
        return {path.name for path in self.folder.glob("*.process")}

    def open(self) -> None:
        self.folder.rename(self.folder.with_name("open"))

    def kill_a_node_that_waits(self, cluster: Cluster) -> None:
        while not self.waiting():
            time.sleep(0.05)
        kill(cluster, min(self.waiting()))


def kill(cluster: Cluster, node_id: str) -> None:
    """Simulate a power cut of a node: it sends nothing, and its workers stop."""
    (node,) = (one for one in cluster.worker_nodes if one.node_id == node_id)
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    workers = raylet.children(recursive=True)
    raylet.suspend()  # otherwise it might report its workers' deaths and get the same fits again
    for worker in workers:
        worker.kill()
    cluster.remove_node(node, allow_graceful=False)


@pytest.fixture
def nodes(cluster: Cluster) -> Cluster:
    """The cluster with three live nodes: killed ones are replaced and known to be dead."""
    while len(cluster.worker_nodes) < 3:
        cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes(timeout=SECONDS_TO_HANG)
    return cluster


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@pytest.fixture
def config(gate: Gate, tmp_path: Path) -> StudyConfig:
    return make_brief(str(gate.case), tmp_path)


def jobs_of(config: StudyConfig, count: int) -> list[Job]:
    return [search_job(config, asdict(config.case.baseline), seed) for seed in range(count)]


def retries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Messages about fits that are lost from now on."""
    lost: list[str] = []
    honest = RemoteEngine._lose

    def counting(self: RemoteEngine[Any, Any], fit: Any, how: str, *, killed: bool = False) -> None:
        lost.append(how)
        honest(self, fit, how, killed=killed)

    monkeypatch.setattr(RemoteEngine, "_lose", counting)
    return lost


def test_a_killed_node_costs_its_fits_a_retry_and_no_point(
    nodes: Cluster, gate: Gate, config: StudyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = retries(monkeypatch)
    jobs = jobs_of(config, 3)
    expected = [list(run(job)) for job in jobs]
    gate.shut()
    with closing(RayEngine(3, Plan())) as engine:
        for key, job in enumerate(jobs):
            engine.start(key, job)
        while len(gate.waiting()) < 3:
            time.sleep(0.05)
        gate.kill_a_node_that_waits(nodes)
        gate.open()
        for key, points in enumerate(expected):
            *received, end = drain(engine, key)
            assert received == points
            assert isinstance(end, Finished)
    assert len(lost) == 1


def test_a_fit_whose_nodes_die_twice_fails_alone(
    nodes: Cluster, gate: Gate, config: StudyConfig
) -> None:
    (job,) = jobs_of(config, 1)
    gate.shut()
    with closing(RayEngine(1, Plan())) as engine:
        engine.start(1, job)
        gate.kill_a_node_that_waits(nodes)
        dead = gate.waiting()
        while not engine._fits[1].retried:
            engine.next(1, timeout=0.1)
        while not gate.waiting() - dead:
            time.sleep(0.05)
        kill(nodes, min(gate.waiting() - dead))
        end = drain(engine, 1)[-1]
        assert isinstance(end, Failed)
        assert "its worker was lost twice" in end.reason
        gate.open()
        engine.start(2, job)
        assert isinstance(drain(engine, 2)[-1], Finished)


class KillsANode:
    """Closes the gate after three trials, and kills a node with a waiting training."""

    def __init__(self, cluster: Cluster, gate: Gate) -> None:
        self.cluster, self.gate, self.left = cluster, gate, 3

    def update(self, running: Sequence[Running], ended: FrozenTrial | None) -> None:
        self.left -= ended is not None
        if ended is not None and self.left == 0:
            self.gate.shut()
            threading.Thread(target=self._kill).start()

    def _kill(self) -> None:
        self.gate.kill_a_node_that_waits(self.cluster)
        self.gate.open()


def test_a_study_that_loses_a_node_is_the_study_made_here(
    nodes: Cluster,
    gate: Gate,
    config: StudyConfig,
    postgres: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = retries(monkeypatch)
    place = RayCluster()
    assert place.plan(config.case, config.dataset) == Plan.for_machine(images=False)
    with closing(place.engine(config.plan)) as engine:
        assert engine.slots == 3
        there = search(postgres, config, 12, engine=engine, observer=KillsANode(nodes, gate))
    assert lost
    with closing(ProcessEngine(3)) as engine:
        here = search(f"sqlite:///{tmp_path}/here.db", config, 12, engine=engine)
    assert differences(there, here) == []


def test_data_and_case_are_placed_on_the_node_and_the_test_split_is_not(
    nodes: Cluster, config: StudyConfig, tmp_path: Path
) -> None:
    (job,) = jobs_of(config, 1)
    weights = tmp_path / "weights.safetensors"
    with closing(RayEngine(1, Plan())) as engine:
        engine.start(1, rerun(job, weights=weights, split_seed=None))
        assert isinstance(drain(engine, 1)[-1], Finished)
    data = _own_folder() / job.data.name
    assert data.is_dir()
    assert not (data / TEST).exists()
    again = rerun(job, weights=tmp_path / "here", split_seed=None)
    list(run(again))
    assert weights.read_bytes() == (tmp_path / "here").read_bytes()


def test_the_study_command_on_a_cluster_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With confirmation and report, and Ctrl-C in between; Ray prints nothing."""
    monkeypatch.setenv("RAY_worker_niceness", "0")
    monkeypatch.setenv("RAY_ADDRESS", "local")  # else it would join the cluster of these tests
    command = [sys.executable, "-u", "-m", "tuner.study", TINY, "--engine", "ray", "--workers", "2"]
    command += ["--trials", "6", "--seeds", "2"]
    first = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert first.stdout is not None
    next(line for line in first.stdout if line.startswith("[2/"))
    first.send_signal(signal.SIGTERM)
    out, err = first.communicate(timeout=SECONDS_TO_HANG)
    assert (first.returncode, err) == (130, "")
    assert "Finished work is kept. To continue:" in out
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith("Study")
    said = [line for line in again.stdout.splitlines() if "--engine ray" not in line]
    assert "ray" not in "\n".join(said).lower()
    report = (tmp_path / "storage" / "reports" / "tiny" / "report.md").read_text()
    assert "The trainings ran on a Ray cluster of 1 node with" in report
    monkeypatch.chdir(tmp_path)
    assert verify(["tiny", "--case", TINY, "--all", "--workers", "1"]) == 0


def test_more_workers_than_the_cluster_has_room_for(nodes: Cluster) -> None:
    with pytest.raises(UsageError, match="--workers 99: the cluster has room for 3 fits at once"):
        RayCluster(workers=99).engine(Plan())


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_what_answers_and_is_not_a_cluster_is_not_waited_for(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(64)
                connection.sendall(answer)

        threading.Thread(target=serve).start()
        with pytest.raises(EngineError, match=f"what answers at --address {address} is not a Ray"):
            _check(address)


def test_what_a_cluster_answers_is_known(nodes: Cluster) -> None:
    host, _, port = nodes.address.rpartition(":")
    assert _answers_as_ray(host, int(port))


def test_a_head_that_is_gone_is_told_before_ray_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tuner.engines.tasks.SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr("tuner.engines.tasks.SECONDS_WITHOUT_HEAD", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        head = Head(f"127.0.0.1:{server.getsockname()[1]}")
        time.sleep(0.3)
        head.check()

    def look() -> None:
        until = time.monotonic() + SECONDS_TO_HANG
        while time.monotonic() < until:
            head.check()

    with pytest.raises(EngineError, match=r"Finished work is kept\. .* without --engine ray"):
        look()


WITH_A_TOKEN = """
import ray, sys
ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False)
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
"""


def test_a_cluster_that_asks_for_a_token(tmp_path: Path) -> None:
    """Ray sends a token to an address only if told to, and then needs one."""
    mine = {name: what for name, what in os.environ.items() if not name.startswith("RAY_")}
    mine |= {"HOME": str(tmp_path), "RAY_worker_niceness": "0"}
    asks = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef0123456789abcdef"}
    command = [sys.executable, "-m", "tuner.study", TINY, "--engine", "ray", "--trials", "1"]
    with subprocess.Popen(
        [sys.executable, "-c", WITH_A_TOKEN],
        env=mine | asks,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as cluster:
        assert cluster.stdout is not None
        command += ["--seeds", "0", "--address", cluster.stdout.readline().strip()]
        for set_here, said in (
            ({}, "the Ray cluster cannot be joined: Failed to connect"),
            ({"RAY_AUTH_MODE": "token"}, "no authentication token was found"),
        ):
            refused = subprocess.run(
                command,
                cwd=tmp_path,
                env=mine | set_here,
                capture_output=True,
                text=True,
                check=False,
            )
            assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
            assert "set RAY_AUTH_MODE=token here" in refused.stderr.splitlines()[-1]
            assert "Traceback" not in refused.stderr
        subprocess.run(command, cwd=tmp_path, env=mine | asks, capture_output=True, check=True)


def test_a_gpu_plan_needs_gpus(nodes: Cluster) -> None:
    with pytest.raises(EngineError, match=r"cannot be trained on this cluster: .* with a GPU"):
        RayCluster().engine(Plan(device="cuda"))


def test_fits_share_a_gpu_and_none_has_the_process_of_another(
    nodes: Cluster, gate: Gate, config: StudyConfig
) -> None:
    """Ray assigns a fake GPU; the fits compute on the processor."""
    node = nodes.add_node(num_cpus=0, num_gpus=1)
    nodes.wait_for_nodes(timeout=SECONDS_TO_HANG)
    try:
        place = RayCluster(workers=2)
        assert place.in_words(2) == "GPUs: 1 of the cluster; 2 workers."
        with closing(place.engine(Plan(device="cuda"))) as engine:
            assert engine.slots == 2
            gate.shut()
            for key, job in enumerate(jobs_of(config, 2)):
                engine.start(key, job)
            while len(gate.processes()) < 2:  # both at once, on one GPU
                engine.next(0, timeout=0.1)
            gate.open()
            assert all(isinstance(drain(engine, key)[-1], Finished) for key in (0, 1))
    finally:
        nodes.remove_node(node)


def test_a_node_with_other_versions_is_refused(
    nodes: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    other: dict[str, Any] = {**machine(), "torch": "1.0"}
    monkeypatch.setattr(RayCluster, "_ask", lambda *_: {"abcdef": other})
    with pytest.raises(EngineError, match=r"node abcdef of the cluster has torch 1\.0, not"):
        RayCluster()


def test_what_a_study_remembers_of_the_cluster(nodes: Cluster) -> None:
    assert RayCluster().facts() == {"cluster": {"nodes": 3, "processors": [machine()["processor"]]}}
