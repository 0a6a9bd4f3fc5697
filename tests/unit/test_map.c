/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/str.h"

static void an_empty_map(void **state)
{
    struct envm_map map = {0};
    size_t position = 0;
    envm_str key;

    (void)state;
    assert_null(envm_map_find(&map, ENVM_STR("x")));
    assert_false(envm_map_next(&map, &position, &key, NULL));
    envm_map_release(&map);
}

static void inserting_and_overwriting(void **state)
{
    struct envm_map map = {0};
    bool is_new = false;

    (void)state;
    *envm_map_get(&map, ENVM_STR("a"), &is_new) = 1;
    assert_true(is_new);
    assert_int_equal(*envm_map_get(&map, ENVM_STR("a"), &is_new), 1);
    assert_false(is_new);
    envm_map_set(&map, ENVM_STR("a"), 2);
    envm_map_set(&map, ENVM_STR("b"), 3);
    envm_map_set(&map, (envm_str){0}, 4);
    envm_map_set(&map, ENVM_STR(""), 5);
    envm_map_set(&map, ENVM_STR("a\0"), 6);
    assert_int_equal(map.count, 4);
    assert_int_equal(*envm_map_find(&map, ENVM_STR("a")), 2);
    assert_int_equal(*envm_map_find(&map, ENVM_STR("")), 5);
    assert_int_equal(*envm_map_find(&map, ENVM_STR("a\0")), 6);
    assert_null(envm_map_find(&map, ENVM_STR("c")));
    envm_map_release(&map);
    assert_int_equal(map.count, 0);
}

static void many_keys(void **state)
{
    enum { COUNT = 20000 };
    struct envm_arena arena = {0};
    struct envm_map map = {0};
    size_t position = 0;
    size_t seen = 0;
    uint64_t sum = 0;
    uint64_t value;
    envm_str key;

    (void)state;
    for (unsigned i = 0; i < COUNT; i++)
        envm_map_set(&map, envm_arena_printf(&arena, "key-%u", i), i);
    assert_int_equal(map.count, COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(*envm_map_find(&map, envm_arena_printf(&arena, "key-%u", i)), i);
    assert_null(envm_map_find(&map, ENVM_STR("key-20000")));
    while (envm_map_next(&map, &position, &key, &value)) {
        seen++;
        sum += value;
        assert_true(envm_str_starts_with(key, ENVM_STR("key-")));
    }
    assert_int_equal(seen, COUNT);
    assert_int_equal(sum, (uint64_t)COUNT * (COUNT - 1) / 2);
    envm_map_release(&map);
    envm_arena_release(&arena);
}

static void maps_have_seeds_of_their_own(void **state)
{
    struct envm_map a = {0};
    struct envm_map b = {0};

    (void)state;
    envm_map_set(&a, ENVM_STR("x"), 1);
    envm_map_set(&b, ENVM_STR("x"), 1);
    assert_true(a.seed != b.seed);
    envm_map_release(&a);
    envm_map_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map),
        cmocka_unit_test(inserting_and_overwriting),
        cmocka_unit_test(many_keys),
        cmocka_unit_test(maps_have_seeds_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
