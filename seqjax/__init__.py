"""seqjax: recurrent cells, their initialisation and their clipping, as data.

Read in this order (it is the import order, and a test keeps it so): ``types``, ``product``,
``cells``, ``init``, ``signal``, ``reference``, ``fused``, ``recurrence``, ``modules``, ``losses``,
``clipping``, ``optimizer``, ``rules``, ``data``, ``tasks``, ``diagnostics``, ``config``,
``training``, ``study``, ``progress``, ``checkpoint``, ``files``, ``schema``, ``records``,
``outcome``, ``sweep``, ``tables``, ``formats``, ``plots``, ``plots_diagnostics``.
"""
