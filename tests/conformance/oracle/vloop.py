"""A loop on a virtual clock: an idle loop jumps to its next deadline."""

import asyncio
import heapq
import inspect
import itertools
from asyncio import runners, staggered, taskgroups, tasks


class OrderedTimer(asyncio.TimerHandle):
    """Equal deadlines run in the order they were scheduled.

    CPython leaves that order undefined; the library settles it, so the
    comparison has to settle it the same way.
    """

    __slots__ = ("seq",)
    counter = itertools.count()

    def __init__(self, *args):
        super().__init__(*args)
        self.seq = next(self.counter)

    def __lt__(self, other):
        return (self._when, self.seq) < (other._when, other.seq)


class OrderedSet(dict):
    """A set that iterates in insertion order, as JavaScript's does."""

    def __init__(self, items=()):
        super().__init__((item, None) for item in items)

    def add(self, item):
        self[item] = None

    def remove(self, item):
        del self[item]

    def discard(self, item):
        self.pop(item, None)


class VirtualSelector:
    """Polls nothing; waiting means moving the clock."""

    def __init__(self, loop):
        self.loop = loop

    def select(self, timeout):
        if timeout is None:
            raise SystemError("the loop has nothing left to wait for")
        if timeout > 0:
            # Not `clock += timeout`: that sum may miss the deadline by a bit.
            self.loop.clock = self.loop._scheduled[0]._when
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """The real base loop over the virtual clock."""

    def __init__(self):
        super().__init__()
        self.clock = 0.0
        self.created = []
        self._clock_resolution = 1e-9
        self._selector = VirtualSelector(self)

    def time(self):
        return self.clock

    def call_at(self, when, callback, *args, context=None):
        self._check_closed()
        timer = OrderedTimer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def create_task(self, coro, **options):
        task = super().create_task(coro, **options)
        self.created.append(task)
        return task

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        pass


def all_tasks_in_order(loop=None):
    """all_tasks() in creation order; CPython's set is ordered by address."""
    loop = loop or asyncio.get_running_loop()
    found = plain_all_tasks(loop)
    known = [t for t in loop.created if t in found]
    return OrderedSet([*known, *(found - set(known))])


plain_all_tasks = tasks.all_tasks


def make_deterministic():
    """Gives the places that iterate over sets of addresses an order."""
    tasks.all_tasks = runners.tasks.all_tasks = all_tasks_in_order
    # A name of the module's hides the builtin of that name.
    taskgroups.set = staggered.set = OrderedSet
    iterator = getattr(tasks, "_AsCompletedIterator", None)
    if iterator is None:
        return
    source = inspect.getsource(iterator)
    old = "{ensure_future(aw, loop=loop) for aw in set(aws)}"
    new = (
        "_OrderedSet(ensure_future(aw, loop=loop)"
        " for aw in dict.fromkeys(aws))"
    )
    if old not in source:
        raise RuntimeError("as_completed() no longer builds the set expected")
    tasks._OrderedSet = OrderedSet
    exec(source.replace(old, new), vars(tasks))
