"""The main task in a real window: select a layer, click Upscale.

scripts/demo runs it, and provides the environment and a virtual screen if there is none.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from qtpy.QtCore import QRect, Qt
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtTest import QTest
from scipy.ndimage import gaussian_gradient_magnitude, uniform_filter

import napari_sr

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image as ImageLayer
    from numpy.typing import NDArray

PANEL = 480
"""Side of each picture of the comparison in pixels: three of them fit on a screen."""
CROP = 110
"""Approximate number of input pixels along its side."""
PATIENCE = 600
"""Seconds after which a run is considered to hang: far more than a sample takes on a slow machine."""


def options() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--headless", action="store_true", help="click the button and save pictures"
    )
    parser.add_argument("--sample", default="astronaut", help="key of a sample image")
    parser.add_argument("--scale", type=float, default=4, help="output pixels per input pixel")
    parser.add_argument("--model", help="id of a model (default: the widget's)")
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder for the pictures")
    return parser.parse_args()


def open_window(sample: str, scale: float, model: str | None) -> tuple[napari.Viewer, Any]:
    """A viewer with a sample image, and the plugin's widget with the options set."""
    viewer = napari.Viewer(title="napari-sr")
    viewer.window.resize(1500, 940)
    viewer.open_sample("napari-sr", sample)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Upscale")
    widget.form.scale.value = scale
    if model is not None:
        widget.form.model.setCurrentIndex(widget.form.model.findData(model))
    return viewer, widget


def wait(until: Callable[[], bool], what: str) -> None:
    """Process events until a condition is true."""
    end = time.perf_counter() + PATIENCE
    while not until():
        if time.perf_counter() > end:
            raise SystemExit(f"demo: no {what} after {PATIENCE} s")
        QTest.qWait(20)


def read_plan(widget: Any) -> str:
    """The plan that the widget shows; making the first one loads PyTorch."""
    plans: list[str] = []
    widget.planner.planned.connect(plans.append)
    widget.planner.request()
    wait(lambda: bool(plans) and not plans[-1].endswith("…"), "plan")
    return " ".join(plans[-1].split())


def click_and_wait(viewer: napari.Viewer, widget: Any) -> tuple[ImageLayer, float]:
    """Click Upscale as a user does; returns the new layer and the seconds that it took."""
    before = list(viewer.layers)
    start = time.perf_counter()
    QTest.mouseClick(widget.bar.start, Qt.MouseButton.LeftButton)
    wait(lambda: not widget.running, "result")
    seconds = time.perf_counter() - start
    added = [layer for layer in viewer.layers if layer not in before]
    if not added:
        raise SystemExit(f"demo: no result: {widget.bar.note.text()}")
    return added[0], seconds


def detail(image: NDArray[Any], side: int) -> tuple[slice, slice]:
    """The square of `side` pixels with the most detail, away from the border."""
    gray = np.asarray(image[..., :3].mean(-1) if image.ndim == 3 else image, dtype=float)
    energy = uniform_filter(gaussian_gradient_magnitude(gray, 1), side, mode="constant")
    half = side // 2 + 1
    inside = energy[half:-half, half:-half]
    y, x = np.unravel_index(inside.argmax(), inside.shape)
    return slice(int(y) + 1, int(y) + 1 + side), slice(int(x) + 1, int(x) + 1 + side)


def shown(image: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.uint8]:
    """Image in 8-bit RGB as the viewer shows it, in gray or RGB."""
    low, high = limits
    scaled = (np.asarray(image, dtype=float) - low) / (high - low)
    gray = np.rint(scaled.clip(0, 1) * 255).astype(np.uint8)
    return gray[..., :3] if gray.ndim == 3 else np.repeat(gray[..., None], 3, axis=-1)


def side_by_side(panels: dict[str, NDArray[np.uint8]], caption: str) -> QImage:
    """Pictures of one size in a row, with their names above and a caption below."""
    gap, bar = 8, 40
    sheet = QImage(gap + (PANEL + gap) * len(panels), PANEL + 2 * bar, QImage.Format.Format_RGB32)
    sheet.fill(QColor("#202428"))
    painter = QPainter(sheet)
    painter.setPen(QColor("white"))
    font = painter.font()
    font.setPixelSize(19)
    painter.setFont(font)
    for column, (name, pixels) in enumerate(panels.items()):
        left = gap + column * (PANEL + gap)
        picture = QImage(
            np.ascontiguousarray(pixels).data,
            pixels.shape[1],
            pixels.shape[0],
            3 * pixels.shape[1],
            QImage.Format.Format_RGB888,
        )
        painter.drawImage(QRect(left, bar, PANEL, PANEL), picture)
        painter.drawText(QRect(left, 0, PANEL, bar), Qt.AlignmentFlag.AlignCenter, name)
    below = QRect(0, PANEL + bar, sheet.width(), bar)
    painter.drawText(below, Qt.AlignmentFlag.AlignCenter, caption)
    painter.end()
    return sheet


def compare(source: ImageLayer, result: ImageLayer, scale: float, caption: str) -> QImage:
    """The most detailed part of the input, enlarged in three ways, side by side."""
    enlarge = max(1, round(PANEL / (CROP * scale)))  # screen pixels per output pixel
    rows, columns = detail(source.data, round(PANEL / (scale * enlarge)))
    zoomed = tuple(slice(round(s.start * scale), round(s.stop * scale)) for s in (rows, columns))
    bicubic = napari_sr.upscale(source.data, scale=scale, model="bicubic")
    limits = (0, 255) if source.rgb else source.contrast_limits
    model = result.metadata["napari_sr"]["model"]
    return side_by_side(
        {
            f"input, its pixels ×{scale:g}": shown(source.data[rows, columns], limits),
            f"bicubic ×{scale:g}": shown(bicubic[zoomed], limits),
            f"{model} ×{scale:g}": shown(result.data[zoomed], limits),
        },
        caption,
    )


def main() -> None:
    """Open the window; without a user, click the button and save pictures."""
    chosen = options()
    viewer, widget = open_window(chosen.sample, chosen.scale, chosen.model)
    if not chosen.headless:
        napari.run()
        return
    print(read_plan(widget))
    source = viewer.layers[0]
    result, seconds = click_and_wait(viewer, widget)
    record = result.metadata["napari_sr"]
    sizes = [" × ".join(map(str, layer.data.shape[:2])) for layer in (source, result)]
    line = (
        f"{chosen.sample}: {sizes[0]} → {sizes[1]} pixels, {record['model']} ×{chosen.scale:g}, "
        f"{seconds:.1f} s on {record['device']}"
    )
    chosen.output.mkdir(parents=True, exist_ok=True)
    upscaled = chosen.output / f"{chosen.sample}-{record['model']}-x{chosen.scale:g}.png"
    result.save(str(upscaled), plugin="napari-sr")
    compare(source, result, chosen.scale, line).save(str(chosen.output / "side-by-side.png"))
    read_plan(widget)  # so that the dock shows the plan, as it does most of the time
    QTest.qWait(200)  # until Qt has arranged the dock again
    viewer.screenshot(str(chosen.output / "window.png"), canvas_only=False, flash=False)
    viewer.close()
    print(line)
    for name in (upscaled.name, "side-by-side.png", "window.png"):
        print(f"  {chosen.output / name}")


if __name__ == "__main__":
    main()
