/* SPDX-License-Identifier: MIT */
#include "txn/script_trial.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "../support/check.h"
#include "../support/scratch.h"

#define MARKER ".env.envm-trial"

struct world {
    struct scratch dir;
    struct envm_arena arena;
    envm_str prefix;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    w->dir = scratch_make();
    w->prefix = envm_arena_printf(&w->arena, "%s/env", w->dir.path);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    scratch_drop(&w->dir);
    envm_arena_release(&w->arena);
    free(w);
    return 0;
}

static void make_environment(struct world *w, const char *name, const char *what)
{
    char path[256];

    assert_int_equal(mkdirat(w->dir.fd, name, 0755), 0);
    snprintf(path, sizeof(path), "%s/what", name);
    scratch_write(&w->dir, path, what);
}

static void mark(struct world *w, const char *folder, const char *tree)
{
    struct stat status;
    char text[256];

    assert_int_equal(fstatat(w->dir.fd, tree, &status, 0), 0);
    snprintf(text, sizeof(text), "%s\n%llu\n", folder, (unsigned long long)status.st_ino);
    scratch_write(&w->dir, MARKER, text);
}

static bool recover(struct world *w)
{
    const struct envm_trial_recovery settings = {0};
    bool undone = false;

    OK(envm_trial_recover(&w->arena, w->prefix, &settings, &undone, &err));
    assert_false(scratch_has(&w->dir, MARKER));
    return undone;
}

static void a_tree_takes_the_place_and_goes_back(void **state)
{
    struct world *w = *state;
    ENVM_CLEANUP(envm_trial) struct envm_trial trial = ENVM_TRIAL_EMPTY;
    char old[300];

    make_environment(w, "env", "old");
    OK(envm_trial_begin(&w->arena, w->prefix, &trial, &err));
    OK(envm_trial_make_tree(&trial, &err));
    OK(envm_trial_enter(&trial, NULL, &err));
    assert_false(scratch_has(&w->dir, "env/what"));
    assert_true(scratch_has(&w->dir, "env/" ENVM_TRIAL_SIGN));
    snprintf(old, sizeof(old), "%s/what", trial.tree.s.ptr);
    scratch_holds(&w->dir, old, "old");
    OK(envm_trial_leave(&trial, &err));
    scratch_holds(&w->dir, "env/what", "old");
    envm_trial_release(&trial);
    trial = ENVM_TRIAL_EMPTY;
    assert_false(scratch_has(&w->dir, MARKER));
    assert_false(scratch_has(&w->dir, old));
}

static void where_nothing_stood_nothing_stands_again(void **state)
{
    struct world *w = *state;
    ENVM_CLEANUP(envm_trial) struct envm_trial trial = ENVM_TRIAL_EMPTY;

    make_environment(w, ".env.staging", "new");
    OK(envm_trial_begin(&w->arena, w->prefix, &trial, &err));
    OK(envm_trial_use_tree(&trial, ENVM_RELPATH(".env.staging"), &err));
    OK(envm_trial_enter(&trial, NULL, &err));
    scratch_holds(&w->dir, "env/what", "new");
    /* The end of a failure: it goes back by itself. */
    envm_trial_release(&trial);
    trial = ENVM_TRIAL_EMPTY;
    assert_false(scratch_has(&w->dir, "env"));
    scratch_holds(&w->dir, ".env.staging/what", "new");
    assert_false(scratch_has(&w->dir, MARKER));
}

static void one_trial_at_a_time(void **state)
{
    struct world *w = *state;
    ENVM_CLEANUP(envm_trial) struct envm_trial first = ENVM_TRIAL_EMPTY;
    ENVM_CLEANUP(envm_trial) struct envm_trial second = ENVM_TRIAL_EMPTY;
    const struct envm_trial_recovery settings = {.timeout_ms = 10};
    bool undone = false;

    make_environment(w, "env", "old");
    OK(envm_trial_begin(&w->arena, w->prefix, &first, &err));
    FAILS(ENVM_LOCKED, envm_trial_begin(&w->arena, w->prefix, &second, &err));
    FAILS(ENVM_LOCKED, envm_trial_recover(&w->arena, w->prefix, &settings, &undone, &err));
}

static void what_was_interrupted_is_not_forgotten_by_the_next(void **state)
{
    struct world *w = *state;
    ENVM_CLEANUP(envm_trial) struct envm_trial trial = ENVM_TRIAL_EMPTY;

    make_environment(w, "env", "new");
    make_environment(w, ".env.envm-treetreetreetree", "old");
    mark(w, ".env.envm-treetreetreetree", "env");
    FAILS_WITH(ENVM_LOCKED, "at this moment", envm_trial_begin(&w->arena, w->prefix, &trial, &err));
    assert_true(recover(w));
    scratch_holds(&w->dir, "env/what", "old");
    assert_int_equal(mkdirat(w->dir.fd, MARKER ".home-aaaaaaaaaaaaaaaa", 0700), 0);
    OK(envm_trial_begin(&w->arena, w->prefix, &trial, &err));
    assert_false(scratch_has(&w->dir, MARKER ".home-aaaaaaaaaaaaaaaa"));
}

static void no_marker_is_nothing_to_undo(void **state)
{
    struct world *w = *state;

    make_environment(w, "env", "old");
    make_environment(w, ".env.envm-trial-aaaaaaaaaaaaaaaa", "not envm's to remove");
    assert_false(recover(w));
    assert_true(scratch_has(&w->dir, ".env.envm-trial-aaaaaaaaaaaaaaaa"));
}

static void killed_before_the_folder_was_written_down(void **state)
{
    struct world *w = *state;

    make_environment(w, "env", "old");
    assert_int_equal(mkdirat(w->dir.fd, ".env.envm-trial-aaaaaaaaaaaaaaaa", 0700), 0);
    make_environment(w, ".env.envm-trial-bbbbbbbbbbbbbbbb", "is not empty");
    scratch_write(&w->dir, MARKER, ".env.envm-trial-aaa");
    assert_true(recover(w));
    assert_false(scratch_has(&w->dir, ".env.envm-trial-aaaaaaaaaaaaaaaa"));
    assert_true(scratch_has(&w->dir, ".env.envm-trial-bbbbbbbbbbbbbbbb"));
    scratch_holds(&w->dir, "env/what", "old");
}

static void killed_while_the_tree_was_filled(void **state)
{
    struct world *w = *state;

    make_environment(w, "env", "old");
    make_environment(w, ".env.envm-treetreetreetree", "new");
    mark(w, ".env.envm-treetreetreetree", ".env.envm-treetreetreetree");
    assert_true(recover(w));
    assert_false(scratch_has(&w->dir, ".env.envm-treetreetreetree"));
    scratch_holds(&w->dir, "env/what", "old");
}

static void killed_while_scripts_ran(void **state)
{
    struct world *w = *state;

    make_environment(w, "env", "new");
    make_environment(w, ".env.envm-treetreetreetree", "old");
    mark(w, ".env.envm-treetreetreetree", "env");
    assert_true(recover(w));
    scratch_holds(&w->dir, "env/what", "old");
    assert_false(scratch_has(&w->dir, ".env.envm-treetreetreetree"));
}

static void killed_while_scripts_of_a_new_environment_ran(void **state)
{
    struct world *w = *state;

    make_environment(w, "env", "new");
    mark(w, ".env.envm-treetreetreetree", "env");
    assert_true(recover(w));
    assert_false(scratch_has(&w->dir, "env"));
    assert_false(scratch_has(&w->dir, ".env.envm-treetreetreetree"));
}

static void killed_when_all_was_cleared_but_the_marker(void **state)
{
    struct world *w = *state;

    make_environment(w, "env", "old");
    make_environment(w, ".env.envm-treetreetreetree", "new");
    mark(w, ".env.envm-treetreetreetree", ".env.envm-treetreetreetree");
    assert_int_equal(unlinkat(w->dir.fd, ".env.envm-treetreetreetree/what", 0), 0);
    assert_int_equal(unlinkat(w->dir.fd, ".env.envm-treetreetreetree", AT_REMOVEDIR), 0);
    assert_true(recover(w));
    scratch_holds(&w->dir, "env/what", "old");
}

static void what_is_neither_is_not_touched(void **state)
{
    struct world *w = *state;
    const struct envm_trial_recovery settings = {0};
    bool undone = false;

    make_environment(w, "env", "one");
    make_environment(w, ".env.envm-treetreetreetree", "two");
    make_environment(w, "third", "three");
    mark(w, ".env.envm-treetreetreetree", "third");
    FAILS_WITH(ENVM_DAMAGED, "neither 'env' nor '.env.envm-treetreetreetree'",
               envm_trial_recover(&w->arena, w->prefix, &settings, &undone, &err));
    scratch_holds(&w->dir, "env/what", "one");
    scratch_holds(&w->dir, ".env.envm-treetreetreetree/what", "two");
    assert_true(scratch_has(&w->dir, MARKER));
}

static void a_dry_run_only_tells(void **state)
{
    struct world *w = *state;
    const struct envm_trial_recovery settings = {.dry_run = true};
    bool undone = false;

    make_environment(w, "env", "new");
    make_environment(w, ".env.envm-treetreetreetree", "old");
    mark(w, ".env.envm-treetreetreetree", "env");
    OK(envm_trial_recover(&w->arena, w->prefix, &settings, &undone, &err));
    assert_true(undone);
    scratch_holds(&w->dir, "env/what", "new");
    assert_true(scratch_has(&w->dir, MARKER));
}

static void a_name_may_be_as_long_as_a_file_name(void **state)
{
    struct world *w = *state;
    ENVM_CLEANUP(envm_trial) struct envm_trial trial = ENVM_TRIAL_EMPTY;
    char name[256];

    memset(name, 'n', 255);
    name[255] = '\0';
    make_environment(w, "x", "old");
    assert_int_equal(renameat(w->dir.fd, "x", w->dir.fd, name), 0);
    w->prefix = envm_arena_printf(&w->arena, "%s/%s", w->dir.path, name);
    OK(envm_trial_begin(&w->arena, w->prefix, &trial, &err));
    OK(envm_trial_make_tree(&trial, &err));
    OK(envm_trial_enter(&trial, NULL, &err));
    OK(envm_trial_leave(&trial, &err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_tree_takes_the_place_and_goes_back),
        TEST(where_nothing_stood_nothing_stands_again),
        TEST(one_trial_at_a_time),
        TEST(what_was_interrupted_is_not_forgotten_by_the_next),
        TEST(no_marker_is_nothing_to_undo),
        TEST(killed_before_the_folder_was_written_down),
        TEST(killed_while_the_tree_was_filled),
        TEST(killed_while_scripts_ran),
        TEST(killed_while_scripts_of_a_new_environment_ran),
        TEST(killed_when_all_was_cleared_but_the_marker),
        TEST(what_is_neither_is_not_touched),
        TEST(a_dry_run_only_tells),
        TEST(a_name_may_be_as_long_as_a_file_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
