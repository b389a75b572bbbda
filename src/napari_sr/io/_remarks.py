"""Remarks: what a user should know about how a file was read."""

from __future__ import annotations

__all__ = ["REMARKS"]

REMARKS = "remarks"
"""Key of the remarks in the metadata of an image: sentences, each naming the file. They are shown in napari and on the
command line."""
