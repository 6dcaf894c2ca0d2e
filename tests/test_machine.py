from __future__ import annotations

import ctypes
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tuner import machine
from tuner.machine import cpu_quota, memory_limit, usable_cores, usable_memory

if TYPE_CHECKING:
    from pathlib import Path

V2 = "0::/\n"
NESTED = "0::/user.slice/job.scope\n"
V1 = "4:memory:/\n3:cpuset:/docker\n2:cpu,cpuacct:/docker/abc\n1:cpuacct:/\n0::/\n"


def control_groups(folder: Path, own: str, files: dict[str, str]) -> tuple[Path, Path]:
    """Write Linux's files of control groups; return their root, and the file for this process."""
    root, named = folder / "cgroup", folder / "own"
    named.write_text(own)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root, named


@pytest.mark.parametrize(
    ("own", "files", "quota"),
    [
        (V2, {"cpu.max": "200000 100000\n"}, 2.0),
        (V2, {"cpu.max": "max 100000\n"}, None),
        (V2, {"cpu.max": "150000 100000\n"}, 1.5),
        (V2, {"cpu.max": ""}, None),
        (V2, {}, None),
        (NESTED, {"user.slice/job.scope/cpu.max": "100000 100000"}, 1.0),
        (
            NESTED,
            {"user.slice/job.scope/cpu.max": "max 1", "user.slice/cpu.max": "300000 100000"},
            3.0,
        ),
        (NESTED, {"user.slice/job.scope/cpu.max": "4 1", "cpu.max": "2 1"}, 2.0),
        (
            V1,
            {
                "cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "250000\n",
                "cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n",
            },
            2.5,
        ),
        (V1, {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        (V1, {"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4.0),
        (V1, {"cpuset/docker/cpu.cfs_quota_us": "1", "cpuset/docker/cpu.cfs_period_us": "1"}, None),
    ],
)
def test_the_quota_of_a_container_is_seen(
    tmp_path: Path, own: str, files: dict[str, str], quota: float | None
) -> None:
    root, named = control_groups(tmp_path, own, files)
    assert cpu_quota(root, named) == quota


def test_without_control_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path, tmp_path / "none") is None


@pytest.mark.parametrize(("quota", "cores"), [("50000", 1), ("100000", 1), ("9999999999", None)])
def test_the_cores_that_are_used_stay_within_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, cores: int | None
) -> None:
    monkeypatch.setattr(machine, "CONTROL_GROUPS", tmp_path / "nowhere")
    unlimited = usable_cores()
    root, named = control_groups(tmp_path, V2, {"cpu.max": f"{quota} 100000"})
    monkeypatch.setattr(machine, "CONTROL_GROUPS", root)
    monkeypatch.setattr(machine, "OWN_GROUPS", named)
    assert usable_cores() == (cores or unlimited)


LIMITED = "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n"


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        (V2, {"memory.max": "2147483648\n"}, 2**31),
        (V2, {"memory.max": "max\n", "memory.high": "max\n"}, None),
        (V2, {"memory.max": "max\n", "memory.high": "1000\n"}, 1000),
        (V2, {"memory.max": ""}, None),
        (V2, {"memory.max": "0"}, None),
        (V2, {}, None),
        (NESTED, {"user.slice/job.scope/memory.max": "max", "user.slice/memory.max": "7"}, 7),
        (NESTED, {"user.slice/job.scope/memory.max": "9", "memory.max": "8"}, 8),
        (LIMITED, {"memory/docker/abc/memory.limit_in_bytes": "4096\n"}, 4096),
        (LIMITED, {"memory/memory.limit_in_bytes": "4096\n"}, 4096),
        (LIMITED, {"cpu/docker/abc/memory.limit_in_bytes": "4096\n"}, None),
    ],
)
def test_the_memory_of_a_container_is_seen(
    tmp_path: Path, own: str, files: dict[str, str], limit: int | None
) -> None:
    root, named = control_groups(tmp_path, own, files)
    assert memory_limit(root, named) == limit
    assert memory_limit(root, tmp_path / "none") is None


@pytest.mark.parametrize(("limit", "memory"), [("1000", 1000), (str(2**63 - 4096), None)])
def test_the_memory_that_is_used_stays_within_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, memory: int | None
) -> None:
    monkeypatch.setattr(machine, "CONTROL_GROUPS", tmp_path / "nowhere")
    unlimited = usable_memory()
    root, named = control_groups(tmp_path, V2, {"memory.max": limit})
    monkeypatch.setattr(machine, "CONTROL_GROUPS", root)
    monkeypatch.setattr(machine, "OWN_GROUPS", named)
    assert usable_memory() == (memory or unlimited)


ASKED = """
import resource, sys
from tuner.machine import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
b"x" * 2**26
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    b"x" * 2**26
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library has no mallopt"
)
def test_memory_that_was_freed_is_used_again_without_the_system() -> None:
    pages = {
        how: int(subprocess.check_output([sys.executable, "-c", ASKED, how]))
        for how in ("keep", "give back")
    }
    assert pages["keep"] * 10 < pages["give back"]
