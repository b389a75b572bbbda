"""Training: recipes, data, losses and the loop. Everything that ships was made here (weights/TRAINING.md)."""

from napari_sr.training._fine_tune import FineTuned, fine_tune, fine_tune_steps
from napari_sr.training._loop import Step, train, training_steps
from napari_sr.training._recipe import Recipe, read_recipe
from napari_sr.training._student import FineTuneProgress
from napari_sr.training._teachers import Lesson
from napari_sr.training._team import leads

__all__ = [
    "FineTuneProgress",
    "FineTuned",
    "Lesson",
    "Recipe",
    "Step",
    "fine_tune",
    "fine_tune_steps",
    "leads",
    "read_recipe",
    "train",
    "training_steps",
]
