#!/usr/bin/env bash
# bash launch/test.sh [--quick] [pytest arguments]: the test suite, or the selected tests.
#
# --quick takes two minutes on two cores: six representative cells (SEQJAX_QUICK=1), and no test that
# is slow or starts processes.

source "$(dirname -- "${BASH_SOURCE[0]}")/environment.sh"

quick=
for argument in "$@"; do
  shift
  if [[ $argument == --quick ]]; then quick=1; else set -- "$@" "$argument"; fi
done
if [[ $quick ]]; then
  export SEQJAX_QUICK=1
  set -- -m 'not slow and not subprocess' "$@"
fi

cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
# More than four workers only compile the same programs several times. A later -n takes precedence.
exec "$venv/bin/python" -m pytest -n "$((cores < 4 ? cores : 4))" "$@"
