/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "prefix/noarch_python.h"

#include "base/error.h"
#include "base/str.h"

static struct envm_python python_of(struct envm_arena *arena, const char *version, const char *path,
                                    const char *platform)
{
    struct envm_package_record record = {.version = envm_str_from(version),
                                         .python_site_packages_path = envm_str_from(path)};
    struct envm_python python = {0};

    OK(envm_python_from_record(arena, &record, envm_str_from(platform), &python, &err));
    assert_true(python.known);
    return python;
}

static void test_python(void **state)
{
    static const struct {
        const char *version, *path, *platform, *site_packages, *interpreter;
    } rows[] = {
        {"3.11.4", "", "linux-64", "lib/python3.11/site-packages", "bin/python3.11"},
        {"2.7", "", "linux-64", "lib/python2.7/site-packages", "bin/python2.7"},
        {"3.13.0rc1", "lib/python3.13t/site-packages", "linux-64", "lib/python3.13t/site-packages",
         "bin/python3.13"},
        {"3.14rc2", "", "osx-arm64", "lib/python3.14/site-packages", "bin/python3.14"},
        {"3.11.4", "", "win-64", "Lib/site-packages", "python.exe"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        struct envm_python python =
            python_of(&arena, rows[i].version, rows[i].path, rows[i].platform);

        assert_str(python.site_packages.s, rows[i].site_packages);
        assert_str(python.interpreter, rows[i].interpreter);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        enum envm_code code;
        const char *version, *path;
    } rows[] = {
        {ENVM_MALFORMED, "3", ""},          {ENVM_MALFORMED, "three.1", ""},
        {ENVM_MALFORMED, "3.x", ""},        {ENVM_MALFORMED, "3.99999999", ""},
        {ENVM_UNSAFE, "3.11.4", "../../x"}, {ENVM_UNSAFE, "3.11.4", "/etc"},
        {ENVM_UNSAFE, "3.11.4", "lib//x"},
    };
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct envm_package_record record = {.version = envm_str_from(rows[i].version),
                                             .python_site_packages_path =
                                                 envm_str_from(rows[i].path)};
        struct envm_python python;

        FAILS(rows[i].code,
              envm_python_from_record(&arena, &record, ENVM_STR("linux-64"), &python, &err));
    }
}

static void test_paths(void **state)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"site-packages/demo/__init__.py", "lib/python3.11/site-packages/demo/__init__.py"},
        {"python-scripts/run", "bin/run"},
        {"site-packages", "lib/python3.11/site-packages"},
        {"python-scripts", "bin"},
        {"share/site-packages/x", "share/site-packages/x"},
        {"site-packages2/x", "site-packages2/x"},
        {"bin/x", "bin/x"},
    };
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_python python = python_of(&arena, "3.11.9", "", "linux-64");

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct envm_relpath from;
        struct envm_relpath to;

        OK(envm_relpath_parse(&arena, envm_str_from(rows[i].from), &from, &err));
        OK(envm_noarch_python_path(&arena, &python, from, &to, &err));
        assert_str(to.s, rows[i].to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_python),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
