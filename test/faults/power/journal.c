/*
 * Preloaded into a process (LD_PRELOAD), this writes down what the process asks of the disk below PEERPOST_JOURNAL_ROOT, in order, into the file
 * PEERPOST_JOURNAL: files made, written, cut, renamed, removed, and when each fsync began and ended. replay.ts makes of it what a disk could hold
 * after a power cut. SQLite's -shm files are left out: they are shared memory and never read after a cut.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 8192

static struct { int used; dev_t device; uint64_t file; char *folder; } fds[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static const char *root;
static size_t root_length;
static uint32_t syncs;

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);
static int (*real_unlinkat)(int, const char *, int);
static int (*real_remove)(const char *);
static int (*real_rmdir)(const char *);
static int (*real_mkdir)(const char *, mode_t);

#define REAL(name) real_##name = dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  REAL(open); REAL(openat); REAL(close); REAL(write); REAL(writev); REAL(fsync); REAL(fdatasync);
  REAL(rename); REAL(unlink); REAL(unlinkat); REAL(remove); REAL(rmdir); REAL(mkdir);
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  root = getenv("PEERPOST_JOURNAL_ROOT");
  const char *path = getenv("PEERPOST_JOURNAL");
  if (root == NULL || path == NULL) return;
  root_length = strlen(root);
  int fd = real_open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  journal = fcntl(fd, F_DUPFD_CLOEXEC, FDS);
  if (journal < 0) { journal = fd; return; }
  real_close(fd);
}

static int ours(const char *path) {
  if (journal < 0 || path == NULL || strncmp(path, root, root_length) != 0) return 0;
  size_t length = strlen(path);
  return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}

/* length of what follows, kind, file, number, length of the name, name, data: one write, so that records of all processes stand in order */
static void note(char kind, uint64_t file, int64_t number, const char *name, const void *data, size_t size) {
  uint32_t name_length = name == NULL ? 0 : (uint32_t)strlen(name);
  uint32_t length = 1 + 8 + 8 + 4 + name_length + (uint32_t)size;
  char *record = malloc(4 + length), *at = record;
  memcpy(at, &length, 4); at += 4;
  *at++ = kind;
  memcpy(at, &file, 8); at += 8;
  memcpy(at, &number, 8); at += 8;
  memcpy(at, &name_length, 4); at += 4;
  if (name_length > 0) memcpy(at, name, name_length);
  at += name_length;
  if (size > 0) memcpy(at, data, size);
  int kept = errno;
  if (real_write(journal, record, 4 + length) != (ssize_t)(4 + length)) abort();
  errno = kept;
  free(record);
}

static void opened(int fd, const char *path, int flags) {
  struct stat about;
  if (fd < 0 || fd >= FDS || !ours(path) || fstat(fd, &about) != 0) return;
  fds[fd].used = 1;
  fds[fd].device = about.st_dev;
  fds[fd].file = about.st_ino;
  fds[fd].folder = S_ISDIR(about.st_mode) ? strdup(path) : NULL;
  if (fds[fd].folder == NULL) note('C', about.st_ino, (flags & O_TRUNC) != 0, path, NULL, 0);
}

/* Some descriptors are closed past us, by a bare system call, and given out anew for something else. */
static int tracked(int fd) {
  if (journal < 0 || fd < 0 || fd >= FDS || !fds[fd].used) return 0;
  struct stat about;
  int kept = errno;
  int same = fstat(fd, &about) == 0 && about.st_dev == fds[fd].device && about.st_ino == fds[fd].file;
  errno = kept;
  return same;
}

#define WITH_MODE(flags) mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }

int open(const char *path, int flags, ...) {
  WITH_MODE(flags)
  pthread_mutex_lock(&lock);
  int fd = real_open(path, flags, mode);
  opened(fd, path, flags);
  pthread_mutex_unlock(&lock);
  return fd;
}

int open64(const char *path, int flags, ...) {
  WITH_MODE(flags)
  return open(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
  WITH_MODE(flags)
  pthread_mutex_lock(&lock);
  int fd = real_openat(at, path, flags, mode);
  opened(fd, path, flags);
  pthread_mutex_unlock(&lock);
  return fd;
}

int close(int fd) {
  if (fd == journal && journal >= 0) return 0;
  if (tracked(fd)) {
    pthread_mutex_lock(&lock);
    fds[fd].used = 0;
    free(fds[fd].folder);
    fds[fd].folder = NULL;
    pthread_mutex_unlock(&lock);
  }
  return real_close(fd);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t at) {
  ssize_t done = real_pwrite(fd, data, size, at);
  if (done > 0 && tracked(fd)) note('W', fds[fd].file, at, NULL, data, (size_t)done);
  return done;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

ssize_t write(int fd, const void *data, size_t size) {
  ssize_t done = real_write(fd, data, size);
  if (done > 0 && tracked(fd)) note('W', fds[fd].file, lseek(fd, 0, SEEK_CUR) - done, NULL, data, (size_t)done);
  return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  ssize_t done = real_writev(fd, parts, count);
  if (done <= 0 || !tracked(fd)) return done;
  int64_t at = lseek(fd, 0, SEEK_CUR) - done;
  ssize_t left = done;
  for (int i = 0; i < count && left > 0; i++) {
    size_t size = parts[i].iov_len < (size_t)left ? parts[i].iov_len : (size_t)left;
    note('W', fds[fd].file, at, NULL, parts[i].iov_base, size);
    at += (int64_t)size;
    left -= (ssize_t)size;
  }
  return done;
}

/* What was written while a sync runs may or may not be part of it: it covers what stands before its beginning, and counts from its end. */
static int synced(int fd, int (*real)(int)) {
  if (!tracked(fd)) return real(fd);
  int64_t token = ((int64_t)getpid() << 32) | __sync_fetch_and_add(&syncs, 1);
  note('B', fds[fd].file, token, fds[fd].folder, NULL, 0);
  int result = real(fd);
  if (result == 0) note('E', fds[fd].file, token, fds[fd].folder, NULL, 0);
  return result;
}

int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }

int ftruncate64(int fd, off_t size) {
  int result = real_ftruncate(fd, size);
  if (result == 0 && tracked(fd)) note('T', fds[fd].file, size, NULL, NULL, 0);
  return result;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int rename(const char *from, const char *to) {
  int result = real_rename(from, to);
  if (result == 0 && ours(to)) note('R', 0, 0, from, to, strlen(to));
  return result;
}

static int removed(int result, const char *path) {
  if (result == 0 && ours(path)) note('U', 0, 0, path, NULL, 0);
  return result;
}

int unlink(const char *path) { return removed(real_unlink(path), path); }
int rmdir(const char *path) { return removed(real_rmdir(path), path); }
int remove(const char *path) { return removed(real_remove(path), path); }

int unlinkat(int at, const char *path, int flags) {
  int result = real_unlinkat(at, path, flags);
  if (path[0] == '/' || result != 0 || at < 0 || at >= FDS || fds[at].folder == NULL) return removed(result, path);
  char whole[PATH_MAX];
  snprintf(whole, sizeof whole, "%s/%s", fds[at].folder, path);
  return removed(result, whole);
}

int mkdir(const char *path, mode_t mode) {
  int result = real_mkdir(path, mode);
  if (result == 0 && ours(path)) note('D', 0, 0, path, NULL, 0);
  return result;
}
