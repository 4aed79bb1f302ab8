"""Operations on locks, events, conditions, semaphores and barriers."""

import asyncio

from aws import awaitable, call
from flow import flow, run_flow
from ops import op, run_sync

HELD = "lock", "cond", "sem"
ENTERED = *HELD, "barrier", "group"


@op
def lock(w, name):
    w.put(name, "lock", asyncio.Lock())


@op
def event(w, name):
    w.put(name, "event", asyncio.Event())


@op
def condition(w, name, lock=None):
    found = None if lock is None else w.get(lock, "lock")
    w.put(name, "cond", asyncio.Condition(found))


@op
def semaphore(w, name, value=1):
    w.put(name, "sem", asyncio.Semaphore(value))


@op
def bounded(w, name, value=1):
    w.put(name, "sem", asyncio.BoundedSemaphore(value))


@op
def barrier(w, name, parties):
    w.put(name, "barrier", asyncio.Barrier(parties))


@op
def release(w, name):
    call(w, name, HELD, "release")


@op
def setEvent(w, name):
    call(w, name, ["event"], "set")


@op
def clearEvent(w, name):
    call(w, name, ["event"], "clear")


@op
def notify(w, name, *count):
    call(w, name, ["cond"], "notify", *count)


@op
def notifyAll(w, name):
    call(w, name, ["cond"], "notify_all")


@op
def status(w, name):
    found = w.get(name, *HELD, "event", "barrier", "queue")
    if found is None:
        return
    if isinstance(found, asyncio.Queue):
        parts = found.qsize(), found.empty(), found.full(), found.maxsize
    elif isinstance(found, asyncio.Barrier):
        parts = found.n_waiting, found.broken, found.parties
    elif isinstance(found, asyncio.Event):
        parts = found.is_set(),
    else:
        parts = found.locked(),
    w.say("status", name, *map(w.show, parts))


@op
def bump(w, cell, by=1):
    """Counts; what a condition's predicate looks at."""
    w.cells[cell] = w.cells.get(cell, 0) + by


@awaitable
def acquire(w, name):
    return call(w, name, HELD, "acquire")


@awaitable
def waitOn(w, name):
    return call(w, name, ["event", "cond", "barrier"], "wait")


@awaitable
def waitUntil(w, name, cell, least, ops=()):
    def predicate():
        value = w.cells.get(cell, 0)
        w.say("predicate", cell, value)
        run_sync(w, ops)
        return value >= least

    return call(w, name, ["cond"], "wait_for", predicate)


@awaitable
def reset(w, name):
    return call(w, name, ["barrier"], "reset")


@awaitable
def abort(w, name):
    return call(w, name, ["barrier"], "abort")


@flow
async def with_(w, name, ops):
    found = w.get(name, *ENTERED)
    if found is None:
        return None
    async with found as given:
        index = [given] if isinstance(found, asyncio.Barrier) else []
        w.say("enter", name, *index)
        left = await run_flow(w, ops)
    w.say("exit", name)
    return left
