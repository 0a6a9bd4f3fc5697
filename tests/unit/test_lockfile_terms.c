/* SPDX-License-Identifier: MIT */
#include "lock/lockfile_terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "codec/yaml_reader.h"

#define JANUARY UINT64_C(1706745600000) /* 2024-02-01T00:00:00Z */

static const char *read_text(struct envm_arena *arena, const char *text,
                             struct envm_lock_terms *terms)
{
    struct envm_yaml_node *root = NULL;
    const struct envm_yaml_node *where = NULL;
    struct envm_error err = {0};

    assert_int_equal(envm_yaml_read(arena, envm_str_from(text), "test", &root, NULL, &err),
                     ENVM_OK);
    return envm_lock_terms_read(arena, root, terms, &where);
}

static void test_round_trip(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    envm_str pins[] = {ENVM_STR("numpy 1.*"), ENVM_STR("python >=3.11")};
    struct envm_lock_terms terms = {.pins = {pins, 2},
                                    .exclude_newer_ms = JANUARY,
                                    .resolution = ENVM_STR("lowest-direct"),
                                    .only_deps = true};
    struct envm_lock_terms read = {0};

    (void)state;
    envm_lock_terms_write(&text, 0, &terms);
    assert_string_equal(text.ptr, "exclude-newer: \"2024-02-01T00:00:00Z\"\n"
                                  "only-deps: true\n"
                                  "pins:\n"
                                  "  - numpy 1.*\n"
                                  "  - python >=3.11\n"
                                  "resolution: lowest-direct\n");
    assert_null(read_text(&arena, text.ptr, &read));
    assert_int_equal(read.exclude_newer_ms, JANUARY);
    assert_true(read.only_deps && !read.no_deps);
    assert_int_equal(envm_lock_terms_compare(&arena, &terms, &read).count, 0);
    assert_true(envm_lock_terms_is_partial(&read));
}

static void test_defaults_are_not_written(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    struct envm_lock_terms terms = {.resolution = ENVM_STR("highest")};

    (void)state;
    envm_lock_terms_write(&text, 8, &terms);
    assert_int_equal(text.len, 0);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *text, *fault;
    } rows[] = {
        {"no-deps: maybe", "true or false"},
        {"only-deps: [true]", "true or false"},
        {"pins: numpy", "have to be a list"},
        {"pins: [[numpy]]", "has to be a text"},
        {"resolution: best", "has to be highest"},
        {"exclude-newer: 7d", "has to be a time"},
        {"exclude-newer: yesterday", "has to be a time"},
        {"{no-deps: true, only-deps: true}", "exclude each other"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        struct envm_lock_terms terms = {0};
        const char *fault = read_text(&arena, rows[i].text, &terms);

        if (!fault || !strstr(fault, rows[i].fault))
            fail_msg("%s: %s", rows[i].text, fault ? fault : "accepted");
    }
}

static void test_differences(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str pin = ENVM_STR("numpy 1.*");
    struct envm_lock_terms asked = {0}, locked = {.pins = {&pin, 1},
                                                  .exclude_newer_ms = JANUARY,
                                                  .resolution = ENVM_STR("lowest"),
                                                  .no_deps = true};
    struct envm_str_list found = envm_lock_terms_compare(&arena, &asked, &locked);

    (void)state;
    assert_int_equal(found.count, 4);
    assert_string_equal(found.items[0].ptr,
                        "exclude-newer is unset, but the lock was made with 2024-02-01T00:00:00Z");
    assert_string_equal(found.items[1].ptr,
                        "the option no-deps is off, but the lock was made with the opposite");
    assert_string_equal(found.items[2].ptr,
                        "the pins are [], but the lock was made with [numpy 1.*]");
    assert_string_equal(found.items[3].ptr,
                        "the resolution is highest, but the lock was made with lowest");
    asked = locked;
    asked.exclude_newer_ms = JANUARY + 1;
    assert_int_equal(envm_lock_terms_compare(&arena, &asked, &locked).count, 1);
    /* "7d" moves on; what was old enough then still is */
    asked.exclude_newer_is_moving = true;
    assert_int_equal(envm_lock_terms_compare(&arena, &asked, &locked).count, 0);
    asked.exclude_newer_ms = JANUARY - 1;
    assert_int_equal(envm_lock_terms_compare(&arena, &asked, &locked).count, 1);
    locked.exclude_newer_ms = 0;
    assert_int_equal(envm_lock_terms_compare(&arena, &asked, &locked).count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_defaults_are_not_written),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_differences),
    };

    return cmocka_run_group_tests_name("lockfile_terms", tests, NULL, NULL);
}
