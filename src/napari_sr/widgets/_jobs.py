"""Jobs in threads: one thread for networks, one for plans, one for the catalog of models.

Two networks on the same cores are slower than one after the other, and the window must not wait for either. A job
never touches Qt objects: the window polls it, so that closing the window is always safe.
"""

from __future__ import annotations

import atexit
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from napari_sr.errors import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["CATALOG", "INFERENCE", "PLANNING", "Job", "SerialThread", "Task"]


class Job:
    """A generator that runs step by step in another thread until it ends or is canceled.

    Parameters
    ----------
    start : callable
        Called in the other thread; returns the generator. The values that it yields are the job's progress, its return
        value is the job's result.
    """

    def __init__(self, start: Callable[[], Generator[Any, None, Any]]) -> None:
        self._start: Callable[[], Generator[Any, None, Any]] | None = start
        self._started = threading.Event()
        self._cancelled = threading.Event()
        self._finished = threading.Event()
        self.progress: Any = None
        """The value that the generator yielded last."""
        self.result: Any = None
        """The generator's return value; None until it has returned, and if the job was canceled or failed."""
        self.error: BaseException | None = None
        """The exception that ended the job, if one did."""

    @property
    def started(self) -> bool:
        """Whether the job has begun to run."""
        return self._started.is_set()

    @property
    def finished(self) -> bool:
        """Whether the job has ended in any way; its attributes do not change any more."""
        return self._finished.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def cancel(self, *_: object) -> None:
        """Stop the job at its next step, or before it begins; returns at once."""
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
            self._start = None  # releases the image
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


class Task(Job):
    """A function that reports its progress to a callback, such as a download, as a job.

    Parameters
    ----------
    action : callable
        Called with a function that takes (done, total), and raises `CancelledError` when the job is canceled.
    """

    def __init__(self, action: Callable[[Callable[[int, int], None]], Any]) -> None:
        def start() -> Generator[Any, None, Any]:
            yield None
            return action(self._report)

        super().__init__(start)

    def _report(self, done: int, total: int) -> None:
        if self.cancelled:
            raise CancelledError("canceled")
        self.progress = (done, total)


class SerialThread:
    """Runs jobs one after the other in a thread that exists only while there are jobs.

    At the end of the process the running job is canceled, and those that wait do not begin. (A
    `concurrent.futures.ThreadPoolExecutor` keeps its idle thread, and Python waits for its running job before it calls
    any function that could cancel it.)

    Parameters
    ----------
    name : str
        Name of the thread.
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
                # A daemon: Python waits for other threads before it calls `stop`.
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
"""The thread in which networks run."""
PLANNING = SerialThread("napari-sr planning")
"""The thread in which plans are made; separate, so that the next run can be planned while one is under way."""
CATALOG = SerialThread("napari-sr catalog")
"""The thread in which models are downloaded and imported, while networks run."""
