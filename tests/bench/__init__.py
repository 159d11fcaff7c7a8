"""Figures as ratios: our way and a peer's on the same work, in one run, in turns. ``python -m tests.bench``."""
