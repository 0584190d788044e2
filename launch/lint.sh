#!/usr/bin/env bash
# bash launch/lint.sh: what .ci/run and the commit hook ask of the source's form.

source "$(dirname -- "${BASH_SOURCE[0]}")/environment.sh"

status=0
"$venv/bin/python" -m ruff check || status=1
"$venv/bin/python" -m ruff format --check || status=1
exit "$status"
