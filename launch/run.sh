#!/usr/bin/env bash
# bash launch/run.sh [flags]: an experiment, on a machine with nothing but Python >= 3.11, pip and
# bash. Without a flagfile or a study it is the quickstart, with the flags given on top.
#
# Runs in the repository root wherever it is called from, so relative paths in flags start there.

source "$(dirname -- "${BASH_SOURCE[0]}")/environment.sh"

quickstart=--flagfile=experiments/flags/quickstart.flags
for argument in "$@"; do
  name=${argument%%=*}
  case ${name/#--/-} in
    -flagfile | -study | -list | -h | -help | -helpfull | -helpshort | -helpxml) quickstart= ;;
  esac
done
# First, because a later flag wins.
if [[ $quickstart ]]; then set -- "$quickstart" "$@"; fi

exec "$venv/bin/python" -m experiments.run "$@"
