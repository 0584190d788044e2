#!/usr/bin/env bash
# bash launch/run.sh [flags]: run an experiment on a machine with Python >= 3.11, pip and bash.
# Without a flagfile or a study it runs the quickstart with the given flags.
#
# It runs in the repository root, so relative paths in flags start there.

source "$(dirname -- "${BASH_SOURCE[0]}")/environment.sh"

quickstart=--flagfile=experiments/flags/quickstart.flags
for argument in "$@"; do
  name=${argument%%=*}
  case ${name/#--/-} in
    -flagfile | -study | -list | -h | -help | -helpfull | -helpshort | -helpxml) quickstart= ;;
  esac
done
# The quickstart comes first, because a later flag wins.
if [[ $quickstart ]]; then set -- "$quickstart" "$@"; fi

exec "$venv/bin/python" -m experiments.run "$@"
