/*
 * The load of the echo benchmark: each connection sends a message, waits until all of
 * it has come back, checks it, and sends the next.
 *
 *   echo_load PORT CONNECTIONS SIZE WARM_MS RUN_MS PID
 *   echo_load idle PORT CONNECTIONS PID
 *
 * The processor time is that of process PID over exactly the measured time, all of its
 * threads together. One line of JSON is printed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct conn {
  int fd;
  size_t sent, got;
  /* Differs from message to message, so that none can be taken for another. */
  unsigned turn;
};

static size_t size;
/* Twice as long as a message: a message begins at any of its first positions. */
static unsigned char *pattern;

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static double now(clockid_t clock) {
  struct timespec t;
  if (clock_gettime(clock, &t) < 0) fail("clock_gettime");
  return t.tv_sec + t.tv_nsec / 1e9;
}

static int dial(int port, int host, int wait) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  to.sin_addr.s_addr = htonl(0x7f000001u + host);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) fail("socket");
  for (int i = 0; connect(fd, (struct sockaddr *)&to, sizeof to) < 0; i++) {
    if (i == wait) fail("connect");
    usleep(10000);
  }
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static const unsigned char *message(const struct conn *c) {
  return pattern + c->turn % 251;
}

static void push(struct conn *c) {
  while (c->sent < size) {
    ssize_t n = write(c->fd, message(c) + c->sent, size - c->sent);
    if (n > 0) c->sent += n;
    else if (errno == EAGAIN) return;
    else fail("write");
  }
}

/* Takes what is still on its way: a reset would be an error to the server. */
static void leave(struct conn *conns, int count, unsigned char *in) {
  for (int i = 0; i < count; i++) {
    struct conn *c = &conns[i];
    fcntl(c->fd, F_SETFL, 0);
    struct timeval patience = {.tv_sec = 2};
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t n = 1;
    /* What came back makes room for what is left to be sent. */
    while (c->got < c->sent && n > 0)
      if ((n = read(c->fd, in, c->sent - c->got)) > 0) c->got += n;
    close(c->fd);
  }
}

static int load(int argc, char **argv) {
  if (argc != 7) return 2;
  int port = atoi(argv[1]), count = atoi(argv[2]);
  size = strtoul(argv[3], NULL, 10);
  double warm = atof(argv[4]) / 1000, run = atof(argv[5]) / 1000;
  clockid_t cpu;
  if ((errno = clock_getcpuclockid(atoi(argv[6]), &cpu)) != 0) fail("cpu clock");

  pattern = malloc(size + 256);
  for (size_t i = 0; i < size + 256; i++) pattern[i] = i * 31 % 253;
  unsigned char *in = malloc(size);
  struct conn *conns = calloc(count, sizeof *conns);
  int ep = epoll_create1(0);
  for (int i = 0; i < count; i++) {
    struct conn *c = &conns[i];
    c->fd = dial(port, 0, 100);
    c->turn = i;
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
    ev.data.ptr = c;
    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev);
  }
  for (int i = 0; i < count; i++) push(&conns[i]);

  double start = now(CLOCK_MONOTONIC) + warm, end = 0, cpu0 = 0;
  long requests = 0;
  struct epoll_event evs[128];
  for (;;) {
    double t = now(CLOCK_MONOTONIC);
    if (end == 0 && t >= start) {
      start = t;
      end = t + run;
      cpu0 = now(cpu);
      requests = 0;
    }
    if (end != 0 && t >= end) {
      double used = now(cpu) - cpu0;
      printf("{\"requests\":%ld,\"seconds\":%.6f,\"cpu\":%.6f}\n", requests,
             t - start, used);
      leave(conns, count, in);
      return 0;
    }
    int n = epoll_wait(ep, evs, 128, 1000);
    if (n == 0) {
      fprintf(stderr, "nothing came for a second\n");
      return 1;
    }
    for (int i = 0; i < n; i++) {
      struct conn *c = evs[i].data.ptr;
      push(c);
      for (;;) {
        ssize_t k = read(c->fd, in, size - c->got);
        if (k < 0 && errno == EAGAIN) break;
        if (k < 0) fail("read");
        if (k == 0) {
          fprintf(stderr, "the server closed the connection\n");
          return 1;
        }
        if (memcmp(in, message(c) + c->got, k) != 0) {
          fprintf(stderr, "other bytes came back than were sent\n");
          return 1;
        }
        c->got += k;
        if (c->got < size) continue;
        requests++;
        c->turn++;
        c->sent = c->got = 0;
        push(c);
      }
    }
  }
}

static long resident(const char *pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/statm", pid);
  FILE *f = fopen(path, "r");
  long pages = 0;
  if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1) fail(path);
  fclose(f);
  return pages * sysconf(_SC_PAGESIZE);
}

/* The connections are answered once, so that each is known to be served. */
static int idle(int argc, char **argv) {
  if (argc != 5) return 2;
  int port = atoi(argv[2]), count = atoi(argv[3]);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int *fds = calloc(count, sizeof *fds);
  char byte = 'x';
  /* The first ones, and what they set up, are not what each costs. */
  int first = count / 20;
  long before = 0;
  for (int i = 0; i < count; i++) {
    if (i == first) {
      usleep(300000);
      before = resident(argv[4]);
    }
    /* One address of the loopback net has some 28 000 ports: enough for these. */
    fds[i] = dial(port, 0, 500);
    if (write(fds[i], &byte, 1) != 1) fail("write");
    if (read(fds[i], &byte, 1) != 1 || byte != 'x') fail("read");
  }
  usleep(1000000);
  long after = resident(argv[4]);
  int alive = 0;
  for (int i = 0; i < count; i++) {
    if (write(fds[i], &byte, 1) != 1) fail("write");
    if (read(fds[i], &byte, 1) == 1 && byte == 'x') alive++;
  }
  printf("{\"alive\":%d,\"bytes\":%.0f}\n", alive,
         (double)(after - before) / (count - first));
  return 0;
}

int main(int argc, char **argv) {
  int status = argc > 1 && strcmp(argv[1], "idle") == 0 ? idle(argc, argv)
                                                       : load(argc, argv);
  if (status == 2) fprintf(stderr, "see the comment at the head of echo_load.c\n");
  return status;
}
