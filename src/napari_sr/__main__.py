"""``python -m napari_sr``: the command line, also where programs start it as a module."""

from napari_sr.cli import main

if __name__ == "__main__":
    main()
