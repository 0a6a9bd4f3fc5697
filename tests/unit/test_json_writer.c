/* SPDX-License-Identifier: MIT */
#include "codec/json_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json_reader.h"

static void write_sample(struct envm_json_writer *w)
{
    const envm_str items[] = {ENVM_STR_INIT("x"), ENVM_STR_INIT("y")};

    envm_json_open_object(w);
    envm_json_field_str(w, "s", ENVM_STR("a\"b\\c"));
    envm_json_field_cstr(w, "none", NULL);
    envm_json_field_u64(w, "n", UINT64_MAX);
    envm_json_field_bool(w, "t", true);
    envm_json_field_list(w, "l", (struct envm_str_list){items, 2});
    envm_json_field_list(w, "e", (struct envm_str_list){0});
    envm_json_key_str(w, ENVM_STR("o"));
    envm_json_open_object(w);
    envm_json_close_object(w);
    envm_json_key(w, "a");
    envm_json_open_array(w);
    envm_json_put_i64(w, INT64_MIN);
    envm_json_put_null(w);
    envm_json_put_bool(w, false);
    envm_json_put_raw(w, ENVM_STR("{\"r\":1}"));
    envm_json_open_array(w);
    envm_json_put_cstr(w, "in");
    envm_json_close_array(w);
    envm_json_close_array(w);
    envm_json_close_object(w);
}

static void test_one_line(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    struct envm_json_writer w;

    (void)state;
    envm_json_writer_init(&w, &out, 0);
    write_sample(&w);
    assert_string_equal(envm_buf_str(&out).ptr,
                        "{\"s\":\"a\\\"b\\\\c\",\"none\":null,\"n\":18446744073709551615,"
                        "\"t\":true,\"l\":[\"x\",\"y\"],\"e\":[],\"o\":{},"
                        "\"a\":[-9223372036854775808,null,false,{\"r\":1},[\"in\"]]}");
}

static void test_indented(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    struct envm_json_writer w;

    (void)state;
    envm_json_writer_init(&w, &out, 2);
    write_sample(&w);
    assert_string_equal(envm_buf_str(&out).ptr, "{\n"
                                                "  \"s\": \"a\\\"b\\\\c\",\n"
                                                "  \"none\": null,\n"
                                                "  \"n\": 18446744073709551615,\n"
                                                "  \"t\": true,\n"
                                                "  \"l\": [\n"
                                                "    \"x\",\n"
                                                "    \"y\"\n"
                                                "  ],\n"
                                                "  \"e\": [],\n"
                                                "  \"o\": {},\n"
                                                "  \"a\": [\n"
                                                "    -9223372036854775808,\n"
                                                "    null,\n"
                                                "    false,\n"
                                                "    {\"r\":1},\n"
                                                "    [\n"
                                                "      \"in\"\n"
                                                "    ]\n"
                                                "  ]\n"
                                                "}");
}

/* Every byte and some multi-byte text come back through the reader. */
static void test_round_trip(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    char all[127 + 16];
    size_t len = 0;

    (void)state;
    for (char c = 1; c < 127; c++)
        all[len++] = c;
    memcpy(all + len, "é€😀\x7f", 10);
    len += 10;
    for (size_t from = 0; from < len; from++) {
        ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
        struct envm_json_writer w;
        struct envm_json_reader r;
        envm_str back;

        if (((unsigned char)all[from] & 0xc0) == 0x80)
            continue;
        envm_json_writer_init(&w, &out, 0);
        envm_json_put_str(&w, envm_str_n(all + from, len - from));
        envm_json_init(&r, envm_buf_str(&out));
        assert_true(envm_json_string(&r, &arena, &back));
        assert_true(envm_str_equal(back, envm_str_n(all + from, len - from)));
        assert_int_equal(envm_json_end(&r, NULL), ENVM_OK);
    }
}

static void test_escapes(void **state)
{
    static const struct {
        envm_str in;
        const char *out;
    } rows[] = {
        {ENVM_STR_INIT("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\""},
        {ENVM_STR_INIT("\v\x01\x1f\x7f"), "\"\\u000b\\u0001\\u001f\\u007f\""},
        {ENVM_STR_INIT("\xc2\x9b \u202e \u2066 \u061c é"), "\"\\u009b \\u202e \\u2066 \\u061c é\""},
        {ENVM_STR_INIT("a\0b"), "\"a\\u0000b\""},
        {ENVM_STR_INIT("\xff"), "\"\xEF\xBF\xBD\""},
        {ENVM_STR_INIT("\xe2\x82"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {ENVM_STR_INIT("\xed\xa0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {ENVM_STR_INIT("/'é"), "\"/'é\""},
        {ENVM_STR_INIT(""), "\"\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
        struct envm_json_writer w;

        envm_json_writer_init(&w, &out, 0);
        envm_json_put_str(&w, rows[i].in);
        assert_string_equal(envm_buf_str(&out).ptr, rows[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_indented),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
