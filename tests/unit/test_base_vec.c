/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/vec.h"

static void pushing(void **state)
{
    ENVM_VEC(int) numbers = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        envm_vec_push(&numbers, i);
    assert_int_equal(numbers.count, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(numbers.items[i], i);
    envm_vec_release(&numbers);
    assert_null(numbers.items);
    assert_int_equal(numbers.capacity, 0);
    envm_vec_release(&numbers);
}

static void reserving(void **state)
{
    ENVM_VEC(char) bytes = {0};

    (void)state;
    envm_vec_reserve(&bytes, 1000);
    assert_int_equal(bytes.capacity, 1000);
    assert_int_equal(bytes.count, 0);
    envm_vec_reserve(&bytes, 10);
    assert_int_equal(bytes.capacity, 1000);
    envm_vec_reserve(&bytes, 1001);
    assert_int_equal(bytes.capacity, 2000);
    envm_vec_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushing),
        cmocka_unit_test(reserving),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
