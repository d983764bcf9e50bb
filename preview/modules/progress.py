"""Which task runs, waits or is done, for the page's progress bar."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from modules import shared

current_task: str | None = None
pending_tasks: OrderedDict[str, None] = OrderedDict()
finished_tasks: deque[str] = deque(maxlen=16)


def add_task_to_queue(id_task: str) -> None:
    pending_tasks[id_task] = None


def start_task(id_task: str) -> None:
    global current_task
    current_task = id_task
    pending_tasks.pop(id_task, None)


def finish_task(id_task: str) -> None:
    global current_task
    if current_task == id_task:
        current_task = None
    finished_tasks.append(id_task)


class ProgressRequest(BaseModel):
    id_task: str


def progressapi(request: ProgressRequest) -> dict[str, Any]:
    """State of one task: progress 0 to 1, seconds left, and a text with the step it is in."""
    state = shared.state
    result: dict[str, Any] = {
        "active": request.id_task == current_task,
        "queued": request.id_task in pending_tasks,
        "completed": request.id_task in finished_tasks,
        "progress": 0.0,
        "eta": None,
        "textinfo": "Waiting...",
    }
    if result["queued"]:
        result["textinfo"] = f"In queue: {list(pending_tasks).index(request.id_task) + 1}/{len(pending_tasks)}"
    if result["active"]:
        batch = f"Batch {state.job_no + 1}/{state.job_count}, " if state.job_count > 1 else ""
        step = f"step {state.sampling_step + 1}/{state.sampling_steps}" if state.sampling_steps else "starting"
        result |= {"progress": state.progress(), "eta": state.eta(), "textinfo": batch + step}
    return result


def setup_progress_api(app: FastAPI) -> None:
    app.post("/internal/progress")(progressapi)
