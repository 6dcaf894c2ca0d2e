#!/usr/bin/env bash
# All checks that need a card (GPU), in under 8 minutes:  studies/gpu/run.sh --data-dir DIR
#
# It needs no network and installs nothing outside a folder of its own. It takes a Python that has
# torch (or the one that PYTHON names); what that Python lacks it takes from ./wheels, and the data too
# where no --data-dir is given (studies/gpu/pack.sh). A result is a line in $OUT/results.jsonl as soon
# as it is known, so the script may be interrupted at any time. Options are those of
# studies/gpu/check.py; with `--device cpu --quick` it shows in some minutes that it works itself.
set -euo pipefail
cd "$(dirname "$0")/../.."
export OUT="${OUT:-studies/gpu/results}" PYTHONUNBUFFERED=1

for python in ${PYTHON:-python3 python}; do
    if "$python" -c 'import torch' 2>/dev/null; then found=$python; break; fi
done
if [ -z "${found:-}" ]; then
    echo "no Python with torch: name one with PYTHON=... $0" >&2
    exit 1
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
site="$folder/site"
mkdir "$site"
if compgen -G 'wheels/*.whl' >/dev/null && ! "$found" -c 'import optuna_dashboard' 2>/dev/null; then
    "$found" -m pip install -q --no-index --no-deps --no-compile --target "$site" wheels/*.whl
fi
if [ -f wheels/data.tar.gz ] && [[ " $* " != *" --data-dir"* ]]; then
    mkdir "$folder/data"
    tar -xzf wheels/data.tar.gz --no-same-owner -C "$folder/data"
    set -- --data-dir "$folder/data" "$@"
fi
export PYTHONPATH="$(pwd)/src:$(pwd):$(pwd)/studies/speed:$site"
if ! "$found" -c 'from importlib.metadata import version; version("tuner")' 2>/dev/null; then
    mkdir "$site/tuner-0.1.0.dist-info" # tuner asks for its own version
    printf 'Metadata-Version: 2.1\nName: tuner\nVersion: 0.1.0\n' >"$site/tuner-0.1.0.dist-info/METADATA"
fi
"$found" studies/gpu/check.py --out "$OUT" "$@"
