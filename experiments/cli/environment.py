"""Settings of JAX before it starts, and a description of the machine for the records."""

import hashlib
import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys
from typing import Any

import seqjax

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")
VARIABLES = ("NPROC", "XLA_FLAGS", "JAX_NUM_CPU_DEVICES", "JAX_RANDOM_SEED_OFFSET")
DETERMINISTIC = "--xla_gpu_deterministic_ops=true --xla_gpu_autotune_level=0"


def prepare(deterministic: bool) -> None:
    """Configure JAX: one CPU device per usable core, and a cache of compiled programs on disk.

    JAX_NUM_CPU_DEVICES and JAX_COMPILATION_CACHE_DIR take precedence.

    Args:
      deterministic: use deterministic operations on a GPU, without autotuning.
    """
    if deterministic:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {DETERMINISTIC}".strip()
    import jax

    if "JAX_NUM_CPU_DEVICES" not in os.environ:
        jax.config.update("jax_num_cpu_devices", usable_cores())
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", _program_cache())
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def cache_dir() -> pathlib.Path:
    """Cache folder, which may be deleted at any time: $SEQJAX_CACHE_DIR, or the user's cache."""
    if folder := os.environ.get("SEQJAX_CACHE_DIR"):
        return pathlib.Path(folder)
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "seqjax"


def _program_cache() -> str | None:
    """Folder of compiled programs, one per CPU model, since machines may share a home folder."""
    kind = hashlib.sha256(processor().encode()).hexdigest()[:8]
    folder = cache_dir() / "programs" / f"{platform.machine()}-{kind}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"warning: no program cache: {folder}: {error.strerror}", file=sys.stderr)
        return None
    return str(folder)


def usable_cores() -> int:
    """Number of cores that this process may use, by its affinity."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe() -> dict[str, Any]:
    """Versions and hardware that the numbers of a run may depend on."""
    import jax

    devices, threads = jax.local_devices(), os.environ.get("NPROC", "")
    return {
        "seqjax": seqjax.__version__,
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
    folder = pathlib.Path(seqjax.__file__).parent
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
