"""What one run of a scenario knows: its loop, its named objects, its trace."""

import asyncio
import contextvars
import json
import re

STEP_LIMIT = 1000


class Boom(Exception):
    """An error of the scenario's own."""


ERRORS = {
    "Boom": Boom,
    "ValueError": ValueError,
    "TypeError": TypeError,
    "RuntimeError": RuntimeError,
    "OSError": OSError,
    "TimeoutError": TimeoutError,
    "CancelledError": asyncio.CancelledError,
    "InvalidStateError": asyncio.InvalidStateError,
    "BrokenBarrierError": asyncio.BrokenBarrierError,
    "QueueEmpty": asyncio.QueueEmpty,
    "QueueFull": asyncio.QueueFull,
    "QueueShutDown": asyncio.QueueShutDown,
    "KeyboardInterrupt": KeyboardInterrupt,
    "SystemExit": SystemExit,
    "ExceptionGroup": ExceptionGroup,
    "BaseExceptionGroup": BaseExceptionGroup,
    "Exception": Exception,
    "BaseException": BaseException,
}

# Reported when an object is collected, at a moment no two runtimes share.
COLLECTED = re.compile(r"was never retrieved$|was destroyed but it is pending")


def build_error(spec):
    if isinstance(spec, str):
        return ERRORS[spec]()
    return ERRORS[spec[0]](*spec[1:])


def camel(key):
    head, *rest = key.split("_")
    return head + "".join(part.capitalize() for part in rest)


class World:
    def __init__(self, scenario, eager):
        self.scenario = scenario
        self.bodies = scenario["tasks"]
        self.eager = eager
        self.trace = []
        self.names = {}
        self.labels = {}
        self.kept = []
        self.starts = {}
        self.cells = {}
        self.steps = 0
        self.dead = False
        self.loop = None
        self.watchdog_fired = False
        self.vars = {
            "v": contextvars.ContextVar("v", default="default"),
            "w": contextvars.ContextVar("w"),
        }

    def adopt(self, loop):
        self.loop = loop
        if self.eager:
            loop.set_task_factory(asyncio.eager_task_factory)
        loop.set_exception_handler(self.on_unhandled)

    # Trace ---------------------------------------------------------------

    def say(self, *words):
        if self.dead:
            return
        task = asyncio.current_task(self.loop)
        who = "-" if task is None else task.get_name()
        now = f"{self.loop.time():.6f}".rstrip("0").rstrip(".")
        self.trace.append(" ".join([now, who, *map(str, words)]))

    def show(self, value):
        if isinstance(value, BaseException):
            return self.show_error(value)
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(map(self.show, value)) + "]"
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None or isinstance(value, (str, bool, int, float)):
            return json.dumps(value, ensure_ascii=False)
        return self.label(value)

    def show_error(self, error, depth=2):
        name = type(error).__name__
        if isinstance(error, BaseExceptionGroup):
            inner = ", ".join(map(self.show, error.exceptions))
            return f"{name}({error.message})[{inner}]"
        text = f"{name}({error})" if error.args else name
        if error.__cause__ is not None and depth:
            text += " from " + self.show_error(error.__cause__, depth - 1)
        return text

    def label(self, value):
        if isinstance(value, asyncio.Task):
            return value.get_name()
        return self.labels.get(id(value), "?")

    # Named objects -------------------------------------------------------

    def put(self, name, kind, value):
        self.names[name] = (kind, value)
        self.labels.setdefault(id(value), name)
        self.kept.append(value)

    def get(self, name, *kinds):
        """The object, or None after saying why it will not do."""
        if name == "@self":
            value = asyncio.current_task(self.loop)
            if value is not None:
                return value
        kind, value = self.names.get(name, (None, None))
        if kind is None:
            self.say("missing", name)
        elif kinds and kind not in kinds:
            self.say("unfit", name)
        else:
            return value
        return None

    def step(self):
        self.steps += 1
        if self.steps == STEP_LIMIT:
            self.say("limit")
        if self.steps >= STEP_LIMIT:
            self.loop.stop()
            raise Boom("step limit")

    # Exception handler ---------------------------------------------------

    def on_unhandled(self, loop, context):
        message = context.get("message") or ""
        if self.dead or COLLECTED.search(message):
            return
        error = context.get("exception")
        keys = ",".join(sorted(map(camel, context)))
        self.say("handler", keys, json.dumps(message, ensure_ascii=False),
                 self.show(error))
        from ops import run_sync
        run_sync(self, self.scenario.get("handler", ()))
