/* SPDX-License-Identifier: MIT */
#include "conda_data.h"

#include "base/buf.h"
#include "base/hex.h"
#include "conda/package_record.h"

#define SHA "f453db4ffe2271ec492a2913af4e61d4a6c118201f07de757df0eff769b65d2e"
#define MD5 "12345678901234567890123456789012"

static const char *read_record(struct envm_arena *arena, const char *json,
                               struct envm_package_record *record)
{
    struct envm_json_reader r;
    const char *fault = NULL;

    envm_json_init(&r, envm_str_from(json));
    envm_package_record_read(&r, arena, record, &fault);
    assert_int_equal(envm_json_end(&r, NULL), ENVM_OK);
    return fault;
}

static const char complete[] =
    "{\"build\":\"py311_0\",\"build_number\":3,\"constrains\":[\"a <2\"],"
    "\"depends\":[\"python >=3.11\",\"b\"],\"extra_depends\":{\"a\":[],\"b.c\":[\"d >=1\",\"e\"]},"
    "\"features\":\"mkl\",\"flags\":[\"cuda\",\"blas:mkl\"],"
    "\"indexed_timestamp\":1700000000001,\"license\":\"BSD\","
    "\"license_family\":\"BSD\",\"md5\":\"" MD5 "\",\"name\":\"numpy\",\"noarch\":\"python\","
    "\"python_site_packages_path\":\"lib/x\",\"sha256\":\"" SHA
    "\",\"size\":123,\"subdir\":\"noarch\",\"timestamp\":1700000000000,"
    "\"track_features\":\"x y\",\"version\":\"1.26\"}";

static void test_round_trip(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    struct envm_package_record record, *copy;
    struct envm_json_writer w;

    (void)state;
    assert_null(read_record(&arena, complete, &record));
    assert_int_equal(record.build_number, 3);
    assert_int_equal(record.depends.count, 2);
    assert_int_equal(record.track_features.count, 2);
    assert_true(envm_str_equal_c(record.track_features.items[1], "y"));
    assert_int_equal(record.noarch, ENVM_NOARCH_PYTHON);
    assert_true(record.has_size && record.size == 123);
    assert_true(record.sha256.known && record.md5.known);
    assert_int_equal(record.timestamp, 1700000000000);
    assert_int_equal(record.indexed_timestamp, 1700000000001);
    assert_int_equal(record.flags.count, 2);
    assert_int_equal(record.extra_depends_count, 2);
    assert_int_equal(envm_package_record_extra(&record, ENVM_STR("b.c"))->depends.count, 2);
    assert_null(envm_package_record_extra(&record, ENVM_STR("x")));
    copy = envm_package_record_copy(&arena, &record);
    envm_json_writer_init(&w, &out, 0);
    envm_json_open_object(&w);
    envm_package_record_write_fields(&w, copy);
    envm_json_close_object(&w);
    if (!envm_str_equal_c(envm_buf_str(&out), complete)) {
        ENVM_CLEANUP(envm_buf) struct envm_buf again = envm_buf_text();
        struct envm_package_record second;
        /* Spacing is the writer's business; the values have to be the same. */
        assert_null(read_record(&arena, envm_buf_str(&out).ptr, &second));
        envm_json_writer_init(&w, &again, 0);
        envm_json_open_object(&w);
        envm_package_record_write_fields(&w, &second);
        envm_json_close_object(&w);
        assert_string_equal(envm_buf_str(&again).ptr, envm_buf_str(&out).ptr);
    }
    assert_true(envm_str_contains(envm_buf_str(&out), ENVM_STR(SHA)));
    assert_string_equal(envm_package_record_stem(&arena, &record).ptr, "numpy-1.26-py311_0");
}

#define BASE "\"name\":\"a\",\"version\":\"1\",\"build\":\"0\""

static void test_faults(void **state)
{
    static const struct {
        const char *json, *part; /* NULL: no fault */
    } rows[] = {
        {"{" BASE "}", NULL},
        {"{" BASE ",\"depends\":[]}", NULL},
        {"{" BASE ",\"unknown\":{\"a\":[1,{}]}}", NULL},
        {"{" BASE ",\"sha256\":null,\"md5\":null,\"size\":null,\"subdir\":null}", NULL},
        {"{" BASE ",\"constrains\":null}", NULL},
        {"{" BASE ",\"license\":5,\"license_family\":[],\"features\":{}}", NULL},
        {"{" BASE ",\"noarch\":5,\"timestamp\":\"x\",\"track_features\":5}", NULL},
        {"{" BASE ",\"noarch\":null,\"timestamp\":-1}", NULL},
        {"{" BASE ",\"flags\":null,\"extra_depends\":null,\"indexed_timestamp\":\"x\"}", NULL},
        {"{" BASE ",\"flags\":[],\"extra_depends\":{}}", NULL},
        {"{" BASE ",\"extra-depends\":{\"b\":[\"x\"],\"a\":[]}}", NULL},
        {"{" BASE ",\"flags\":[\"CUDA\"]}", "flags"},
        {"{" BASE ",\"flags\":\"cuda\"}", "flags"},
        {"{" BASE ",\"flags\":[\"a*\"]}", "flags"},
        {"{" BASE ",\"extra_depends\":[]}", "extra_depends"},
        {"{" BASE ",\"extra_depends\":{\"A\":[]}}", "extra_depends"},
        {"{" BASE ",\"extra_depends\":{\"a\":null}}", "extra_depends"},
        {"{" BASE ",\"extra_depends\":{\"a\":[5]}}", "extra_depends"},
        {"[]", "object"},
        {"5", "object"},
        {"{}", "no name"},
        {"{\"version\":\"1\",\"build\":\"0\"}", "no name"},
        {"{\"name\":\"a\",\"build\":\"0\"}", "no version"},
        {"{\"name\":\"a\",\"version\":\"1\"}", "no build"},
        {"{" BASE ",\"name\":5}", "name"},
        {"{" BASE ",\"name\":\"../x\"}", "name"},
        {"{" BASE ",\"name\":\"a/b\"}", "name"},
        {"{" BASE ",\"name\":\"\"}", "name"},
        {"{" BASE ",\"name\":null}", "name"},
        {"{" BASE ",\"version\":\"1/2\"}", "version"},
        {"{" BASE ",\"version\":\"..\"}", "version"},
        {"{" BASE ",\"version\":1}", "version"},
        {"{" BASE ",\"build\":\"x\\\\..\\\\escaped\"}", "build"},
        {"{" BASE ",\"build\":\"\"}", "build"},
        {"{" BASE ",\"build_number\":-1}", "build_number"},
        {"{" BASE ",\"build_number\":\"1\"}", "build_number"},
        {"{" BASE ",\"build_number\":1.5}", "build_number"},
        {"{" BASE ",\"build_number\":99999999999999999999}", "build_number"},
        {"{" BASE ",\"size\":-1}", "size"},
        {"{" BASE ",\"size\":1e3}", "size"},
        {"{" BASE ",\"depends\":\"x\"}", "depends"},
        {"{" BASE ",\"depends\":null}", "depends"},
        {"{" BASE ",\"depends\":[5]}", "depends"},
        {"{" BASE ",\"depends\":[[\"a\"],\"b\"]}", "depends"},
        {"{" BASE ",\"constrains\":{}}", "constrains"},
        {"{" BASE ",\"sha256\":\" " SHA "\"}", "sha256"},
        {"{" BASE ",\"sha256\":\"" SHA "0\"}", "sha256"},
        {"{" BASE ",\"sha256\":\"\"}", "sha256"},
        {"{" BASE ",\"sha256\":\"sha256:" SHA "\"}", "sha256"},
        {"{" BASE ",\"sha256\":5}", "sha256"},
        {"{" BASE ",\"md5\":\"x\"}", "md5"},
        {"{" BASE ",\"subdir\":\"../x\"}", "subdir"},
        {"{" BASE ",\"subdir\":5}", "subdir"},
        {"{" BASE ",\"python_site_packages_path\":5}", "python_site_packages_path"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        struct envm_package_record record;
        const char *fault = read_record(&arena, rows[i].json, &record);
        if ((fault != NULL) != (rows[i].part != NULL) || (fault && !strstr(fault, rows[i].part)))
            fail_msg("%s: %s", rows[i].json, fault ? fault : "no fault");
    }
}

static void test_normalising(void **state)
{
    static const struct {
        const char *field;
        uint64_t timestamp;
    } times[] = {
        {"1700000000", 1700000000000},
        {"1700000000000", 1700000000000},
        {"1700000000.75", 1700000000000},
        {"253402300799", 253402300799000},
        {"253402300800", 253402300800},
        {"999999999999999999", 0},
        {"1e12", 0},
        {"0", 0},
    };
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_package_record record;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        envm_str json = envm_arena_printf(&arena, "{" BASE ",\"timestamp\":%s}", times[i].field);
        assert_null(read_record(&arena, json.ptr, &record));
        assert_int_equal(record.timestamp, times[i].timestamp);
    }
    assert_null(read_record(&arena, "{" BASE ",\"name\":\"PyYAML\",\"noarch\":true}", &record));
    assert_true(envm_str_equal_c(record.name, "pyyaml"));
    assert_int_equal(record.noarch, ENVM_NOARCH_GENERIC);
    assert_null(read_record(&arena, "{" BASE ",\"noarch\":\"generic\"}", &record));
    assert_int_equal(record.noarch, ENVM_NOARCH_GENERIC);
    assert_null(read_record(&arena, "{" BASE ",\"noarch\":false}", &record));
    assert_int_equal(record.noarch, ENVM_NOARCH_NO);
    assert_null(read_record(&arena, "{" BASE ",\"track_features\":\" a, b,,c \"}", &record));
    assert_int_equal(record.track_features.count, 3);
    assert_null(read_record(&arena, "{" BASE ",\"track_features\":[\"a\",\"b\"]}", &record));
    assert_int_equal(record.track_features.count, 2);
    assert_null(read_record(&arena, "{" BASE ",\"track_features\":\"\"}", &record));
    assert_int_equal(record.track_features.count, 0);
    assert_null(read_record(&arena, "{" BASE "}", &record));
    assert_false(record.has_size);
    assert_false(record.sha256.known);
}

static void test_long_lists(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_package_record record;
    static const size_t counts[] = {47, 48, 49, 1000, 20000, 20001};
    size_t i, j;

    (void)state;
    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        ENVM_CLEANUP(envm_buf) struct envm_buf json = envm_buf_text();
        const char *fault;
        envm_buf_add_cstr(&json, "{" BASE ",\"depends\":[");
        for (j = 0; j < counts[i]; j++)
            envm_buf_printf(&json, "%s\"p%zu\"", j > 0 ? "," : "", j);
        envm_buf_add_cstr(&json, "]}");
        fault = read_record(&arena, envm_buf_str(&json).ptr, &record);
        assert_int_equal(fault != NULL, counts[i] > 20000);
        if (fault)
            continue;
        assert_int_equal(record.depends.count, counts[i]);
        assert_true(envm_str_equal(record.depends.items[counts[i] - 1],
                                   envm_arena_printf(&arena, "p%zu", counts[i] - 1)));
    }
}

static void test_broken_json(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_package_record record;
    size_t len;

    (void)state;
    for (len = 0; len + 1 < sizeof(complete); len++) {
        struct envm_json_reader r;
        struct envm_error err = {0};
        const char *fault;
        envm_json_init(&r, envm_str_n(complete, len));
        envm_package_record_read(&r, &arena, &record, &fault);
        assert_int_equal(envm_json_end(&r, &err), ENVM_MALFORMED);
        envm_error_release(&err);
    }
}

static void test_from_url(void **state)
{
    static const struct {
        const char *url, *expected; /* name version build subdir channel file url md5? sha256? */
    } rows[] = {
        {"https://conda.anaconda.org/conda-forge/linux-64/a-b-1.0-h1_0.conda",
         "a-b 1.0 h1_0 linux-64 https://conda.anaconda.org/conda-forge a-b-1.0-h1_0.conda"},
        {"https://u:p@h/t/TOK/c/noarch/x-1%212%2B3-0.tar.bz2#" MD5,
         "x 1!2+3 0 noarch https://h/c x-1!2+3-0.tar.bz2 md5"},
        {"file:///srv/x-1-0.conda#sha256:" SHA, "x 1 0  file:///srv x-1-0.conda sha256"},
        {"https://h/c/noarch/x-1-0.conda#" SHA, "x 1 0 noarch https://h/c x-1-0.conda sha256"},
        {"https://h/c/noarch/x-1-0.conda#nohash", NULL},
        {"https://h/c/noarch/x-1-0.zip", NULL},
        {"https://h/c/noarch/x-1.conda", NULL},
        {"https://h/c/noarch/%2e%2e%2fx-1-0.conda", NULL},
        {"ftp://h/c/noarch/x-1-0.conda", NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        struct envm_package_record r = {0};
        struct envm_error err = {0};
        enum envm_code code =
            envm_package_record_from_url(&arena, envm_str_from(rows[i].url), &r, &err);
        if (!rows[i].expected) {
            assert_int_not_equal(code, ENVM_OK);
            assert_non_null(err.text);
            envm_error_release(&err);
            continue;
        }
        assert_int_equal(code, ENVM_OK);
        assert_string_equal(envm_arena_printf(&arena, "%.*s %.*s %.*s %.*s %.*s %.*s%s%s",
                                              ENVM_STR_ARGS(r.name), ENVM_STR_ARGS(r.version),
                                              ENVM_STR_ARGS(r.build), ENVM_STR_ARGS(r.subdir),
                                              ENVM_STR_ARGS(r.channel), ENVM_STR_ARGS(r.file_name),
                                              r.md5.known ? " md5" : "",
                                              r.sha256.known ? " sha256" : "")
                                .ptr,
                            rows[i].expected);
        assert_false(envm_str_contains(r.url, ENVM_STR("TOK")));
    }
}

static void test_compare_name(void **state)
{
    struct envm_package_record a = {.name = ENVM_STR_INIT("a"), .version = ENVM_STR_INIT("1")};
    struct envm_package_record b = {.name = ENVM_STR_INIT("a"), .version = ENVM_STR_INIT("2")};
    const struct envm_package_record *x = &a, *y = &b;

    (void)state;
    assert_true(envm_package_record_compare_name(&x, &y) < 0);
    b.version = a.version;
    assert_int_equal(envm_package_record_compare_name(&x, &y), 0);
    b.url = ENVM_STR("u");
    assert_true(envm_package_record_compare_name(&x, &y) < 0);
    a.subdir = ENVM_STR("z");
    assert_true(envm_package_record_compare_name(&x, &y) > 0);
    b.build = ENVM_STR("z");
    assert_true(envm_package_record_compare_name(&x, &y) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_faults),
        cmocka_unit_test(test_normalising),  cmocka_unit_test(test_long_lists),
        cmocka_unit_test(test_broken_json),  cmocka_unit_test(test_from_url),
        cmocka_unit_test(test_compare_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
