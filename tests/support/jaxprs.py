"""Iteration over nested jaxprs."""

from jax.extend.core import jaxprs_in_params


def jaxprs(jaxpr):
    """Yield a jaxpr and all nested ones."""
    yield jaxpr
    for equation in jaxpr.eqns:
        for inner in jaxprs_in_params(equation.params):
            yield from jaxprs(inner)
