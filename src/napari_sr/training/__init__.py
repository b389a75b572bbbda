"""Training: recipes, data, losses and the loop. Everything that ships was made here (weights/TRAINING.md)."""

from napari_sr.training._loop import Step, train, training_steps
from napari_sr.training._recipe import Recipe, read_recipe

__all__ = ["Recipe", "Step", "read_recipe", "train", "training_steps"]
