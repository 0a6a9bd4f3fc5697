/* SPDX-License-Identifier: MIT */
#include "txn/script_delta.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "../support/check.h"
#include "../support/scratch.h"
#include "sys/clock.h"

struct world {
    struct scratch dir;
    struct envm_arena arena;
    struct envm_tree_snapshot before, after;
    struct envm_delta delta;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    w->dir = scratch_make();
    assert_int_equal(mkdirat(w->dir.fd, "share", 0755), 0);
    assert_int_equal(mkdirat(w->dir.fd, "conda-meta", 0755), 0);
    scratch_write(&w->dir, "share/a", "one");
    scratch_write(&w->dir, "share/b", "two");
    scratch_write(&w->dir, "conda-meta/history", "");
    assert_int_equal(symlinkat("a", w->dir.fd, "share/link"), 0);
    OK(envm_tree_snapshot_take(w->dir.fd, &w->before, &(struct envm_error){0}));
    envm_clock_sleep_ms(20);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    envm_tree_snapshot_release(&w->before);
    envm_tree_snapshot_release(&w->after);
    envm_arena_release(&w->arena);
    scratch_drop(&w->dir);
    free(w);
    return 0;
}

static enum envm_code differ(struct world *w, struct envm_error *ret_err)
{
    enum envm_code code;

    envm_tree_snapshot_release(&w->after);
    code = envm_tree_snapshot_take(w->dir.fd, &w->after, ret_err);
    return code == ENVM_OK
               ? envm_delta_between(&w->arena, &w->before, &w->after, &w->delta, ret_err)
               : code;
}

static void assert_delta(struct world *w, const char *const *lines)
{
    size_t count = 0;

    OK(differ(w, &err));
    for (; lines[count]; count++) {
        char line[256];
        const struct envm_delta_item *item = &w->delta.items[count];

        assert_true(count < w->delta.count);
        snprintf(line, sizeof(line), "%c%s", item->removed ? '-' : '+', item->path.s.ptr);
        assert_string_equal(line, lines[count]);
    }
    assert_int_equal(w->delta.count, count);
}

static void nothing_touched_is_no_difference(void **state)
{
    assert_delta(*state, (const char *const[]){NULL});
}

static void every_kind_of_change_is_seen(void **state)
{
    struct world *w = *state;

    scratch_write(&w->dir, "share/a", "ONE"); /* the same size */
    scratch_write(&w->dir, "share/new", "new");
    assert_int_equal(mkdirat(w->dir.fd, "var", 0755), 0);
    assert_int_equal(unlinkat(w->dir.fd, "share/b", 0), 0);
    assert_int_equal(unlinkat(w->dir.fd, "share/link", 0), 0);
    assert_int_equal(symlinkat("b", w->dir.fd, "share/link"), 0);
    assert_delta(w, (const char *const[]){"+share/a", "-share/b", "+share/link", "+share/new",
                                          "+var", NULL});
}

static void the_old_time_put_back_hides_nothing(void **state)
{
    struct world *w = *state;
    struct timespec times[2];
    struct stat status;
    int fd = openat(w->dir.fd, "share/a", O_WRONLY | O_CLOEXEC);

    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(pwrite(fd, "ONE", 3, 0), 3);
    times[0] = status.st_atim;
    times[1] = status.st_mtim;
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    assert_delta(w, (const char *const[]){"+share/a", NULL});
}

static void a_mode_is_a_change(void **state)
{
    struct world *w = *state;

    assert_int_equal(fchmodat(w->dir.fd, "share/b", 0755, 0), 0);
    assert_delta(w, (const char *const[]){"+share/b", NULL});
}

static void messages_of_a_script_do_not_count(void **state)
{
    struct world *w = *state;

    scratch_write(&w->dir, ".messages.txt", "hello");
    assert_delta(w, (const char *const[]){NULL});
}

static void records_belong_to_envm(void **state)
{
    struct world *w = *state;

    scratch_write(&w->dir, "conda-meta/x.json", "{}");
    FAILS_WITH(ENVM_UNSAFE, "'conda-meta/x.json', which only envm may change", differ(w, &err));
}

static void a_pipe_is_refused(void **state)
{
    struct world *w = *state;

    assert_int_equal(mkfifoat(w->dir.fd, "share/pipe", 0644), 0);
    FAILS_WITH(ENVM_UNSAFE, "share/pipe", differ(w, &err));
}

static void a_folder_in_place_of_a_file_is_refused(void **state)
{
    struct world *w = *state;

    assert_int_equal(unlinkat(w->dir.fd, "share/b", 0), 0);
    assert_int_equal(mkdirat(w->dir.fd, "share/b", 0755), 0);
    FAILS_WITH(ENVM_UNSAFE, "was a file and is a folder", differ(w, &err));
}

static void a_name_with_an_escape_is_refused_and_shown_escaped(void **state)
{
    struct world *w = *state;

    scratch_write(&w->dir, "share/\033[31m", "x");
    FAILS_WITH(ENVM_UNSAFE, "\\x1B[31m", differ(w, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_touched_is_no_difference, setup, teardown),
        cmocka_unit_test_setup_teardown(every_kind_of_change_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(the_old_time_put_back_hides_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mode_is_a_change, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_of_a_script_do_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(records_belong_to_envm, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pipe_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_in_place_of_a_file_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_with_an_escape_is_refused_and_shown_escaped, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
