"""The command line ``napari-sr``: one file a command; whatever is heavy is imported when a command runs."""

from napari_sr.cli._app import app, main

__all__ = ["app", "main"]
