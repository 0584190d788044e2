"""The version of seqjax."""

__version__ = "0.2.0.dev0"
