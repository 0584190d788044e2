# shellcheck shell=bash
# Sourced by the scripts beside it: makes the virtual environment once, then stands in the
# repository root. What they use of it: "$venv/bin/python".
#
#   PYTHON       the interpreter to build with (default: python3)
#   SEQJAX_VENV  the environment's folder, relative to the repository root (default: .venv)
#
# Whatever is wrong with the machine is said in one line on stderr, with exit code 2.

set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
venv=${SEQJAX_VENV:-.venv}
venv=${venv%/}
[[ $venv == /* ]] || venv=$root/$venv
# Marks the folder as ours from its first moment; holds $wanted once everything is installed.
stamp=$venv/.stamp

fail() {
  printf 'seqjax: %s\n' "$1" >&2
  exit 2
}

stamped() { cat "$stamp" 2>/dev/null || true; }

ready() { [[ -x $venv/bin/python && $(stamped) == "$wanted" ]]; }

# Runs in a subshell that holds descriptor 9, so the lock ends with it and never reaches a run.
install() {
  # By way of Python because macOS has no flock command; the lock belongs to the open file.
  "$python" -I -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' 2>/dev/null ||
    fail "cannot lock $venv.lock; choose a folder on another file system with SEQJAX_VENV=folder"
  if ready; then return; fi # another call installed while this one waited

  local before log=$venv/pip.log said why
  before=$(stamped)
  [[ -e $stamp || -z $(ls -A "$venv" 2>/dev/null) ]] ||
    fail "$venv was not made by this script; remove it, or choose another with SEQJAX_VENV=folder"
  mkdir -p "$venv"
  echo unfinished >"$stamp"
  # A finished environment of the same Python is brought up to date in place, which keeps what was
  # added by hand (an accelerator's jaxlib). Anything else may be half written and starts afresh.
  if [[ $before != "${wanted% *} "* || ! -x $venv/bin/python ]]; then
    rm -rf "${venv:?}"/* # not the stamp: the pattern skips dot files
    said=$("$python" -I -m venv "$venv" 2>&1) || fail "cannot make $venv: ${said##*$'\n'}"
  fi
  "$venv/bin/python" -I -m pip install --no-input --progress-bar off \
    -r "$root/requirements.txt" >"$log" 2>&1 || {
    why='pip could not install requirements.txt'
    ! grep -qiE 'connection|name resolution|timed out|proxy' "$log" ||
      why='pip cannot reach the package index'
    fail "$why; its log: $log"
  }
  echo "$wanted" >"$stamp"
}

another="PYTHON=/path/to/python3.12 bash launch/${0##*/} chooses another"
python=${PYTHON:-python3}
# Who built with PYTHON=… once need not say so again.
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
