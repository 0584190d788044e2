#!/usr/bin/env bash
# bash launch/lint.sh: the style checks that .ci/run and the commit hook run.

source "$(dirname -- "${BASH_SOURCE[0]}")/environment.sh"

# ruff is not in requirements.txt, because run.sh and test.sh do not need it. The minor version is
# fixed, because the next one may format differently.
"$venv/bin/python" -I -m pip install --quiet --no-input 'ruff==0.17.*' ||
  fail 'pip could not install ruff'

status=0
"$venv/bin/python" -m ruff check || status=1
"$venv/bin/python" -m ruff format --check || status=1
exit "$status"
