/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/str.h"
#include "sys/clock.h"
#include "sys/fs_lock.h"

#define LOCK_PATH ENVM_RELPATH("lock")

static enum envm_code take(const struct scratch *dir, bool exclusive, unsigned timeout_ms,
                           struct envm_fs_lock *lock)
{
    return envm_fs_lock_take(dir->fd, LOCK_PATH, exclusive, timeout_ms, NULL, lock, &err);
}

/* A child that holds the lock until it is killed, or for some milliseconds. */
static pid_t start_holder(const struct scratch *dir, bool exclusive, unsigned for_ms)
{
    int ready[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        struct envm_fs_lock lock = {.fd = -1};

        if (take(dir, exclusive, 0, &lock) != ENVM_OK || write(ready[1], "x", 1) != 1)
            _exit(1);
        do
            envm_clock_sleep_ms(for_ms ? for_ms : 60000);
        while (!for_ms);
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void end_holder(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void taken_dropped_and_taken_again(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_fs_lock lock = {.fd = -1};

    (void)state;
    OK(take(&dir, true, 0, &lock));
    assert_true(lock.fd >= 0);
    envm_fs_lock_drop(&lock);
    assert_int_equal(lock.fd, -1);
    envm_fs_lock_drop(&lock);
    OK(take(&dir, false, 0, &lock));
    envm_fs_lock_drop(&lock);
    scratch_drop(&dir);
}

static void a_waiter_gives_up_and_names_the_holder(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_fs_lock lock = {.fd = -1};
    pid_t holder = start_holder(&dir, true, 0);
    char name[64];
    uint64_t start = envm_clock_monotonic_ms();
    uint64_t waited;

    (void)state;
    snprintf(name, sizeof(name), "process %ld (", (long)holder);
    FAILS_WITH(ENVM_LOCKED, name, take(&dir, true, 200, &lock));
    waited = envm_clock_monotonic_ms() - start;
    assert_true(waited >= 200 && waited < 5000);
    assert_int_equal(lock.fd, -1);
    FAILS_WITH(ENVM_LOCKED, name, take(&dir, false, 0, &lock));
    end_holder(holder);
    OK(take(&dir, true, 1000, &lock));
    envm_fs_lock_drop(&lock);
    scratch_drop(&dir);
}

static void shared_holders_get_along(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_fs_lock lock = {.fd = -1};
    pid_t holder = start_holder(&dir, false, 0);

    (void)state;
    OK(take(&dir, false, 0, &lock));
    envm_fs_lock_drop(&lock);
    FAILS(ENVM_LOCKED, take(&dir, true, 0, &lock));
    end_holder(holder);
    scratch_drop(&dir);
}

static void a_waiter_gets_the_lock_when_it_is_free(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_fs_lock lock = {.fd = -1};
    pid_t holder = start_holder(&dir, true, 300);

    (void)state;
    OK(take(&dir, true, 20000, &lock));
    envm_fs_lock_drop(&lock);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
    scratch_drop(&dir);
}

struct heard {
    char text[512];
    int lines;
};

static void hear(void *user, enum envm_log_level level, const char *text)
{
    struct heard *heard = user;

    assert_int_equal(level, ENVM_LOG_INFO);
    snprintf(heard->text, sizeof(heard->text), "%s", text);
    heard->lines++;
}

static bool always(void *user)
{
    (void)user;
    return true;
}

static void a_long_wait_is_told_once(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_fs_lock lock = {.fd = -1};
    struct heard heard = {0};
    struct envm_sink sink = {.user = &heard, .log = hear};
    pid_t holder = start_holder(&dir, true, 0);
    char name[64];

    (void)state;
    FAILS(ENVM_LOCKED, envm_fs_lock_take(dir.fd, LOCK_PATH, true, 2300, &sink, &lock, &err));
    assert_int_equal(heard.lines, 1);
    snprintf(name, sizeof(name), "process %ld", (long)holder);
    assert_non_null(strstr(heard.text, name));
    sink.cancelled = always;
    FAILS(ENVM_INTERRUPTED, envm_fs_lock_take(dir.fd, LOCK_PATH, true, 60000, &sink, &lock, &err));
    end_holder(holder);
    scratch_drop(&dir);
}

static void bad_places(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_fs_lock lock = {.fd = -1};

    (void)state;
    scratch_write(&dir, "target", "");
    assert_int_equal(symlinkat("target", dir.fd, "link"), 0);
    FAILS(ENVM_UNSAFE, envm_fs_lock_take(dir.fd, ENVM_RELPATH("link"), true, 0, NULL, &lock, &err));
    FAILS(ENVM_IO, envm_fs_lock_take(dir.fd, ENVM_RELPATH("none/x"), true, 0, NULL, &lock, &err));
    assert_int_equal(lock.fd, -1);
    scratch_drop(&dir);
}

static void a_file_is_claimed_by_one(void **state)
{
    struct scratch dir = scratch_make();
    int first = -1, second = -1;

    (void)state;
    OK(envm_fs_claim_file(dir.fd, ENVM_RELPATH("part"), &first, &err));
    assert_true(first >= 0);
    OK(envm_fs_claim_file(dir.fd, ENVM_RELPATH("part"), &second, &err));
    assert_int_equal(second, -1);
    /* Done with: the next one gets a file of its own. */
    OK(envm_fs_unlink(dir.fd, ENVM_RELPATH("part"), &err));
    OK(envm_fs_claim_file(dir.fd, ENVM_RELPATH("part"), &second, &err));
    assert_true(second >= 0);
    close(first);
    close(second);
    OK(envm_fs_claim_file(dir.fd, ENVM_RELPATH("part"), &first, &err));
    assert_true(first >= 0);
    close(first);
    assert_int_equal(symlinkat("elsewhere", dir.fd, "link"), 0);
    FAILS(ENVM_UNSAFE, envm_fs_claim_file(dir.fd, ENVM_RELPATH("link"), &first, &err));
    scratch_drop(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_dropped_and_taken_again),
        cmocka_unit_test(a_waiter_gives_up_and_names_the_holder),
        cmocka_unit_test(shared_holders_get_along),
        cmocka_unit_test(a_waiter_gets_the_lock_when_it_is_free),
        cmocka_unit_test(a_long_wait_is_told_once),
        cmocka_unit_test(bad_places),
        cmocka_unit_test(a_file_is_claimed_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
