"""Self-contained HTML pages: data of a page as typed views, and templates that render them.

``view`` defines the data, ``tables``, ``runs``, ``verdicts``, ``facts`` and ``figures`` fill them
from tables, records, verdicts and SVG files, and ``render`` writes the page. All text is escaped by
the templates; only the figures are markup, from which ``figures`` removes everything but shapes.
"""
