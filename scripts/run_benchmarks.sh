#!/usr/bin/env bash
# Runs every Testing/Benchmarks/benchmark_*.py in turn with the project's Python; stops at the first that fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
shopt -s nullglob

benchmarks=(Testing/Benchmarks/benchmark_*.py)
if [ ${#benchmarks[@]} = 0 ]; then
    echo "benchmark: nothing to run: no Testing/Benchmarks/benchmark_*.py" >&2
    exit 1
fi
for benchmark in "${benchmarks[@]}"; do
    echo "benchmark: $benchmark"
    .venv/bin/python "$benchmark"
done
