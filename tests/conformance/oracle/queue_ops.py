"""Operations on queues."""

import asyncio

from aws import awaitable, call
from ops import op

QUEUE = ["queue"]


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
    call(w, name, QUEUE, "put_nowait", item)


@op
def getNowait(w, name):
    found = w.get(name, "queue")
    if found is not None:
        w.say("got", w.show(found.get_nowait()))


@op
def taskDone(w, name):
    call(w, name, QUEUE, "task_done")


@op
def shutdown(w, name, *immediate):
    call(w, name, QUEUE, "shutdown", *immediate)


@awaitable
def put(w, name, item):
    return call(w, name, QUEUE, "put", item)


@awaitable
def get(w, name):
    return call(w, name, QUEUE, "get")


@awaitable
def join(w, name):
    return call(w, name, QUEUE, "join")
