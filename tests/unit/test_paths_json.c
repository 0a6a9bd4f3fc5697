/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/hex.h"
#include "base/str.h"
#include "prefix/paths_json.h"

static struct envm_arena arena;

static int release(void **state)
{
    (void)state;
    envm_arena_release(&arena);
    return 0;
}

static void every_field_is_read(void **state)
{
    static const char json[] =
        "{\"paths\": [{\"_path\": \"lib/b\", \"path_type\": \"softlink\", \"no_link\": true,"
        "  \"prefix_placeholder\": \"/opt/placeholder\", \"file_mode\": \"binary\"},"
        " {\"_path\": \"bin/a\", \"path_type\": \"hardlink\", \"size_in_bytes\": 7, \"extra\": [1],"
        "  \"sha256\": \"000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f\","
        "  \"prefix_placeholder\": \"/opt/placeholder\", \"file_mode\": \"binary\"},"
        " {\"_path\": \"share/e\", \"path_type\": \"directory\", \"sha256\": null}],"
        " \"paths_version\": 1}";
    struct envm_path_list list;

    (void)state;
    OK(envm_paths_json_parse(&arena, ENVM_STR(json), &list, &err));
    assert_int_equal(list.count, 3);
    assert_str(list.items[0].path.s, "bin/a");
    assert_int_equal(list.items[0].type, ENVM_PATH_FILE);
    assert_int_equal(list.items[0].file_mode, ENVM_MODE_BINARY);
    assert_str(list.items[0].placeholder, "/opt/placeholder");
    assert_true(list.items[0].has_size && list.items[0].size == 7 && !list.items[0].no_link);
    assert_true(list.items[0].sha256.known && list.items[0].sha256.bytes[10] == 10);
    assert_int_equal(list.items[1].type, ENVM_PATH_SYMLINK);
    assert_int_equal(list.items[1].file_mode, ENVM_MODE_NONE); /* there is nothing to replace */
    assert_true(list.items[1].no_link && !list.items[1].has_size);
    assert_int_equal(list.items[2].type, ENVM_PATH_DIRECTORY);
    assert_false(list.items[2].sha256.known);
}

static void old_lists_are_read(void **state)
{
    struct envm_path_list list;

    (void)state;
    OK(envm_paths_old_parse(&arena, ENVM_STR("lib/b c\r\nbin/a\n\n  bin/d\nbin/a\nlib/e\n"),
                            ENVM_STR("bin/a\n'/opt/some where' binary 'lib/b c'\n"
                                     "/opt/placeholder text lib/e\n"),
                            ENVM_STR("bin/d\nnot/listed\n"), &list, &err));
    assert_int_equal(list.count, 4);
    assert_str(list.items[0].path.s, "bin/a");
    assert_str(list.items[0].placeholder, "/opt/anaconda1anaconda2anaconda3");
    assert_int_equal(list.items[0].file_mode, ENVM_MODE_TEXT);
    assert_true(list.items[1].no_link);
    assert_str(list.items[2].path.s, "lib/b c");
    assert_str(list.items[2].placeholder, "/opt/some where");
    assert_int_equal(list.items[2].file_mode, ENVM_MODE_BINARY);
    assert_str(list.items[3].placeholder, "/opt/placeholder");
    assert_false(list.items[0].has_type || list.items[0].has_size);
}

static void bad_prefix_lines_are_refused(void **state)
{
    static const char *const lines[] = {
        "/opt/placeholder text",
        "/opt/placeholder magic bin/a",
        "/x text bin/a",
        "relative/placeholder text bin/a",
        "\"bin/a",
        "/opt/placeholder text bin/a x",
        "bin/other",
    };
    struct envm_path_list list;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        FAILS(ENVM_MALFORMED,
              envm_paths_old_parse(&arena, ENVM_STR("bin/a\n"), envm_str_from(lines[i]),
                                   (envm_str){0}, &list, &err));
}

static void link_json_tells_noarch_and_entry_points(void **state)
{
    enum envm_noarch noarch = ENVM_NOARCH_GENERIC;
    struct envm_str_list points;

    (void)state;
    OK(envm_link_json_parse(&arena, ENVM_STR("{\"preferred_env\": null, \"noarch\": null}"),
                            &noarch, &points, &err));
    assert_int_equal(noarch, ENVM_NOARCH_GENERIC);
    assert_int_equal(points.count, 0);
    OK(envm_link_json_parse(&arena,
                            ENVM_STR("{\"noarch\": {\"type\": \"python\", \"entry_points\": "
                                     "[\"a = b:c\", \"d = e.f:g\"]}}"),
                            &noarch, &points, &err));
    assert_int_equal(noarch, ENVM_NOARCH_PYTHON);
    assert_int_equal(points.count, 2);
    assert_str(points.items[1], "d = e.f:g");
    FAILS(ENVM_MALFORMED, envm_link_json_parse(&arena, ENVM_STR("{\"noarch\": {\"type\": \"x\"}}"),
                                               &noarch, &points, &err));
    FAILS(ENVM_MALFORMED, envm_link_json_parse(&arena, ENVM_STR("[]"), &noarch, &points, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_field_is_read, release),
        cmocka_unit_test_teardown(old_lists_are_read, release),
        cmocka_unit_test_teardown(bad_prefix_lines_are_refused, release),
        cmocka_unit_test_teardown(link_json_tells_noarch_and_entry_points, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
