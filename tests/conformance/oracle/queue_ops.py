"""Operations on queues."""

import asyncio

from aws import awaitable
from ops import op


@op
def queue(w, name, maxsize=0):
    w.put(name, "queue", asyncio.Queue(maxsize))


@op
def priorityQueue(w, name, maxsize=0):
    w.put(name, "queue", asyncio.PriorityQueue(maxsize))


@op
def lifoQueue(w, name, maxsize=0):
    w.put(name, "queue", asyncio.LifoQueue(maxsize))


@op
def putNowait(w, name, item):
    found = w.get(name, "queue")
    if found is not None:
        found.put_nowait(item)


@op
def getNowait(w, name):
    found = w.get(name, "queue")
    if found is not None:
        w.say("got", w.show(found.get_nowait()))


@op
def taskDone(w, name):
    found = w.get(name, "queue")
    if found is not None:
        found.task_done()


@op
def shutdown(w, name, *immediate):
    found = w.get(name, "queue")
    if found is not None:
        found.shutdown(*immediate)


@awaitable
def put(w, name, item):
    found = w.get(name, "queue")
    return None if found is None else found.put(item)


@awaitable
def get(w, name):
    found = w.get(name, "queue")
    return None if found is None else found.get()


@awaitable
def join(w, name):
    found = w.get(name, "queue")
    return None if found is None else found.join()
