"""What the program runs on: prepared before JAX starts, and written down."""

import importlib.metadata
import os
import platform
from typing import Any

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")
VARIABLES = ("NPROC", "XLA_FLAGS", "JAX_NUM_CPU_DEVICES", "JAX_RANDOM_SEED_OFFSET")
DETERMINISTIC = "--xla_gpu_deterministic_ops=true --xla_gpu_autotune_level=0"


def prepare(deterministic: bool) -> None:
    """One CPU device a usable core, unless JAX_NUM_CPU_DEVICES says otherwise."""
    if deterministic:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {DETERMINISTIC}".strip()
    import jax

    if "JAX_NUM_CPU_DEVICES" not in os.environ:
        jax.config.update("jax_num_cpu_devices", usable_cores())


def usable_cores() -> int:
    """Cores that this process may use, its affinity respected."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe() -> dict[str, Any]:
    """What the numbers of a run may depend on beside its configuration and seed."""
    import jax

    devices, threads = jax.local_devices(), os.environ.get("NPROC", "")
    return {
        **{package: importlib.metadata.version(package) for package in PACKAGES},
        "python": platform.python_version(),
        "device": devices[0].device_kind if devices[0].platform != "cpu" else _processor(),
        "platform": devices[0].platform,
        "devices": len(devices),
        "cores": usable_cores(),
        "threads": int(threads) if threads.isdecimal() else usable_cores(),
        "random": str(jax.config.jax_default_prng_impl),
        **{name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def _processor() -> str:
    """The CPU's model name: equal bits are promised for equal models alone."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return " ".join(line.partition(":")[2].split())
    except OSError:
        pass
    return platform.processor() or platform.machine()
