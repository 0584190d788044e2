"""Process of one framework that prepares and times jobs: one JSON line in, one JSON line out."""

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any

import numpy as np

from experiments.bench.problem import AbsentError, Job


def answer(jobs: dict[str, Job], module: str, request: dict[str, Any]) -> dict[str, Any]:
    """Reply to a request: prepare a job and write its values to a file, or time a job."""
    if "time" in request:
        job, times = jobs[request["time"]], request["times"]
        began = time.perf_counter()
        (job.forward if request["forward"] else job.run)(times)
        return {"seconds": (time.perf_counter() - began) / times}
    try:
        job = importlib.import_module(module).make(**request["make"])
    except (AbsentError, ImportError) as reason:
        return {"absent": str(reason)}
    jobs[request["name"]] = job
    np.savez(request["values"], **{name: thinned(v) for name, v in job.values.items()})
    return {"facts": job.facts}


def thinned(values: np.ndarray) -> np.ndarray:
    """At most 1,000 evenly spaced entries of the first axis, since sequences can be long."""
    return values[:: -(-len(values) // 1000)] if values.ndim else values


def main() -> None:
    """Answer requests until the pipe is closed. Output of libraries goes to standard error."""
    module, cores = sys.argv[1], {int(core) for core in sys.argv[2:]}
    os.sched_setaffinity(0, cores)  # before the framework counts its cores
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    jobs: dict[str, Job] = {}
    for line in sys.stdin:
        try:
            reply = answer(jobs, module, json.loads(line))
        except Exception:  # of any framework: the parent names the contender and prints it
            reply = {"error": traceback.format_exc()}
        print(json.dumps(reply), file=out)


if __name__ == "__main__":
    main()
