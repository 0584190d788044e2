"""The time loop, twice: a plain reference engine and a fused one with a custom gradient.

``unroll`` chooses between them. Imports ``cells``; of other packages JAX and NumPy alone.
"""
