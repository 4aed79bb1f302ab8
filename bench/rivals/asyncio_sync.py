"""The rows of locks, queues and groups: asyncio_sync.py LOOP ROW N.

Needs Python 3.11, for TaskGroup.
"""

import asyncio
import sys

sys.dont_write_bytecode = True

from asyncio_rows import join, main, suspended  # noqa: E402

HOLDERS = 100
LIMIT = 100
BOUND = 10
LISTENERS = 10_000


async def lock(n, watch):
    the_lock = asyncio.Lock()
    held = False
    last = -1

    async def holder(me):
        nonlocal held, last
        alone = 0
        for _ in range(n // HOLDERS):
            async with the_lock:
                if not held and last != me:
                    alone += 1
                held = True
                last = me
                await asyncio.sleep(0)
                held = False
        return alone

    watch.start()
    tasks = [asyncio.create_task(holder(i)) for i in range(HOLDERS)]
    total = await join(tasks)
    watch.stop()
    return total


async def limit(n, watch):
    semaphore = asyncio.Semaphore(LIMIT)
    active = 0

    async def job(i):
        nonlocal active
        async with semaphore:
            active += 1
            await asyncio.sleep(0)
            right = active <= LIMIT
            active -= 1
            return i if right else 0

    watch.start()
    total = sum(await asyncio.gather(*[job(i) for i in range(n)]))
    watch.stop()
    return total


async def queues(n, watch):
    there = asyncio.Queue()
    back = asyncio.Queue()

    async def server():
        for _ in range(n):
            await back.put(await there.get() + 1)
        return 0

    async def client():
        total = 0
        for i in range(n):
            await there.put(i)
            total += await back.get()
        return total

    watch.start()
    tasks = [asyncio.create_task(server()), asyncio.create_task(client())]
    total = await join(tasks)
    watch.stop()
    return total


async def bounded(n, watch):
    queue = asyncio.Queue(BOUND)

    async def producer():
        for i in range(n):
            await queue.put(i)
        return 0

    async def consumer():
        total = 0
        for _ in range(n):
            total += await queue.get()
        return total

    watch.start()
    tasks = [asyncio.create_task(producer()), asyncio.create_task(consumer())]
    total = await join(tasks)
    watch.stop()
    return total


async def fanout(n, watch):
    listeners = min(n, LISTENERS)
    events = [asyncio.Event() for _ in range(n // listeners)]
    waiting = 0

    async def listener():
        nonlocal waiting
        heard = 0
        for event in events:
            waiting += 1
            await event.wait()
            heard += event.is_set()
        return heard

    watch.start()
    tasks = [asyncio.create_task(listener()) for _ in range(listeners)]
    due = 0
    for event in events:
        due += listeners
        while waiting < due:
            await asyncio.sleep(0)
        event.set()
    total = await join(tasks)
    watch.stop()
    return total


async def group(n, watch):
    watch.start()
    async with asyncio.TaskGroup() as tg:
        tasks = [tg.create_task(suspended(i)) for i in range(n)]
    total = 0
    for task in tasks:
        total += task.result()
    watch.stop()
    return total


if __name__ == "__main__":
    rows = (lock, limit, queues, bounded, fanout, group)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), rows)
