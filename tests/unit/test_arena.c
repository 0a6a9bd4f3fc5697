/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include <stdalign.h>

#include "base/arena.h"
#include "base/str.h"

static void pieces_are_aligned_zeroed_and_apart(void **state)
{
    static const size_t sizes[] = {0, 1, 7, 8, 100, 16000, 20000, 65536, 70000, 1000000, 3, 64};
    struct envm_arena arena = {0};
    unsigned char *pieces[240];

    (void)state;
    for (size_t i = 0; i < 240; i++) {
        size_t size = sizes[i % 12];

        pieces[i] = envm_arena_alloc(&arena, size);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)(i % 255) + 1, size);
    }
    for (size_t i = 0; i < 240; i++) {
        for (size_t k = 0; k < sizes[i % 12]; k += 61)
            assert_int_equal(pieces[i][k], i % 255 + 1);
    }
    assert_true(arena.used >= 20 * 1000000);
    envm_arena_release(&arena);
    envm_arena_release(&arena);
    assert_int_equal(arena.used, 0);
}

static void strings(void **state)
{
    struct envm_arena arena = {0};
    envm_str items[] = {ENVM_STR_INIT("one"), ENVM_STR_INIT(""), {NULL, 0}};
    struct envm_str_list list = envm_arena_str_list(&arena, (struct envm_str_list){items, 3});
    envm_str copy = envm_arena_str(&arena, ENVM_STR("a\0b"));

    (void)state;
    assert_int_equal(copy.len, 3);
    assert_memory_equal(copy.ptr, "a\0b", 4);
    assert_string_equal(envm_cstr(&arena, (envm_str){0}), "");
    assert_string_equal(envm_cstr(&arena, ENVM_STR("text")), "text");
    assert_string_equal(envm_arena_printf(&arena, "%s-%d", "x", 7).ptr, "x-7");
    assert_string_equal(envm_arena_concat(&arena, ENVM_STR("ab"), ENVM_STR("cd")).ptr, "abcd");
    assert_string_equal(envm_arena_concat(&arena, (envm_str){0}, ENVM_STR("cd")).ptr, "cd");
    assert_string_equal(envm_arena_concat(&arena, ENVM_STR("ab"), (envm_str){0}).ptr, "ab");
    assert_int_equal(list.count, 3);
    assert_str(list.items[0], "one");
    assert_ptr_not_equal(list.items[0].ptr, items[0].ptr);
    assert_non_null(list.items[2].ptr);
    assert_memory_equal(envm_arena_copy(&arena, "bytes", 5), "bytes", 5);
    assert_non_null(envm_arena_copy(&arena, NULL, 0));
    envm_arena_release(&arena);
}

struct thing {
    int number;
    void *pointer;
};

static void typed(void **state)
{
    struct envm_arena arena = {0};
    struct thing *one = envm_arena_new(&arena, struct thing);
    struct thing *many = envm_arena_new_array(&arena, struct thing, 1000);

    (void)state;
    assert_null(one->pointer);
    assert_null(many[999].pointer);
    assert_non_null(envm_arena_new_array(&arena, struct thing, 0));
    envm_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_zeroed_and_apart),
        cmocka_unit_test(strings),
        cmocka_unit_test(typed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
