/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"

static void appending(void **state)
{
    struct envm_buf buf = envm_buf_text();

    (void)state;
    assert_string_equal(envm_buf_str(&buf).ptr, "");
    envm_buf_append(&buf, "one", 3);
    envm_buf_add_byte(&buf, ' ');
    envm_buf_add_cstr(&buf, "two");
    envm_buf_add_str(&buf, ENVM_STR(" three"));
    envm_buf_add_str(&buf, (envm_str){0});
    envm_buf_add_repeat(&buf, '!', 3);
    envm_buf_add_repeat(&buf, '?', 0);
    envm_buf_printf(&buf, " %d%s", 42, "x");
    assert_str(envm_buf_str(&buf), "one two three!!! 42x");
    assert_string_equal(buf.ptr, "one two three!!! 42x");
    envm_buf_clear(&buf);
    envm_buf_add_words(&buf, ENVM_STR("  libblas  3.11.0\t *_mkl "));
    envm_buf_add_words(&buf, ENVM_STR("  "));
    assert_str(envm_buf_str(&buf), "libblas 3.11.0 *_mkl");
    envm_buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf.ptr, "");
    envm_buf_release(&buf);
    envm_buf_release(&buf);
    assert_null(buf.ptr);
    assert_true(buf.limit > 0);
}

static void growing_past_every_capacity(void **state)
{
    struct envm_buf buf = envm_buf_text();

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        envm_buf_add_byte(&buf, (char)('a' + i % 26));
        assert_int_equal(buf.ptr[buf.len], '\0');
    }
    for (unsigned i = 0; i < 10000; i++)
        assert_int_equal(buf.ptr[i], 'a' + i % 26);
    envm_buf_release(&buf);
}

static void the_limit_is_exact(void **state)
{
    struct envm_buf buf = envm_buf_limit(5);

    (void)state;
    envm_buf_add_cstr(&buf, "12345");
    assert_false(buf.overflowed);
    assert_str(envm_buf_str(&buf), "12345");
    envm_buf_add_byte(&buf, '6');
    assert_true(buf.overflowed);
    assert_str(envm_buf_str(&buf), "12345");
    /* Once over, nothing is added any more, so that no hole comes about. */
    envm_buf_clear(&buf);
    envm_buf_add_cstr(&buf, "123456");
    assert_true(buf.overflowed);
    envm_buf_add_cstr(&buf, "1");
    envm_buf_add_repeat(&buf, 'x', 1);
    envm_buf_printf(&buf, "%d", 1);
    assert_int_equal(buf.len, 0);
    envm_buf_clear(&buf);
    assert_null(envm_buf_reserve(&buf, SIZE_MAX));
    envm_buf_clear(&buf);
    envm_buf_add_byte(&buf, 'x');
    assert_null(envm_buf_reserve(&buf, SIZE_MAX));
    envm_buf_release(&buf);
    buf = envm_buf_limit(0);
    envm_buf_add_byte(&buf, 'x');
    assert_true(buf.overflowed);
    envm_buf_release(&buf);
}

static void writing_into_reserved_room(void **state)
{
    struct envm_buf buf = envm_buf_text();
    char *room = envm_buf_reserve(&buf, 100);

    (void)state;
    memset(room, 'x', 100);
    envm_buf_advance(&buf, 60);
    assert_int_equal(buf.len, 60);
    assert_int_equal(buf.ptr[60], '\0');
    envm_buf_release(&buf);
}

static void stealing(void **state)
{
    struct envm_buf buf = envm_buf_text();
    char *text;

    (void)state;
    text = envm_buf_steal(&buf);
    assert_string_equal(text, "");
    envm_free(text);
    envm_buf_add_cstr(&buf, "mine");
    text = envm_buf_steal(&buf);
    assert_string_equal(text, "mine");
    assert_null(buf.ptr);
    assert_int_equal(buf.len, 0);
    envm_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appending),          cmocka_unit_test(growing_past_every_capacity),
        cmocka_unit_test(the_limit_is_exact), cmocka_unit_test(writing_into_reserved_room),
        cmocka_unit_test(stealing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
