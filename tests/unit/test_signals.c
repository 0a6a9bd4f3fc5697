/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include <sys/wait.h>

#include "sys/clock.h"
#include "sys/signals.h"

static void the_first_signal_sets_the_flag(void **state)
{
    struct envm_signals previous;

    (void)state;
    envm_signals_install(&previous);
    assert_int_equal(envm_signals_received(), 0);
    assert_false(envm_signals_cancelled(NULL));
    raise(SIGTERM);
    assert_int_equal(envm_signals_received(), SIGTERM);
    assert_true(envm_signals_cancelled(NULL));
    envm_signals_restore(&previous);
    assert_int_equal(envm_signals_received(), 0);
}

static int status_of_child(void (*work)(void))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        work();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void interrupt_twice(void)
{
    struct envm_signals previous;

    signal(SIGINT, SIG_DFL);
    envm_signals_install(&previous);
    raise(SIGINT);
    if (envm_signals_received() != SIGINT)
        _exit(1);
    raise(SIGINT);
    _exit(2);
}

static void interrupt_then_terminate(void)
{
    struct envm_signals previous;

    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    envm_signals_install(&previous);
    raise(SIGINT);
    raise(SIGTERM);
    _exit(2);
}

static void ignored_stays_ignored(void)
{
    struct envm_signals previous;

    signal(SIGINT, SIG_IGN);
    envm_signals_install(&previous);
    raise(SIGINT);
    _exit(envm_signals_received() == 0 ? 7 : 1);
}

static void the_second_signal_ends_the_process(void **state)
{
    int status = status_of_child(interrupt_twice);

    (void)state;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGINT);
    status = status_of_child(interrupt_then_terminate);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
    status = status_of_child(ignored_stays_ignored);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void sleep_in_child(void)
{
    struct envm_signals previous;
    uint64_t start = envm_clock_monotonic_ms();

    envm_signals_install(&previous);
    if (fork() == 0) {
        envm_clock_sleep_ms(100);
        kill(getppid(), SIGTERM);
        _exit(0);
    }
    envm_clock_sleep_ms(30000);
    _exit(envm_clock_monotonic_ms() - start < 20000 ? 0 : 1);
}

static void a_signal_ends_a_sleep(void **state)
{
    (void)state;
    assert_int_equal(status_of_child(sleep_in_child), 0);
}

static void the_clocks_go_on(void **state)
{
    uint64_t start = envm_clock_monotonic_ms();

    (void)state;
    envm_clock_sleep_ms(20);
    assert_true(envm_clock_monotonic_ms() - start >= 20);
    assert_true(envm_clock_now() > 1600000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_signal_sets_the_flag),
        cmocka_unit_test(the_second_signal_ends_the_process),
        cmocka_unit_test(a_signal_ends_a_sleep),
        cmocka_unit_test(the_clocks_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
