/* SPDX-License-Identifier: MIT */
#include "conda_data.h"

#include "conda/active_depends.h"

static struct envm_str_list list_of(struct envm_arena *arena, const char *text)
{
    envm_str *items = envm_arena_new_array(arena, envm_str, 8);
    envm_str rest = envm_str_from(text), part;
    size_t count = 0;

    while (rest.len > 0 && envm_str_split_next(&rest, ';', &part))
        items[count++] = envm_str_trim(part);
    return (struct envm_str_list){items, count};
}

/* The dependencies of the first record, joined. */
static envm_str active(struct envm_arena *arena, const char *request, const char *depends,
                       const char *extra, bool with_system)
{
    struct envm_extra_group *groups = envm_arena_new_array(arena, struct envm_extra_group, 2);
    groups[0] = (struct envm_extra_group){ENVM_STR("t"), list_of(arena, extra)};
    groups[1] = (struct envm_extra_group){ENVM_STR("u"), list_of(arena, "u")};
    const struct envm_package_record app = {.name = ENVM_STR("app"),
                                            .version = ENVM_STR("1"),
                                            .build = ENVM_STR("0"),
                                            .depends = list_of(arena, depends),
                                            .extra_depends = groups,
                                            .extra_depends_count = 2};
    const struct envm_package_record lib = {.name = ENVM_STR("lib"),
                                            .version = ENVM_STR("2"),
                                            .build = ENVM_STR("0"),
                                            .depends = list_of(arena, "app[extras=[u],when=lib3]")};
    const struct envm_package_record posix = {
        .name = ENVM_STR("__unix"), .version = ENVM_STR("0"), .build = ENVM_STR("0")};
    const struct envm_package_record *records[] = {&app, &lib}, *system[] = {&posix};
    const struct envm_match_spec *specs[1];
    struct envm_active_question question = {.records = {records, 2},
                                            .virtual_packages = {system, with_system ? 1 : 0},
                                            .requests = specs,
                                            .request_count = request ? 1 : 0,
                                            .requests_known = request != NULL};

    if (request)
        assert_int_equal(envm_match_spec_parse(arena, envm_str_from(request), &specs[0], NULL),
                         ENVM_OK);
    struct envm_str_list list = envm_active_depends(arena, &question)[0];
    envm_str text = ENVM_STR("");
    for (size_t i = 0; i < list.count; i++)
        text = envm_arena_printf(arena, "%s%s%.*s", text.ptr, i ? "; " : "",
                                 ENVM_STR_ARGS(list.items[i]));
    return text;
}

static void test_rows(void **state)
{
    static const struct {
        const char *request, *depends, *extra;
        bool with_system;
        const char *expected;
    } rows[] = {
        {"app", "a; b >=2", "x", true, "a; b >=2"},
        {"app", "a[when=lib]; b[when=none]", "x", true, "a[when=lib]"},
        {"app", "a[when='lib>=2 and __unix']; b[when='lib<2 or __win']", "x", true,
         "a[when='lib>=2 and __unix']"},
        {"app[extras=[t]]", "a", "x; y[when=none]; z[when=lib]", true, "a; x; z[when=lib]"},
        {"app[extras=[t],when=none]", "a", "x", true, "a"},
        {"app[extras=[other]]", "a", "x", true, "a"},
        /* an extra of its own package */
        {"app[extras=[t]]", "a", "app[extras=[u]]", true, "a; app[extras=[u]]; u"},
        {"app", "a; [broken", "x", true, "a; [broken"},
        /* nothing known of the requests: every extra; nothing of the system: every condition on it
         */
        {NULL, "a", "x", true, "a; x; u"},
        {"app", "a[when=__win]; b[when=none]", "x", false, "a[when=__win]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        envm_str found =
            active(&arena, rows[i].request, rows[i].depends, rows[i].extra, rows[i].with_system);
        if (!envm_str_equal_c(found, rows[i].expected))
            fail_msg("row %zu: '%s'", i, found.ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
