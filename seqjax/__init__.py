"""seqjax: recurrent cells, their initialisation and their clipping, as data.

Read in this order (it is the import order, and a test keeps it so): ``types``, ``product``,
``cells``, ``init``, ``signal``, ``reference``, ``fused``, ``recurrence``, ``modules``, ``losses``,
``chrf``, ``clipping``, ``floor``, ``optimizer``, ``statistics``, ``ngrams``, ``rules``,
``decisions``, ``files``, ``data``, ``tasks``, ``diagnostics``, ``values``, ``config``,
``observation``, ``training``, ``widths``, ``study``, ``tuning``, ``revision``, ``survey``,
``progress``, ``checkpoint``, ``schema``, ``records``, ``outcome``, ``sweep``, ``entries``,
``tables``, ``formats``, ``verdicts``, ``plots``, ``plots_diagnostics``, ``plots_observed``,
``plots_claims``.
"""
