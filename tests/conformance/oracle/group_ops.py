"""Operations on task groups, and the staggered race."""

import asyncio
from asyncio.staggered import staggered_race

from aws import awaitable, spelled
from flow import FLOW, flow
from ops import SYNC, op, task_options


@op
def group(w, name):
    w.put(name, "group", asyncio.TaskGroup())


@op
def child(w, group, name, body, options={}):
    found = w.get(group, "group")
    coro = None if found is None else spelled(w, name, body)
    if coro is not None:
        made = found.create_task(coro, **task_options(w, name, options))
        w.put(name, "task", made)


@flow
async def taskGroup(w, name, ops):
    SYNC["group"](w, name)
    return await FLOW["with"](w, name, ops)


@awaitable
def staggered(w, bodies, delay):
    async def one(index, body):
        coro = spelled(w, f"s{index}", body)
        return None if coro is None else await coro

    return staggered_race(
        [lambda i=i, body=body: one(i, body) for i, body in enumerate(bodies)],
        delay,
    )
