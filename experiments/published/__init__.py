"""Published tables and our reproductions of them, one module each.

A module defines ``TABLE``, a ``seqjax.published`` table, and ``experiment(full)``, which returns
the ``Experiment`` that reproduces it at CPU size or at full size; the name of its study is that of
the module, with ``_full`` at full size. ``tests/support/published_tables.py`` is a small example.
Effects, deviations, arms, seeds and budgets are committed before any data. Rates of arms "as
published" are on an ``Axis`` with ``closed=True``, so that tuning stays in the published range.

Each size has a flagfile, ``experiments/flags/NAME.flags``. Committed results are in
``experiments/results/published/NAME``:

- ``config.json`` of the workdir, and its records as ``records.jsonl.xz`` (``xz -9e``),
- ``reproduction.md``, ``.csv``, ``.tex``, ``.json`` and ``.png`` as the command wrote them,
- ``README.md`` with the command, the minutes, and what the table shows.

``tests/experiments/published`` rebuilds the pages, and
``PYTHONPATH=.:tests python tests/support/update_index.py`` writes all committed pages and the index
of tables again.
"""
