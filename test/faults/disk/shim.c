/*
 * Preloaded (LD_PRELOAD), this makes the disk below DISK_SHIM_ROOT fail on demand. DISK_SHIM names a file of one octet, shared by all processes, which holds
 * what fails right now, as bits: 1 the disk is full (ENOSPC), 2 fsync fails (EIO), 4 writes fail (EIO), 8 the disk is read-only (EROFS), 16 reads fail (EIO).
 * SQLite's -shm files are memory and never fail.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FULL = 1, SYNC = 2, WRITE = 4, READ_ONLY = 8, READ = 16 };

static volatile unsigned char *mode;
static const char *root;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("DISK_SHIM");
  root = getenv("DISK_SHIM_ROOT");
  if (path == NULL || root == NULL) return;
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int fd = real(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void *map = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
  if (map != MAP_FAILED) mode = map;
  close(fd);
}

static int concerns(const char *path) {
  size_t length = strlen(path);
  if (length > 4 && strcmp(path + length - 4, "-shm") == 0) return 0;
  return strncmp(path, root, strlen(root)) == 0;
}

/* What fails now for this file, of the bits that are asked for. */
static int failing(int fd, int bits) {
  if (mode == NULL || (*mode & bits) == 0) return 0;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return concerns(path) ? *mode & bits : 0;
}

static int write_fails(int fd) {
  int fault = failing(fd, FULL | WRITE | READ_ONLY);
  if (fault == 0) return 0;
  errno = fault & FULL ? ENOSPC : fault & READ_ONLY ? EROFS : EIO;
  return 1;
}

static int fails_with_eio(int fd, int bit) {
  if (failing(fd, bit) == 0) return 0;
  errno = EIO;
  return 1;
}

#define WRAP(type, name, parameters, arguments, condition) \
  type name parameters { \
    static type (*real) parameters; \
    if (real == NULL) real = dlsym(RTLD_NEXT, #name); \
    if (condition) return -1; \
    return real arguments; \
  }

WRAP(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), write_fails(fd))
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at), write_fails(fd))
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at), write_fails(fd))
WRAP(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count), write_fails(fd))
WRAP(ssize_t, pwritev, (int fd, const struct iovec *parts, int count, off_t at), (fd, parts, count, at), write_fails(fd))
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size), failing(fd, READ_ONLY) ? (errno = EROFS, 1) : 0)
WRAP(int, fsync, (int fd), (fd), fails_with_eio(fd, SYNC))
WRAP(int, fdatasync, (int fd), (fd), fails_with_eio(fd, SYNC))
WRAP(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size), fails_with_eio(fd, READ))
WRAP(ssize_t, pread64, (int fd, void *data, size_t size, off64_t at), (fd, data, size, at), fails_with_eio(fd, READ))
WRAP(ssize_t, pread, (int fd, void *data, size_t size, off_t at), (fd, data, size, at), fails_with_eio(fd, READ))
WRAP(int, rename, (const char *from, const char *to), (from, to),
     mode != NULL && (*mode & READ_ONLY) && concerns(from) ? (errno = EROFS, 1) : 0)
WRAP(int, unlink, (const char *path), (path),
     mode != NULL && (*mode & READ_ONLY) && concerns(path) ? (errno = EROFS, 1) : 0)

static int open_fails(const char *path, int flags) {
  if (mode == NULL || *mode == 0 || !concerns(path)) return 0;
  if ((*mode & READ_ONLY) && (flags & (O_WRONLY | O_RDWR | O_CREAT))) { errno = EROFS; return 1; }
  if ((*mode & FULL) && (flags & O_CREAT) && access(path, F_OK) != 0) { errno = ENOSPC; return 1; }
  return 0;
}

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    static int (*real)(const char *, int, ...); \
    if (real == NULL) real = dlsym(RTLD_NEXT, #name); \
    va_list list; \
    va_start(list, flags); \
    unsigned permissions = flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, unsigned) : 0; \
    va_end(list); \
    if (open_fails(path, flags)) return -1; \
    return real(path, flags, permissions); \
  }

OPEN(open)
OPEN(open64)
