"""``napari-sr evaluate``: PSNR and SSIM by the protocol of the papers, with bicubic as the baseline."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from napari_sr.cli import _options as options
from napari_sr.cli._console import progress_bar, show_table, write_json

if TYPE_CHECKING:
    from napari_sr.evaluation import Evaluation
    from napari_sr.inference import PrecisionName

BASELINE = "bicubic"


def evaluate(
    model: options.Models,
    hr: Annotated[
        list[Path], typer.Option(help="Folder of originals; may be given several times.")
    ],
    scale: Annotated[int, typer.Option("--scale", "-s", min=2, help="2, 3 or 4.")] = 2,
    lr: Annotated[
        Path | None,
        typer.Option(
            help="Folder of low-resolution images, matched by name; else originals are reduced."
        ),
    ] = None,
    value_range: options.ValueRange = None,
    color: options.Color = None,
    trust_program: options.TrustProgram = False,
    device: options.Device = "auto",
    precision: options.Precision = "float32",
    tile: options.TileSize = "auto",
    ensemble: options.Ensemble = False,
    protocol: Annotated[
        str,
        typer.Option(
            help="rgb8: luma of the 8-bit result; luma: the network's own; auto: as its paper; "
            "grey: one channel of any type, for microscopy."
        ),
    ] = "auto",
    json: Annotated[
        str, typer.Option(metavar="FILE", help="Write all numbers as JSON; - for stdout.")
    ] = "",
) -> None:
    """Measure PSNR and SSIM of models on a folder of originals, on the luma, as papers do."""
    from napari_sr.evaluation import evaluate as measure

    size = options.parse_tile(tile)
    loaded = [
        options.load(name, value_range, color, trust_program) for name in dict.fromkeys(model)
    ]
    models = {each.id: each for each in [options.load(BASELINE, None, None), *loaded]}
    sets: list[list[Evaluation]] = []
    for folder in hr:
        sets.append([])
        for each in models.values():
            with progress_bar(f"{each.id}, {folder.name}") as progress:
                found = measure(
                    each, folder, scale, lr, device=device, tile=size, ensemble=ensemble,
                    precision=cast("PrecisionName", precision), protocol=protocol, progress=progress,
                )  # fmt: skip
            sets[-1].append(found)
    if json != "-":
        for rows in sets:
            _show(rows)
    if json:
        write_json(json, [each.to_dict() for rows in sets for each in rows])


def _show(found: Sequence["Evaluation"]) -> None:
    """Print one set: a line for each image, then a line for each model."""
    first = found[0]
    # "Set5/HR" rather than "HR": many sets have a folder of that name.
    folder = "/".join(Path(first.dataset).resolve().parts[-2:])
    place = f"{folder}, x{first.scale}, {first.low_resolution}"
    images = [
        [rows[0].image, *(f"{row.psnr:.3f} / {row.ssim:.4f}" for row in rows)]
        for rows in zip(*(each.rows for each in found), strict=True)
    ]
    show_table(place, ["PSNR dB / SSIM", *(each.model for each in found)], images)
    show_table(
        f"Means: {place}",
        ["model", "PSNR dB", "SSIM", f"over {first.model} dB", "seconds"],
        [
            [
                each.model,
                f"{each.psnr:.3f}",
                f"{each.ssim:.4f}",
                f"{each.psnr - first.psnr:+.3f}",
                f"{each.seconds:.2f}",
            ]
            for each in found
        ],
    )
