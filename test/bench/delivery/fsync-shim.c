/*
 * Loaded with LD_PRELOAD into every process of a benched system: counts fsync and fdatasync of all of them together, and makes each
 * slower. Both numbers stand in a file that is mapped: u64 calls, u64 microseconds of delay. FSYNC_SHIM names it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct control {
  _Atomic uint64_t calls;
  _Atomic uint64_t delay_us;
};

static _Atomic(struct control *) control;

static struct control *open_control(void) {
  struct control *found = atomic_load(&control);
  if (found) return found;
  const char *path = getenv("FSYNC_SHIM");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) return NULL;
  void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped == MAP_FAILED) return NULL;
  atomic_store(&control, mapped);
  return mapped;
}

/* Early, for some programs clean their environment or change who they are. */
__attribute__((constructor)) static void at_start(void) { open_control(); }

static int counted(const char *name, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  int result = real(fd);
  struct control *c = open_control();
  if (c) {
    atomic_fetch_add(&c->calls, 1);
    uint64_t us = atomic_load(&c->delay_us);
    struct timespec pause = {us / 1000000, (us % 1000000) * 1000};
    if (us) nanosleep(&pause, NULL);
  }
  return result;
}

int fsync(int fd) { return counted("fsync", fd); }
int fdatasync(int fd) { return counted("fdatasync", fd); }
