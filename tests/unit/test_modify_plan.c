/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "conda/package_record.h"
#include "env/modify_plan.h"

static struct envm_arena arena;

/* "NAME VERSION BUILD; dep; dep ! constraint" */
static const struct envm_package_record *record(const char *text)
{
    struct envm_package_record *made = envm_arena_new(&arena, struct envm_package_record);
    envm_str rest = envm_str_from(text), head, part;
    envm_str *depends = envm_arena_new_array(&arena, envm_str, 8);
    envm_str *constrains = envm_arena_new_array(&arena, envm_str, 8);

    envm_str_split_next(&rest, ';', &head);
    envm_str_next_word(&head, &made->name);
    envm_str_next_word(&head, &made->version);
    envm_str_next_word(&head, &made->build);
    made->subdir = ENVM_STR("linux-64");
    made->channel = ENVM_STR("c");
    made->file_name = envm_arena_printf(&arena, "%.*s-%.*s-%.*s.conda", ENVM_STR_ARGS(made->name),
                                        ENVM_STR_ARGS(made->version), ENVM_STR_ARGS(made->build));
    made->depends.items = depends;
    made->constrains.items = constrains;
    while (rest.ptr && envm_str_split_next(&rest, ';', &part)) {
        part = envm_str_trim(part);
        if (part.len > 0 && part.ptr[0] == '!')
            constrains[made->constrains.count++] = envm_str_trim(envm_str_skip(part, 1));
        else
            depends[made->depends.count++] = part;
    }
    return made;
}

/* Lines of records, sorted by name. */
static struct envm_record_list set(const char *const *lines)
{
    const struct envm_package_record **items =
        envm_arena_new_array(&arena, const struct envm_package_record *, 8);
    size_t count = 0;

    for (; lines[count]; count++)
        items[count] = record(lines[count]);
    return (struct envm_record_list){items, count};
}

static struct envm_wish_list wishes(const char *const *texts)
{
    struct envm_wish_list list = {0};

    for (size_t i = 0; texts[i]; i++)
        OK(envm_wish_add(&arena, &list, envm_str_from(texts[i]), &err));
    return list;
}

#define SET(...) set((const char *const[]){__VA_ARGS__, NULL})
#define WISHES(...) wishes((const char *const[]){__VA_ARGS__, NULL})

static void expect_lines(const struct envm_modify_sets *sets, const char *expected)
{
    struct envm_str_list lines = envm_modify_plan_lines(&arena, "", sets);
    envm_str text = ENVM_STR("");

    for (size_t i = 0; i < lines.count; i++)
        text = envm_arena_printf(&arena, "%.*s%.*s\n", ENVM_STR_ARGS(text),
                                 ENVM_STR_ARGS(lines.items[i]));
    assert_str(text, expected);
}

static void test_the_request_that_moves_a_package_is_named(void **state)
{
    (void)state;
    expect_lines(&(struct envm_modify_sets){.before = SET("a 1 0", "b 1 0"),
                                            .after = SET("a 2 0", "b 1 0"),
                                            .requests = WISHES("a >=2", "b")},
                 "a 1 -> 2: the request \"a >=2\"\n");
    expect_lines(&(struct envm_modify_sets){.before = SET("a 1 0"),
                                            .after = SET("a 2 0"),
                                            .requests = WISHES("a"),
                                            .asked = WISHES("a")},
                 "a 1 -> 2: asked for\n");
    expect_lines(
        &(struct envm_modify_sets){
            .before = SET("a 1 0"), .after = SET("a 2 0"), .requests = WISHES("a"), .all = true},
        "a 1 -> 2: newer\n");
    /* what nothing in the set demands, but goes with what does */
    expect_lines(&(struct envm_modify_sets){.before = SET("a 1 0", "b 1 0", "c 2 0"),
                                            .after = SET("a 2 0", "b 2 0", "c 1 0"),
                                            .requests = WISHES("a"),
                                            .asked = WISHES("a")},
                 "a 1 -> 2: asked for\nb 1 -> 2: newer, and goes with the rest\n"
                 "c 2 -> 1: goes with the rest\n");
}

static void test_the_package_that_moves_another_one_is_named(void **state)
{
    (void)state;
    expect_lines(&(struct envm_modify_sets){.before = SET("lib 2 0"),
                                            .after = SET("lib 1 0", "old 1 0; lib <2"),
                                            .requests = WISHES("old", "lib")},
                 "lib 2 -> 1: old 1 needs lib <2\n+ old 1: asked for\n");
    expect_lines(&(struct envm_modify_sets){.before = SET("lib 2 0"),
                                            .after = SET("lib 1 0", "old 1 0; ! lib <2"),
                                            .requests = WISHES("old", "lib")},
                 "lib 2 -> 1: old 1 goes only with lib <2\n+ old 1: asked for\n");
    /* what was installed does not go with what comes */
    expect_lines(&(struct envm_modify_sets){.before = SET("lib 1 0; py 3.11.*", "py 3.11 0"),
                                            .after = SET("lib 1 1; py 3.12.*", "py 3.12 0"),
                                            .requests = WISHES("lib", "py"),
                                            .asked = WISHES("py")},
                 "lib 1 0 -> 1 1: lib 1 0 needs py 3.11.*\npy 3.11 -> 3.12: asked for\n");
    expect_lines(&(struct envm_modify_sets){.before = SET("lib 1 0; ! py <3.12", "py 3.11 0"),
                                            .after = SET("lib 1 1", "py 3.12 0"),
                                            .requests = WISHES("lib", "py"),
                                            .asked = WISHES("py")},
                 "lib 1 0 -> 1 1: lib 1 0 goes only with py <3.12\npy 3.11 -> 3.12: asked for\n");
}

static void test_what_comes_and_goes(void **state)
{
    (void)state;
    /* a package that was asked for is the better reason */
    expect_lines(&(struct envm_modify_sets){.before = SET("z 1 0"),
                                            .after = SET("a 1 0; dep", "b 1 0; dep", "dep 1 0"),
                                            .requests = WISHES("b", "a*")},
                 "+ a 1: asked for: \"a*\"\n+ b 1: asked for\n+ dep 1: needed by a 1\n"
                 "- z 1: nothing needs it any more\n");
    expect_lines(
        &(struct envm_modify_sets){.before = SET("app 1 0; lib", "lib 1 0; low", "low 1 0"),
                                   .after = (struct envm_record_list){0},
                                   .asked = WISHES("lib"),
                                   .removes = true},
        "- app 1: needs lib, which is removed\n- lib 1: asked for\n"
        "- low 1: nothing needs it any more\n");
}

static void test_kinds(void **state)
{
    const struct envm_modify_entry *entries = NULL;
    size_t count = 0;
    struct envm_record_list before = SET("a 1.10 0", "b 2.0 0", "c 1 0", "d 1 0", "python 3.11.2 0",
                                         "same 1 0", "tool 1 0; python");
    struct envm_record_list after = SET("a 1.9 0", "b 2.0.1 0", "c 1 1", "e 1 0", "python 3.12.0 0",
                                        "same 1 0", "tool 1 0; python");
    struct envm_package_record *tool = envm_package_record_copy(&arena, after.items[6]);

    (void)state;
    tool->noarch = ENVM_NOARCH_PYTHON;
    after.items[6] = tool;
    envm_modify_plan_make(&arena, &(struct envm_modify_sets){.before = before, .after = after},
                          &entries, &count);
    assert_int_equal(count, 7);
    assert_int_equal(entries[0].kind, ENVM_MODIFY_DOWNGRADED);
    assert_int_equal(entries[1].kind, ENVM_MODIFY_UPGRADED);
    assert_int_equal(entries[2].kind, ENVM_MODIFY_REBUILT);
    assert_int_equal(entries[3].kind, ENVM_MODIFY_REMOVED);
    assert_int_equal(entries[4].kind, ENVM_MODIFY_ADDED);
    assert_int_equal(entries[5].kind, ENVM_MODIFY_UPGRADED);
    assert_int_equal(entries[6].kind, ENVM_MODIFY_RELINKED);
}

static int release(void **state)
{
    (void)state;
    envm_arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_request_that_moves_a_package_is_named),
        cmocka_unit_test(test_the_package_that_moves_another_one_is_named),
        cmocka_unit_test(test_what_comes_and_goes),
        cmocka_unit_test(test_kinds),
    };

    return cmocka_run_group_tests(tests, NULL, release);
}
