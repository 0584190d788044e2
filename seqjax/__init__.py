"""seqjax: recurrent cells, their initialisation and their clipping, as data.

Read in this order (it is the import order, and a test keeps it so): ``types``, ``product``,
``cells``, ``init``, ``signal``, ``reference``, ``fused``, ``recurrence``, ``modules``,
``sampling``, ``losses``, ``clipping``, ``floor``, ``optimizer``, ``statistics``, ``ngrams``,
``chrf``, ``rules``, ``decisions``, ``files``, ``data``, ``baselines``, ``tasks``, ``diagnostics``,
``values``, ``config``, ``observation``, ``training``, ``widths``, ``study``, ``tuning``,
``revision``, ``survey``, ``progress``, ``checkpoint``, ``schema``, ``records``, ``kept``,
``outcome``, ``sweep``, ``entries``, ``tables``, ``formats``, ``verdicts``, ``plots``,
``plots_diagnostics``, ``plots_observed``, ``plots_claims``.
"""
