"""Statistics of a whole image for networks that need them, gathered from its tiles in earlier passes."""

from __future__ import annotations

from napari_sr.architectures.statistics import ChannelStatistics


class GlobalStatistics:
    """What a network's global layers know of an image, and what they are just learning; each sample by itself."""

    def __init__(self) -> None:
        self._known: dict[int, ChannelStatistics] = {}
        self._gathered: dict[int, ChannelStatistics] | None = None

    def start(self) -> None:
        """Begin a pass over all tiles."""
        self._gathered = {}

    def stop(self) -> float:
        """End it: what was gathered is known from now on. Returns how much it differs from what was known before."""
        before, self._known, self._gathered = self._known, self._gathered or {}, None
        nothing = ChannelStatistics()
        changes = (now.distance(before.get(key, nothing)) for key, now in self._known.items())
        return max(changes, default=0.0)

    def forget(self) -> None:
        """Begin another image."""
        self._known, self._gathered = {}, None

    def of(self, sample: int) -> tuple[ChannelStatistics | None, ChannelStatistics | None]:
        """What is known of a sample, and where to gather; None where there is nothing or nowhere."""
        known = self._known.get(sample)
        if self._gathered is None:
            return known, None
        return known, self._gathered.setdefault(sample, ChannelStatistics())
