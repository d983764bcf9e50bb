"""One job at a time: the page and the API share one model and one state."""

from threading import Lock

queue_lock = Lock()
