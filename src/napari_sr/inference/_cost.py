"""Cost: what a window takes in time and memory, learnt from small ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one way to run a model: device, precision and colors."""

    times: tuple[tuple[int, float], ...]
    """Window pixels and the seconds that they took, ascending; at least one."""
    fixed_bytes: float
    """Memory that any window takes."""
    bytes_per_pixel: float
    """Memory that a window pixel takes in addition."""

    def seconds(self, pixels: float) -> float:
        """Time for a batch of windows of so many pixels together."""
        first, last = self.times[0], self.times[-1]
        if pixels <= first[0]:
            return first[1]
        if pixels >= last[0]:
            return last[1] * pixels / last[0]
        for (a, t), (b, u) in pairwise(self.times):
            if pixels <= b:
                return t + (u - t) * (pixels - a) / (b - a)
        raise AssertionError("unreachable: the points are ascending")

    def memory(self, pixels: float) -> float:
        """Bytes for a batch of windows of so many pixels together."""
        return self.fixed_bytes + self.bytes_per_pixel * pixels

    @property
    def best_pixels(self) -> int:
        """Window pixels per batch at which a pixel is cheapest; beyond, caches overflow."""
        return min(self.times, key=lambda point: point[1] / point[0])[0]
