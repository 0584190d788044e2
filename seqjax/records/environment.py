"""Description of the machine and the software that trained a run, for its record."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess
from typing import Any

from seqjax.version import __version__

DATA = "data"
SAME = ("platform", "device", "jaxlib", "random", "JAX_RANDOM_SEED_OFFSET", DATA)
"""Parts of the environment that must not change between commands in one workdir.

``--allow_mixed`` accepts changes of all but ``DATA``, the digest of the stored data.
"""
PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")
VARIABLES = ("NPROC", "XLA_FLAGS", "JAX_NUM_CPU_DEVICES", "JAX_RANDOM_SEED_OFFSET")


def usable_cores() -> int:
    """Number of cores that this process may use, by its affinity."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_environment() -> dict[str, Any]:
    """Versions and hardware that the numbers of a run may depend on."""
    import jax

    devices, threads = jax.local_devices(), os.environ.get("NPROC", "")
    return {
        "seqjax": __version__,
        "commit": commit(),
        **{package: importlib.metadata.version(package) for package in PACKAGES},
        "python": platform.python_version(),
        "device": devices[0].device_kind if devices[0].platform != "cpu" else processor(),
        "platform": devices[0].platform,
        "devices": len(devices),
        "cores": usable_cores(),
        "threads": int(threads) if threads.isdecimal() else usable_cores(),
        "random": str(jax.config.jax_default_prng_impl),
        **{name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def commit() -> str:
    """Git commit of seqjax's code, with "+" if files differ from it; "" outside a repository."""
    folder = pathlib.Path(__file__).parents[1]
    try:
        subprocess.run(
            ["git", "ls-files", "--error-unmatch", "__init__.py"],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=10,
        )
        described = subprocess.run(
            ["git", "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty=+"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return described.stdout.strip()


def processor() -> str:
    """Model name of the CPU. Results are equal bit for bit only on equal models."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return " ".join(line.partition(":")[2].split())
    except OSError:
        pass
    return platform.processor() or platform.machine()
