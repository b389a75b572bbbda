"""Version of the installed package; its one home is ``pyproject.toml``."""

from importlib.metadata import version

__version__ = version("napari-sr")
