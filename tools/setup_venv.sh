#!/bin/sh
# Make a virtual environment and install the package and its extras into it:
#   tools/setup_venv.sh VENV CONSTRAINTS EXTRAS [pip argument ...]
# PYTHON is the interpreter. Each failure ends in one sentence that says how to fix it.
set -u
venv=$1 constraints=$2 extras=$3
shift 3
python=${PYTHON:-python3}
log=$venv.log
need_mib=3000

fail() {
    printf 'mmseg_plugins: %s\n' "$1" >&2
    exit 1
}

explain() {
    if grep -qiE 'no space left|disk quota' "$log"; then
        fail "the disk is full: free $need_mib MiB and run make again (log: $log)."
    fi
    if grep -E '(WARNING|ERROR):' "$log" | grep -qiE 'connection|name resolution|unreachable|timed out|proxy'; then
        fail "no network: pip cannot reach its package index; check the connection or pip's index settings and run make again (log: $log)."
    fi
    if grep -q 'from versions: none' "$log"; then
        fail "pip found no packages: no network, or no packages for $("$python" -V); check both and run make again (log: $log)."
    fi
    cause=$(grep -E 'ERROR: Cannot install|The user requested' "$log" | head -n 1)
    cause=${cause:-$(grep 'ERROR:' "$log" | tail -n 1)}
    fail "pip failed with '$(printf '%s' "$cause" | sed 's,^ *ERROR: ,,')'; fix it and run make again (log: $log)."
}

command -v "$python" >/dev/null 2>&1 ||
    fail "'$python' was not found: install Python 3.10 or newer, or give its path: make PYTHON=/usr/bin/python3.12"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1 ||
    fail "'$python' does not run or is older than Python 3.10: install a newer one, or give its path: make PYTHON=/usr/bin/python3.12"
"$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
    fail "'$python' has no venv: install it (Debian and Ubuntu: apt-get install python3-venv) and run make again."
free_mib=$(df -Pm . | awk 'NR == 2 {print $4}')
[ "$free_mib" -ge "$need_mib" ] ||
    fail "the disk has $free_mib MiB free, but the environment needs $need_mib: free some space and run make again."

printf 'Installing the locked environment into %s (one to three minutes, log: %s)\n' "$venv" "$log"
"$python" -m venv "$venv" >"$log" 2>&1 || explain
"$venv/bin/python" -m pip install --disable-pip-version-check -c "$constraints" \
    "$@" -e ".[$extras]" >>"$log" 2>&1 || explain

# OpenCV's default wheel needs libGL from the system; servers often lack it.
if ! "$venv/bin/python" -c 'import cv2' >>"$log" 2>&1; then
    version=$(sed -n 's/^opencv-python==//p' "$constraints")
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-deps \
        --force-reinstall "opencv-python-headless==$version" >>"$log" 2>&1 || explain
    "$venv/bin/python" -c 'import cv2' >>"$log" 2>&1 ||
        fail "OpenCV cannot be imported: '$(tail -n 1 "$log")' (Debian and Ubuntu: apt-get install libgl1 libglib2.0-0)."
fi
touch "$venv/.installed"
