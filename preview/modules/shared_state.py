"""What the running job is doing; read by the progress bar, written by the sampler and by Interrupt and Skip."""

from __future__ import annotations

import datetime
import time
from typing import Any

import torch


class State:
    """One job at a time. `job_count` is 0 while idle and -1 until a starting job knows its number of batches."""

    def __init__(self) -> None:
        self.skipped = False
        self.interrupted = False
        self.stopping_generation = False
        self.job = ""
        self.job_no = 0
        self.job_count = 0
        self.job_timestamp = "0"
        self.sampling_step = 0
        self.sampling_steps = 0
        self.current_latent: torch.Tensor | None = None
        self.textinfo: str | None = None
        self.time_start = 0.0

    def begin(self, job: str) -> None:
        self.__init__()  # type: ignore[misc]
        self.job = job
        self.job_count = -1
        self.job_timestamp = datetime.datetime.now().strftime("%Y%m%d%H%M%S")
        self.time_start = time.time()

    def end(self) -> None:
        """Idle again; also forgets an Interrupt that came too late, so that it cannot hit the next job."""
        self.job = ""
        self.job_count = 0
        self.skipped = self.interrupted = self.stopping_generation = False
        self.current_latent = None

    def skip(self) -> None:
        self.skipped = True

    def interrupt(self) -> None:
        self.interrupted = True

    def stop_generating(self) -> None:
        self.stopping_generation = True

    def nextjob(self) -> None:
        self.job_no += 1
        self.sampling_step = 0

    def progress(self) -> float:
        """The share of the job that is done, 0 to 1."""
        if self.job_count <= 0:
            return 0.0
        within = self.sampling_step / self.sampling_steps if self.sampling_steps else 0.0
        return min((self.job_no + within) / self.job_count, 1.0)

    def eta(self) -> float | None:
        """Seconds left, from the time that the work done so far took; None before the first step."""
        progress = self.progress()
        if progress == 0:
            return None
        elapsed = time.time() - self.time_start
        return elapsed / progress - elapsed

    def dict(self) -> dict[str, Any]:
        names = ("skipped", "interrupted", "stopping_generation", "job", "job_count", "job_timestamp", "job_no")
        return {name: getattr(self, name) for name in (*names, "sampling_step", "sampling_steps")}
