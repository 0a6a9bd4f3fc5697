/* SPDX-License-Identifier: MIT */
#include "sys/signals.h"

#include <stddef.h>

/* See the header: the only variable that a handler can reach. */
static volatile sig_atomic_t received;

static void on_signal(int number)
{
    if (received) {
        struct sigaction ordinary = {.sa_handler = SIG_DFL};

        sigaction(number, &ordinary, NULL);
        raise(number);
        return;
    }
    received = number;
}

static void install(int number, struct sigaction *ret_previous)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    sigaction(number, NULL, ret_previous);
    if (ret_previous->sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

void envm_signals_install(struct envm_signals *ret_previous)
{
    received = 0;
    install(SIGINT, &ret_previous->interrupt);
    install(SIGTERM, &ret_previous->terminate);
}

int envm_signals_received(void)
{
    return received;
}

bool envm_signals_cancelled(void *user)
{
    (void)user;
    return received != 0;
}

void envm_signals_restore(const struct envm_signals *previous)
{
    sigaction(SIGINT, &previous->interrupt, NULL);
    sigaction(SIGTERM, &previous->terminate, NULL);
    received = 0;
}
