"""What a large folder of pictures takes: seconds and memory of reading it, and of a worker's map.

python studies/images/memory.py --pictures 100000 --side 64 --folder /tmp/many
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tuner.case.loading import load_case
from tuner.case.reference import to_door
from tuner.data import cache, room
from tuner.data.sources.folders import Folders

CLASSES = 10


def draw(folder: Path, pictures: int, side: int) -> None:
    """Noise in blocks, a folder a class."""
    random = np.random.default_rng(0)
    for number in range(pictures):
        path = folder / f"class {number % CLASSES}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((side, side), Image.Resampling.NEAREST).save(path)


def memory() -> str:
    """This process's memory of its own, what it maps of files, and its peak, in MiB."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    own, mapped, peak = (
        int(fields[name].split()[0]) // 1024 for name in ("RssAnon", "RssFile", "VmHWM")
    )
    return f"own {own:,} MiB, mapped {mapped:,} MiB, peak of both {peak:,} MiB"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--in-file", action="store_true", help="as on a machine with no memory")
    arguments = parser.parse_args()
    data = arguments.folder / "pictures"
    if not data.exists():
        draw(data, arguments.pictures, arguments.side)
    if arguments.in_file:
        room.SHARE_OF_MEMORY = 0.0
    size = arguments.pictures * 3 * arguments.side**2 / 2**20
    print(f"{arguments.pictures:,} pictures, {size:,.0f} MiB of pixels; at first: {memory()}")
    began = time.perf_counter()
    case = load_case(to_door("images", {"data": str(data)}))
    dataset = case.dataset(Folders(own=arguments.folder / "data"))
    print(f"read and looked through in {time.perf_counter() - began:.0f} s: {memory()}")
    began = time.perf_counter()
    folder = cache.store(dataset, arguments.folder / "cache")
    print(f"cached in {time.perf_counter() - began:.0f} s: {memory()}")
    del dataset
    mapped = cache.load(folder)
    print(f"as a worker maps it: {memory()}")
    for numbers in torch.randperm(len(mapped.development)).split(64)[:200]:
        mapped.development.features[numbers].float().sum()
    print(f"after 200 batches of 64: {memory()}")


if __name__ == "__main__":
    main()
