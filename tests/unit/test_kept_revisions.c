/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include "base/str.h"
#include "prefix/kept_revisions.h"

struct fixture {
    struct scratch dir;
    struct envm_arena arena;
};

static int set_up(void **state)
{
    static struct fixture f;

    f = (struct fixture){.dir = scratch_make()};
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    envm_arena_release(&f->arena);
    scratch_drop(&f->dir);
    return 0;
}

static void put(struct fixture *f, struct envm_relpath path, envm_str text)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    OK(envm_fs_create(f->dir.fd, path, 0644, &fd, &err));
    OK(envm_fs_write_fd(fd, path.s.ptr, text, &err));
}

static void keep(struct fixture *f, uint64_t number, envm_str lock)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();

    OK(envm_fs_make_dirs(f->dir.fd, ENVM_REVISIONS, 0755, &err));
    envm_revision_text(lock, &text);
    put(f, envm_revision_path(&f->arena, number), envm_buf_str(&text));
}

static void test_locks_come_back_as_they_were(void **state)
{
    struct fixture *f = *state;
    const envm_str locks[] = {ENVM_STR_INIT("version: 1\n"), ENVM_STR_INIT("no line break"),
                              ENVM_STR_INIT("# sha256 of the lines above: \n")};
    struct envm_revision_numbers numbers;
    envm_str lock;

    OK(envm_revisions_list(&f->arena, f->dir.fd, &numbers, &err));
    assert_int_equal(numbers.count, 0);
    for (size_t i = 0; i < 3; i++)
        keep(f, 11 - i, locks[i]);
    put(f, ENVM_RELPATH("conda-meta/envm/revisions/07.lock"), ENVM_STR(""));
    put(f, ENVM_RELPATH("conda-meta/envm/revisions/7.lock.sav"), ENVM_STR(""));
    put(f, ENVM_RELPATH("conda-meta/envm/revisions/.lock"), ENVM_STR(""));
    OK(envm_revisions_list(&f->arena, f->dir.fd, &numbers, &err));
    assert_int_equal(numbers.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(numbers.items[i], 9 + i);
        OK(envm_revision_read(&f->arena, f->dir.fd, 11 - i, &lock, &err));
        assert_true(envm_str_equal(lock, locks[i]));
    }
    FAILS(ENVM_IO, envm_revision_read(&f->arena, f->dir.fd, 7, &lock, &err));
}

static void test_damage_is_seen(void **state)
{
    struct fixture *f = *state;
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    envm_str lock;

    keep(f, 0, ENVM_STR("version: 1\n"));
    envm_revision_text(ENVM_STR("version: 1\n"), &text);
    put(f, envm_revision_path(&f->arena, 1), ENVM_STR("version: 1\n"));
    put(f, envm_revision_path(&f->arena, 2), ENVM_STR(""));
    put(f, envm_revision_path(&f->arena, 3), envm_str_slice(envm_buf_str(&text), 0, text.len - 1));
    put(f, envm_revision_path(&f->arena, 4), envm_str_skip(envm_buf_str(&text), 1));
    OK(envm_revision_read(&f->arena, f->dir.fd, 0, &lock, &err));
    for (uint64_t number = 1; number < 5; number++)
        FAILS(ENVM_DAMAGED, envm_revision_read(&f->arena, f->dir.fd, number, &lock, &err));
}

static void test_only_the_newest_are_kept(void **state)
{
    (void)state;
    assert_false(envm_revision_is_dropped(0, 0));
    assert_false(envm_revision_is_dropped(0, ENVM_REVISIONS_MAX - 1));
    assert_true(envm_revision_is_dropped(0, ENVM_REVISIONS_MAX));
    assert_true(envm_revision_is_dropped(5, 4));
}

static void test_the_next_number_is_that_of_the_next_block(void **state)
{
    struct fixture *f = *state;
    uint64_t number = 9;

    FAILS(ENVM_IO, envm_revision_next(f->dir.fd, &number, &err));
    OK(envm_fs_make_dirs(f->dir.fd, ENVM_RELPATH("conda-meta"), 0755, &err));
    put(f, ENVM_RELPATH("conda-meta/history"), ENVM_STR("==> a <==\n+x-1-0\n==> b <==\n"));
    OK(envm_revision_next(f->dir.fd, &number, &err));
    assert_int_equal(number, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_locks_come_back_as_they_were, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_is_seen, set_up, tear_down),
        cmocka_unit_test(test_only_the_newest_are_kept),
        cmocka_unit_test_setup_teardown(test_the_next_number_is_that_of_the_next_block, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
