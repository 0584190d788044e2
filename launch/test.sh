#!/usr/bin/env bash
# bash launch/test.sh [pytest arguments]: the whole suite, or what the arguments select.

source "$(dirname -- "${BASH_SOURCE[0]}")/environment.sh"

cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
# More than four only compile the same programs side by side. A later -n wins.
exec "$venv/bin/python" -m pytest -n "$((cores < 4 ? cores : 4))" "$@"
