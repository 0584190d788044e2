"""The version of seqjax."""

__version__ = "0.1.0"
