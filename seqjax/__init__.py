"""seqjax: recurrent cells, their initialisation and their clipping, as data.

Read in this order (it is the import order, and a test keeps it so): ``types``, ``product``,
``cells``, ``init``, ``signal``, ``reference``, ``fused``, ``recurrence``, ``modules``, ``losses``,
``clipping``, ``optimizer``, ``rules``, ``files``, ``data``, ``tasks``, ``config``, ``training``,
``study``, ``tuning``, ``revision``, ``progress``, ``checkpoint``, ``schema``, ``records``,
``outcome``, ``sweep``, ``entries``, ``tables``, ``formats``, ``plots``.
"""
