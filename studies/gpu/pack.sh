#!/usr/bin/env bash
# What a machine with a card lacks, into ./wheels, to be carried there:  studies/gpu/pack.sh DATA
#
# DATA is the folder that holds MNIST and Flowers-102. ./wheels then has wheels for Python 3.12 on
# Linux (x86-64) of what images for PyTorch do not have, and data.tar.gz: MNIST and the photos of the
# five classes. Together they are 26 MB; run.sh finds both. Needs tuner's own Python and a network.
set -euo pipefail
data=$(cd "${1:?the folder that holds MNIST and Flowers-102}" && pwd)
cd "$(dirname "$0")/../.."
mkdir -p wheels
python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 \
    --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 \
    --platform manylinux2014_x86_64 -d wheels \
    alembic bottle colorlog 'filelock>=4.0.5' mako 'optuna~=5.0.0' optuna-dashboard 'sqlalchemy>=2.0'
PYTHONPATH=src python3 - "$data" <<'END' | tar -czf wheels/data.tar.gz -C "$data" -T -
import sys
from pathlib import Path

from scipy.io import loadmat

from tuner.data.sources import flowers102, mnist

data = Path(sys.argv[1])
labels = loadmat(data / flowers102.LABELS)["labels"].ravel() - 1
photos = [number for number, label in enumerate(labels, start=1) if label in flowers102.CLASSES]
print(*mnist.FILES, flowers102.LABELS, flowers102.PARTS, sep="\n")
print(*(f"{flowers102.IMAGES}/image_{number:05d}.jpg" for number in photos), sep="\n")
END
du -sh wheels
