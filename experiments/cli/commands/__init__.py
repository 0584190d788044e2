"""The commands behind ``python -m experiments.<name>``, one module each with a ``main``."""
