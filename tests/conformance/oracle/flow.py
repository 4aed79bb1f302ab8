"""Operations that await or nest, and the bodies made of them."""

import asyncio
import math
import types

from aws import build, build_all
from ops import SYNC
from world import ERRORS, build_error

FLOW = {}
DEFAULT_NAME = "Task-"


def flow(function):
    FLOW[function.__name__.rstrip("_")] = function
    return function


class Returned:
    """Travels out of nested blocks, through their finally parts."""

    def __init__(self, value):
        self.value = value


class Bare(Exception):
    """Stands for a `raise` without an error until the handler sees it."""


async def run_flow(w, ops):
    for name, *args in ops:
        if w.dead:
            return Returned(None)
        w.step()
        if name in FLOW:
            left = await FLOW[name](w, *args)
            if left is not None:
                return left
        else:
            SYNC[name](w, *args)
    return None


async def run_body(w, label, ops):
    task = asyncio.current_task(w.loop)
    if task.get_name().startswith(DEFAULT_NAME):
        count = w.starts[label] = w.starts.get(label, 0) + 1
        task.set_name(label if count == 1 else f"{label}#{count}")
    if label not in w.names:
        w.put(label, "task", task)
    w.say("start", label)
    try:
        left = await run_flow(w, ops)
    except GeneratorExit:
        raise
    except BaseException as error:
        w.say("raise", label, w.show(error))
        raise
    value = None if left is None else left.value
    w.say("return", label, w.show(value))
    return value


@flow
async def await_(w, aw):
    found = build(w, aw)
    if found is not None:
        w.say("got", w.show(await found))


@flow
async def sleep(w, delay):
    await asyncio.sleep(math.nan if delay == "nan" else delay)


@types.coroutine
def bare():
    yield


@flow
async def yield_(w):
    await bare()


@flow
async def call(w, ops):
    return await run_flow(w, ops)


@flow
async def return_(w, value=None):
    return Returned(value)


@flow
async def try_(w, parts):
    left = None
    try:
        left = await run_flow(w, parts.get("do", ()))
        if left is None and "else" in parts:
            left = await run_flow(w, parts["else"])
    except GeneratorExit:
        raise
    except BaseException as error:
        for kind, ops in parts.get("except", {}).items():
            if isinstance(error, ERRORS[kind]):
                w.say("caught", w.show(error))
                try:
                    left = await run_flow(w, ops)
                except Bare:
                    raise error
                break
        else:
            raise
    finally:
        if "finally" in parts and not w.dead:
            w.say("finally")
            last = await run_flow(w, parts["finally"])
            left = last or left
    return left


@flow
async def reraise(w):
    raise Bare


@flow
async def raiseFrom(w, spec, cause):
    raise build_error(spec) from build_error(cause)


@flow
async def nestedRun(w, name=None):
    """Runs the loop from inside itself: a body, or without end."""
    if name is None:
        w.loop.run_forever()
    else:
        w.loop.run_until_complete(build(w, ["body", name]))


@flow
async def timeout(w, name, delay, ops):
    SYNC["makeTimeout"](w, name, delay)
    return await enter(w, name, ops)


@flow
async def timeoutAt(w, name, when, ops):
    SYNC["makeTimeoutAt"](w, name, when)
    return await enter(w, name, ops)


@flow
async def enter(w, name, ops):
    found = w.get(name, "timeout")
    if found is None:
        return None
    async with found:
        left = await run_flow(w, ops)
    w.say("exit", name, w.show(found.expired()))
    return left


@flow
async def wait(w, aws, options={}):
    kwargs = {}
    if "timeout" in options:
        kwargs["timeout"] = options["timeout"]
    if "when" in options:
        kwargs["return_when"] = options["when"]
    done, pending = await asyncio.wait(build_all(w, aws), **kwargs)
    show = [",".join(sorted(map(w.label, s))) for s in (done, pending)]
    w.say("wait", f"done={show[0]}", f"pending={show[1]}")


@flow
async def asCompleted(w, aws, options={}):
    kwargs = {}
    if "timeout" in options:
        kwargs["timeout"] = options["timeout"]
    iterator = asyncio.as_completed(build_all(w, aws), **kwargs)
    left = options.get("limit", 1000)
    if options.get("style") == "async":
        async for found in iterator:
            w.say("completed", w.label(found))
            returned = await item(w, found, options)
            if returned is not None:
                return returned
            left -= 1
            if left == 0:
                break
    else:
        for found in iterator:
            returned = await item(w, found, options)
            if returned is not None:
                return returned
            left -= 1
            if left == 0:
                break
    return None


async def item(w, found, options):
    try:
        w.say("item", w.show(await found))
    except Exception as error:
        w.say("item", w.show(error))
    return await run_flow(w, options.get("do", ()))
