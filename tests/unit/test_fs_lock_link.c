/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/str.h"
#include "sys/fs_lock_link.h"

static void write_holder(const struct scratch *dir, const struct envm_lock_identity *holder)
{
    struct envm_buf line = envm_buf_text();

    envm_lock_identity_write(holder, &line);
    scratch_write(dir, "lock.held", line.ptr);
    envm_buf_release(&line);
}

static void one_holder_at_a_time(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_buf line = envm_buf_limit(1024);
    struct envm_lock_identity holder;

    (void)state;
    assert_int_equal(envm_lock_link_try(dir.fd, "lock"), 0);
    assert_int_equal(envm_lock_link_try(dir.fd, "lock"), -EAGAIN);
    envm_lock_link_holder(dir.fd, "lock", &line);
    assert_true(envm_lock_identity_read(envm_buf_str(&line), &holder));
    assert_int_equal(holder.pid, getpid());
    envm_lock_link_drop(dir.fd, "lock");
    assert_false(scratch_has(&dir, "lock.held"));
    assert_int_equal(envm_lock_link_try(dir.fd, "lock"), 0);
    envm_lock_link_drop(dir.fd, "lock");
    envm_lock_link_holder(dir.fd, "lock", &line);
    assert_int_equal(line.len, 0);
    assert_int_equal(envm_lock_link_try(-1, "lock"), -EBADF);
    envm_buf_release(&line);
    scratch_drop(&dir);
}

static void the_lock_of_a_dead_process_is_taken_over(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_lock_identity holder;
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        _exit(envm_lock_link_try(dir.fd, "lock") == 0 ? 0 : 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(scratch_has(&dir, "lock.held"));
    assert_int_equal(envm_lock_link_try(dir.fd, "lock"), 0);
    envm_lock_link_drop(dir.fd, "lock");

    /* The number lives on in another process, which started later. */
    envm_lock_identity_own(&holder);
    holder.start--;
    write_holder(&dir, &holder);
    assert_int_equal(envm_lock_link_try(dir.fd, "lock"), 0);
    envm_lock_link_drop(dir.fd, "lock");

    /* Before the last start of this machine. */
    envm_lock_identity_own(&holder);
    snprintf(holder.boot, sizeof(holder.boot), "another-boot");
    write_holder(&dir, &holder);
    assert_int_equal(envm_lock_link_try(dir.fd, "lock"), 0);
    scratch_drop(&dir);
}

static void what_is_not_known_to_be_dead_stays(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_lock_identity holder;

    (void)state;
    envm_lock_identity_own(&holder);
    assert_false(envm_lock_identity_is_dead(&holder));
    write_holder(&dir, &holder);
    assert_int_equal(envm_lock_link_try(dir.fd, "lock"), -EAGAIN);
    snprintf(holder.host, sizeof(holder.host), "another-host");
    holder.pid = 999999;
    write_holder(&dir, &holder);
    assert_int_equal(envm_lock_link_try(dir.fd, "lock"), -EAGAIN);
    envm_lock_identity_own(&holder);
    snprintf(holder.boot, sizeof(holder.boot), "?");
    write_holder(&dir, &holder);
    assert_int_equal(envm_lock_link_try(dir.fd, "lock"), -EAGAIN);
    scratch_write(&dir, "lock.held", "something else\n");
    assert_int_equal(envm_lock_link_try(dir.fd, "lock"), -EAGAIN);
    scratch_drop(&dir);
}

static void lines_of_another_form_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "\n",
        "1 host boot 2",
        "x host boot 2 cmd",
        "1 host boot x cmd",
        "0 host boot 2 cmd",
        "-1 host boot 2 cmd",
        "99999999999 host boot 2 cmd",
    };
    struct envm_lock_identity identity;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_false(envm_lock_identity_read(envm_str_from(rows[i]), &identity));
    assert_true(envm_lock_identity_read(ENVM_STR("12 ho\x1bst boot 34 cmd\n"), &identity));
    assert_int_equal(identity.pid, 12);
    assert_int_equal(identity.start, 34);
    assert_string_equal(identity.host, "ho?st");
    assert_string_equal(identity.command, "cmd");
}

/* Many processes, one counter behind the lock: no increment may get lost. */
static void contention(void **state)
{
    enum { CHILDREN = 4, ROUNDS = 25 };
    struct scratch dir = scratch_make();
    pid_t pids[CHILDREN];
    int fd;
    int counter = 0;

    (void)state;
    fd = openat(dir.fd, "counter", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(pwrite(fd, &counter, sizeof(counter), 0), sizeof(counter));
    for (int i = 0; i < CHILDREN; i++) {
        pids[i] = fork();
        for (int round = 0; pids[i] == 0 && round < ROUNDS; round++) {
            while (envm_lock_link_try(dir.fd, "lock") != 0)
                usleep(500);
            if (pread(fd, &counter, sizeof(counter), 0) != sizeof(counter))
                _exit(1);
            counter++;
            if (pwrite(fd, &counter, sizeof(counter), 0) != sizeof(counter))
                _exit(1);
            envm_lock_link_drop(dir.fd, "lock");
        }
        if (pids[i] == 0)
            _exit(0);
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(pread(fd, &counter, sizeof(counter), 0), sizeof(counter));
    assert_int_equal(counter, CHILDREN * ROUNDS);
    close(fd);
    scratch_drop(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_holder_at_a_time),
        cmocka_unit_test(the_lock_of_a_dead_process_is_taken_over),
        cmocka_unit_test(what_is_not_known_to_be_dead_stays),
        cmocka_unit_test(lines_of_another_form_are_refused),
        cmocka_unit_test(contention),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
