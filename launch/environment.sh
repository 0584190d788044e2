# shellcheck shell=bash
# Sourced by the other scripts here: creates the virtual environment on the first call, and changes
# to the repository root. The scripts use "$venv/bin/python".
#
#   PYTHON       the interpreter to build with (default: python3)
#   SEQJAX_VENV  the environment's folder, relative to the repository root (default: .venv)
#
# Every problem with the machine is reported in one line on stderr, with exit code 2.

set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
venv=${SEQJAX_VENV:-.venv}
venv=${venv%/}
[[ $venv == /* ]] || venv=$root/$venv
# Marks the folder as created by this script; contains $wanted once everything is installed.
stamp=$venv/.stamp

fail() {
  printf 'seqjax: %s\n' "$1" >&2
  exit 2
}

stamped() { cat "$stamp" 2>/dev/null || true; }

ready() { [[ -x $venv/bin/python && $(stamped) == "$wanted" ]]; }

# Runs in a subshell that holds descriptor 9, so that the lock ends with the installation.
install() {
  # Python locks the file because macOS has no flock command; the lock belongs to the descriptor.
  "$python" -I -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' 2>/dev/null ||
    fail "cannot lock $venv.lock; choose a folder on another file system with SEQJAX_VENV=folder"
  if ready; then return; fi # another call installed while this one waited

  local before log=$venv/pip.log output reason
  before=$(stamped)
  [[ -e $stamp || -z $(ls -A "$venv" 2>/dev/null) ]] ||
    fail "$venv was not created by this script; remove it, or choose another with SEQJAX_VENV=folder"
  mkdir -p "$venv"
  echo unfinished >"$stamp"
  # A complete environment of the same Python is updated in place, which preserves packages added by
  # hand (the jaxlib of an accelerator). Any other environment is created again.
  if [[ $before != "${wanted% *} "* || ! -x $venv/bin/python ]]; then
    rm -rf "${venv:?}"/* # not the stamp: the pattern skips dot files
    output=$("$python" -I -m venv "$venv" 2>&1) || fail "cannot create $venv: ${output##*$'\n'}"
  fi
  # --no-compile, because a run imports few modules and compiling all of them takes longer.
  "$venv/bin/python" -I -m pip install --no-input --no-compile --progress-bar off \
    -r "$root/requirements.txt" >"$log" 2>&1 || {
    reason='pip could not install requirements.txt'
    ! grep -qiE 'connection|name resolution|timed out|proxy' "$log" ||
      reason='pip cannot reach the package index'
    fail "$reason; its log: $log"
  }
  echo "$wanted" >"$stamp"
}

another="PYTHON=/path/to/python3.12 bash launch/${0##*/} selects another"
python=${PYTHON:-python3}
# After PYTHON=... on the first call, later calls use the Python of the environment.
if [[ -z ${PYTHON:-} && -x $venv/bin/python && $(stamped) == 3.* ]]; then
  python=$venv/bin/python
fi
need="needs Python >= 3.11, and $python"
found=$("$python" -I -c 'import hashlib, sys
text = open(sys.argv[1], "rb").read()
print("%d.%d.%d" % sys.version_info[:3], hashlib.sha256(text).hexdigest())
' "$root/requirements.txt" 2>/dev/null) || fail "$need is missing or does not run; $another"
version=${found% *}
minor=${version%.*}
wanted="$minor ${found#* }"
((${minor#3.} >= 11)) || fail "$need is $version; $another"

if ! ready; then
  "$python" -I -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python has no venv and ensurepip; on Debian and Ubuntu: apt install python$minor-venv"
  echo 'seqjax: installing the packages (once, about two minutes)…' >&2
  { mkdir -p "${venv%/*}" && : >>"$venv.lock"; } 2>/dev/null || fail "cannot write to ${venv%/*}"
  (install) 9>>"$venv.lock"
fi
cd -- "$root"
