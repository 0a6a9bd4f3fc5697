/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/str.h"
#include "shell/activation.h"
#include "shell/activation_names.h"
#include "sys/fs.h"
#include "sys/fs_atomic.h"
#include "sys/fs_temp.h"
#include "sys/fs_tree.h"

struct scene {
    struct envm_arena arena;
    char prefix[32];
    int fd;
    struct envm_buf warnings;
    struct envm_sink sink;
};

static void collect(void *user, enum envm_log_level level, const char *text)
{
    struct scene *s = user;

    assert_int_equal(level, ENVM_LOG_WARNING);
    envm_buf_printf(&s->warnings, "%s\n", text);
}

static void open_scene(struct scene *s)
{
    struct envm_relpath made;
    int tmp;

    *s = (struct scene){.warnings = envm_buf_text(), .sink = {.user = s, .log = collect}};
    assert_int_equal(envm_fs_open_root("/tmp", &tmp, NULL), ENVM_OK);
    assert_int_equal(envm_fs_temp_dir(tmp, "envm-ai-", &s->arena, &made, NULL), ENVM_OK);
    assert_int_equal(envm_fs_open_dir(tmp, made, &s->fd, NULL), ENVM_OK);
    snprintf(s->prefix, sizeof(s->prefix), "/tmp/%s", made.s.ptr);
    close(tmp);
}

static void close_scene(struct scene *s)
{
    struct envm_relpath leaf;
    int tmp;

    close(s->fd);
    assert_int_equal(envm_fs_open_root("/tmp", &tmp, NULL), ENVM_OK);
    assert_int_equal(envm_relpath_parse(&s->arena, envm_str_from(s->prefix + 5), &leaf, NULL),
                     ENVM_OK);
    assert_int_equal(envm_fs_remove_tree(tmp, leaf, NULL), ENVM_OK);
    close(tmp);
    envm_buf_release(&s->warnings);
    envm_arena_release(&s->arena);
}

static struct envm_relpath relpath(struct scene *s, const char *text)
{
    struct envm_relpath path;

    assert_int_equal(envm_relpath_parse(&s->arena, envm_str_from(text), &path, NULL), ENVM_OK);
    return path;
}

static void write_file(struct scene *s, const char *name, const char *content)
{
    struct envm_relpath path = relpath(s, name);
    struct envm_relpath folder;

    if (envm_relpath_parent(&s->arena, path, &folder))
        assert_int_equal(envm_fs_make_dirs(s->fd, folder, 0755, NULL), ENVM_OK);
    assert_int_equal(envm_fs_write_atomic(s->fd, path, envm_str_from(content), 0644, false, NULL),
                     ENVM_OK);
}

static struct envm_activation_inputs read_inputs(struct scene *s)
{
    struct envm_activation_inputs inputs;
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};

    assert_int_equal(envm_activation_inputs_read(&s->arena, envm_str_from(s->prefix), ".sh",
                                                 &s->sink, &inputs, &err),
                     ENVM_OK);
    return inputs;
}

static const char *variables_text(struct scene *s, const struct envm_activation_inputs *inputs)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();

    for (size_t i = 0; i < inputs->variable_count; i++)
        envm_buf_printf(&text, "%.*s%s%.*s;", ENVM_STR_ARGS(inputs->variables[i].name),
                        inputs->variables[i].unset ? " unset" : "=",
                        ENVM_STR_ARGS(inputs->variables[i].value));
    return envm_cstr(&s->arena, envm_buf_str(&text));
}

static const char *scripts_text(struct scene *s, struct envm_str_list scripts)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();

    for (size_t i = 0; i < scripts.count; i++)
        envm_buf_printf(&text, "%s;", scripts.items[i].ptr + strlen(s->prefix));
    return envm_cstr(&s->arena, envm_buf_str(&text));
}

static void test_nothing(void **state)
{
    struct scene s;
    struct envm_activation_inputs inputs;

    (void)state;
    open_scene(&s);
    inputs = read_inputs(&s);
    assert_true(envm_str_equal_c(inputs.prefix, s.prefix));
    assert_int_equal(inputs.activate_scripts.count + inputs.deactivate_scripts.count, 0);
    assert_int_equal(inputs.variable_count, 0);
    assert_int_equal(envm_activation_inputs_read(&s.arena, ENVM_STR("/nonexistent/p"), ".sh",
                                                 &s.sink, &inputs, NULL),
                     ENVM_OK);
    assert_int_equal(inputs.variable_count, 0);
    assert_int_equal(s.warnings.len, 0);
    close_scene(&s);
}

static void test_scripts(void **state)
{
    struct scene s;
    struct envm_activation_inputs inputs;

    (void)state;
    open_scene(&s);
    write_file(&s, "etc/conda/activate.d/b.sh", "");
    write_file(&s, "etc/conda/activate.d/B.sh", "");
    write_file(&s, "etc/conda/activate.d/a b'.sh", "");
    write_file(&s, "etc/conda/activate.d/c.fish", "");
    write_file(&s, "etc/conda/activate.d/sub/d.sh", "");
    write_file(&s, "etc/conda/deactivate.d/1.sh", "");
    write_file(&s, "etc/conda/deactivate.d/2.sh", "");
    assert_int_equal(
        envm_fs_symlink(s.fd, relpath(&s, "etc/conda/activate.d/link.sh"), "b.sh", NULL), ENVM_OK);
    inputs = read_inputs(&s);
    assert_string_equal(scripts_text(&s, inputs.activate_scripts),
                        "/etc/conda/activate.d/B.sh;/etc/conda/activate.d/a b'.sh;"
                        "/etc/conda/activate.d/b.sh;");
    assert_string_equal(scripts_text(&s, inputs.deactivate_scripts),
                        "/etc/conda/deactivate.d/2.sh;/etc/conda/deactivate.d/1.sh;");
    assert_string_equal(envm_buf_str(&s.warnings).ptr,
                        "etc/conda/activate.d/link.sh of the environment is ignored: not a regular "
                        "file\n");
    close_scene(&s);
}

static void test_folder_is_a_symlink(void **state)
{
    struct scene s;
    struct envm_activation_inputs inputs;
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};

    (void)state;
    open_scene(&s);
    write_file(&s, "etc/conda/x", "");
    assert_int_equal(envm_fs_symlink(s.fd, relpath(&s, "etc/conda/activate.d"), "/etc", NULL),
                     ENVM_OK);
    assert_int_not_equal(envm_activation_inputs_read(&s.arena, envm_str_from(s.prefix), ".sh",
                                                     &s.sink, &inputs, &err),
                         ENVM_OK);
    envm_activation_inputs_read_leaving(&s.arena, envm_str_from(s.prefix), ".sh", &s.sink, &inputs);
    assert_int_equal(inputs.activate_scripts.count, 0);
    assert_true(s.warnings.len > 0);
    close_scene(&s);
}

static void test_variables(void **state)
{
    struct scene s;
    struct envm_activation_inputs inputs;

    (void)state;
    open_scene(&s);
    write_file(&s, "etc/conda/env_vars.d/10-b.json", "{\"B\": \"b\", \"A\": \"from b\"}");
    write_file(&s, "etc/conda/env_vars.d/05-a.json",
               "{\"A\": \"'a'\\n\\u00e9\", \"lower\": 3, \"GONE\": \"x\"}");
    write_file(&s, "etc/conda/env_vars.d/readme.txt", "no JSON");
    write_file(&s, "conda-meta/state",
               "{\"version\": 1, \"env_vars\": {\"B\": \"mine\", \"GONE\": \"***unset***\", "
               "\"LD_LIBRARY_PATH\": \"/mine\"}, \"x\": [1]}");
    inputs = read_inputs(&s);
    assert_string_equal(variables_text(&s, &inputs),
                        "A=from b;lower=3;GONE unset;B=mine;LD_LIBRARY_PATH=/mine;");
    assert_int_equal(s.warnings.len, 0);
    close_scene(&s);
}

static void test_refused_variables(void **state)
{
    static const char *const names[] = {"PATH",
                                        "X;id",
                                        "a b",
                                        "1X",
                                        "",
                                        "=",
                                        "IFS",
                                        "LD_PRELOAD",
                                        "BASH_ENV",
                                        "ENV",
                                        "HOME",
                                        "PROMPT_COMMAND",
                                        "path",
                                        "status",
                                        "SHELLOPTS",
                                        "UID",
                                        "PS1",
                                        "PYTHONSTARTUP",
                                        "X\\u001b",
                                        "CONDA_SHLVL",
                                        "CONDA_PREFIX_2",
                                        "__CONDA_SHLVL_0_X",
                                        "\xc3\xa9",
                                        "LD_AUDIT"};
    size_t count = sizeof(names) / sizeof(*names);
    struct scene s;
    struct envm_activation_inputs inputs;
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    size_t lines = 0;

    (void)state;
    open_scene(&s);
    for (size_t i = 0; i < count; i++)
        envm_buf_printf(&text, "%c\"%s\": \"v\"", i ? ',' : '{', names[i]);
    envm_buf_add_cstr(&text, ",\"FINE\":\"1\",\"LONG\":\"");
    envm_buf_add_repeat(&text, 'x', 131072);
    envm_buf_add_cstr(&text, "\"}");
    write_file(&s, "etc/conda/env_vars.d/x.json", envm_buf_str(&text).ptr);
    inputs = read_inputs(&s);
    assert_string_equal(variables_text(&s, &inputs), "FINE=1;");
    for (size_t i = 0; i < s.warnings.len; i++) {
        lines += s.warnings.ptr[i] == '\n';
        assert_true(s.warnings.ptr[i] == '\n' || (unsigned char)s.warnings.ptr[i] >= 0x20);
    }
    assert_int_equal(lines, count + 1);
    close_scene(&s);
}

static void test_malformed(void **state)
{
    static const struct {
        const char *file, *content;
    } rows[] = {
        {"etc/conda/env_vars.d/x.json", "{\"A\": "},
        {"etc/conda/env_vars.d/x.json", "[]"},
        {"etc/conda/env_vars.d/x.json", "{\"A\": {\"B\": 1}}"},
        {"etc/conda/env_vars.d/x.json", ""},
        {"conda-meta/state", "{\"env_vars\": 3}"},
        {"conda-meta/state", "{} {}"},
        {"conda-meta/state", "{\"env_vars\": {\"NUL\": \"a\\u0000b\"}}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct scene s;
        struct envm_activation_inputs inputs;
        ENVM_CLEANUP(envm_error) struct envm_error err = {0};

        open_scene(&s);
        write_file(&s, "etc/conda/deactivate.d/1.sh", "");
        write_file(&s, rows[i].file, rows[i].content);
        assert_int_equal(envm_activation_inputs_read(&s.arena, envm_str_from(s.prefix), ".sh",
                                                     &s.sink, &inputs, &err),
                         ENVM_MALFORMED);
        assert_non_null(strstr(err.text, rows[i].file));
        assert_int_equal(s.warnings.len, 0);
        envm_activation_inputs_read_leaving(&s.arena, envm_str_from(s.prefix), ".sh", &s.sink,
                                            &inputs);
        assert_int_equal(inputs.deactivate_scripts.count, 1);
        assert_non_null(strstr(envm_buf_str(&s.warnings).ptr, rows[i].file));
        close_scene(&s);
    }
}

static void test_name_rules(void **state)
{
    (void)state;
    assert_true(envm_activation_name_is_valid(ENVM_STR("_a1")));
    assert_false(envm_activation_name_is_valid(ENVM_STR("a-b")));
    assert_false(envm_activation_name_is_reserved(ENVM_STR("CONDA_OVERRIDE_CUDA")));
    assert_false(envm_activation_name_is_reserved(ENVM_STR("LD_LIBRARY_PATH")));
    assert_true(envm_activation_name_is_reserved(ENVM_STR("CONDA_PREFIX")));
    assert_true(envm_activation_name_is_dangerous(ENVM_STR("LD_LIBRARY_PATH")));
    assert_false(envm_activation_name_is_dangerous(ENVM_STR("GDAL_DATA")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_folder_is_a_symlink),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_refused_variables),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_name_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
