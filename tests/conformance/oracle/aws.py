"""Awaitables that a scenario can write down."""

import asyncio

AWAITABLES = {}


def awaitable(function):
    AWAITABLES[function.__name__] = function
    return function


def build(w, aw):
    """The awaitable, or None where a name in it stands for nothing."""
    if isinstance(aw, str):
        return w.get(aw, "future", "task", "coro")
    return AWAITABLES[aw[0]](w, *aw[1:])


def call(w, name, kinds, method, *args):
    """Calls a method of what a name stands for; None where that is nothing."""
    found = w.get(name, *kinds)
    return None if found is None else getattr(found, method)(*args)


def spelled(w, name, body):
    """A coroutine for a body's name, a stored coroutine or a list of ops."""
    from flow import run_body
    if not isinstance(body, str):
        return run_body(w, name, body)
    if body in w.bodies:
        return run_body(w, body, w.bodies[body])
    return w.get(body, "coro")


def build_all(w, aws):
    found = [build(w, aw) for aw in aws]
    return [one for one in found if one is not None]


@awaitable
def body(w, name):
    return spelled(w, name, name)


@awaitable
def do(w, *ops):
    from flow import run_body
    return run_body(w, "do", ops)


@awaitable
def sleep(w, delay, result=None):
    return asyncio.sleep(delay, result)


@awaitable
def gather(w, aws, options={}):
    found = build_all(w, aws)
    return asyncio.gather(
        *found, return_exceptions=options.get("exceptions", False)
    )


@awaitable
def shield(w, aw):
    found = build(w, aw)
    return None if found is None else asyncio.shield(found)


@awaitable
def waitFor(w, aw, timeout):
    found = build(w, aw)
    return None if found is None else asyncio.wait_for(found, timeout)


@awaitable
def raw(w, value):
    """Something that is no awaitable at all."""
    return value
