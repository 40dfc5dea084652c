"""Continuum-mechanistic generative AI: fields at unseen states by transport through a feature space."""

__version__ = "0.1.0"
