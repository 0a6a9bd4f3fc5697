/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include "base/str.h"
#include "prefix/kept_lock.h"
#include "prefix/kept_metadata.h"
#include "prefix/kept_revisions.h"
#include "prefix/sealed_text.h"
#include "sys/fs_atomic.h"

#define HISTORY_TEXT "==> 2026-11-27 10:00:00 <==\n# cmd: envm create\n+a-1-0\n"
#define STATE_TEXT "{\"env_vars\": {\"A\": \"1\"}}"

struct fixture {
    struct scratch dir;
    struct envm_arena arena;
};

static int set_up(void **state)
{
    static struct fixture f;

    f = (struct fixture){.dir = scratch_make()};
    OK(envm_fs_make_dirs(f.dir.fd, ENVM_REVISIONS, 0755, &err));
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
    OK(envm_fs_write_atomic(f->dir.fd, path, text, 0644, false, &err));
}

static envm_str get(struct fixture *f, struct envm_relpath path)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(1 << 20);

    OK(envm_fs_read_at(f->dir.fd, path, &text, &err));
    return envm_arena_str(&f->arena, envm_buf_str(&text));
}

static void put_history(struct fixture *f)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf copy = envm_buf_text();

    put(f, ENVM_HISTORY, ENVM_STR(HISTORY_TEXT));
    envm_history_copy_text(ENVM_STR(HISTORY_TEXT), &copy);
    put(f, ENVM_HISTORY_COPY, envm_buf_str(&copy));
}

/* The time is that of the file unless another one is given. */
static void put_state(struct fixture *f, envm_str text)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf copy = envm_buf_text();
    enum envm_fs_kind kind;
    struct stat status;

    put(f, ENVM_STATE, text);
    OK(envm_fs_stat(f->dir.fd, ENVM_STATE, &kind, &status, &err));
    envm_state_copy_text(ENVM_STR(STATE_TEXT), &status, &copy);
    put(f, ENVM_STATE_COPY, envm_buf_str(&copy));
}

static size_t findings(struct fixture *f, const char *path)
{
    struct envm_finding *found;
    size_t count;

    OK(envm_metadata_verify(&f->arena, f->dir.fd, &found, &count, &err));
    if (path && count > 0)
        assert_str(found[0].path, path);
    return count;
}

static void mend(struct fixture *f, size_t repaired, size_t saved, size_t failures)
{
    ENVM_CLEANUP(envm_metadata_repair)
    struct envm_metadata_repair repair = {.arena = &f->arena, .prefix_fd = f->dir.fd};

    OK(envm_metadata_mend(&repair, &err));
    assert_int_equal(repair.repaired.count, repaired);
    assert_int_equal(repair.saved.count, saved);
    assert_int_equal(repair.failures.count, failures);
}

static void test_seals_tell_every_byte(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf sealed = envm_buf_text();
    envm_str text;

    (void)state;
    envm_seal(ENVM_STR("some text"), &sealed);
    assert_true(envm_unseal(envm_buf_str(&sealed), &text));
    assert_str(text, "some text");
    for (size_t i = 0; i < sealed.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            sealed.ptr[i] = (char)(sealed.ptr[i] ^ (1 << bit));
            assert_false(envm_unseal(envm_buf_str(&sealed), &text));
            /* Either part alone still says what it was. */
            assert_true(envm_seal_means(envm_buf_str(&sealed), ENVM_STR("some text")));
            sealed.ptr[i] = (char)(sealed.ptr[i] ^ (1 << bit));
        }
        assert_false(envm_unseal(envm_str_n(sealed.ptr, i), &text));
    }
}

static void test_what_is_not_kept_is_not_looked_at(void **state)
{
    struct fixture *f = *state;

    put(f, ENVM_HISTORY, ENVM_STR("anything\n"));
    assert_int_equal(findings(f, NULL), 0);
    put(f, ENVM_STATE, ENVM_STR("{\"env_vars\": {}}"));
    assert_int_equal(findings(f, NULL), 0);
    put(f, ENVM_STATE, ENVM_STR("{\"env_vars\": "));
    assert_int_equal(findings(f, "conda-meta/state"), 1);
    mend(f, 0, 0, 0);
}

static void test_history_of_other_tools(void **state)
{
    struct fixture *f = *state;

    put_history(f);
    assert_int_equal(findings(f, NULL), 0);
    put(f, ENVM_HISTORY, ENVM_STR(HISTORY_TEXT "==> 2026-11-28 10:00:00 <==\n# cmd: conda\n"));
    assert_int_equal(findings(f, NULL), 0);
    /* In front of a block that recovery appended later. */
    put(f, ENVM_HISTORY, ENVM_STR("==> 2026-11-26 10:00:00 <==\n" HISTORY_TEXT));
    assert_int_equal(findings(f, NULL), 0);
    put(f, ENVM_HISTORY,
        ENVM_STR("==> 2026-11-27 10:00:00 <==\n# cmd: envm create\n-a-1-0\n"
                 "==> 2026-11-28 10:00:00 <==\n# cmd: conda\n"));
    assert_int_equal(findings(f, "conda-meta/history"), 1);
    mend(f, 1, 0, 0);
    assert_str(get(f, ENVM_HISTORY), HISTORY_TEXT "==> 2026-11-28 10:00:00 <==\n# cmd: conda\n");
    /* Cut off: what is left is kept beside. */
    put(f, ENVM_HISTORY, ENVM_STR("==> 2026-11-27"));
    mend(f, 1, 1, 0);
    assert_str(get(f, ENVM_HISTORY), HISTORY_TEXT);
    assert_str(get(f, ENVM_RELPATH("conda-meta/history.envm-saved")), "==> 2026-11-27");
    assert_int_equal(findings(f, NULL), 0);
}

static void test_damaged_copy_of_the_history(void **state)
{
    struct fixture *f = *state;

    put_history(f);
    put(f, ENVM_HISTORY_COPY, ENVM_STR("x"));
    assert_int_equal(findings(f, "conda-meta/envm/history"), 1);
    mend(f, 1, 0, 0);
    assert_int_equal(findings(f, NULL), 0);
}

static void test_state(void **state)
{
    struct fixture *f = *state;

    put_history(f);
    put_state(f, ENVM_STR(STATE_TEXT));
    assert_int_equal(findings(f, NULL), 0);
    put_state(f, ENVM_STR("{\"env_vars\": {\"A\": \"2\"}}")); /* with the time of the copy */
    assert_int_equal(findings(f, "conda-meta/state"), 1);
    mend(f, 1, 0, 0);
    assert_str(get(f, ENVM_STATE), STATE_TEXT);
    assert_int_equal(findings(f, NULL), 0);
    put(f, ENVM_STATE_COPY, ENVM_STR("x"));
    mend(f, 1, 0, 0);
    OK(envm_fs_unlink(f->dir.fd, ENVM_STATE, &err));
    assert_int_equal(findings(f, "conda-meta/state"), 1);
    mend(f, 1, 0, 0);
    assert_str(get(f, ENVM_STATE), STATE_TEXT);
}

static void keep(struct fixture *f, uint64_t number, envm_str lock)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();

    envm_revision_text(lock, &text);
    put(f, envm_revision_path(&f->arena, number), envm_buf_str(&text));
}

static void test_locks(void **state)
{
    struct fixture *f = *state;
    ENVM_CLEANUP(envm_buf) struct envm_buf sum = envm_buf_text();

    put_history(f);
    envm_kept_lock_sum(ENVM_STR("new"), &sum);
    put(f, ENVM_KEPT_LOCK, ENVM_STR("new"));
    put(f, ENVM_KEPT_LOCK_SUM, envm_buf_str(&sum));
    keep(f, 0, ENVM_STR("old"));
    keep(f, 1, ENVM_STR("new"));
    mend(f, 0, 0, 0);
    put(f, ENVM_KEPT_LOCK, ENVM_STR("mew"));
    mend(f, 1, 0, 0);
    assert_str(get(f, ENVM_KEPT_LOCK), "new");
    put(f, ENVM_KEPT_LOCK_SUM, ENVM_STR("?"));
    mend(f, 1, 0, 0);
    put(f, envm_revision_path(&f->arena, 1), ENVM_STR("new# sha256 of the lines above: ?\n"));
    mend(f, 1, 0, 0);
    assert_int_equal(findings(f, NULL), 0);
    /* Another text with a good sum is not taken for the kept lock. */
    keep(f, 1, ENVM_STR("other"));
    put(f, ENVM_KEPT_LOCK, ENVM_STR("mew"));
    mend(f, 0, 0, 0);
    put(f, envm_revision_path(&f->arena, 0), ENVM_STR("?"));
    assert_int_equal(findings(f, "conda-meta/envm/revisions/0.lock"), 1);
    mend(f, 0, 1, 1);
    assert_int_equal(findings(f, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seals_tell_every_byte),
        TEST(test_what_is_not_kept_is_not_looked_at),
        TEST(test_history_of_other_tools),
        TEST(test_damaged_copy_of_the_history),
        TEST(test_state),
        TEST(test_locks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
