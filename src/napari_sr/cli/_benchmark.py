"""``napari-sr benchmark``: the speed of models on this machine."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from napari_sr.cli import _options as options
from napari_sr.cli._console import print_json, progress_bar, show_table

if TYPE_CHECKING:
    from napari_sr.inference import PrecisionName


def benchmark(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="Id or path; may be given several times; else all models here."
        ),
    ] = None,
    scale: Annotated[float, typer.Option("--scale", "-s", help="Output pixels per pixel.")] = 2,
    trust_program: options.TrustProgram = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    size: Annotated[int, typer.Option(min=1, help="Side of the image in pixels.")] = 512,
    gray: Annotated[
        bool, typer.Option("--gray", "--grey", help="One channel instead of RGB.")
    ] = False,
    repeats: Annotated[
        int, typer.Option(min=1, help="Measurements, of which the median is shown.")
    ] = 3,
    json: options.Json = False,
) -> None:
    """Measure the speed of models: seconds for a million input pixels."""
    from napari_sr.evaluation import benchmark as measure
    from napari_sr.models import is_local, list_models

    names = list(dict.fromkeys(model or [card.id for card in list_models() if is_local(card)]))
    found = []
    with progress_bar("benchmark") as progress:
        for done, name in enumerate(names, start=1):
            speed = measure(
                options.load(name, None, None, trust_program),
                scale,
                size=size,
                rgb=not gray,
                device=device,
                precision=cast("PrecisionName", precision),
                repeats=repeats,
            )
            found.append(speed)
            progress(done, len(names))
    if json:
        print_json([speed.to_dict() for speed in found])
        return
    show_table(
        f"x{scale:g}, {size} x {size} pixels, {'gray' if gray else 'RGB'}",
        ["model", "device", "precision", "seconds", "seconds / megapixel"],
        [
            [s.model, s.device, s.precision, f"{s.seconds:.3f}", f"{s.seconds_per_megapixel:.2f}"]
            for s in found
        ],
    )
