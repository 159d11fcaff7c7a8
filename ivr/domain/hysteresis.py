"""A state that one odd look does not change: so many bad looks in a row make it bad, so many good ones end that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Hysteresis:
    """``bad`` is the state people are told, ``run`` how many looks in a row spoke against it."""

    to_bad: int
    to_good: int
    bad: bool = False
    run: int = 0

    def see(self, bad: bool) -> bool:
        """Take one more look, the oldest first; the state after it."""
        self.run = self.run + 1 if bad != self.bad else 0
        if self.run >= (self.to_good if self.bad else self.to_bad):
            self.bad, self.run = bad, 0
        return self.bad
