"""Published tables and our reproductions of them.

Each module defines ``TABLE``, a ``seqjax.published`` table, and ``experiment(full)``, which returns
the ``Experiment`` that reproduces it at CPU size or at full size; the name of its study is that of
the module, with ``_full`` at full size.
"""
