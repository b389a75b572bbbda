"""Text and tables of docs/microscopy.md, from the measurements of `microscopy_table.py`."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from microscopy_trust import HOT_BAR, LINEAR_BAR

if TYPE_CHECKING:
    from microscopy_images import Sample

    from napari_sr.training import FineTuned

    Column = dict[str, float]
    Columns = dict[str, Column]

GAIN_BARS = {2: 2.0, 4: 2.7}
"""Mean gain over bicubic in dB, by scale, that a model for microscopy should reach."""
OVER_PHOTOS = 0.3
"""Gain in dB over the model for photographs that makes a model of its own worth while."""
TUNED_BAR = 0.3
"""Gain in dB that makes fine-tuning worth while on at least one image."""
LIMIT = "limit of noise"
"""Name of the column with the limit that `microscopy_noise` estimates."""

HEAD = """# Microscope images

Written by `python benchmarks/microscopy_table.py`. Every microscope image of three packages, one plane or channel of
each, no larger than 512 x 512 pixels. None was trained on or chose the best step of a run; which runs ship was judged
by them, too (TRAINING.md). Small images are made by MATLAB's bicubic and rounded to the image's own type; models
enlarge them as `napari_sr.upscale` does. PSNR in dB with the largest minus the smallest value of the original as
peak, a border of one scale left out (`napari_sr.evaluate(..., protocol="grey")`); after it the gain over bicubic.

No network can tell noise: where an original is noisy from pixel to pixel, what bicubic misses is mostly noise, and
nobody gains much. *Limit of noise* is an estimate of the best PSNR that noise allows: a small image has 1/scale² as
many numbers as the original, so it tells at most that share of white noise, even to someone who knows the scene. The
noise is estimated from the finest detail of each image (`benchmarks/microscopy_noise.py`) to about 0.1 dB, for the
small tomo 0.3; a dash where the finest detail is the scene's, blurred noise, compression or rounding. The second table
of each scale has the same images reduced to half their size before, in which pixels hold detail rather than noise.

{images}

Correlation of the middles of all training tiles with any place in these images: {overlap}. A patch that is
found again gives 1."""


TRUST = """Left: largest difference between k times the result and the result of k times the image, for k = 0.25, 0.5,
2, 4, of 16 bit; rounding is in it, bicubic has nothing else. Right: largest change more than 32 pixels away from a
pixel of 100 times the range, float32. Both on the middle 128 x 128 pixels of each image, as fractions of its range."""


TUNED = """Each model learnt from the image itself for {minutes:g} min (`napari_sr.fine_tune`). Figures are PSNR (dB,
white of the image as peak) over tiles of it that were held out and chose no weights (those of
cell, neuron ferritin, timelapse and ihc at x4 had a say in the loss that all fine-tuning learns with); softened, what
the same tiles gain when they are made as soft as many microscopes are.
Where nothing better is found the base is kept."""


def image_list(found: list[Sample]) -> str:
    """Table of the images and their licenses."""
    lines = [
        "| image | size | type | what | from | by | license |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in found:
        y, x = each.pixels.shape
        cells = [each.name, f"{x} x {y}", str(each.pixels.dtype), each.kind]
        lines.append(_row([*cells, each.package, each.credit, each.license]))
    return "\n".join(lines)


def table(columns: Columns, missing: list[str]) -> str:
    """Table of PSNR and gain over bicubic by image and model, means last; a dash where nothing was measured."""
    plain = columns["bicubic"]
    heads = (name if name == LIMIT else f"`{name}`" for name in columns)
    lines = [_row(["image", *heads]), "|---" * (len(columns) + 1) + "|"]
    for image, psnr in plain.items():
        cells = [_cell(column.get(image), psnr) for column in columns.values()]
        lines.append(_row([image, *cells]))
    # Limits exist for some images only, and are far away for those with little noise.
    means = [
        "–" if name == LIMIT else _cell(*_means(column, plain)) for name, column in columns.items()
    ]
    lines.append(_row(["**mean**", *means]))
    for name, column in columns.items():
        if column.keys() != plain.keys() and name != LIMIT:
            lines += ["", f"The mean of `{name}` is over {len(column)} of the {len(plain)} images."]
    if missing:
        lines += [
            "",
            "Not there at this scale: " + ", ".join(f"`{name}`" for name in missing) + ".",
        ]
    return "\n".join(lines)


def _means(column: Column, plain: Column) -> tuple[float, float]:
    """Mean of a column, and of bicubic on the same images."""
    return fmean(column.values()), fmean(plain[image] for image in column)


def _cell(psnr: float | None, plain: float) -> str:
    if psnr is None:
        return "–"
    return f"{psnr:.2f}" if psnr == plain else f"{psnr:.2f} ({psnr - plain:+.2f})"


def bars(columns: Columns, scale: int, subject: str, photos: str) -> str:
    """Targets of a model for microscopy, and whether it reaches them."""
    if subject not in columns:
        return f"`{subject}` is not there at x{scale}: nothing to judge."
    mean, plain = _means(columns[subject], columns["bicubic"])
    lines = []
    if (bar := GAIN_BARS.get(scale)) is not None:
        lines.append(_said(mean - plain >= bar, f"gains {mean - plain:+.2f} dB, {bar:.1f} asked"))
    if photos in columns:
        better = mean - _means(columns[photos], columns["bicubic"])[0]
        lines.append(
            _said(better >= OVER_PHOTOS, f"{better:+.2f} dB over `{photos}`, {OVER_PHOTOS} asked")
        )
    below = [name for name, psnr in columns[subject].items() if psnr < columns["bicubic"][name]]
    lines.append(_said(not below, f"below bicubic on: {', '.join(below) or 'none'}"))
    if bar is not None and LIMIT in columns:
        lines += _bounded(columns, columns[subject], bar)
    return f"`{subject}`:\n\n" + "\n".join(lines)


def _bounded(columns: Columns, subject: Column, bar: float) -> list[str]:
    """Gain on images where noise allows less than the target, and the gain that the others would need."""
    plain = columns["bicubic"]
    room = {name: max(0.0, gain) for name, gain in _gains(columns[LIMIT], plain).items()}
    bounded = [name for name in room if room[name] < bar]
    if not bounded:
        return []
    allowed, gained = (
        fmean(each[name] for name in bounded) for each in (room, _gains(subject, plain))
    )
    few, rest = len(bounded), len(plain) - len(bounded)
    said = f"- noise leaves less than {bar:.1f} dB on {few} of the {len(plain)} images: {allowed:+.2f} dB on average,"
    said += f" of which {gained:+.2f} are gained"
    if rest:
        needed = (bar * len(plain) - allowed * few) / rest
        said += (
            f"; {bar:.1f} over all would take that and {needed:+.2f} on average on the other {rest}"
        )
    return [said]


def _gains(column: Column, plain: Column) -> Column:
    return {name: psnr - plain[name] for name, psnr in column.items()}


def tuned_table(results: dict[str, FineTuned], minutes: float) -> str:
    """Table of gains by fine-tuning on held-out tiles, and whether one of them reaches the target."""
    lines = [
        TUNED.format(minutes=minutes) + "\n",
        "| image | tiles | `bicubic` | base | fine-tuned | gain | softened | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, each in results.items():
        figures = [f"{psnr:.2f}" for psnr in (each.bicubic, each.before, each.after)]
        gains = [f"{each.gain:+.2f}", f"{each.blurred_gain:+.2f}"]
        kept = "base kept" if each.card is None else ""
        lines.append(_row([name, str(each.tiles), *figures, *gains, kept]))
    most = max((each.gain for each in results.values() if each.card), default=0.0)
    said = _said(most >= TUNED_BAR, f"most that an image gains: {most:+.2f} dB, {TUNED_BAR} asked")
    return "\n".join([*lines, "", said])


def trust_table(trust: dict[str, tuple[float, float]]) -> str:
    """Table of departures from linearity and effects of hot pixels."""
    lines = [
        TRUST + "\n",
        f"| model | not linear by | {LINEAR_BAR:.0%} asked | hot pixel reaches | {HOT_BAR:.1%} asked |",
        "|---|---|---|---|---|",
    ]
    for name, (bent, reached) in trust.items():
        cells = [
            f"{bent:.3%}",
            _met(bent <= LINEAR_BAR),
            f"{reached:.4%}",
            _met(reached <= HOT_BAR),
        ]
        lines.append(_row([f"`{name}`", *cells]))
    return "\n".join(lines)


def _said(met: bool, what: str) -> str:
    return f"- {what}: {_met(met)}"


def _met(met: bool) -> str:
    return "met" if met else "not met"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
