/* SPDX-License-Identifier: MIT
 *
 * SIGINT and SIGTERM as a flag that long work looks at. The flag is the one variable of the library
 * that a signal handler has to reach, so it is static: one user per process, which is the program,
 * never an embedding application.
 */
#ifndef ENVM_SYS_SIGNALS_H
#define ENVM_SYS_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* What was in force before, for envm_signals_restore. */
struct envm_signals {
    struct sigaction interrupt;
    struct sigaction terminate;
};

/* From now on the first SIGINT or SIGTERM only sets the flag; a second one ends the process in the
 * ordinary way, so that a user is never stuck. A signal that is ignored (a background job) stays
 * ignored. System calls that wait are interrupted (no SA_RESTART). Call from the main thread. */
void envm_signals_install(struct envm_signals *ret_previous);

/* The signal that came, or 0. */
int envm_signals_received(void);

/* The same as a callback for struct envm_sink; `user` is not looked at. */
bool envm_signals_cancelled(void *user);

/* Puts the earlier dispositions back and clears the flag. */
void envm_signals_restore(const struct envm_signals *previous);

#endif
