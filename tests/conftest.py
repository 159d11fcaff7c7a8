"""What every test needs before anything is imported."""

from __future__ import annotations

import os

os.environ["COLUMNS"] = "300"  # commands ask for the terminal's width when they are imported; no line of theirs is to be broken
