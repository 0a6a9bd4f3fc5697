/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "prefix/prefix_history.h"

#include "base/error.h"
#include "base/str.h"

static void test_block(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    struct envm_package_record b = {.name = ENVM_STR("b"),
                                    .version = ENVM_STR("2"),
                                    .build = ENVM_STR("h1_0"),
                                    .subdir = ENVM_STR("linux-64"),
                                    .channel = ENVM_STR("conda-forge")};
    struct envm_package_record a = {.name = ENVM_STR("a"),
                                    .version = ENVM_STR("1"),
                                    .build = ENVM_STR("0"),
                                    .subdir = ENVM_STR("noarch"),
                                    .channel = ENVM_STR("conda-forge")};
    const struct envm_package_record *linked[] = {&b, &a};
    const envm_str specs[] = {ENVM_STR("a >=1"), ENVM_STR("b[build='h1*']")};
    struct envm_history_block block = {
        .time = 1700000000,
        .command_line = ENVM_STR("envm create -c https://user:secret@host/t/tk-123/c\n-n x"),
        .linked = linked,
        .linked_count = 2,
        .update_specs = {specs, 2}};

    (void)state;
    envm_history_write(&block, &text);
    assert_non_null(
        strstr(text.ptr, "==> 2023-11-14 22:13:20 <==\n# cmd: envm create -c https://"));
    assert_null(strstr(text.ptr, "secret"));
    assert_null(strstr(text.ptr, "tk-123"));
    assert_non_null(strstr(text.ptr, " -n x\n# envm version: "));
    assert_non_null(strstr(text.ptr, "\n+conda-forge/noarch::a-1-0\n"
                                     "+conda-forge/linux-64::b-2-h1_0\n"
                                     "# update specs: ['a >=1', 'b[build=\\'h1*\\']']\n"));
}

static void test_change(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    struct envm_package_record old = {.name = ENVM_STR("a"),
                                      .version = ENVM_STR("1"),
                                      .build = ENVM_STR("0"),
                                      .subdir = ENVM_STR("noarch"),
                                      .channel = ENVM_STR("conda-forge")};
    struct envm_package_record new = old;
    const struct envm_package_record *unlinked[] = {&old};
    const struct envm_package_record *linked[] = {&new};
    const envm_str specs[] = {ENVM_STR("b")};
    struct envm_history_block block = {.linked = linked,
                                       .linked_count = 1,
                                       .unlinked = unlinked,
                                       .unlinked_count = 1,
                                       .remove_specs = {specs, 1}};

    (void)state;
    new.version = ENVM_STR("2");
    envm_history_write(&block, &text);
    assert_non_null(strstr(text.ptr, "\n-conda-forge/noarch::a-1-0\n+conda-forge/noarch::a-2-0\n"
                                     "# remove specs: ['b']\n"));
}

static void test_empty_block(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    struct envm_history_block block = {0};

    (void)state;
    envm_history_write(&block, &text);
    assert_string_equal(envm_buf_str(&text).ptr,
                        "==> 1970-01-01 00:00:00 <==\n# envm version: " ENVM_VERSION "\n");
}

static void test_state(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    struct envm_environment_variable variables[] = {{ENVM_STR("lower"), ENVM_STR("a\"b\n")},
                                                    {ENVM_STR("UPPER"), ENVM_STR("")}};

    (void)state;
    envm_state_write(variables, 2, &text);
    assert_string_equal(envm_buf_str(&text).ptr,
                        "{\n  \"env_vars\": {\n    \"lower\": \"a\\\"b\\n\",\n    \"UPPER\": \"\"\n"
                        "  }\n}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_empty_block),
        cmocka_unit_test(test_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
