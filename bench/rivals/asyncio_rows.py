"""The rows in Python's asyncio, or uvloop: asyncio_rows.py LOOP ROW N."""

import asyncio
import gc
import json
import os
import sys
import time

TURNS = 10
LONG = 3600
ENOUGH = 0.8
REPETITIONS = 5


def resident():
    gc.collect()
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


class Watch:
    """The clock that a row starts and stops around its own work."""

    def __init__(self, weighing):
        self.wall = self.cpu = 0.0
        self.bytes = None
        self._before = resident() if weighing else None

    def start(self):
        self._cpu = time.process_time()
        self._wall = time.perf_counter()

    def stop(self):
        self.wall += time.perf_counter() - self._wall
        self.cpu += time.process_time() - self._cpu

    def weigh(self):
        if self._before is None:
            return
        self.stop()
        self.bytes = resident() - self._before
        self.start()


async def child(i):
    return i


async def suspended(i):
    await asyncio.sleep(0)
    return i


async def slept(i):
    await asyncio.sleep(i % 101 / 1000)
    return i


async def join(tasks):
    total = 0
    for task in tasks:
        total += await task
    return total


async def all_of(n, watch, body):
    create_task = asyncio.create_task
    watch.start()
    tasks = [create_task(body(i)) for i in range(n)]
    total = await join(tasks)
    watch.stop()
    return total


async def spawn(n, watch):
    return await all_of(n, watch, child)


async def suspend(n, watch):
    return await all_of(n, watch, suspended)


async def sleeps(n, watch):
    return await all_of(n, watch, slept)


async def pingpong(n, watch):
    create_future = asyncio.get_running_loop().create_future
    ping = pong = create_future()

    async def server():
        nonlocal ping
        for _ in range(n):
            value = await ping
            ping = create_future()
            pong.set_result(value + 1)
        return 0

    async def client():
        nonlocal pong
        total = 0
        for i in range(n):
            pong = create_future()
            ping.set_result(i)
            total += await pong
        return total

    watch.start()
    tasks = [asyncio.create_task(server()), asyncio.create_task(client())]
    total = await join(tasks)
    watch.stop()
    return total


async def cancelled(n, watch, whole):
    asleep = seen = 0

    async def sleeper():
        nonlocal asleep, seen
        asleep += 1
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            seen += 1
            raise

    create_task = asyncio.create_task
    if whole:
        watch.start()
    tasks = [create_task(sleeper()) for _ in range(n)]
    while asleep < n:
        await asyncio.sleep(0)
    if whole:
        watch.weigh()
    else:
        watch.start()
    for task in tasks:
        task.cancel()
    for task in tasks:
        try:
            await task
        except asyncio.CancelledError:
            seen += 1
    watch.stop()
    return seen


async def cancel(n, watch):
    return await cancelled(n, watch, False)


async def sleepers(n, watch):
    return await cancelled(n, watch, True)


async def switches(n, watch):
    turn = 0

    async def player(me):
        nonlocal turn
        right = 0
        for _ in range(n // TURNS):
            await asyncio.sleep(0)
            if turn % TURNS == me:
                right += 1
            turn += 1
        return right

    watch.start()
    total = await join([asyncio.create_task(player(i)) for i in range(TURNS)])
    watch.stop()
    return total


async def callsoon(n, watch):
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    calls = 0

    def callback():
        nonlocal calls
        calls += 1
        if calls == n:
            done.set_result(None)

    watch.start()
    for _ in range(n):
        loop.call_soon(callback)
    await done
    watch.stop()
    return calls


ROWS = (spawn, suspend, pingpong, sleeps, cancel, switches, callsoon, sleepers)


def main(loop, row, n, rows):
    body = {f.__name__: f for f in rows}[row]

    def once(n, watch):
        # asyncio.run takes a loop factory only from 3.12 on.
        running = new_event_loop()
        try:
            return running.run_until_complete(body(n, watch))
        finally:
            running.close()

    if loop == "uvloop":
        from uvloop import new_event_loop
    else:
        new_event_loop = asyncio.new_event_loop

    once(min(10_000, n), Watch(False))
    sample = {"wall": [], "cpu": [], "count": [], "bytes": None}
    spent = 0.0
    while len(sample["wall"]) < REPETITIONS and spent < ENOUGH:
        watch = Watch(row == "sleepers" and not sample["wall"])
        sample["count"].append(once(n, watch))
        sample["wall"].append(watch.wall * 1000)
        sample["cpu"].append(watch.cpu * 1000)
        if watch.bytes is not None:
            sample["bytes"] = watch.bytes / n
        spent += watch.wall
    print(json.dumps(sample))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), ROWS)
