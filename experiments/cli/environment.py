"""Settings of JAX, which must precede its first use."""

import hashlib
import os
import pathlib
import platform
import sys

from seqjax.records.environment import processor, usable_cores

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
    """Cache folder: $SEQJAX_CACHE_DIR, or ``seqjax`` in the user's cache."""
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
