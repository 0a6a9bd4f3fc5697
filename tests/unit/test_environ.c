/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/buf.h"
#include "base/str.h"
#include "sys/environ.h"

static void assert_array(struct envm_environ *env, const char *expected)
{
    struct envm_buf text = envm_buf_text();

    for (const char *const *at = envm_environ_array(env); *at; at++)
        envm_buf_printf(&text, "%s;", *at);
    assert_str(envm_buf_str(&text), expected);
    envm_buf_release(&text);
}

static void get_set_unset(void **state)
{
    const char *const given[] = {"Z=last", "A=1", "=odd", "nothing", "B=x=y", "A=2", "E=", NULL};
    struct envm_arena arena = {0};
    struct envm_environ *env = envm_environ_from(&arena, given);

    (void)state;
    assert_array(env, "A=1;B=x=y;E=;Z=last;");
    assert_string_equal(envm_environ_get(env, "A"), "1");
    assert_string_equal(envm_environ_get(env, "B"), "x=y");
    assert_string_equal(envm_environ_get(env, "E"), "");
    assert_null(envm_environ_get(env, "nothing"));
    assert_null(envm_environ_get(env, ""));
    envm_environ_set(env, ENVM_STR("A"), ENVM_STR("new"));
    envm_environ_set(env, ENVM_STR("C"), ENVM_STR("middle"));
    envm_environ_unset(env, ENVM_STR("Z"));
    envm_environ_unset(env, ENVM_STR("none"));
    assert_array(env, "A=new;B=x=y;C=middle;E=;");
    assert_array(envm_environ_from(&arena, NULL), "");
    envm_arena_release(&arena);
}

static void many_variables(void **state)
{
    struct envm_arena arena = {0};
    struct envm_environ *env = envm_environ_from(&arena, NULL);
    char name[16];

    (void)state;
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "V%03d", i * 7 % 500);
        envm_environ_set(env, envm_str_from(name), envm_str_from(name));
    }
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "V%03d", i);
        assert_string_equal(envm_environ_get(env, name), name);
    }
    envm_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_set_unset),
        cmocka_unit_test(many_variables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
