"""Lay the images of Flowers-102 out as train/, val/ and test/ with a folder a class.

    python studies/flowers102/folders.py --data-dir DIR --out flowers102

DIR holds `flowers-102`, as `torchvision.datasets.Flowers102` lays it out.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from scipy.io import loadmat

PARTS = {"train": "trnid", "val": "valid", "test": "tstid"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    source = arguments.data_dir / "flowers-102"
    labels = loadmat(source / "imagelabels.mat")["labels"].ravel()
    parts = loadmat(source / "setid.mat")
    for part, name in PARTS.items():
        for number in parts[name].ravel():
            folder = arguments.out / part / f"{labels[number - 1]:03d}"
            folder.mkdir(parents=True, exist_ok=True)
            image = f"image_{number:05d}.jpg"
            shutil.copyfile(source / "jpg" / image, folder / image)


if __name__ == "__main__":
    main()
