"""The claims under test, one module each: what is run, and how its records become verdicts."""
