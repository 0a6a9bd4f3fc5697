/* SPDX-License-Identifier: MIT */
#ifndef ENVM_SYS_CLOCK_H
#define ENVM_SYS_CLOCK_H

#include <stdint.h>

/* Milliseconds on the monotonic clock, for timeouts. */
uint64_t envm_clock_monotonic_ms(void);
/* Seconds since the epoch. */
int64_t envm_clock_now(void);
/* Sleeps; returns early on a signal. */
void envm_clock_sleep_ms(unsigned milliseconds);

#endif
