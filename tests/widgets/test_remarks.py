"""What the engine says while it runs reaches the user."""

from __future__ import annotations

import logging

from napari_sr.widgets._remarks import listening


def test_warnings_are_heard_within_the_context_only():
    """Of our own loggers, formatted; not what is merely informative, nothing of others."""
    remarks = []
    ours, others = logging.getLogger("napari_sr"), logging.getLogger("another")
    with listening(remarks):
        ours.warning("memory ran out with tiles of %d pixels", 512)
        ours.getChild("inference").warning("and again")
        ours.info("by the way")
        others.warning("not for us")
    ours.warning("too late")
    assert remarks == ["memory ran out with tiles of 512 pixels", "and again"]


def test_the_logger_is_left_as_it_was_when_a_run_fails():
    before = list(logging.getLogger("napari_sr").handlers)
    try:
        with listening([]):
            raise ValueError
    except ValueError:
        pass
    assert logging.getLogger("napari_sr").handlers == before
