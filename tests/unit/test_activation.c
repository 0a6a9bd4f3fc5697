/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/str.h"
#include "shell/activation.h"

/* An environment that the steps of a test change one after the other. */
struct scene {
    struct envm_arena arena;
    struct envm_environ *env;
    struct envm_buf log;
};

static void open_scene(struct scene *s, const char *const *environment)
{
    *s = (struct scene){.log = envm_buf_text()};
    s->env = envm_environ_from(&s->arena, environment);
}

static void close_scene(struct scene *s)
{
    envm_buf_release(&s->log);
    envm_arena_release(&s->arena);
}

static const char *log_ops(struct scene *s, const struct envm_shell_ops *ops)
{
    static const char *const verbs[] = {"export", "unset", "set", "source"};

    envm_buf_clear(&s->log);
    for (size_t i = 0; i < ops->count; i++) {
        const struct envm_shell_op *op = &ops->items[i];

        envm_buf_printf(&s->log, "%s %.*s%s%.*s\n", verbs[op->kind], ENVM_STR_ARGS(op->name),
                        op->kind == ENVM_OP_EXPORT || op->kind == ENVM_OP_SET ? "=" : "",
                        ENVM_STR_ARGS(op->value));
        if (op->kind == ENVM_OP_SET)
            envm_environ_set(s->env, op->name, op->value);
    }
    assert_int_equal(envm_activation_apply(s->env, ops, NULL), ENVM_OK);
    return envm_buf_str(&s->log).ptr;
}

static struct envm_activation_inputs inputs(const char *prefix)
{
    return (struct envm_activation_inputs){.prefix = envm_str_from(prefix),
                                           .name = envm_activation_name(envm_str_from(prefix))};
}

static const char *activate(struct scene *s, const struct envm_activation_inputs *target,
                            const struct envm_activation_inputs *old, bool stack)
{
    struct envm_activation_options options = {.stack = stack};
    struct envm_shell_ops ops;
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};

    assert_int_equal(envm_activate(&s->arena, s->env, target, old, &options, &ops, &err), ENVM_OK);
    return log_ops(s, &ops);
}

static const char *deactivate(struct scene *s, const struct envm_activation_inputs *old,
                              const struct envm_activation_inputs *returning_to)
{
    struct envm_activation_options options = {0};
    struct envm_shell_ops ops;
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};

    assert_int_equal(envm_deactivate(&s->arena, s->env, old, returning_to, &options, &ops, &err),
                     ENVM_OK);
    return log_ops(s, &ops);
}

static const char *const plain[] = {"PATH=/usr/bin:/bin", "PS1=$ ", "HOME=/home/u", NULL};

static const char *snapshot(struct scene *s)
{
    const char *const *array = envm_environ_array(s->env);
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();

    for (; *array; array++)
        envm_buf_printf(&text, "%s\n", *array);
    return envm_cstr(&s->arena, envm_buf_str(&text));
}

static void test_first_level(void **state)
{
    struct scene s;
    struct envm_activation_inputs a = inputs("/r/envs/a");
    const envm_str on[] = {ENVM_STR_INIT("/r/envs/a/1.sh"), ENVM_STR_INIT("/r/envs/a/2.sh")};
    const envm_str off[] = {ENVM_STR_INIT("/r/envs/a/off.sh")};

    (void)state;
    open_scene(&s, plain);
    a.activate_scripts = (struct envm_str_list){on, 2};
    a.deactivate_scripts = (struct envm_str_list){off, 1};
    assert_string_equal(activate(&s, &a, NULL, false), "set PS1=(a) $ \n"
                                                       "export PATH=/r/envs/a/bin:/usr/bin:/bin\n"
                                                       "export CONDA_PREFIX=/r/envs/a\n"
                                                       "export CONDA_SHLVL=1\n"
                                                       "export CONDA_DEFAULT_ENV=a\n"
                                                       "export CONDA_PROMPT_MODIFIER=(a) \n"
                                                       "source /r/envs/a/1.sh\n"
                                                       "source /r/envs/a/2.sh\n");
    assert_string_equal(deactivate(&s, &a, NULL), "export PATH=/usr/bin:/bin\n"
                                                  "source /r/envs/a/off.sh\n"
                                                  "unset CONDA_PREFIX\n"
                                                  "unset CONDA_DEFAULT_ENV\n"
                                                  "unset CONDA_PROMPT_MODIFIER\n"
                                                  "set PS1=$ \n"
                                                  "export CONDA_SHLVL=0\n");
    assert_string_equal(deactivate(&s, &a, NULL), "");
    assert_string_equal(snapshot(&s), "CONDA_SHLVL=0\nHOME=/home/u\nPATH=/usr/bin:/bin\nPS1=$ \n");
    close_scene(&s);
}

static void test_replaced_in_place(void **state)
{
    struct scene s;
    struct envm_activation_inputs a = inputs("/r/envs/a");
    struct envm_activation_inputs b = inputs("/elsewhere/b");
    const envm_str off[] = {ENVM_STR_INIT("/r/envs/a/off.sh")};
    const envm_str on[] = {ENVM_STR_INIT("/r/envs/a/on.sh")};

    (void)state;
    open_scene(&s, plain);
    a.deactivate_scripts = (struct envm_str_list){off, 1};
    a.activate_scripts = (struct envm_str_list){on, 1};
    activate(&s, &a, NULL, false);
    envm_environ_set(s.env, ENVM_STR("PATH"), ENVM_STR("/mine:/r/envs/a/bin/:/usr/bin"));
    assert_string_equal(activate(&s, &b, &a, false),
                        "source /r/envs/a/off.sh\n"
                        "set PS1=(/elsewhere/b) $ \n"
                        "export PATH=/mine:/elsewhere/b/bin:/usr/bin\n"
                        "export CONDA_PREFIX=/elsewhere/b\n"
                        "export CONDA_SHLVL=2\n"
                        "export CONDA_DEFAULT_ENV=/elsewhere/b\n"
                        "export CONDA_PROMPT_MODIFIER=(/elsewhere/b) \n"
                        "export CONDA_PREFIX_1=/r/envs/a\n");
    assert_string_equal(deactivate(&s, &b, &a), "export PATH=/mine:/r/envs/a/bin:/usr/bin\n"
                                                "unset CONDA_PREFIX_1\n"
                                                "set PS1=(a) $ \n"
                                                "export CONDA_PREFIX=/r/envs/a\n"
                                                "export CONDA_SHLVL=1\n"
                                                "export CONDA_DEFAULT_ENV=a\n"
                                                "export CONDA_PROMPT_MODIFIER=(a) \n"
                                                "source /r/envs/a/on.sh\n");
    close_scene(&s);
}

static void test_stacked(void **state)
{
    struct scene s;
    struct envm_activation_inputs a = inputs("/r/envs/a");
    struct envm_activation_inputs b = inputs("/r/envs/b");
    const envm_str off[] = {ENVM_STR_INIT("/r/envs/a/off.sh")};

    (void)state;
    open_scene(&s, plain);
    a.deactivate_scripts = (struct envm_str_list){off, 1};
    activate(&s, &a, NULL, false);
    assert_string_equal(activate(&s, &b, &a, true),
                        "set PS1=(b) $ \n"
                        "export PATH=/r/envs/b/bin:/r/envs/a/bin:/usr/bin:/bin\n"
                        "export CONDA_PREFIX=/r/envs/b\n"
                        "export CONDA_SHLVL=2\n"
                        "export CONDA_DEFAULT_ENV=b\n"
                        "export CONDA_PROMPT_MODIFIER=(b) \n"
                        "export CONDA_PREFIX_1=/r/envs/a\n"
                        "export CONDA_STACKED_2=true\n");
    assert_string_equal(deactivate(&s, &b, &a), "export PATH=/r/envs/a/bin:/usr/bin:/bin\n"
                                                "unset CONDA_STACKED_2\n"
                                                "unset CONDA_PREFIX_1\n"
                                                "set PS1=(a) $ \n"
                                                "export CONDA_PREFIX=/r/envs/a\n"
                                                "export CONDA_SHLVL=1\n"
                                                "export CONDA_DEFAULT_ENV=a\n"
                                                "export CONDA_PROMPT_MODIFIER=(a) \n");
    close_scene(&s);
}

static void test_same_again(void **state)
{
    struct scene s;
    struct envm_activation_inputs a = inputs("/r/envs/a");
    const struct envm_activation_variable variables[] = {
        {ENVM_STR_INIT("GONE"), ENVM_STR_INIT(""), true},
        {ENVM_STR_INIT("KEPT"), ENVM_STR_INIT("1"), false}};
    const envm_str on[] = {ENVM_STR_INIT("/on.sh")};
    const envm_str off[] = {ENVM_STR_INIT("/off.sh")};

    (void)state;
    open_scene(&s, plain);
    activate(&s, &a, NULL, false);
    a.activate_scripts = (struct envm_str_list){on, 1};
    a.deactivate_scripts = (struct envm_str_list){off, 1};
    a.variables = variables;
    a.variable_count = 2;
    assert_string_equal(activate(&s, &a, &a, false), "source /off.sh\n"
                                                     "unset GONE\n"
                                                     "set PS1=(a) $ \n"
                                                     "export PATH=/r/envs/a/bin:/usr/bin:/bin\n"
                                                     "export CONDA_SHLVL=1\n"
                                                     "export CONDA_PROMPT_MODIFIER=(a) \n"
                                                     "export KEPT=1\n"
                                                     "source /on.sh\n");
    close_scene(&s);
}

/* Hidden values come back, on every level. */
static void test_variables(void **state)
{
    struct scene s;
    static const char *const environment[] = {"PATH=/bin", "MODE=mine", NULL};
    const struct envm_activation_variable of_a[] = {
        {ENVM_STR_INIT("MODE"), ENVM_STR_INIT("a"), false},
        {ENVM_STR_INIT("ONLY_A"), ENVM_STR_INIT("'x'\n"), false},
        {ENVM_STR_INIT("NEVER"), ENVM_STR_INIT(""), true}};
    const struct envm_activation_variable of_b[] = {
        {ENVM_STR_INIT("MODE"), ENVM_STR_INIT("b"), false}};
    struct envm_activation_inputs a = inputs("/a");
    struct envm_activation_inputs b = inputs("/b");
    const char *first;

    (void)state;
    open_scene(&s, environment);
    a.variables = of_a;
    a.variable_count = 3;
    b.variables = of_b;
    b.variable_count = 1;
    activate(&s, &a, NULL, false);
    first = snapshot(&s);
    assert_string_equal(first, "CONDA_DEFAULT_ENV=/a\nCONDA_PREFIX=/a\n"
                               "CONDA_PROMPT_MODIFIER=(/a) \nCONDA_SHLVL=1\nMODE=a\nONLY_A='x'\n\n"
                               "PATH=/a/bin:/bin\n__CONDA_SHLVL_0_MODE=mine\n");
    activate(&s, &b, &a, false);
    assert_string_equal(envm_environ_get(s.env, "MODE"), "b");
    assert_string_equal(envm_environ_get(s.env, "__CONDA_SHLVL_1_MODE"), "a");
    deactivate(&s, &b, &a);
    assert_string_equal(snapshot(&s), first);
    deactivate(&s, &a, NULL);
    assert_string_equal(snapshot(&s), "CONDA_SHLVL=0\nMODE=mine\nPATH=/bin\n");
    close_scene(&s);
}

static void test_hostile_environment(void **state)
{
    static const char *const levels[] = {"-3",  "abc", "",  "99999999999999999999", "1000", "1.5",
                                         "0x1", "0",   NULL};
    struct envm_activation_inputs a = inputs("/a");

    (void)state;
    for (size_t i = 0; levels[i]; i++) {
        struct scene s;
        char level[64];
        const char *environment[] = {level, "CONDA_PREFIX=/old", "PATH=/bin", NULL};

        snprintf(level, sizeof(level), "CONDA_SHLVL=%s", levels[i]);
        open_scene(&s, environment);
        assert_string_equal(deactivate(&s, &a, NULL), "");
        activate(&s, &a, NULL, false);
        assert_string_equal(envm_environ_get(s.env, "CONDA_SHLVL"), "1");
        assert_string_equal(envm_environ_get(s.env, "PATH"), "/a/bin:/bin");
        close_scene(&s);
    }
}

static void test_level_without_prefix_or_lower_level(void **state)
{
    static const char *const no_prefix[] = {"CONDA_SHLVL=2", "PATH=/bin", NULL};
    static const char *const no_lower[] = {"CONDA_SHLVL=2", "CONDA_PREFIX=/a", "PATH=/a/bin:/bin",
                                           "CONDA_STACKED_2=true", NULL};
    struct envm_activation_inputs a = inputs("/a");
    struct scene s;

    (void)state;
    open_scene(&s, no_prefix);
    assert_int_equal(envm_activation_state_read(s.env).level, 0);
    close_scene(&s);
    open_scene(&s, no_lower);
    assert_int_equal(envm_activation_state_read(s.env).previous.len, 0);
    deactivate(&s, &a, NULL);
    assert_string_equal(snapshot(&s), "CONDA_SHLVL=0\nPATH=/bin\n");
    close_scene(&s);
}

static void test_path(void **state)
{
    static const struct {
        const char *before, *active, *after;
    } rows[] = {
        {NULL, "/a/bin:/usr/bin:/bin", "/usr/bin:/bin"},
        {"PATH=", "/a/bin:/usr/bin:/bin", "/usr/bin:/bin"},
        {"PATH=/a/bin:/bin", "/a/bin:/a/bin:/bin", "/a/bin:/bin"},
        {"PATH=rel:/x::/y/:/x", "/a/bin:rel:/x::/y/:/x", "rel:/x::/y/:/x"},
        {"PATH=/a b/bin:$(id):'", "/a/bin:/a b/bin:$(id):'", "/a b/bin:$(id):'"},
        {"PATH=:", "/a/bin::", ":"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct envm_activation_inputs a = inputs("/a");
        const char *environment[] = {rows[i].before, NULL};
        struct scene s;

        open_scene(&s, environment);
        activate(&s, &a, NULL, false);
        assert_string_equal(envm_environ_get(s.env, "PATH"), rows[i].active);
        deactivate(&s, &a, NULL);
        assert_string_equal(envm_environ_get(s.env, "PATH"), rows[i].after);
        close_scene(&s);
    }
}

static void test_refused_prefixes(void **state)
{
    static const char *const prefixes[] = {"", "relative", "/a:b", "/a\nb", "/a\x7f", NULL};
    struct scene s;

    (void)state;
    open_scene(&s, plain);
    for (size_t i = 0; prefixes[i]; i++) {
        struct envm_activation_inputs a = inputs(prefixes[i]);
        struct envm_activation_options options = {0};
        ENVM_CLEANUP(envm_error) struct envm_error err = {0};
        struct envm_shell_ops ops;

        assert_int_equal(envm_activate(&s.arena, s.env, &a, NULL, &options, &ops, &err),
                         ENVM_USAGE);
        assert_non_null(strstr(err.text, "cannot stand in PATH"));
        assert_non_null(err.hint);
    }
    close_scene(&s);
}

static void test_prompt(void **state)
{
    static const struct {
        const char *prefix, *format, *ps1, *expected;
    } rows[] = {
        {"/r/envs/a", "", "$ ", "(a) $ "},
        {"/r/envs/a", "[{name}|{prefix}|{default_env}|{stacked_env}] {x}{", "> ",
         "[a|/r/envs/a|a|a] {x}{> "},
        {"/x/$(id)`id`\\u%F{red}!'\";", "({name}) ", "", NULL},
        {"/x/$(id)`id`\\u%F{red}!'\";", "({name}) ", "\\u$(git)%~ ",
         "(_(id)_id__u_F{red}____) \\u$(git)%~ "},
        {"/x/d\xc3\xa9j\xc3\xa0\xff\xe2\x80\xae", "({name}) ", "$ ", "(d\xc3\xa9j\xc3\xa0__) $ "},
        {"/r/envs/a", "", "x POWERLINE_COMMAND y", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct envm_activation_inputs a = inputs(rows[i].prefix);
        struct envm_activation_options options = {.prompt = envm_str_from(rows[i].format)};
        const char *environment[] = {"PATH=/bin", NULL};
        struct envm_shell_ops ops;
        struct scene s;

        open_scene(&s, environment);
        envm_environ_set(s.env, ENVM_STR("PS1"), envm_str_from(rows[i].ps1));
        assert_int_equal(envm_activate(&s.arena, s.env, &a, NULL, &options, &ops, NULL), ENVM_OK);
        log_ops(&s, &ops);
        assert_string_equal(envm_environ_get(s.env, "PS1"),
                            rows[i].expected ? rows[i].expected : rows[i].ps1);
        deactivate(&s, &a, NULL);
        assert_string_equal(envm_environ_get(s.env, "PS1"), rows[i].ps1);
        close_scene(&s);
    }
}

static void test_stacked_prompt(void **state)
{
    struct envm_activation_options options = {.stack = true, .prompt = ENVM_STR("{stacked_env} ")};
    static const char *const names[] = {"/envs/a", "/envs/b", "/envs/c", NULL};
    static const char *const expected[] = {"a ", "b,a ", "c,b,a "};
    struct envm_activation_inputs c = inputs("/envs/c");
    struct envm_activation_inputs b = inputs("/envs/b");
    struct envm_shell_ops ops;
    struct scene s;

    (void)state;
    open_scene(&s, plain);
    for (size_t i = 0; names[i]; i++) {
        struct envm_activation_inputs target = inputs(names[i]);

        assert_int_equal(envm_activate(&s.arena, s.env, &target, NULL, &options, &ops, NULL),
                         ENVM_OK);
        log_ops(&s, &ops);
        assert_string_equal(envm_environ_get(s.env, "CONDA_PROMPT_MODIFIER"), expected[i]);
    }
    assert_int_equal(envm_deactivate(&s.arena, s.env, &c, &b, &options, &ops, NULL), ENVM_OK);
    log_ops(&s, &ops);
    assert_string_equal(envm_environ_get(s.env, "CONDA_PROMPT_MODIFIER"), "b,a ");
    close_scene(&s);
}

static void test_no_prompt(void **state)
{
    struct envm_activation_inputs a = inputs("/a");
    struct envm_activation_options options = {.no_prompt = true};
    struct envm_shell_ops ops;
    struct scene s;

    (void)state;
    open_scene(&s, plain);
    assert_int_equal(envm_activate(&s.arena, s.env, &a, NULL, &options, &ops, NULL), ENVM_OK);
    log_ops(&s, &ops);
    assert_string_equal(envm_environ_get(s.env, "PS1"), "$ ");
    assert_string_equal(envm_environ_get(s.env, "CONDA_PROMPT_MODIFIER"), "");
    close_scene(&s);
}

static void test_names(void **state)
{
    static const struct {
        const char *prefix, *name;
    } rows[] = {{"/r/envs/a", "a"},       {"/envs/a", "a"}, {"/r/myenvs/a", "/r/myenvs/a"},
                {"/r/envs/", "/r/envs/"}, {"/a", "/a"},     {"", ""}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        envm_str name = envm_activation_name(envm_str_from(rows[i].prefix));

        assert_true(envm_str_equal_c(name, rows[i].name));
    }
}

static void test_apply_refuses_nul(void **state)
{
    struct envm_shell_op op = {ENVM_OP_EXPORT, ENVM_STR_INIT("X"), ENVM_STR_INIT("a\0b")};
    struct envm_shell_ops ops = {&op, 1};
    struct scene s;

    (void)state;
    open_scene(&s, plain);
    assert_int_equal(envm_activation_apply(s.env, &ops, NULL), ENVM_UNSAFE);
    assert_null(envm_environ_get(s.env, "X"));
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_level),
        cmocka_unit_test(test_replaced_in_place),
        cmocka_unit_test(test_stacked),
        cmocka_unit_test(test_same_again),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_hostile_environment),
        cmocka_unit_test(test_level_without_prefix_or_lower_level),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_refused_prefixes),
        cmocka_unit_test(test_prompt),
        cmocka_unit_test(test_stacked_prompt),
        cmocka_unit_test(test_no_prompt),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_apply_refuses_nul),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
