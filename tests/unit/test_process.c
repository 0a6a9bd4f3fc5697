/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/str.h"
#include "sys/clock.h"
#include "sys/process.h"

static const char *const plain_environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                                "GREETING=hello", NULL};

static enum envm_code sh(const char *script, unsigned timeout_ms, struct envm_buf *output,
                         int *status)
{
    const char *const argv[] = {"sh", "-c", script, NULL};

    return envm_process_capture(argv, plain_environment, NULL, timeout_ms, output, status, &err);
}

static void output_and_status(void **state)
{
    struct envm_buf output = envm_buf_text();
    int status = -1;

    (void)state;
    OK(sh("echo $GREETING; echo error >&2; cat; exit 3", 20000, &output, &status));
    assert_str(envm_buf_str(&output), "hello\nerror\n");
    assert_int_equal(status, 3);
    OK(sh("kill -TERM $$", 20000, NULL, &status));
    assert_int_equal(status, 128 + SIGTERM);
    OK(sh("exec >/dev/null 2>&1; sleep 0.1; exit 4", 0, NULL, &status));
    assert_int_equal(status, 4);
    envm_buf_release(&output);
}

static void much_output(void **state)
{
    struct envm_buf output = envm_buf_limit(300000);
    int status = -1;

    (void)state;
    OK(sh("head -c 300000 /dev/zero", 20000, &output, &status));
    assert_int_equal(output.len, 300000);
    envm_buf_clear(&output);
    FAILS(ENVM_MALFORMED, sh("cat /dev/zero", 20000, &output, &status));
    OK(sh("head -c 300001 /dev/zero", 20000, NULL, &status));
    envm_buf_release(&output);
}

/* The grandchild would keep the pipe open for a minute. */
static void the_whole_group_is_killed_in_time(void **state)
{
    struct envm_buf output = envm_buf_text();
    uint64_t start = envm_clock_monotonic_ms();
    int status = -1;

    (void)state;
    FAILS_WITH(ENVM_GAVE_UP, "300 ms", sh("sleep 60 & sleep 60", 300, &output, &status));
    FAILS(ENVM_GAVE_UP, sh("exec >/dev/null 2>&1; sleep 60", 100, &output, &status));
    assert_true(envm_clock_monotonic_ms() - start < 10000);
    envm_buf_release(&output);
}

static void directory_and_lookup(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_buf output = envm_buf_text();
    const char *const pwd[] = {"pwd", "-P", NULL};
    const char *const none[] = {"envm-no-such-program", NULL};
    const char *const here[] = {"./tool", NULL};
    const char *const by_path[] = {"tool", NULL};
    char path[600];
    const char *const environment[] = {path, NULL};
    char *real = realpath(dir.path, NULL);
    int status = -1;

    (void)state;
    OK(envm_process_capture(pwd, NULL, dir.path, 20000, &output, &status, &err));
    assert_int_equal(output.len, strlen(real) + 1);
    assert_memory_equal(output.ptr, real, strlen(real));
    FAILS(ENVM_IO, envm_process_capture(pwd, NULL, "/envm-none", 0, &output, &status, &err));
    FAILS_WITH(ENVM_IO, "'envm-no-such-program'",
               envm_process_capture(none, plain_environment, NULL, 0, &output, &status, &err));
    FAILS(ENVM_IO, envm_process_capture(here, plain_environment, NULL, 0, &output, &status, &err));
    scratch_write(&dir, "tool", "#!/bin/sh\necho tool\n");
    snprintf(path, sizeof(path), "PATH=/envm-none:%s", dir.path);
    envm_process_capture(by_path, environment, NULL, 0, &output, &status, &err);
    assert_int_equal(err.cause, EACCES);
    envm_error_release(&err);
    assert_int_equal(fchmodat(dir.fd, "tool", 0755, 0), 0);
    envm_buf_clear(&output);
    OK(envm_process_capture(by_path, environment, NULL, 20000, &output, &status, &err));
    assert_str(envm_buf_str(&output), "tool\n");
    scratch_write(&dir, "broken", "no program\n");
    assert_int_equal(fchmodat(dir.fd, "broken", 0755, 0), 0);
    snprintf(path, sizeof(path), "%s/broken", dir.path);
    FAILS(ENVM_IO, envm_process_capture((const char *const[]){path, NULL}, NULL, NULL, 0, &output,
                                        &status, &err));
    free(real);
    envm_buf_release(&output);
    scratch_drop(&dir);
}

static void the_path_defaults_and_may_name_here(void **state)
{
    const char *const argv[] = {"true", NULL};
    const char *const no_path[] = {"A=b", NULL};
    const char *const empty_element[] = {"PATH=:/bin", NULL};
    int status = -1;

    (void)state;
    OK(envm_process_capture(argv, no_path, NULL, 20000, NULL, &status, &err));
    assert_int_equal(status, 0);
    OK(envm_process_capture(argv, empty_element, NULL, 20000, NULL, &status, &err));
    assert_int_equal(status, 0);
}

/* Status of the child that becomes the script through envm_process_exec. */
static int exec_status(const char *script, void (*prepare)(void))
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        if (prepare)
            prepare();
        envm_process_exec(argv, plain_environment, NULL);
        _exit(99);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void on_usr1(int number)
{
    (void)number;
}

static void upset_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR1, on_usr1);
}

static void ignore_hangup(void)
{
    signal(SIGHUP, SIG_IGN);
}

static void exec_gives_fresh_signals(void **state)
{
    (void)state;
    assert_int_equal(exec_status("test \"$GREETING\" = hello && exit 5", NULL), 5);
    assert_int_equal(exec_status("kill -PIPE $$; exit 0", upset_signals), 128 + SIGPIPE);
    assert_int_equal(exec_status("kill -TERM $$; exit 0", upset_signals), 128 + SIGTERM);
    assert_int_equal(exec_status("kill -USR1 $$; exit 0", upset_signals), 128 + SIGUSR1);
    assert_int_equal(exec_status("kill -HUP $$; exit 0", NULL), 128 + SIGHUP);
    assert_int_equal(exec_status("kill -HUP $$; exit 6", ignore_hangup), 6);
}

static void exec_comes_back_only_with_an_error(void **state)
{
    const char *const none[] = {"envm-no-such-program", NULL};
    const char *const directory[] = {"/", NULL};

    (void)state;
    assert_int_equal(envm_process_exec(none, NULL, &err), ENVM_IO);
    assert_int_equal(err.cause, ENOENT);
    assert_non_null(strstr(err.hint, "PATH"));
    envm_error_release(&err);
    assert_int_equal(envm_process_exec(directory, NULL, &err), ENVM_IO);
    assert_int_equal(err.cause, EACCES);
    envm_error_release(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_status),
        cmocka_unit_test(much_output),
        cmocka_unit_test(the_whole_group_is_killed_in_time),
        cmocka_unit_test(directory_and_lookup),
        cmocka_unit_test(the_path_defaults_and_may_name_here),
        cmocka_unit_test(exec_gives_fresh_signals),
        cmocka_unit_test(exec_comes_back_only_with_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
