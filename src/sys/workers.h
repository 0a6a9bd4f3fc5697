/* SPDX-License-Identifier: MIT
 *
 * A fixed pool of threads that run jobs. A job that fails stops the pool from starting others; the
 * first error (in time) is kept and returned by envm_workers_finish.
 */
#ifndef ENVM_SYS_WORKERS_H
#define ENVM_SYS_WORKERS_H

#include <envm/error.h>

struct envm_workers;

typedef enum envm_code (*envm_job)(void *argument, struct envm_error *err);

/* `threads` 0 means the number of usable CPUs (sched_getaffinity, cgroup limits aside), at most 16.
 * With 1 thread the jobs run one after the other, still on another thread. */
enum envm_code envm_workers_start(unsigned threads, struct envm_workers **ret_workers,
                                  struct envm_error *err);
/* Queues a job; callable from any thread, from within a job too. `argument` must live until
 * finish. Higher `priority` first, then first in first out. After a failure jobs are dropped. */
void envm_workers_add(struct envm_workers *workers, int priority, envm_job job, void *argument);
/* True once a job has failed: a producer may stop early. */
bool envm_workers_failed(struct envm_workers *workers);
/* Waits for all jobs, joins, frees, and returns the first error. */
enum envm_code envm_workers_finish(struct envm_workers *workers, struct envm_error *err);

/* Runs job(argument + i*stride) for i in [0, count) on a pool and waits. */
enum envm_code envm_workers_each(unsigned threads, envm_job job, void *arguments, size_t stride,
                                 size_t count, struct envm_error *err);

unsigned envm_workers_cpu_count(void);

#endif
