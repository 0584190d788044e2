"""What the program runs on: prepared before JAX starts, and written down."""

import hashlib
import importlib.metadata
import os
import pathlib
import platform
import sys
from typing import Any

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")
VARIABLES = ("NPROC", "XLA_FLAGS", "JAX_NUM_CPU_DEVICES", "JAX_RANDOM_SEED_OFFSET")
DETERMINISTIC = "--xla_gpu_deterministic_ops=true --xla_gpu_autotune_level=0"


def prepare(deterministic: bool) -> None:
    """One CPU device a usable core, unless JAX_NUM_CPU_DEVICES says otherwise; programs kept."""
    if deterministic:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {DETERMINISTIC}".strip()
    import jax

    if "JAX_NUM_CPU_DEVICES" not in os.environ:
        jax.config.update("jax_num_cpu_devices", usable_cores())
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", _programs())
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def cache_dir() -> pathlib.Path:
    """What may be deleted at any time: $SEQJAX_CACHE_DIR, or seqjax in the user's cache folder."""
    if folder := os.environ.get("SEQJAX_CACHE_DIR"):
        return pathlib.Path(folder)
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "seqjax"


def _programs() -> str | None:
    """The folder of compiled programs. Each kind of CPU has its own: homes are shared by many."""
    kind = hashlib.sha256(processor().encode()).hexdigest()[:8]
    folder = cache_dir() / "programs" / f"{platform.machine()}-{kind}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"compiled programs are not kept: {folder}: {error.strerror}", file=sys.stderr)
        return None
    return str(folder)


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
        "device": devices[0].device_kind if devices[0].platform != "cpu" else processor(),
        "platform": devices[0].platform,
        "devices": len(devices),
        "cores": usable_cores(),
        "threads": int(threads) if threads.isdecimal() else usable_cores(),
        "random": str(jax.config.jax_default_prng_impl),
        **{name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def processor() -> str:
    """The CPU's model name: equal bits are promised for equal models alone."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return " ".join(line.partition(":")[2].split())
    except OSError:
        pass
    return platform.processor() or platform.machine()
