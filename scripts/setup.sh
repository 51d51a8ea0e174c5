#!/usr/bin/env bash
# Makes .venv with the pinned requirements and this project in it, and looks for the system libraries that rendering
# needs. Safe to run again: what is already there is kept.
#
#   PYTHON=python3.12     the Python to use; left out, the first of 3.10 to 3.13 found on PATH
#   TORCH_BUILD=default   PyPI's build of PyTorch, with CUDA on Linux; left out, the CPU build
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly VENV=.venv
readonly CPU_INDEX=https://download.pytorch.org/whl/cpu
readonly PYTHONS="python3 python3.13 python3.12 python3.11 python3.10"
readonly IN_RANGE='import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))'
# Debian package, and what it must provide: a library, a command, or, where there is none, a font for Qt.
readonly SYSTEM_PACKAGES="libegl1=libEGL.so.1 libgl1=libGL.so.1 libglib2.0-0=libglib-2.0.so.0
    libxkbcommon0=libxkbcommon.so.0 libfontconfig1=libfontconfig.so.1 libdbus-1-3=libdbus-1.so.3
    fonts-dejavu-core=font cmake=cmake make=make"

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: error: %s\n' "$@" >&2
    exit 1
}

has_font() {
    [ -n "$(find /usr/share/fonts /usr/local/share/fonts "${HOME:-}/.fonts" "${HOME:-}/.local/share/fonts" \
        -iname '*.[ot]tf' -print -quit 2>/dev/null)" ]
}

# Prints the Debian packages, of those rendering and building need, whose library, command or font is not found.
missing_packages() {
    [ "$(uname -s)" = Linux ] || return 0
    local ldconfig libraries entry provides
    ldconfig="$(PATH="$PATH:/usr/sbin:/sbin" command -v ldconfig)" || return 0
    libraries="$("$ldconfig" -p)"
    for entry in $SYSTEM_PACKAGES; do
        provides="${entry#*=}"
        case "$provides" in
            *.so.*) [[ "$libraries" == *"$provides "* ]] || printf '%s ' "${entry%%=*}" ;;
            font) has_font || printf '%s ' "${entry%%=*}" ;;
            *) command -v "$provides" >/dev/null || printf '%s ' "${entry%%=*}" ;;
        esac
    done
}

# Prints the first usable Python; 1 when there is none.
find_python() {
    local candidate
    for candidate in ${PYTHON:-$PYTHONS}; do
        if "$candidate" -c "$IN_RANGE" 2>/dev/null && "$candidate" -c 'import venv, ensurepip' 2>/dev/null; then
            printf '%s' "$candidate"
            return 0
        fi
    done
    return 1
}

# Prints the Debian package that is missing when a Python has the right version but cannot make environments.
venv_package() {
    local candidate
    for candidate in ${PYTHON:-$PYTHONS}; do
        if "$candidate" -c "$IN_RANGE" 2>/dev/null; then
            "$candidate" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
            return 0
        fi
    done
    printf 'python3-venv\n'
}

# As root on Debian and its kin, installs the packages named; otherwise prints the one command that does, and returns 1.
install_packages() {
    if [ "$(uname -s)" != Linux ] || ! command -v apt-get >/dev/null; then
        say "missing system packages; by their Debian names: $*"
        return 1
    elif [ "$(id -u)" != 0 ]; then
        say "missing system packages. Run: sudo apt-get update && sudo apt-get install -y $*"
        return 1
    fi
    say "installing $*"
    local options=(-qq -o Acquire::Retries=1 -o Acquire::http::Timeout=30)
    if ! apt-get "${options[@]}" update ||
        ! DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install -y --no-install-recommends "$@"; then
        say "apt-get failed. Run: apt-get update && apt-get install -y $*"
        return 1
    fi
}

# Sets `python`; ends the set-up when there is none to use.
check_system() {
    local missing package=""
    missing="$(missing_packages)"
    if ! python="$(find_python)"; then
        package="$(venv_package)"
        if [ -n "${PYTHON:-}" ] && [ "$package" = python3-venv ]; then
            fail "PYTHON=$PYTHON is not a Python 3.10 to 3.13. Name one: make setup PYTHON=/path/to/python3.12"
        fi
        missing+="$package"
    fi
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086  # a list of package names
    if install_packages $missing; then
        [ -n "$python" ] || python="$(find_python)" || fail "still no Python 3.10 to 3.13 that can make environments."
    elif [ -n "$python" ]; then
        say "going on without them: rendering needs the libraries, and building the extension needs cmake."
    elif [ "$package" = python3-venv ]; then
        fail "no Python 3.10 to 3.13 found. Install one, or name it: make setup PYTHON=/path/to/python3.12"
    else
        fail "this Python cannot make virtual environments: $package is missing."
    fi
}

make_environment() {
    local wanted have
    wanted="$("$python" -c 'import sys; print(*sys.version_info[:2])')"
    have="$("$VENV/bin/python" -c 'import pip, sys; print(*sys.version_info[:2])' 2>/dev/null || true)"
    # An environment in use keeps its Python unless another one was asked for by name.
    if [ "$have" = "$wanted" ] || { [ -z "${PYTHON:-}" ] && "$VENV/bin/python" -c "import pip; $IN_RANGE" 2>/dev/null; }; then
        return 0
    fi
    say "making $VENV with Python ${wanted/ /.}"
    "$python" -m venv --clear "$VENV"
}

pip_install() { "$VENV/bin/python" -m pip --disable-pip-version-check install --quiet "$@"; }

torch_version() { sed -n 's/^torch==//p' requirements-torch.txt; }

torch_is_installed() {
    "$VENV/bin/python" -c 'import importlib.metadata as m, sys; sys.exit(m.version("torch").split("+")[0] != sys.argv[1])' \
        "$(torch_version)" 2>/dev/null
}

# Tries to install the CPU build with further pip options; what it depends on follows from requirements.txt.
# 1: it is not offered there. Any other failure ends the set-up.
install_cpu_torch() {
    local errors
    errors="$(pip_install --no-deps "torch==$(torch_version)+cpu" "$@" 2>&1)" && return 0
    [[ "$errors" == *"No matching distribution"* ]] || fail "$errors"
    return 1
}

install_torch() {
    torch_is_installed && return 0
    say "installing PyTorch $(torch_version)"
    if [ "$(uname -s)" = Linux ] && [ "${TORCH_BUILD:-cpu}" = cpu ]; then
        # The package sources configured for pip may hold the CPU build; PyPI alone does not, and says so at once.
        install_cpu_torch && return 0
        # The exact +cpu version leaves the extra index nothing else to supply.
        install_cpu_torch --retries 1 --timeout 15 --extra-index-url "$CPU_INDEX" && return 0
        say "warning: no CPU build at $CPU_INDEX; taking PyPI's, with several GB of CUDA libraries."
    fi
    pip_install --constraint requirements.txt --requirement requirements-torch.txt
}

# The test host's packages; where there are none for this machine, the rest works without.
install_host() {
    local errors
    errors="$(pip_install --requirement requirements-host.txt 2>&1)" && return 0
    [[ "$errors" == *"No matching distribution"* ]] || fail "$errors"
    say "warning: slicer-core is not offered for this machine, so the modules' tests cannot run on it."
}

check_system
make_environment
install_torch
say "installing the pinned requirements"
pip_install --requirement requirements.txt --requirement requirements-dev.txt
install_host
pip_install --no-deps --no-build-isolation --editable .
conflicts="$("$VENV/bin/python" -m pip check)" || fail "$conflicts"
touch "$VENV/.setup-stamp"
say "ready: $VENV/bin/vessel-registration --help"
