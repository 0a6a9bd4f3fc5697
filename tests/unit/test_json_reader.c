/* SPDX-License-Identifier: MIT */
#include "codec/json_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/rows.h"
#include "base/error.h"

static enum envm_code skip_all(envm_str text, struct envm_error *err)
{
    struct envm_json_reader r;

    envm_json_init(&r, text);
    envm_json_skip(&r, NULL);
    return envm_json_end(&r, err);
}

/* The same text through the other functions. */
static enum envm_code walk_all(envm_str text, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    enum envm_json_type stack[ENVM_JSON_DEPTH_MAX + 1];
    struct envm_json_reader r;
    size_t depth = 0;

    envm_json_init(&r, text);
    do {
        enum envm_json_type type = envm_json_peek(&r);
        envm_str s;
        bool flag;
        bool more = false;

        switch (type) {
        case ENVM_JSON_NULL:
            envm_json_null(&r);
            break;
        case ENVM_JSON_BOOL:
            envm_json_bool(&r, &flag);
            break;
        case ENVM_JSON_NUMBER:
            envm_json_number_text(&r, &s);
            break;
        case ENVM_JSON_STRING:
            envm_json_string(&r, &arena, &s);
            break;
        case ENVM_JSON_ARRAY:
        case ENVM_JSON_OBJECT:
            if (type == ENVM_JSON_ARRAY ? envm_json_begin_array(&r) : envm_json_begin_object(&r))
                stack[depth++] = type;
            break;
        case ENVM_JSON_ERROR:
            return envm_json_end(&r, err);
        }
        while (depth > 0 && !more) {
            more = stack[depth - 1] == ENVM_JSON_ARRAY ? envm_json_next_element(&r)
                                                       : envm_json_next_key(&r, &arena, &s);
            depth -= !more;
        }
    } while (depth > 0);
    return envm_json_end(&r, err);
}

/* A copy without a byte after it, so that a read past the end is seen. */
static char *exact_copy(envm_str text)
{
    char *copy = malloc(text.len ? text.len : 1);

    assert_non_null(copy);
    memcpy(copy, text.ptr, text.len);
    return copy;
}

static void check_case(const struct row *row)
{
    bool accept = envm_str_equal_c(row->field[0], "y");
    char *copy = exact_copy(row->field[1]);
    envm_str text = envm_str_n(copy, row->field[1].len);
    enum envm_code (*const ways[])(envm_str, struct envm_error *) = {skip_all, walk_all};

    for (size_t i = 0; i < 2; i++) {
        ENVM_CLEANUP(envm_error) struct envm_error err = {0};
        enum envm_code code = ways[i](text, &err);

        if ((code == ENVM_OK) != accept)
            fail_msg("row %u, way %zu: code %d, %s", row->line, i, (int)code, err.text);
        if (!accept && !strstr(err.text, row->field[2].ptr))
            fail_msg("row %u, way %zu: '%s' does not hold '%s'", row->line, i, err.text,
                     row->field[2].ptr);
    }
    free(copy);
}

static void test_cases(void **state)
{
    struct rows rows = rows_open("json_cases.txt");
    struct row row;
    size_t count = 0;

    (void)state;
    for (; rows_next(&rows, &row); count++)
        check_case(&row);
    assert_true(count >= 200);
    rows_close(&rows);
}

static const char sample[] =
    "{\"name\": \"n\\u00e9\", \"list\": [1, -2.5e3, true, null, \"é\"],\r\n"
    " \"deep\": {\"x\": [[], {}]}, \"n\": 18446744073709551615}";

static void test_truncation(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(sample) - 1; len++) {
        char *copy = exact_copy(envm_str_n(sample, len));
        ENVM_CLEANUP(envm_error) struct envm_error err = {0};

        assert_int_equal(skip_all(envm_str_n(copy, len), NULL), ENVM_MALFORMED);
        assert_int_equal(walk_all(envm_str_n(copy, len), &err), ENVM_MALFORMED);
        assert_non_null(strstr(err.text, "(byte "));
        free(copy);
    }
    assert_int_equal(skip_all(ENVM_STR(sample), NULL), ENVM_OK);
    assert_int_equal(walk_all(ENVM_STR(sample), NULL), ENVM_OK);
}

static void test_values(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str text = ENVM_STR("{\"a\": \"x\\ty\\ud83d\\ude00\", \"\\u0062\": 12, \"c\": [true, "
                             "null, 1.50], \"d\": {\"e\": [1, {}]}}");
    struct envm_json_reader r;
    envm_str s;
    uint64_t number;
    bool flag = false;

    (void)state;
    envm_json_init(&r, text);
    assert_int_equal(envm_json_peek(&r), ENVM_JSON_OBJECT);
    assert_true(envm_json_begin_object(&r));
    assert_true(envm_json_next_key(&r, &arena, &s));
    assert_true(s.ptr == text.ptr + 2 && s.len == 1);
    assert_true(envm_json_string(&r, &arena, &s));
    assert_true(envm_str_equal_c(s, "x\ty😀"));
    assert_true(envm_json_next_key(&r, &arena, &s));
    assert_true(envm_str_equal_c(s, "b"));
    assert_true(envm_json_u64(&r, &number));
    assert_int_equal(number, 12);
    assert_true(envm_json_next_key(&r, NULL, &s));
    assert_true(envm_json_begin_array(&r));
    assert_true(envm_json_next_element(&r) && envm_json_bool(&r, &flag) && flag);
    assert_true(envm_json_next_element(&r) && envm_json_null(&r));
    assert_true(envm_json_next_element(&r) && envm_json_number_text(&r, &s));
    assert_true(envm_str_equal_c(s, "1.50"));
    assert_false(envm_json_next_element(&r));
    assert_true(envm_json_next_key(&r, NULL, &s));
    assert_true(envm_json_skip(&r, &s));
    assert_true(envm_str_equal_c(s, "{\"e\": [1, {}]}"));
    assert_false(envm_json_next_key(&r, NULL, &s));
    assert_int_equal(envm_json_peek(&r), ENVM_JSON_ERROR);
    assert_int_equal(envm_json_end(&r, NULL), ENVM_OK);
}

static bool read_u64(const char *text, uint64_t *ret_value)
{
    struct envm_json_reader r;

    envm_json_init(&r, envm_str_from(text));
    return envm_json_u64(&r, ret_value);
}

static void test_numbers(void **state)
{
    static const char *const refused[] = {"-1", "-0",    "1.0",  "1e3", "18446744073709551616",
                                          "01", "\"1\"", "true", "1x",  "9999999999999999999999"};
    uint64_t value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        assert_false(read_u64(refused[i], &value));
    assert_int_equal(value, 7);
    assert_true(read_u64("18446744073709551615", &value) && value == UINT64_MAX);
    assert_true(read_u64("9223372036854775808", &value) && value == (uint64_t)1 << 63);
    assert_true(read_u64(" 0 ", &value) && value == 0);
}

static void test_wrong_types(void **state)
{
    struct envm_json_reader r;
    envm_str s;
    bool flag;

    (void)state;
#define EXPECT(text, call, fragment)                                                               \
    do {                                                                                           \
        envm_json_init(&r, ENVM_STR(text));                                                        \
        assert_false(call);                                                                        \
        assert_non_null(strstr(r.fault, fragment));                                                \
    } while (0)
    EXPECT("5", envm_json_string(&r, NULL, &s), "expected a string");
    EXPECT("\"5\"", envm_json_number_text(&r, &s), "expected a number");
    EXPECT("\"true\"", envm_json_bool(&r, &flag), "expected true or false");
    EXPECT("0", envm_json_null(&r), "expected null");
    EXPECT("[]", envm_json_begin_object(&r), "expected an object");
    EXPECT("{}", envm_json_begin_array(&r), "expected an array");
    EXPECT("\"\\n\"", envm_json_string(&r, NULL, &s), "escape");
#undef EXPECT
    envm_json_init(&r, ENVM_STR("{\"\\u0061\":1}"));
    assert_true(envm_json_begin_object(&r));
    assert_false(envm_json_next_key(&r, NULL, &s));
    assert_non_null(strstr(r.fault, "escape"));
}

static void test_nul(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_json_reader r;
    envm_str s;

    (void)state;
    envm_json_init(&r, ENVM_STR("\"a\\u0000b\""));
    assert_false(envm_json_string(&r, &arena, &s));
    assert_non_null(strstr(r.fault, "NUL"));
    assert_int_equal(skip_all(ENVM_STR("\"a\\u0000b\""), NULL), ENVM_OK);
}

static void test_sticky(void **state)
{
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    struct envm_json_reader r;
    envm_str s;
    uint64_t number;
    bool flag;

    (void)state;
    envm_json_init(&r, ENVM_STR("{\n \"a\": 1,\n \"b\": 2}"));
    assert_true(envm_json_begin_object(&r));
    assert_true(envm_json_next_key(&r, NULL, &s));
    assert_true(envm_json_u64(&r, &number));
    assert_true(envm_json_next_key(&r, NULL, &s));
    envm_json_fail(&r, "the record has no name");
    envm_json_fail(&r, "a later fault");
    assert_false(envm_json_u64(&r, &number));
    assert_false(envm_json_next_key(&r, NULL, &s));
    assert_false(envm_json_next_element(&r));
    assert_false(envm_json_begin_array(&r));
    assert_false(envm_json_begin_object(&r));
    assert_false(envm_json_string(&r, NULL, &s));
    assert_false(envm_json_bool(&r, &flag));
    assert_false(envm_json_null(&r));
    assert_false(envm_json_skip(&r, NULL));
    assert_int_equal(envm_json_peek(&r), ENVM_JSON_ERROR);
    assert_int_equal(envm_json_end(&r, &err), ENVM_MALFORMED);
    assert_string_equal(err.text, "the record has no name at line 3, column 6 (byte 16)");
    assert_null(err.where);
}

static void test_unread(void **state)
{
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    struct envm_json_reader r;

    (void)state;
    envm_json_init(&r, ENVM_STR("[1, 2]"));
    assert_true(envm_json_begin_array(&r));
    assert_int_equal(envm_json_end(&r, &err), ENVM_MALFORMED);
    assert_non_null(strstr(err.text, "not read to its end"));
    envm_json_init(&r, (envm_str){0});
    assert_int_equal(envm_json_peek(&r), ENVM_JSON_ERROR);
    assert_int_equal(envm_json_end(&r, NULL), ENVM_MALFORMED);
}

/* Every kind of special byte at every distance from the start of a block. */
static void test_scan_positions(void **state)
{
    static const char *const specials[] = {"\"", "\\n", "é", "\x01", "\xFF"};
    char text[64];

    (void)state;
    for (size_t special = 0; special < 5; special++) {
        for (size_t at = 0; at < 40; at++) {
            struct envm_json_reader r;
            size_t len = strlen(specials[special]);
            char *copy;
            bool fine = special == 1 || special == 2;

            memset(text, 'a', sizeof(text));
            text[0] = '"';
            memcpy(text + 1 + at, specials[special], len);
            text[1 + at + len] = '"';
            copy = exact_copy(envm_str_n(text, at + len + 2));
            envm_json_init(&r, envm_str_n(copy, at + len + 2));
            assert_int_equal(envm_json_skip(&r, NULL), fine || special == 0);
            if (special == 0)
                assert_int_equal(r.at - r.start, at + 2);
            else if (!fine)
                assert_int_equal(r.fault_offset, at + 1);
            free(copy);
        }
    }
}

/* Keys and strings have a quick way for what is plain: the special text at every place. */
static void test_plain_and_odd(void **state)
{
    static const char *const specials[] = {"\\n", "é", "\x01", "\xFF", ""};

    (void)state;
    for (size_t special = 0; special < 5; special++) {
        for (int at = 0; at < 40; at++) {
            ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
            struct envm_json_reader r;
            bool fine = special != 2 && special != 3;
            envm_str key = {0}, value = {0}, text;

            text = envm_arena_printf(
                &arena, "{\"%.*s%s\" : \"%.*s%s\",\"k\":\"%s%.*s\"}", at,
                "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", fine ? specials[special] : "", at,
                "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg", fine ? specials[special] : "",
                specials[special], at, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg");
            envm_json_init(&r, text);
            assert_true(envm_json_begin_object(&r));
            assert_true(envm_json_next_key(&r, &arena, &key));
            assert_true(envm_json_string(&r, &arena, &value));
            assert_int_equal(key.len, (size_t)at + (special == 1 ? 2 : special == 0));
            assert_int_equal(value.len, key.len);
            assert_true(envm_json_next_key(&r, &arena, &key));
            assert_true(envm_str_equal_c(key, "k"));
            assert_int_equal(envm_json_string(&r, &arena, &value), fine);
            if (!fine)
                assert_string_equal(r.fault, special == 2 ? "a control character in a string (it "
                                                            "must be escaped)"
                                                          : "invalid UTF-8 in a string");
            else
                assert_false(envm_json_next_key(&r, &arena, &key));
        }
    }
}

/* A text that was cut behind an element, and its rest. */
static void test_inside(void **state)
{
    struct envm_json_reader r;
    envm_str key;

    (void)state;
    envm_json_init(&r, ENVM_STR("{\"a\":{\"b\":1 "));
    assert_true(envm_json_begin_object(&r));
    assert_true(envm_json_next_key(&r, NULL, &key));
    assert_true(envm_json_begin_object(&r));
    assert_false(envm_json_is_at_end(&r));
    assert_true(envm_json_skip_member(&r));
    assert_true(envm_json_is_at_end(&r));
    assert_int_equal(envm_json_end(&r, NULL), ENVM_MALFORMED);

    envm_json_init_inside(&r, ENVM_STR(",\"c\":[2]},\"d\":3}"), 2);
    assert_true(envm_json_skip_member(&r));
    assert_false(envm_json_skip_member(&r));
    assert_true(envm_json_next_key(&r, NULL, &key));
    assert_true(envm_str_equal_c(key, "d"));
    assert_true(envm_json_skip(&r, NULL));
    assert_false(envm_json_next_key(&r, NULL, &key));
    assert_int_equal(envm_json_end(&r, NULL), ENVM_OK);

    envm_json_init_inside(&r, ENVM_STR("\"c\":1}}"), 2);
    assert_false(envm_json_skip_member(&r));
    assert_non_null(strstr(r.fault, "expected ','"));
    /* An opening bracket is no place to be cut at: a comma may not follow. */
    envm_json_init(&r, ENVM_STR("{"));
    assert_true(envm_json_begin_object(&r));
    assert_false(envm_json_is_at_end(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),          cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_values),         cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_wrong_types),    cmocka_unit_test(test_nul),
        cmocka_unit_test(test_sticky),         cmocka_unit_test(test_unread),
        cmocka_unit_test(test_scan_positions), cmocka_unit_test(test_plain_and_odd),
        cmocka_unit_test(test_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
