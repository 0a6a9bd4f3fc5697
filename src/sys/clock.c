/* SPDX-License-Identifier: MIT */
#include "sys/clock.h"

#include <time.h>

uint64_t envm_clock_monotonic_ms(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int64_t envm_clock_now(void)
{
    return (int64_t)time(NULL);
}

void envm_clock_sleep_ms(unsigned milliseconds)
{
    struct timespec wanted = {(time_t)(milliseconds / 1000),
                              (long)(milliseconds % 1000) * 1000000L};

    nanosleep(&wanted, NULL);
}
