/* SPDX-License-Identifier: MIT
 *
 * SIGINT, SIGTERM and SIGHUP: the first asks the work to stop at the next safe point, the second
 * ends the program at once.
 */
#ifndef ENVM_CLI_INTERRUPT_H
#define ENVM_CLI_INTERRUPT_H

#include <stdbool.h>

void envm_interrupt_install(void);
/* The signal that came, or 0. Safe from any thread. */
int envm_interrupt_signal(void);
/* For a sink. */
bool envm_interrupt_cancelled(void *unused);

/* Ends the process as SIGPIPE does, without a word: the reader of stdout went away. Returns the
 * exit status to use when the signal is blocked. */
int envm_interrupt_end_of_pipe(void);

#endif
