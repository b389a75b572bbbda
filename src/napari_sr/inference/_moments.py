"""Moments: mean and standard deviation of answers that come one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


class Moments:
    """Of any number of tensors of one shape, none of which is kept (Welford 1962)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Tensor | None = None
        self._squares: Tensor | None = None

    def add(self, answer: Tensor) -> None:
        """Take one more into account; it may be changed."""
        self._count += 1
        if self._mean is None:
            self._mean = answer
            return
        step = answer - self._mean
        self._mean = self._mean + step / self._count
        more = step * (answer - self._mean)
        self._squares = more if self._squares is None else self._squares + more

    @property
    def mean(self) -> Tensor:
        """At least one must have been added."""
        assert self._mean is not None
        return self._mean

    @property
    def deviation(self) -> Tensor:
        """Population standard deviation; zero for one."""
        if self._squares is None:
            return torch.zeros_like(self.mean)
        return (self._squares / self._count).clamp_min(0).sqrt()
