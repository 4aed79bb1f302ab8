"""Operations that need no await; callbacks and bodies share them."""

import asyncio
import contextvars

from aws import build, spelled
from world import build_error

SYNC = {}


def op(function):
    SYNC[function.__name__.rstrip("_")] = function
    return function


def run_sync(w, ops):
    for name, *args in ops:
        w.step()
        SYNC[name](w, *args)


def callback(w, name, ops):
    def run(*futures):
        w.say("run", name, *map(w.label, futures))
        run_sync(w, ops)
    return run


def context_option(w, options):
    name = options.get("ctx")
    found = None if name is None else w.get(name, "ctx")
    return {} if found is None else {"context": found}


@op
def log(w, text):
    w.say("log", text)


@op
def raise_(w, spec):
    raise build_error(spec)


@op
def stop(w):
    w.loop.stop()


@op
def time(w):
    w.say("time")


# Futures and tasks -------------------------------------------------------


@op
def future(w, name):
    w.put(name, "future", w.loop.create_future())


@op
def set_(w, name, aw):
    found = build(w, aw)
    if found is None:
        return
    kind = "coro"
    if asyncio.isfuture(found):
        kind = "task" if isinstance(found, asyncio.Task) else "future"
    w.put(name, kind, found)


@op
def ensure(w, name, aw):
    found = build(w, aw)
    if found is not None:
        made = asyncio.ensure_future(found, loop=w.loop)
        w.put(name, "task", made)


@op
def resolve(w, name, value=None):
    found = w.get(name, "future", "task")
    if found is not None:
        found.set_result(value)


@op
def fail(w, name, spec):
    found = w.get(name, "future", "task")
    if found is not None:
        found.set_exception(build_error(spec))


@op
def cancel(w, name, *message):
    found = w.get(name, "future", "task", "handle")
    if found is not None:
        if isinstance(found, asyncio.Handle):
            message = ()
        w.say("cancel", name, w.show(found.cancel(*message)))


@op
def query(w, name):
    found = w.get(name, "future", "task")
    if found is not None:
        w.say("query", name, state(w, found, peek=True))


def state(w, found, peek=False):
    if not found.done():
        return "pending"
    if found.cancelled():
        return "cancelled"
    if peek:
        return "done"
    error = found.exception()
    return w.show(found.result()) if error is None else w.show(error)


@op
def result(w, name):
    found = w.get(name, "future", "task")
    if found is not None:
        w.say("result", name, w.show(found.result()))


@op
def exception(w, name):
    found = w.get(name, "future", "task")
    if found is not None:
        w.say("exception", name, w.show(found.exception()))


@op
def onDone(w, name, label, ops=(), options={}):
    found = w.get(name, "future", "task")
    if found is None:
        return
    known = w.names.get(label, (None, None))
    # The same callback added again is one callback, as removal must see.
    run = known[1] if known[0] == "callback" else callback(w, label, ops)
    w.put(label, "callback", run)
    found.add_done_callback(run, **context_option(w, options))


@op
def offDone(w, name, label):
    found = w.get(name, "future", "task")
    run = w.get(label, "callback")
    if found is not None and run is not None:
        w.say("offDone", label, found.remove_done_callback(run))


# Tasks -------------------------------------------------------------------


@op
def spawn(w, name, body, options={}):
    coro = spelled(w, name, body)
    if coro is None:
        return
    kwargs = task_options(w, name, options)
    w.put(name, "task", w.loop.create_task(coro, **kwargs))


def task_options(w, name, options):
    kwargs = context_option(w, options)
    if options.get("name", "") is not None:
        kwargs["name"] = options.get("name", name)
    if "eager" in options:
        kwargs["eager_start"] = options["eager"]
    return kwargs


@op
def cancelling(w, name):
    found = w.get(name, "task")
    if found is not None:
        w.say("cancelling", name, found.cancelling())


@op
def uncancel(w, name):
    found = w.get(name, "task")
    if found is not None:
        w.say("uncancel", name, found.uncancel())


@op
def name(w, name):
    found = w.get(name, "task")
    if found is not None:
        w.say("name", name, found.get_name())


@op
def rename(w, name, value):
    found = w.get(name, "task")
    if found is not None:
        found.set_name(value)


@op
def coro(w, name):
    found = w.get(name, "task")
    if found is not None:
        w.say("coro", name, w.show(found.get_coro() is not None))


@op
def current(w):
    w.say("current", w.show(asyncio.current_task(w.loop)))


@op
def all_(w):
    found = asyncio.tasks.all_tasks(w.loop)
    w.say("all", ",".join(sorted(t.get_name() for t in found)))


# Loop --------------------------------------------------------------------


def schedule(w, name, ops, options, call, *args):
    """Schedules inside the context asked for, so with a copy of it."""
    run = callback(w, name, ops)
    context = context_option(w, options).get("context")
    enter = (lambda f, *a: f(*a)) if context is None else context.run
    w.put(name, "handle", enter(call, *args, run))


@op
def soon(w, name, ops=(), options={}):
    schedule(w, name, ops, options, w.loop.call_soon)


@op
def soonThreadsafe(w, name, ops=(), options={}):
    schedule(w, name, ops, options, w.loop.call_soon_threadsafe)


@op
def later(w, name, delay, ops=(), options={}):
    schedule(w, name, ops, options, w.loop.call_later, delay)


@op
def at(w, name, when, ops=(), options={}):
    schedule(w, name, ops, options, w.loop.call_at, when)


@op
def close(w):
    w.loop.close()


@op
def handle(w, name):
    found = w.get(name, "handle")
    if found is not None:
        when = found.when() if hasattr(found, "when") else None
        w.say("handle", name, w.show(found.cancelled()), w.show(when))


@op
def callHandler(w, message, spec=None):
    context = {"message": message}
    if spec is not None:
        context["exception"] = build_error(spec)
    w.loop.call_exception_handler(context)


# Timeouts ----------------------------------------------------------------


@op
def makeTimeout(w, name, delay):
    w.put(name, "timeout", asyncio.timeout(delay))


@op
def makeTimeoutAt(w, name, when):
    w.put(name, "timeout", asyncio.timeout_at(when))


@op
def reschedule(w, name, delay):
    found = w.get(name, "timeout")
    if found is not None:
        found.reschedule(None if delay is None else w.loop.time() + delay)


@op
def when(w, name):
    found = w.get(name, "timeout")
    if found is not None:
        w.say("when", name, w.show(found.when()))


@op
def expired(w, name):
    found = w.get(name, "timeout")
    if found is not None:
        w.say("expired", name, w.show(found.expired()))


# Context variables -------------------------------------------------------


@op
def ctxSet(w, var, value, token=None):
    made = w.vars[var].set(value)
    if token is not None:
        w.put(token, "token", made)


@op
def ctxGet(w, var):
    if var == "v":
        w.say("ctx", var, w.show(w.vars[var].get()))
    else:
        w.say("ctx", var, w.show(w.vars[var].get("unset")))


@op
def ctxReset(w, var, token):
    found = w.get(token, "token")
    if found is not None:
        w.vars[var].reset(found)


@op
def ctxCopy(w, name):
    w.put(name, "ctx", contextvars.copy_context())


@op
def ctxOf(w, name, task):
    found = w.get(task, "task")
    if found is not None:
        w.put(name, "ctx", found.get_context())


@op
def ctxRun(w, name, ops):
    found = w.get(name, "ctx")
    if found is not None:
        found.run(run_sync, w, ops)
