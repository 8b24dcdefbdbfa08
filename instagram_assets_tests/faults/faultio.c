/* Counts the file operations that change something below one folder and breaks one of them.
 *
 * Loaded with LD_PRELOAD. All processes share one memory file (FAULTIO_STATE), in which the harness says
 * which folder, which operation and which fault. C's own stdio is not seen: glibc calls the kernel itself;
 * Python, SQLite, Arrow and Rust go through the functions below.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NONE, KILL, TORN, ENOSPC_FROM, EIO_ONCE, POWER };
enum { GO_ON, HALF, REFUSE };
#define LOGGED 20000
#define FILES 16384

struct operation { char name[16], path[240]; };
struct file { long device, inode, durable; };           /* bytes that an fsync has made durable */
struct state {                                          /* the harness reads the same layout */
    long count, at, mode, fired, lock, files;
    char root[464];
    struct operation log[LOGGED];
    struct file file[FILES];
};
static struct state *state;

#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); real; })

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("FAULTIO_STATE");
    if (!path) return;
    int fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *memory = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED) state = memory;
}

/* --- where an operation happens ------------------------------------------------------------------------ */

static int inside(const char *path) {
    size_t length = strlen(state->root);
    return length && !strncmp(path, state->root, length) && (path[length] == '/' || !path[length]);
}

/* The absolute path of `path` seen from `folder`; 0 when it is not below the root. */
static int at_path(int folder, const char *path, char *absolute) {
    if (!state || !state->root[0] || !path) return 0;
    if (path[0] == '/') {
        snprintf(absolute, PATH_MAX, "%s", path);
        return inside(absolute);
    }
    char link[64], base[PATH_MAX];
    if (folder == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t length = readlink(link, base, sizeof base - 1);
    if (length < 0) return 0;
    base[length] = 0;
    if (snprintf(absolute, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return 0;
    return inside(absolute);
}

static int of_descriptor(int fd, char *absolute) {
    if (!state || !state->root[0]) return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, absolute, PATH_MAX - 1);
    if (length < 0) return 0;
    absolute[length] = 0;
    return inside(absolute);
}

/* --- which bytes an fsync has made durable ------------------------------------------------------------- */

static struct file *find(const struct stat *about, int make, long durable) {
    while (__sync_lock_test_and_set(&state->lock, 1)) ;
    struct file *found = NULL;
    for (long i = state->files - 1; i >= 0 && !found; i--)
        if (state->file[i].inode == (long)about->st_ino && state->file[i].device == (long)about->st_dev)
            found = &state->file[i];
    if (!found && make && state->files < FILES) {
        found = &state->file[state->files++];
        *found = (struct file){(long)about->st_dev, (long)about->st_ino, durable};
    }
    __sync_lock_release(&state->lock);
    return found;
}

/* Call before bytes of `fd` change: what is there now counts as durable unless known otherwise. */
static void note(int fd) {
    struct stat about;
    if (!fstat(fd, &about) && S_ISREG(about.st_mode)) find(&about, 1, about.st_size);
}

static void opened(int fd, int emptied) {
    struct stat about;
    if (fd < 0 || fstat(fd, &about) || !S_ISREG(about.st_mode)) return;
    struct file *file = find(&about, 1, emptied ? 0 : about.st_size);
    if (file && emptied) file->durable = 0;
}

static void synced(int fd) {
    struct stat about;
    if (fstat(fd, &about) || !S_ISREG(about.st_mode)) return;
    struct file *file = find(&about, 1, about.st_size);
    if (file) file->durable = about.st_size;
}

static int lose(const char *path, const struct stat *about, int kind, struct FTW *place) {
    (void)place;
    if (kind != FTW_F || !S_ISREG(about->st_mode)) return 0;
    struct file *file = find(about, 0, 0);
    if (file && file->durable < about->st_size && REAL(truncate)(path, file->durable)) _exit(70);
    return 0;
}

/* --- the fault ----------------------------------------------------------------------------------------- */

static void die(void) {
    kill(0, SIGKILL);
    for (;;) pause();
}

static int needs_space(const char *name) {
    return !strcmp(name, "write") || !strcmp(name, "open") || !strcmp(name, "mkdir") || !strcmp(name, "link") ||
           !strcmp(name, "fsync") || !strcmp(name, "truncate");
}

static int count(const char *name, const char *path) {
    long number = __sync_add_and_fetch(&state->count, 1);
    if (number <= LOGGED) {
        snprintf(state->log[number - 1].name, sizeof state->log->name, "%s", name);
        snprintf(state->log[number - 1].path, sizeof state->log->path, "%s", path);
    }
    if (state->mode == NONE || number < state->at) return GO_ON;
    if (state->mode == ENOSPC_FROM) {
        if (!needs_space(name)) return GO_ON;
        state->fired = 1;
        errno = ENOSPC;
        return REFUSE;
    }
    if (number > state->at) {
        if (state->mode == EIO_ONCE) return GO_ON;
        for (;;) pause();  /* a thread beside the one that dies does nothing any more */
    }
    state->fired = 1;
    if (state->mode == EIO_ONCE) {
        errno = EIO;
        return REFUSE;
    }
    if (state->mode == TORN && !strcmp(name, "write")) return HALF;
    if (state->mode == POWER) nftw(state->root, lose, 32, FTW_PHYS);
    die();
    return REFUSE;
}

/* The worker's word that its function has returned: what it wrote must survive from here on. */
void faultio_end(void) {
    if (state && state->root[0]) count("end", state->root);
}

/* --- the operations ------------------------------------------------------------------------------------ */

#define OPEN(name, folder, call)                                                                     \
    mode_t mode = 0;                                                                                 \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                             \
        va_list rest;                                                                                \
        va_start(rest, flags);                                                                       \
        mode = va_arg(rest, mode_t);                                                                 \
        va_end(rest);                                                                                \
    }                                                                                                \
    char where[PATH_MAX];                                                                            \
    int changes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);                    \
    if (!changes || !at_path(folder, path, where)) return REAL(name) call;                           \
    int existed = !access(where, F_OK);                                                              \
    if (count("open", where) == REFUSE) return -1;                                                   \
    int fd = REAL(name) call;                                                                        \
    opened(fd, !existed || flags & O_TRUNC);                                                         \
    return fd;

int open(const char *path, int flags, ...) { OPEN(open, AT_FDCWD, (path, flags, mode)) }
int open64(const char *path, int flags, ...) { OPEN(open64, AT_FDCWD, (path, flags, mode)) }
int openat(int folder, const char *path, int flags, ...) { OPEN(openat, folder, (folder, path, flags, mode)) }
int openat64(int folder, const char *path, int flags, ...) { OPEN(openat64, folder, (folder, path, flags, mode)) }

/* An operation on bytes: `half` is the same call with half of them. */
#define BYTES(fd, call, half)                                                                        \
    char where[PATH_MAX];                                                                            \
    if (!of_descriptor(fd, where)) return call;                                                      \
    note(fd);                                                                                        \
    switch (count("write", where)) {                                                                 \
        case REFUSE: return -1;                                                                      \
        case HALF: (void)!(half); die();                                                             \
    }                                                                                                \
    return call;

ssize_t write(int fd, const void *b, size_t n) { BYTES(fd, REAL(write)(fd, b, n), REAL(write)(fd, b, n / 2)) }
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) { BYTES(fd, REAL(pwrite)(fd, b, n, o), REAL(pwrite)(fd, b, n / 2, o)) }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) { BYTES(fd, REAL(pwrite64)(fd, b, n, o), REAL(pwrite64)(fd, b, n / 2, o)) }
ssize_t writev(int fd, const struct iovec *v, int n) { BYTES(fd, REAL(writev)(fd, v, n), REAL(write)(fd, v->iov_base, v->iov_len / 2)) }
ssize_t sendfile(int fd, int from, off_t *o, size_t n) { BYTES(fd, REAL(sendfile)(fd, from, o, n), REAL(sendfile)(fd, from, o, n / 2)) }
ssize_t sendfile64(int fd, int from, off64_t *o, size_t n) { BYTES(fd, REAL(sendfile64)(fd, from, o, n), REAL(sendfile64)(fd, from, o, n / 2)) }
ssize_t copy_file_range(int from, off64_t *a, int fd, off64_t *b, size_t n, unsigned f) {
    BYTES(fd, REAL(copy_file_range)(from, a, fd, b, n, f), REAL(copy_file_range)(from, a, fd, b, n / 2, f))
}

#define ON_DESCRIPTOR(name, fd, before, call, after)                                                 \
    char where[PATH_MAX];                                                                            \
    if (!of_descriptor(fd, where)) return call;                                                      \
    before;                                                                                          \
    if (count(name, where) == REFUSE) return -1;                                                     \
    int result = call;                                                                               \
    if (!result) after;                                                                              \
    return result;

int fsync(int fd) { ON_DESCRIPTOR("fsync", fd, (void)0, REAL(fsync)(fd), synced(fd)) }
int fdatasync(int fd) { ON_DESCRIPTOR("fsync", fd, (void)0, REAL(fdatasync)(fd), synced(fd)) }
int ftruncate(int fd, off_t n) { ON_DESCRIPTOR("truncate", fd, note(fd), REAL(ftruncate)(fd, n), (void)0) }
int ftruncate64(int fd, off64_t n) { ON_DESCRIPTOR("truncate", fd, note(fd), REAL(ftruncate64)(fd, n), (void)0) }

#define ON_PATH(name, folder, path, call)                                                            \
    char where[PATH_MAX];                                                                            \
    if (at_path(folder, path, where) && count(name, where) == REFUSE) return -1;                     \
    return call;

int rename(const char *a, const char *b) { ON_PATH("rename", AT_FDCWD, b, REAL(rename)(a, b)) }
int renameat(int d, const char *a, int e, const char *b) { ON_PATH("rename", e, b, REAL(renameat)(d, a, e, b)) }
int renameat2(int d, const char *a, int e, const char *b, unsigned f) { ON_PATH("rename", e, b, REAL(renameat2)(d, a, e, b, f)) }
int link(const char *a, const char *b) { ON_PATH("link", AT_FDCWD, b, REAL(link)(a, b)) }
int linkat(int d, const char *a, int e, const char *b, int f) { ON_PATH("link", e, b, REAL(linkat)(d, a, e, b, f)) }
int symlink(const char *a, const char *b) { ON_PATH("link", AT_FDCWD, b, REAL(symlink)(a, b)) }
int unlink(const char *p) { ON_PATH("unlink", AT_FDCWD, p, REAL(unlink)(p)) }
int unlinkat(int d, const char *p, int f) { ON_PATH("unlink", d, p, REAL(unlinkat)(d, p, f)) }
int rmdir(const char *p) { ON_PATH("rmdir", AT_FDCWD, p, REAL(rmdir)(p)) }
int mkdir(const char *p, mode_t m) { ON_PATH("mkdir", AT_FDCWD, p, REAL(mkdir)(p, m)) }
int mkdirat(int d, const char *p, mode_t m) { ON_PATH("mkdir", d, p, REAL(mkdirat)(d, p, m)) }
int truncate(const char *p, off_t n) { ON_PATH("truncate", AT_FDCWD, p, REAL(truncate)(p, n)) }
