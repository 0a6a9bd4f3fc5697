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
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = handle, .sa_flags = (int)SA_RESETHAND};
    struct sigaction old;

    sigemptyset(&action.sa_mask);
    /* What is ignored stays so: a background job, nohup. */
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
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

int envm_interrupt_end_of_pipe(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    sigaction(SIGPIPE, &action, NULL);
    raise(SIGPIPE);
    return 8; /* the caller's parent blocked the signal */
}
