/* SPDX-License-Identifier: MIT
 *
 * A library to preload (LD_PRELOAD) that lets the N-th allocation of a process tree fail.
 *
 *     INJECT_ALLOC=N:REPORT     the N-th only
 *     INJECT_ALLOC=N+:REPORT    the N-th and all after it
 *
 * N = 0 only counts. REPORT is shared by all processes of the tree: a struct report. What the
 * loader allocates before the program is there is not counted.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct report {
    _Atomic uint64_t total;
    _Atomic uint64_t fired; /* how many have failed */
    _Atomic uint64_t process;
    char stack[8192]; /* the calls that led to the first that failed, a line each */
};

static struct {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *pointer, size_t size);
    int (*posix_memalign)(void **ret, size_t alignment, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    void (*free)(void *pointer);
} next;

static struct {
    struct report *report; /* NULL: neither counts nor fails */
    uint64_t fail_at;
    bool for_good;
} plan;

/* What dlsym allocates while the real functions are not known. It is never given back. */
static _Alignas(16) char early[1 << 16];
static size_t early_used;
static bool resolving;

/* The injector's own allocations do not count. */
static _Thread_local bool inside __attribute__((tls_model("initial-exec")));

static void resolve(void)
{
    if (next.free || resolving)
        return;
    resolving = true;
    next.malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    next.calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
    next.realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    next.posix_memalign = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
    next.aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
    next.free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
    resolving = false;
}

static bool is_early(const void *pointer)
{
    return (const char *)pointer >= early && (const char *)pointer < early + sizeof(early);
}

static void *early_alloc(size_t size)
{
    char *found = early + early_used;

    size = (size + 15) & ~(size_t)15;
    if (size > sizeof(early) - early_used)
        return NULL;
    early_used += size;
    return found;
}

static void write_stack(void)
{
    void *frames[32];
    /* No file: envm may not write just anywhere. */
    int fd = memfd_create("stack", MFD_CLOEXEC);

    if (fd < 0)
        return;
    backtrace_symbols_fd(frames, backtrace(frames, 32), fd);
    if (pread(fd, plan.report->stack, sizeof(plan.report->stack) - 1, 0) < 0)
        plan.report->stack[0] = '\0';
    close(fd);
}

/* True when this allocation has to fail. */
static bool fails(void)
{
    uint64_t number;

    if (!plan.report || inside)
        return false;
    number = atomic_fetch_add(&plan.report->total, 1) + 1;
    if (!plan.fail_at || number < plan.fail_at || (number > plan.fail_at && !plan.for_good))
        return false;
    if (atomic_fetch_add(&plan.report->fired, 1) == 0) {
        inside = true;
        atomic_store(&plan.report->process, (uint64_t)getpid());
        write_stack();
        inside = false;
    }
    errno = ENOMEM;
    return true;
}

__attribute__((constructor)) static void read_plan(void)
{
    const char *text = getenv("INJECT_ALLOC");
    char *end = NULL;
    void *frames[2];
    int fd;

    resolve();
    if (!text)
        return;
    plan.fail_at = strtoull(text, &end, 10);
    plan.for_good = *end == '+';
    end += plan.for_good;
    if (*end++ != ':')
        return;
    fd = open(end, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(struct report)) != 0)
        return;
    (void)backtrace(frames, 2); /* loads what it needs now */
    plan.report = mmap(NULL, sizeof(struct report), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (plan.report == MAP_FAILED)
        plan.report = NULL;
    close(fd);
}

void *malloc(size_t size)
{
    resolve();
    if (!next.malloc)
        return early_alloc(size);
    return fails() ? NULL : next.malloc(size);
}

void *calloc(size_t count, size_t size)
{
    resolve();
    if (!next.calloc)
        return early_alloc(count * size);
    return fails() ? NULL : next.calloc(count, size);
}

void *realloc(void *pointer, size_t size)
{
    resolve();
    if (is_early(pointer)) {
        char *moved = malloc(size);
        size_t there = (size_t)(early + sizeof(early) - (char *)pointer);

        return moved ? memcpy(moved, pointer, size < there ? size : there) : NULL;
    }
    return fails() ? NULL : next.realloc(pointer, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
    resolve();
    return fails() ? ENOMEM : next.posix_memalign(ret, alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    resolve();
    return fails() ? NULL : next.aligned_alloc(alignment, size);
}

void free(void *pointer)
{
    resolve();
    if (pointer && !is_early(pointer))
        next.free(pointer);
}
