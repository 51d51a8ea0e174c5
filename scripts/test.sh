#!/usr/bin/env bash
# Configures and builds the extension, and runs all its tests through ctest; the last line is ctest's own.
#
#   --build-only      configures and builds, and leaves the tests out
#
#   BUILD_DIR=...     build tree; left out, build/extension, made anew when it is of another place
#   CTEST_ARGS=...    further arguments of ctest, such as "-R VesselRegistration"
#   Slicer_DIR=...    a Slicer build tree; left out, the stand-in with the test host of .venv
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly BUILD="${BUILD_DIR:-build/extension}"

# Prints what ctest prints and, below the line of the library's tests, what pytest counted in them.
add_summary_of_pytest() {
    local line
    while IFS= read -r line; do
        printf '%s\n' "$line"
        if [[ "$line" =~ Test\ +#[0-9]+:\ library_pytest\ .*[.*] ]]; then
            grep -E '^=+ .* in [0-9.]+s.* =+$' "$BUILD/pytest.log" | tail -n 1 || true
        fi
    done
}

# A `make` above this one has nothing to say to the build's own.
unset MAKEFLAGS MAKELEVEL MFLAGS
grep -qsF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$BUILD/CMakeCache.txt" || rm -rf "$BUILD"
cmake -S . -B "$BUILD"
cmake --build "$BUILD"
[ "${1:-}" != --build-only ] || exit 0
# shellcheck disable=SC2086  # a list of arguments
(cd "$BUILD" && ctest --parallel 2 --output-on-failure --no-tests=error ${CTEST_ARGS:-}) 2>&1 | add_summary_of_pytest
