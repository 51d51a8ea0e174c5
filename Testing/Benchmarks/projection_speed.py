#!/usr/bin/env python3
"""How fast, and how exact, is the projection of a vessel model? Compared in one run, in one process, on one thread.

    python Testing/Benchmarks/projection_speed.py

Prints Markdown tables: the X-ray path length of a simulated vessel tree by triangles and detector, beside VTK's
off-screen rendering of its silhouette; then beside digitally reconstructed radiographs of the same mesh as a volume, by
diffdrr where it is installed and by a ray march in torch; then the differences to closed formulas.
Times are printed and never judged; a wrong result ends the run with exit status 1.
"""

from __future__ import annotations

import argparse
import os
import sys

ONE_THREAD = {
    "LP_NUM_THREADS": "0",  # Mesa's software OpenGL: 0 draws in the calling thread, 1 would add a second one
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VTK_SMP_BACKEND_IN_USE": "Sequential",
    "VTK_SMP_MAX_THREADS": "1",
}
"""Read once, when the libraries are loaded; set before that."""


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; 0 if every result was right, 1 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", type=int, nargs="+", default=[256, 512], help="detector sizes in pixels")
    parser.add_argument("--volume", type=int, default=256, help="voxels along each side of the volume, a multiple of 8")
    parser.add_argument("--repetitions", type=int, default=50, help="of a projection; 5 or more of slow ones")
    parser.add_argument(
        "--clock", choices=("wall", "processor"), default="wall", help="processor: where cores are shared"
    )
    options = parser.parse_args(arguments)
    os.environ.update(ONE_THREAD)

    import torch
    from projection_comparison import Settings, compare

    torch.set_num_threads(1)
    settings = Settings(tuple(options.detector), options.volume, options.repetitions, clock=options.clock)
    return 1 if compare(settings) else 0


if __name__ == "__main__":
    sys.exit(main())
