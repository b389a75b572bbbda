"""The command line ``napari-sr``: one file for each command; libraries are imported when a command runs."""

from napari_sr.cli._app import app, main

__all__ = ["app", "main"]
