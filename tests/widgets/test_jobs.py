"""Jobs run one after the other, can be canceled, and leave no thread behind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from napari_sr.errors import CancelledError
from napari_sr.widgets._jobs import Job, SerialThread, Task


@pytest.fixture
def thread():
    """A thread for the test, which must have ended when the test ends."""
    serial = SerialThread("test inference")
    yield serial
    deadline = time.monotonic() + 5
    while any(t.name == "test inference" for t in threading.enumerate()):
        assert time.monotonic() < deadline, "the thread outlived its jobs"
        time.sleep(0.005)


def counting(stop, record=None):
    """A generator function that counts, then returns its list."""

    def steps():
        seen = []
        for number in range(stop):
            seen.append(number)
            if record is not None:
                record.append(threading.current_thread().name)
            yield number
        return seen

    return steps


def test_a_job_gives_its_progress_and_its_result(thread):
    job = thread.submit(Job(counting(3)))
    assert job.wait(5)
    assert (job.progress, job.result, job.error) == (2, [0, 1, 2], None)
    assert job.started
    assert not job.cancelled


def test_jobs_never_run_at_the_same_time(thread):
    """Each begins when the one before has ended, in the order in which they were submitted."""
    log = []

    def logged(name):
        def steps():
            log.append((name, "begin"))
            yield
            time.sleep(0.01)
            log.append((name, "end"))

        return steps

    jobs = [thread.submit(Job(logged(name))) for name in range(4)]
    assert all(job.wait(5) for job in jobs)
    assert log == [(name, event) for name in range(4) for event in ("begin", "end")]


def test_a_job_runs_in_the_other_thread(thread):
    names = []
    assert thread.submit(Job(counting(1, names))).wait(5)
    assert names == ["test inference"]


def test_a_canceled_job_stops_at_its_next_step_and_closes_its_generator(thread):
    """The generator can clean up; there is no result."""
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield
                time.sleep(0.001)
        finally:
            closed.set()

    job = thread.submit(Job(endless))
    time.sleep(0.02)
    assert not job.finished
    job.cancel()
    assert job.wait(5)
    assert closed.is_set()
    assert (job.result, job.error) == (None, None)


def test_a_job_canceled_before_its_turn_never_begins(thread):
    """It is finished nevertheless, so that waiting for it ends."""
    gate = threading.Event()

    def waits():
        gate.wait(5)
        yield

    first, second = thread.submit(Job(waits)), Job(counting(1))
    second.cancel()
    thread.submit(second)
    gate.set()
    assert first.wait(5)
    assert second.wait(5)
    assert second.progress is None


def test_a_failed_job_keeps_its_error_and_the_next_one_runs(thread):
    def fails():
        yield 1
        raise ValueError("broken")

    failed, after = thread.submit(Job(fails)), thread.submit(Job(counting(2)))
    assert after.wait(5)
    assert str(failed.error) == "broken"
    assert failed.result is None
    assert after.result == [0, 1]


def test_the_thread_is_started_again_after_it_has_ended(thread):
    for _ in range(20):
        job = thread.submit(Job(counting(1)))
        assert job.wait(5)
        assert job.result == [0]


def test_stop_cancels_running_and_waiting_jobs(thread):
    def endless():
        while True:
            yield
            time.sleep(0.001)

    jobs = [thread.submit(Job(endless)) for _ in range(3)]
    thread.stop(timeout=5)
    assert all(job.finished and job.cancelled for job in jobs)


def test_python_can_exit_in_the_middle_of_a_job():
    """The job is canceled, and its generator closed."""
    code = """
import time
from napari_sr.widgets._jobs import INFERENCE, Job

def endless():
    try:
        while True:
            yield
            time.sleep(0.001)
    finally:
        print("closed", flush=True)

job = INFERENCE.submit(Job(endless))
while not job.started:
    time.sleep(0.001)
"""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert ended.stdout == "closed\n"


def test_a_task_reports_its_progress_and_can_be_canceled(thread):
    """The function learns of it at its next report."""
    reported, cancelled = threading.Event(), threading.Event()

    def action(report):
        report(1, 10)
        reported.set()
        cancelled.wait(5)
        report(2, 10)

    task = Task(action)
    thread.submit(task)
    assert reported.wait(5)
    assert task.progress == (1, 10)
    task.cancel()
    cancelled.set()
    assert task.wait(5)
    assert isinstance(task.error, CancelledError)
    assert task.result is None
