/* SPDX-License-Identifier: MIT */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

/* A handler can reach nothing but a global. */
static volatile sig_atomic_t received;

static void handle(int number)
{
    received = number;
}

void envm_interrupt_install(void)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = (int)SA_RESETHAND};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action = (struct sigaction){.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &action, NULL);
}

int envm_interrupt_signal(void)
{
    return received;
}

bool envm_interrupt_cancelled(void *unused)
{
    (void)unused;
    return received != 0;
}
