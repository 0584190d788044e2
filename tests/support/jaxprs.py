"""Walking through a jaxpr and those nested in it."""

from jax.extend.core import jaxprs_in_params


def jaxprs(jaxpr):
    """A jaxpr and all that are in it."""
    yield jaxpr
    for equation in jaxpr.eqns:
        for inner in jaxprs_in_params(equation.params):
            yield from jaxprs(inner)
