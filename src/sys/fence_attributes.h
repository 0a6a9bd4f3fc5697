/* SPDX-License-Identifier: MIT
 *
 * Calls that change modes, owners and times, made by the supervisor of a fence for its program. For
 * the files of the fence; all of it is async-signal-safe.
 */
#ifndef ENVM_SYS_FENCE_ATTRIBUTES_H
#define ENVM_SYS_FENCE_ATTRIBUTES_H

#include "sys/fence_child.h"

/* The program hands the descriptor, by which the kernel tells of its calls, to the supervisor. */
bool envm_fence_send_listener(int channel, int listener);
/* -1 when the program has ended or has no listener. Waits for it. */
int envm_fence_receive_listener(int channel);

/* Takes one call from the listener, makes it if its target is below one of the roots (paths without
 * symlinks, NULL-terminated), and answers. Otherwise the call fails with EPERM. */
void envm_fence_answer(int listener, const char *const *roots);

#endif
