"""The record of a finished run: its schema, and strict JSON lines in and out.

Imports ``data.files`` alone.
"""
