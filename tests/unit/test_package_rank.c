/* SPDX-License-Identifier: MIT */
#include "conda_data.h"

#include "conda/archive_name.h"
#include "conda/package_rank.h"
#include "conda/package_source.h"

/* Best first; each row differs from the one before it in one step of the order. */
static const struct {
    size_t features;
    const char *version;
    uint64_t number, timestamp;
    const char *build, *file;
    int sha; /* first byte, -1: not known */
    const char *url;
} rows[] = {
    {0, "2.0", 1, 9, "b", "x.conda", 1, "u"},   {0, "1.10", 9, 9, "z", "x.conda", 1, "u"},
    {0, "1.9", 5, 1, "a", "x.conda", 1, "u"},   {0, "1.9", 4, 9, "z", "x.conda", 1, "u"},
    {0, "1.9", 4, 8, "z", "x.conda", 1, "u"},   {0, "1.9", 4, 8, "y", "x.conda", 1, "u"},
    {0, "1.9.0", 4, 8, "y", "x.conda", 2, "u"}, {0, "1.9", 4, 8, "y", "x.conda", -1, "u"},
    {0, "1.9", 4, 8, "y", "x.tar.bz2", 1, "u"}, {0, "1.9", 4, 8, "y", "x.tar.bz2", 1, "v"},
    {1, "3.0", 9, 9, "z", "x.conda", 1, "u"},   {2, "4.0", 9, 9, "z", "x.conda", 1, "u"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void test_total_order(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    static const envm_str names[] = {ENVM_STR_INIT("a"), ENVM_STR_INIT("b")};
    struct envm_package_record records[ROWS] = {0};
    struct envm_ranked_record ranked[ROWS];
    size_t i, j;

    (void)state;
    for (i = 0; i < ROWS; i++) {
        records[i].track_features = (struct envm_str_list){names, rows[i].features};
        records[i].build_number = rows[i].number;
        records[i].timestamp = rows[i].timestamp;
        records[i].build = envm_str_from(rows[i].build);
        records[i].file_name = envm_str_from(rows[i].file);
        records[i].url = envm_str_from(rows[i].url);
        records[i].sha256.known = rows[i].sha >= 0;
        records[i].sha256.bytes[0] = (uint8_t)(rows[i].sha < 0 ? 0 : rows[i].sha);
        ranked[i].record = &records[i];
        assert_int_equal(
            envm_version_parse(&arena, envm_str_from(rows[i].version), &ranked[i].version, NULL),
            ENVM_OK);
    }
    for (i = 0; i < ROWS; i++)
        for (j = 0; j < ROWS; j++) {
            int order = envm_package_rank_compare(&ranked[i], &ranked[j]);
            int head = envm_package_rank_compare_head(&ranked[i], &ranked[j]);
            assert_int_equal(order < 0, i < j);
            assert_int_equal(order > 0, i > j);
            if (head == 0)
                assert_int_equal(order, envm_package_rank_compare_tail(&ranked[i], &ranked[j]));
        }
}

static void test_array_source(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_package_record a = {.name = ENVM_STR_INIT("b"), .version = ENVM_STR_INIT("1")};
    struct envm_package_record b = {.name = ENVM_STR_INIT("a"), .version = ENVM_STR_INIT("1")};
    struct envm_package_record c = {.name = ENVM_STR_INIT("b"), .version = ENVM_STR_INIT("2")};
    const struct envm_package_record *const records[] = {&a, &b, &c};
    struct envm_package_source *source = envm_package_source_from_records(&arena, records, 3);
    struct envm_record_list list;
    struct envm_str_list names;

    (void)state;
    assert_int_equal(source->records(source->self, ENVM_STR("b"), &arena, &list, NULL), ENVM_OK);
    assert_int_equal(list.count, 2);
    assert_ptr_equal(list.items[0], &a);
    assert_ptr_equal(list.items[1], &c);
    assert_int_equal(source->records(source->self, ENVM_STR("zz"), &arena, &list, NULL), ENVM_OK);
    assert_int_equal(list.count, 0);
    assert_int_equal(source->names(source->self, &arena, &names, NULL), ENVM_OK);
    assert_int_equal(names.count, 2);
    assert_true(envm_str_equal_c(names.items[0], "a"));
    source = envm_package_source_from_records(&arena, NULL, 0);
    assert_int_equal(source->names(source->self, &arena, &names, NULL), ENVM_OK);
    assert_int_equal(names.count, 0);
}

static void test_archive_names(void **state)
{
    static const char *const bad[] = {
        "",
        ".conda",
        "a.conda",
        "a-1.conda",
        "a-1-0",
        "a-1-0.zip",
        "a-1-0.tar.gz",
        "../a-1-0.conda",
        "/a-1-0.conda",
        "a/b-1-0.conda",
        "a-1-.conda",
        "a--0.conda",
        "-1-0.conda",
        ".a-1-0.conda",
        "a-..-0.conda",
        "a-1-0 .conda",
        "a\n-1-0.conda",
        "a-1-0.conda?y",
        "%2e%2e-1-0.conda",
        "a\\b-1-0.conda",
        "a..b-1-0.conda",
        "a-1-0.CONDA",
    };
    struct envm_archive_name name;
    char text[300];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (envm_archive_name_parse(envm_str_from(bad[i]), &name))
            fail_msg("accepted: %s", bad[i]);
    assert_false(envm_archive_name_parse(envm_str_n("a\0-1-0.conda", 12), &name));
    memset(text, 'a', sizeof(text));
    assert_false(envm_archive_name_parse(envm_str_n(text, sizeof(text)), &name));
    assert_true(envm_archive_name_parse(ENVM_STR("a-b_c.d-1!2.0+x-h1.2_0.tar.bz2"), &name));
    assert_int_equal(name.kind, ENVM_KIND_TAR_BZ2);
    assert_true(envm_str_equal_c(name.name, "a-b_c.d"));
    assert_true(envm_str_equal_c(name.version, "1!2.0+x"));
    assert_true(envm_str_equal_c(name.build, "h1.2_0"));
    assert_true(envm_str_equal_c(name.stem, "a-b_c.d-1!2.0+x-h1.2_0"));
    assert_true(envm_archive_name_parse(ENVM_STR("_x-1-0.conda"), &name));
    assert_int_equal(name.kind, ENVM_KIND_CONDA);
    assert_true(envm_package_name_is_valid(ENVM_STR("__glibc")));
    assert_true(envm_package_name_is_valid(ENVM_STR("_")));
    assert_false(envm_package_name_is_valid(ENVM_STR("__")));
    assert_false(envm_package_name_is_valid(ENVM_STR("___x")));
    assert_false(envm_package_name_is_valid(ENVM_STR("a._b")));
    assert_false(envm_version_text_is_safe(ENVM_STR("1-2")));
    assert_false(envm_build_is_valid(ENVM_STR("a/b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_total_order),
        cmocka_unit_test(test_array_source),
        cmocka_unit_test(test_archive_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
