"""HTML text of pages, by templates that escape everything."""

import base64
import functools
import hashlib
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from seqjax.reporting.html.view import Index, Page
from seqjax.types import printable


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("seqjax.reporting.html"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _printable(value: Any) -> Any:
    """The value of an expression, with control and formatting characters escaped in text."""
    plain = isinstance(value, str) and not isinstance(value, Markup)
    return printable(value) if plain else value


def report(page: Page) -> str:
    """The HTML of a report."""
    return _render("report.html", page=page)


def index(page: Index) -> str:
    """The HTML of an index of reports."""
    return _render("index.html", page=page)


def _render(name: str, **data: Page | Index) -> str:
    template = _environment().get_template(name)
    script = _source("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template.render(
        style=Markup(_source("style.css")),
        script=Markup(script),
        script_digest=digest,
        **data,
    )


@functools.cache
def _source(name: str) -> str:
    """A file of the package that the page has inline."""
    return resources.files(__package__).joinpath("templates", name).read_text("utf-8")
