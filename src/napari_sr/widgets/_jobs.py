"""One thread in which networks run, and the jobs that wait for it.

Two networks at a time on the same cores are slower than one after the other, and the window must never wait for
either. A job is plain Python: the window looks at it now and then (no Qt object is touched from the other thread,
so nothing can be deleted under its hands).
"""

from __future__ import annotations

import atexit
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["INFERENCE", "Job", "SerialThread"]


class Job:
    """A generator that is run step by step in another thread until it ends or is cancelled.

    Parameters
    ----------
    start : callable
        Called in the other thread; returns the generator. What it yields is the job's progress, what it returns
        the job's result.
    """

    def __init__(self, start: Callable[[], Generator[Any, None, Any]]) -> None:
        self._start: Callable[[], Generator[Any, None, Any]] | None = start
        self._started = threading.Event()
        self._cancelled = threading.Event()
        self._finished = threading.Event()
        self.progress: Any = None
        """What the generator yielded last."""
        self.result: Any = None
        """What the generator returned; None until then, and for ever if the job was cancelled or failed."""
        self.error: BaseException | None = None
        """What was raised, if anything was."""

    @property
    def started(self) -> bool:
        """Whether the job's turn has come."""
        return self._started.is_set()

    @property
    def finished(self) -> bool:
        """Whether the job has ended, in whatever way: its attributes change no more."""
        return self._finished.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked the job to stop."""
        return self._cancelled.is_set()

    def cancel(self, *_: object) -> None:
        """Ask the job to stop at its next step, or not to begin; returns at once."""
        self._cancelled.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has ended; returns whether it has within ``timeout`` seconds."""
        return self._finished.wait(timeout)

    def run(self) -> None:
        """Run the job to its end in this thread; never raises."""
        self._started.set()
        try:
            self._steps()
        except BaseException as error:
            self.error = error
        finally:
            self._start = None  # lets go of the image
            self._finished.set()

    def _steps(self) -> None:
        if self._start is None or self.cancelled:
            return
        steps = self._start()
        try:
            while not self.cancelled:
                self.progress = next(steps)
        except StopIteration as end:
            self.result = None if self._cancelled.is_set() else end.value
        finally:
            steps.close()


class SerialThread:
    """Runs jobs one after another in one thread, which exists only while there is something to do.

    When Python ends, what runs is cancelled and what waits is not begun.

    Parameters
    ----------
    name : str
        Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._thread: threading.Thread | None = None
        atexit.register(self.stop)

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._thread is not None

    def submit(self, job: Job) -> Job:
        """Put a job at the end of the queue; returns it."""
        with self._lock:
            self._waiting.append(job)
            if self._thread is None:
                # not one that Python waits for without asking it to stop
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        return job

    def stop(self, timeout: float = 60) -> None:
        """Cancel all jobs and wait until the thread has ended, at most ``timeout`` seconds."""
        with self._lock:
            thread = self._thread
            for job in (*self._waiting, *([self._running] if self._running else [])):
                job.cancel()
        if thread is not None:
            thread.join(timeout)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            job.run()

    def _next(self) -> Job | None:
        with self._lock:
            self._running = self._waiting.popleft() if self._waiting else None
            if self._running is None:
                self._thread = None
            return self._running


INFERENCE = SerialThread("napari-sr inference")
"""The thread of this process in which networks run."""
