"""Training and fine-tuning: recipes, data, losses and the loop that made the bundled weights (weights/TRAINING.md)."""

from napari_sr.training._dataset import TrainingData, held_out_indices, image_paths, read_images
from napari_sr.training._distillation import TeacherProgress
from napari_sr.training._fine_tune import FineTuned, fine_tune, fine_tune_steps
from napari_sr.training._fine_tuner import FineTuneProgress
from napari_sr.training._loop import TrainingProgress, train, training_steps
from napari_sr.training._recipe import (
    DataRecipe,
    ModelRecipe,
    OptimizationRecipe,
    Phase,
    Recipe,
    ScheduleRecipe,
    Stage,
)
from napari_sr.training._recipe_file import read_recipe, shipped_recipes
from napari_sr.training._run_folder import (
    LogEntry,
    RunFolder,
    append_entry,
    draw_curve,
    read_log,
)
from napari_sr.training._trainer import Trainer

__all__ = [
    "DataRecipe",
    "FineTuneProgress",
    "FineTuned",
    "LogEntry",
    "ModelRecipe",
    "OptimizationRecipe",
    "Phase",
    "Recipe",
    "RunFolder",
    "ScheduleRecipe",
    "Stage",
    "TeacherProgress",
    "Trainer",
    "TrainingData",
    "TrainingProgress",
    "append_entry",
    "draw_curve",
    "fine_tune",
    "fine_tune_steps",
    "held_out_indices",
    "image_paths",
    "read_images",
    "read_log",
    "read_recipe",
    "shipped_recipes",
    "train",
    "training_steps",
]
