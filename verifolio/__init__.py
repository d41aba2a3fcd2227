"""Verifolio: a portfolio and blog generator whose numbers prove themselves.

The engine knows nothing of any project, post or demo; it reads what they declare.
"""

__version__ = "0.1.0"
