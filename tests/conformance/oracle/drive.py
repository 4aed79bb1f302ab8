"""Runs scenarios from outside the loop and hands back their traces."""

import asyncio
import gc
import json
import logging
import sys
import warnings

import group_ops
import lock_ops
import queue_ops
from aws import spelled
from ops import SYNC, state
from vloop import VirtualLoop, make_deterministic
from world import World

# Far beyond every deadline a scenario sets: reaching it means that nothing
# else is left to happen.
HORIZON = 1000
ROUNDS = 20

PHASES = {}


def phase(function):
    PHASES[function.__name__.rstrip("_")] = function
    return function


def watched(w, what, quiet=False):
    """Runs the loop with a timer behind it that ends a run going nowhere."""
    def bark():
        w.watchdog_fired = True
        if not quiet:
            w.say("stalled")
        w.loop.stop()

    w.watchdog_fired = False
    dog = None
    if not w.loop.is_closed():
        dog = w.loop.call_later(HORIZON, bark)
    try:
        return what()
    finally:
        if dog is not None:
            dog.cancel()


@phase
def run(w, name):
    made = spelled(w, name, name) if name in w.bodies else w.get(
        name, "future", "task", "coro"
    )
    if made is None:
        return
    value = watched(w, lambda: w.loop.run_until_complete(made))
    w.say("ran", name, w.show(value))


@phase
def forever(w):
    watched(w, w.loop.run_forever)
    w.say("ran forever")


@phase
def settle(w):
    """Runs until nothing is left, however often the run is broken off."""
    for _ in range(ROUNDS):
        try:
            watched(w, w.loop.run_forever, quiet=True)
        except BaseException as error:
            w.say("settle broke off", w.show(error))
        if w.watchdog_fired:
            return
        w.say("settle again")


@phase
def runner(w, *names):
    """Runs each body under one Runner, on the scenario's own loop."""
    def factory():
        return w.loop

    with asyncio.Runner(loop_factory=factory) as made:
        for name in names:
            watched(w, lambda: w.say(
                "ran", name, w.show(made.run(spelled(w, name, name)))
            ))


def drive(w):
    for name, *args in w.scenario.get("drive", [["run", "main"], ["settle"]]):
        try:
            PHASES.get(name, SYNC.get(name))(w, *args)
        except BaseException as error:
            w.say("drive", name, w.show(error))


def report(w):
    pending = sorted(
        t.get_name() for t in asyncio.tasks.all_tasks(w.loop)
    )
    w.say("left", ",".join(pending))
    seen = set()
    for name, (kind, value) in list(w.names.items()):
        if kind in ("future", "task") and id(value) not in seen:
            seen.add(id(value))
            count = value.cancelling() if kind == "task" else 0
            more = [f"cancelling={count}"] if count else []
            w.say("end", name, state(w, value), *more)


def run_scenario(scenario, eager):
    w = World(scenario, eager)
    w.adopt(VirtualLoop())
    try:
        drive(w)
        report(w)
    finally:
        w.dead = True
        if not w.loop.is_closed():
            w.loop.close()
        forget_task(w.loop)
    return w.trace


def forget_task(loop):
    """Clears the thread's current task, which some errors leave behind."""
    asyncio._set_running_loop(loop)
    try:
        asyncio.tasks._swap_current_task(loop, None)
    finally:
        asyncio._set_running_loop(None)


def run_batch(text):
    """JSON in, JSON out: [scenario, eager] pairs to traces."""
    # A collection in the middle of a run would close suspended coroutines
    # and run their finally blocks at a moment nobody can predict.
    gc.disable()
    traces = []
    for index, (scenario, eager) in enumerate(json.loads(text)):
        traces.append(run_scenario(scenario, eager))
        if index % 50 == 49:
            gc.collect()
    gc.collect()
    return json.dumps(traces)


warnings.simplefilter("ignore")
logging.getLogger("asyncio").disabled = True
sys.unraisablehook = lambda unraisable: None
make_deterministic()

if __name__ == "__main__":
    print(run_batch(sys.stdin.read()))
