"""The load of the echo benchmark where there is no C compiler: see echo_load.c.

It is slower than the servers, so that the requests per second are its own; the
servers' processor time is measured all the same.
"""
import json
import os
import resource
import select
import socket
import sys
import time


def cpu(pid):
    """The processor time of all threads of another process: a clock of Linux."""
    return time.clock_gettime((~pid << 3) | 2)


def dial(port):
    for _ in range(100):
        try:
            sock = socket.create_connection(("127.0.0.1", port))
            break
        except OSError as error:
            last = error
            time.sleep(0.01)
    else:
        raise last
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Conn:
    def __init__(self, sock, turn, pattern, size):
        self.sock, self.turn, self.size = sock, turn, size
        self.pattern = memoryview(pattern)
        self.sent = self.got = 0

    def push(self):
        at = self.turn % 251
        while self.sent < self.size:
            try:
                self.sent += self.sock.send(
                    self.pattern[at + self.sent : at + self.size]
                )
            except BlockingIOError:
                return

    def pull(self):
        """Takes what came back: how many messages were completed by it."""
        done = 0
        while True:
            try:
                data = self.sock.recv(self.size - self.got)
            except BlockingIOError:
                return done
            if not data:
                sys.exit("the server closed the connection")
            at = self.turn % 251 + self.got
            if data != self.pattern[at : at + len(data)]:
                sys.exit("other bytes came back than were sent")
            self.got += len(data)
            if self.got == self.size:
                done += 1
                self.turn += 1
                self.sent = self.got = 0
                self.push()

    def leave(self):
        """Takes what is still on its way: a reset would be an error to the server."""
        self.sock.setblocking(True)
        self.sock.settimeout(2)
        while self.got < self.sent:
            data = self.sock.recv(self.sent - self.got)
            if not data:
                break
            self.got += len(data)
        self.sock.close()


def load(port, count, size, warm, run, pid):
    pattern = bytes(i * 31 % 253 for i in range(size + 256))
    conns = {}
    poll = select.epoll()
    for turn in range(count):
        sock = dial(port)
        sock.setblocking(False)
        conns[sock.fileno()] = Conn(sock, turn, pattern, size)
        poll.register(sock, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
    for conn in conns.values():
        conn.push()
    start, end, used, requests = time.monotonic() + warm / 1000, None, 0, 0
    while True:
        now = time.monotonic()
        if end is None and now >= start:
            start, end, used, requests = now, now + run / 1000, cpu(pid), 0
        if end is not None and now >= end:
            used = cpu(pid) - used
            for conn in conns.values():
                conn.leave()
            return {"requests": requests, "seconds": now - start, "cpu": used}
        events = poll.poll(1)
        if not events:
            sys.exit("nothing came for a second")
        for fd, _ in events:
            conns[fd].push()
            requests += conns[fd].pull()


def resident(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def idle(port, count, pid):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    socks, first, before = [], count // 20, 0
    for i in range(count):
        if i == first:
            time.sleep(0.3)
            before = resident(pid)
        sock = dial(port)
        sock.send(b"x")
        if sock.recv(1) != b"x":
            sys.exit("other bytes came back than were sent")
        socks.append(sock)
    time.sleep(1)
    after, alive = resident(pid), 0
    for sock in socks:
        sock.send(b"x")
        alive += sock.recv(1) == b"x"
    return {"alive": alive, "bytes": (after - before) / (count - first)}


if sys.argv[1] == "idle":
    print(json.dumps(idle(*map(int, sys.argv[2:]))))
else:
    print(json.dumps(load(*map(int, sys.argv[1:]))))
