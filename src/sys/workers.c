/* SPDX-License-Identifier: MIT */
#include "sys/workers.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

#define THREADS_MAX 16

struct job {
    envm_job run;
    void *argument;
    int priority;
    uint64_t number; /* first in, first out within a priority */
};

struct envm_workers {
    pthread_mutex_t mutex;
    pthread_cond_t has_work; /* a job was added, or the pool closes */
    pthread_cond_t is_idle;  /* the last job ended */
    struct job *heap;        /* next job first */
    size_t count;
    size_t capacity;
    uint64_t next_number;
    unsigned running; /* jobs being run */
    bool closing;
    enum envm_code code;     /* of the first failure */
    struct envm_error error; /* of the first failure */
    unsigned thread_count;
    pthread_t threads[THREADS_MAX];
};

unsigned envm_workers_cpu_count(void)
{
    cpu_set_t set;
    long count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set)
                                                              : sysconf(_SC_NPROCESSORS_ONLN);

    if (count < 1)
        return 1;
    return count > THREADS_MAX ? THREADS_MAX : (unsigned)count;
}

/* --- the heap ------------------------------------------------------------------------------- */

static bool is_before(const struct job *a, const struct job *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    return a->number < b->number;
}

static void swap_jobs(struct job *a, struct job *b)
{
    struct job kept = *a;

    *a = *b;
    *b = kept;
}

static void heap_push(struct envm_workers *workers, struct job job)
{
    size_t at = workers->count++;

    if (workers->count > workers->capacity) {
        workers->capacity = workers->capacity ? workers->capacity * 2 : 64;
        workers->heap = envm_realloc(workers->heap, workers->capacity, sizeof(*workers->heap));
    }
    workers->heap[at] = job;
    while (at > 0 && is_before(&workers->heap[at], &workers->heap[(at - 1) / 2])) {
        swap_jobs(&workers->heap[at], &workers->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static struct job heap_pop(struct envm_workers *workers)
{
    struct job *heap = workers->heap;
    struct job first = heap[0];
    size_t count = --workers->count;
    size_t at = 0;

    heap[0] = heap[count];
    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= count)
            return first;
        if (child + 1 < count && is_before(&heap[child + 1], &heap[child]))
            child++;
        if (!is_before(&heap[child], &heap[at]))
            return first;
        swap_jobs(&heap[child], &heap[at]);
        at = child;
    }
}

/* --- the pool ------------------------------------------------------------------------------- */

/* Called with the mutex held, which is given up while the job runs. */
static void run_next(struct envm_workers *workers)
{
    struct job job = heap_pop(workers);
    struct envm_error error = {0};
    enum envm_code code;

    workers->running++;
    pthread_mutex_unlock(&workers->mutex);
    code = job.run(job.argument, &error);
    pthread_mutex_lock(&workers->mutex);
    workers->running--;
    if (code != ENVM_OK && workers->code == ENVM_OK) {
        workers->code = code;
        workers->count = 0;
        envm_error_move(&workers->error, &error);
    }
    envm_error_release(&error);
    if (workers->count == 0 && workers->running == 0)
        pthread_cond_broadcast(&workers->is_idle);
}

static void *thread_main(void *argument)
{
    struct envm_workers *workers = argument;

    pthread_mutex_lock(&workers->mutex);
    for (;;) {
        while (workers->count == 0 && !workers->closing)
            pthread_cond_wait(&workers->has_work, &workers->mutex);
        if (workers->count == 0)
            break;
        run_next(workers);
    }
    pthread_mutex_unlock(&workers->mutex);
    return NULL;
}

static void destroy(struct envm_workers *workers)
{
    envm_error_release(&workers->error);
    pthread_cond_destroy(&workers->has_work);
    pthread_cond_destroy(&workers->is_idle);
    pthread_mutex_destroy(&workers->mutex);
    envm_free(workers->heap);
    envm_free(workers);
}

/* Signals stay with the threads of the program: workers block them all. */
static int start_threads(struct envm_workers *workers, unsigned wanted)
{
    sigset_t all;
    sigset_t before;
    int number = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (workers->thread_count < wanted && number == 0) {
        number =
            pthread_create(&workers->threads[workers->thread_count], NULL, thread_main, workers);
        if (number == 0)
            workers->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    /* Fewer threads than wished for will do. */
    return workers->thread_count > 0 ? 0 : number;
}

enum envm_code envm_workers_start(unsigned threads, struct envm_workers **ret_workers,
                                  struct envm_error *err)
{
    struct envm_workers *workers = envm_alloc_zero(1, sizeof(*workers));
    int number;

    if (threads == 0)
        threads = envm_workers_cpu_count();
    if (threads > THREADS_MAX)
        threads = THREADS_MAX;
    pthread_mutex_init(&workers->mutex, NULL);
    pthread_cond_init(&workers->has_work, NULL);
    pthread_cond_init(&workers->is_idle, NULL);
    number = start_threads(workers, threads);
    if (number != 0) {
        destroy(workers);
        return envm_fail_errno(err, number, "starting a thread");
    }
    *ret_workers = workers;
    return ENVM_OK;
}

void envm_workers_add(struct envm_workers *workers, int priority, envm_job job, void *argument)
{
    pthread_mutex_lock(&workers->mutex);
    if (workers->code == ENVM_OK) {
        heap_push(workers, (struct job){job, argument, priority, workers->next_number++});
        pthread_cond_signal(&workers->has_work);
    }
    pthread_mutex_unlock(&workers->mutex);
}

bool envm_workers_failed(struct envm_workers *workers)
{
    bool failed;

    pthread_mutex_lock(&workers->mutex);
    failed = workers->code != ENVM_OK;
    pthread_mutex_unlock(&workers->mutex);
    return failed;
}

enum envm_code envm_workers_finish(struct envm_workers *workers, struct envm_error *err)
{
    enum envm_code code;

    pthread_mutex_lock(&workers->mutex);
    while (workers->count > 0 || workers->running > 0)
        pthread_cond_wait(&workers->is_idle, &workers->mutex);
    workers->closing = true;
    pthread_cond_broadcast(&workers->has_work);
    pthread_mutex_unlock(&workers->mutex);
    for (unsigned i = 0; i < workers->thread_count; i++)
        pthread_join(workers->threads[i], NULL);
    code = workers->code;
    if (code != ENVM_OK)
        envm_error_move(err, &workers->error);
    destroy(workers);
    return code;
}

enum envm_code envm_workers_each(unsigned threads, envm_job job, void *arguments, size_t stride,
                                 size_t count, struct envm_error *err)
{
    struct envm_workers *workers = NULL;

    if (count == 0)
        return ENVM_OK;
    if (threads == 0)
        threads = envm_workers_cpu_count();
    ENVM_TRY(envm_workers_start(threads > count ? (unsigned)count : threads, &workers, err));
    for (size_t i = 0; i < count; i++)
        envm_workers_add(workers, 0, job, (char *)arguments + i * stride);
    return envm_workers_finish(workers, err);
}
