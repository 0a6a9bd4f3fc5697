/* SPDX-License-Identifier: MIT
 *
 * What is printed for a shell, evaluated by that shell. A shell that is not installed is named and
 * skipped; bash or dash must be there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/str.h"
#include "base/vec.h"
#include "shell/activation.h"
#include "sys/fs.h"
#include "sys/fs_atomic.h"
#include "sys/fs_temp.h"
#include "sys/fs_tree.h"
#include "sys/process.h"

static const struct {
    enum envm_shell_kind kind;
    const char *program;
    const char *const argv[3];
} shells[] = {
    {ENVM_SHELL_POSIX, "dash", {"dash", NULL}},
    {ENVM_SHELL_BASH, "bash", {"bash", "--norc", NULL}},
    {ENVM_SHELL_ZSH, "zsh", {"zsh", "-f", NULL}},
};
#define SHELL_COUNT (sizeof(shells) / sizeof(*shells))

/* A folder of the test's own, removed at the end. */
struct scene {
    struct envm_arena arena;
    char folder[32];
    int fd;
    struct envm_buf output;
    int status;
};

static void open_scene(struct scene *s)
{
    struct envm_relpath made;
    int tmp;

    *s = (struct scene){.output = envm_buf_text()};
    assert_int_equal(envm_fs_open_root("/tmp", &tmp, NULL), ENVM_OK);
    assert_int_equal(envm_fs_temp_dir(tmp, "envm-sh-", &s->arena, &made, NULL), ENVM_OK);
    assert_int_equal(envm_fs_open_dir(tmp, made, &s->fd, NULL), ENVM_OK);
    assert_true(snprintf(s->folder, sizeof(s->folder), "/tmp/%s", made.s.ptr) <
                (int)sizeof(s->folder));
    close(tmp);
}

static void close_scene(struct scene *s)
{
    int tmp;
    struct envm_relpath leaf;

    close(s->fd);
    assert_int_equal(envm_fs_open_root("/tmp", &tmp, NULL), ENVM_OK);
    assert_int_equal(envm_relpath_parse(&s->arena, envm_str_from(s->folder + 5), &leaf, NULL),
                     ENVM_OK);
    assert_int_equal(envm_fs_remove_tree(tmp, leaf, NULL), ENVM_OK);
    close(tmp);
    envm_buf_release(&s->output);
    envm_arena_release(&s->arena);
}

static void write_file(struct scene *s, const char *name, envm_str content, mode_t mode)
{
    struct envm_relpath path;

    assert_int_equal(envm_relpath_parse(&s->arena, envm_str_from(name), &path, NULL), ENVM_OK);
    assert_int_equal(envm_fs_write_atomic(s->fd, path, content, mode, false, NULL), ENVM_OK);
}

static bool exists(struct scene *s, const char *name)
{
    return envm_fs_user_kind(envm_arena_printf(&s->arena, "%s/%s", s->folder, name).ptr) !=
           ENVM_FS_ABSENT;
}

/* Runs the script in the folder; false when this shell is not installed. */
static bool run_shell(struct scene *s, size_t shell, const char *script)
{
    const char *const *words = shells[shell].argv;
    const char *argv[] = {words[0], words[1] ? words[1] : "-c", words[1] ? "-c" : script,
                          words[1] ? script : NULL, NULL};
    const char *const environment[] = {"PATH=/usr/bin:/bin", "HOME=/nonexistent", NULL};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};

    envm_buf_clear(&s->output);
    if (envm_process_capture(argv, environment, s->folder, 60000, &s->output, &s->status, &err) ==
            ENVM_OK &&
        s->status != 127)
        return true;
    print_message("SKIPPED: %s is not installed\n", shells[shell].program);
    assert_int_equal(shells[shell].kind, ENVM_SHELL_ZSH);
    return false;
}

/* --- every value comes back ---------------------------------------------------------------- */

struct values {
    ENVM_VEC(envm_str) list;
};

static void add_value(struct scene *s, struct values *values, const char *bytes, size_t len)
{
    envm_str copy = envm_arena_str(&s->arena, envm_str_n(bytes, len));

    envm_vec_push(&values->list, copy);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static const char active[] = "'\"\\$`!*?[]{}()<>|&;#~=%\n ";

static void make_values(struct scene *s, struct values *values)
{
    static const char *const texts[] = {"",
                                        "$(touch canary)",
                                        "`touch canary`",
                                        "'; touch canary; '",
                                        "\"; touch canary; \"",
                                        "${x:-$(touch canary)}",
                                        "a\n",
                                        "\n\n\n",
                                        "line\r\n",
                                        "'",
                                        "''",
                                        "'\\''",
                                        "\\",
                                        "\\'",
                                        "!!",
                                        "!touch",
                                        "~root",
                                        "=ls",
                                        "-e",
                                        "--",
                                        "%F{red}",
                                        "\x80\xff\xfe",
                                        "a\\nb",
                                        "$'\\n'",
                                        "\x81\x82\x83\x84\x85\x86\x87\x88",
                                        "\x01\x7f\x01\x01\x7f",
                                        "\xe2\x82"};
    uint32_t seed = 20240607;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        add_value(s, values, texts[i], strlen(texts[i]));
    for (unsigned byte = 1; byte < 256; byte++) {
        char text[3] = {(char)byte, 'x', (char)byte};

        add_value(s, values, text, 1);
        add_value(s, values, text, 3);
    }
    for (size_t i = 0; i + 1 < sizeof(active); i++)
        for (size_t j = 0; j + 1 < sizeof(active); j++)
            add_value(s, values, (const char[]){active[i], active[j]}, 2);
    for (unsigned i = 0; i < 500; i++) {
        char text[80];
        size_t length = next_random(&seed) % sizeof(text);

        for (size_t k = 0; k < length; k++)
            text[k] = next_random(&seed) % 2 ? active[next_random(&seed) % (sizeof(active) - 1)]
                                             : (char)(next_random(&seed) % 255 + 1);
        add_value(s, values, text, length);
    }
}

static void check_values(struct scene *s, const struct values *values)
{
    envm_str rest = envm_buf_str(&s->output);

    for (size_t i = 0; i < values->list.count; i++) {
        envm_str wanted = values->list.items[i];

        assert_true(rest.len > wanted.len);
        if (wanted.len > 0)
            assert_memory_equal(rest.ptr, wanted.ptr, wanted.len);
        assert_int_equal(rest.ptr[wanted.len], '\0');
        rest = envm_str_skip(rest, wanted.len + 1);
    }
    assert_int_equal(rest.len, 0);
}

static void test_values_round_trip(void **state)
{
    struct values values = {0};
    struct scene s;
    ENVM_CLEANUP(envm_buf) struct envm_buf code = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf script = envm_buf_text();
    struct envm_shell_ops ops = {0};

    (void)state;
    open_scene(&s);
    make_values(&s, &values);
    ops.items = envm_arena_new_array(&s.arena, struct envm_shell_op, values.list.count);
    ops.count = values.list.count;
    envm_buf_add_cstr(&script, "eval \"$(cat code)\"\nprintf '%s\\0'");
    for (size_t i = 0; i < ops.count; i++) {
        envm_str name = envm_arena_printf(&s.arena, "V%zu", i);

        ops.items[i] = (struct envm_shell_op){i % 2 ? ENVM_OP_EXPORT : ENVM_OP_SET, name,
                                              values.list.items[i]};
        envm_buf_printf(&script, " \"$%s\"", name.ptr);
    }
    assert_true(ops.count >= 255 + 24 * 24 + 500);
    for (size_t i = 0; i < SHELL_COUNT; i++) {
        envm_buf_clear(&code);
        assert_int_equal(envm_shell_print(shells[i].kind, &ops, &code, NULL), ENVM_OK);
        write_file(&s, "code", envm_buf_str(&code), 0600);
        if (!run_shell(&s, i, envm_buf_str(&script).ptr))
            continue;
        assert_int_equal(s.status, 0);
        check_values(&s, &values);
        assert_false(exists(&s, "canary"));
    }
    envm_vec_release(&values.list);
    close_scene(&s);
}

/* A program that the shell starts sees the same bytes, and 120 KiB still fit. */
static void test_long_value_reaches_a_child(void **state)
{
    struct scene s;
    struct envm_shell_op op = {ENVM_OP_EXPORT, ENVM_STR_INIT("LONG"), {0}};
    struct envm_shell_ops ops = {&op, 1};
    ENVM_CLEANUP(envm_buf) struct envm_buf value = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf code = envm_buf_text();

    (void)state;
    open_scene(&s);
    envm_buf_add_repeat(&value, '\'', 120 * 1024);
    op.value = envm_buf_str(&value);
    assert_int_equal(envm_shell_print(ENVM_SHELL_POSIX, &ops, &code, NULL), ENVM_OK);
    write_file(&s, "code", envm_buf_str(&code), 0600);
    for (size_t i = 0; i < SHELL_COUNT; i++) {
        if (!run_shell(&s, i, "eval \"$(cat code)\"; env -0 | grep -az '^LONG='"))
            continue;
        assert_int_equal(s.output.len, 5 + op.value.len + 1);
        assert_memory_equal(s.output.ptr + 5, op.value.ptr, op.value.len);
    }
    close_scene(&s);
}

/* --- scripts, options, unset --------------------------------------------------------------- */

static void test_scripts_in_a_strict_shell(void **state)
{
    static const char folder[] = "a '$(touch canary)' `touch canary` \"b\"";
    struct scene s;
    ENVM_CLEANUP(envm_buf) struct envm_buf code = envm_buf_text();
    struct envm_shell_op items[4] = {
        {ENVM_OP_UNSET, ENVM_STR_INIT("NOT_SET_AT_ALL"), {0}},
        {ENVM_OP_SOURCE, {0}, {0}},
        {ENVM_OP_EXPORT, ENVM_STR_INIT("AFTER"), ENVM_STR_INIT("after")},
        {ENVM_OP_SOURCE, {0}, {0}},
    };
    struct envm_shell_ops ops = {items, 4};
    struct envm_relpath path;

    (void)state;
    open_scene(&s);
    assert_int_equal(envm_relpath_parse(&s.arena, ENVM_STR(folder), &path, NULL), ENVM_OK);
    assert_int_equal(envm_fs_mkdir(s.fd, path, 0755, NULL), ENVM_OK);
    for (int i = 1; i < 4; i += 2) {
        const char *name = envm_arena_printf(&s.arena, "%s/%d.sh", folder, i).ptr;

        write_file(&s, name, ENVM_STR("RAN=\"${RAN-}x$NOWHERE\"\nset -e\nset +e\nfalse\n"), 0644);
        items[i].value = envm_arena_printf(&s.arena, "%s/%s", s.folder, name);
    }
    assert_int_equal(envm_shell_print(ENVM_SHELL_POSIX, &ops, &code, NULL), ENVM_OK);
    write_file(&s, "code", envm_buf_str(&code), 0600);
    for (size_t i = 0; i < SHELL_COUNT; i++) {
        if (!run_shell(
                &s, i,
                "set -eu; eval \"$(cat code)\"; echo \"$? $RAN $AFTER ${__envm_flags-gone}\";"
                "case $- in *e*u* | *u*e*) echo strict ;; esac; false; echo no"))
            continue;
        assert_string_equal(envm_buf_str(&s.output).ptr, "0 xx after gone\nstrict\n");
        assert_int_equal(s.status, 1);
        assert_true(run_shell(&s, i,
                              "eval \"$(cat code)\"; case $- in *[eu]*) echo strict;; esac;"
                              "false; echo \"lax $RAN\""));
        assert_string_equal(envm_buf_str(&s.output).ptr, "lax xx\n");
        assert_false(exists(&s, "canary"));
    }
    close_scene(&s);
}

static void test_refused_ops(void **state)
{
    static const struct envm_shell_op rows[] = {
        {ENVM_OP_EXPORT, ENVM_STR_INIT("X;id"), ENVM_STR_INIT("1")},
        {ENVM_OP_EXPORT, ENVM_STR_INIT("a b"), ENVM_STR_INIT("1")},
        {ENVM_OP_UNSET, ENVM_STR_INIT("1X"), ENVM_STR_INIT("")},
        {ENVM_OP_SET, ENVM_STR_INIT(""), ENVM_STR_INIT("1")},
        {ENVM_OP_SET, ENVM_STR_INIT("="), ENVM_STR_INIT("1")},
        {ENVM_OP_EXPORT, ENVM_STR_INIT("X"), ENVM_STR_INIT("a\0b")},
        {ENVM_OP_SOURCE, {0}, ENVM_STR_INIT("relative.sh")},
        {ENVM_OP_SOURCE, {0}, {0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct envm_shell_op op = rows[i];
        struct envm_shell_ops ops = {&op, 1};
        ENVM_CLEANUP(envm_buf) struct envm_buf code = envm_buf_text();

        assert_int_equal(envm_shell_print(ENVM_SHELL_BASH, &ops, &code, NULL), ENVM_UNSAFE);
        assert_int_equal(code.len, 0);
    }
}

/* --- the hook ------------------------------------------------------------------------------ */

/* Stands in for envm: shows how it was called, prints code, ends with a status of its own. */
static const char program[] = "#!/bin/sh\n"
                              "case \"$*\" in\n"
                              "'activate --shell '*' good') printf 'export GOOD=1\\nPS1=\"(good) "
                              "\"\"%s\"\\n' \"$(printenv PS1)\" ;;\n"
                              "'activate --shell '*' bad') echo 'touch canary'; exit 3 ;;\n"
                              "'activate --shell '*' two words') echo \"WORDS='$4'\" ;;\n"
                              "'deactivate --shell '*) echo 'unset GOOD' ;;\n"
                              "*) echo \"called: $*\"; exit 7 ;;\n"
                              "esac\n";

static const char hook_script[] = "set -eu\n"
                                  "PS1='> '\n"
                                  "eval \"$(cat hook)\"\n"
                                  "eval \"$(cat hook)\"\n"
                                  "envm activate good\n"
                                  "echo \"good $GOOD $PS1\"\n"
                                  "envm activate bad || echo \"bad $?\"\n"
                                  "envm activate 'two words'\n"
                                  "echo \"$WORDS\"\n"
                                  "envm deactivate\n"
                                  "echo \"${GOOD-gone} ${__envm_code-gone}\"\n"
                                  "envm list -p 'a b' || echo \"list $?\"\n"
                                  "envm || echo \"none $?\"\n"
                                  "envm activate --help || echo \"help $?\"\n"
                                  "envm activate --shell dash good\n"
                                  "echo\n"
                                  "envm activate bad\n"
                                  "echo never\n";

static void test_hook(void **state)
{
    struct scene s;
    envm_str path;

    (void)state;
    open_scene(&s);
    write_file(&s, "en'vm $(touch canary)", ENVM_STR(program), 0755);
    path = envm_arena_printf(&s.arena, "%s/en'vm $(touch canary)", s.folder);
    for (size_t i = 0; i < SHELL_COUNT; i++) {
        ENVM_CLEANUP(envm_buf) struct envm_buf hook = envm_buf_text();

        assert_int_equal(envm_shell_hook(shells[i].kind, path, &hook, NULL), ENVM_OK);
        assert_false(envm_str_contains(envm_buf_str(&hook), ENVM_STR("@")) &&
                     !envm_str_contains(envm_buf_str(&hook), ENVM_STR("\"$@\"")));
        write_file(&s, "hook", envm_buf_str(&hook), 0600);
        if (!run_shell(&s, i, hook_script))
            continue;
        assert_string_equal(envm_buf_str(&s.output).ptr, "good 1 (good) > \n"
                                                         "bad 3\n"
                                                         "two words\n"
                                                         "gone gone\n"
                                                         "called: list -p a b\nlist 7\n"
                                                         "called: \nnone 7\n"
                                                         "called: activate --help\nhelp 7\n"
                                                         "export GOOD=1\nPS1=\"(good) \"\"\"\n"
                                                         "\n");
        assert_int_equal(s.status, 3);
        assert_false(exists(&s, "canary"));
    }
    close_scene(&s);
}

static void test_hook_refuses_relative_program(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf hook = envm_buf_text();

    (void)state;
    assert_int_equal(envm_shell_hook(ENVM_SHELL_BASH, ENVM_STR("envm"), &hook, NULL), ENVM_USAGE);
    assert_int_equal(envm_shell_hook(ENVM_SHELL_BASH, ENVM_STR(""), &hook, NULL), ENVM_USAGE);
}

static void test_shell_names(void **state)
{
    static const struct {
        const char *name;
        enum envm_shell_kind kind;
        const char *canonical;
    } rows[] = {{"bash", ENVM_SHELL_BASH, "bash"},
                {"zsh", ENVM_SHELL_ZSH, "zsh"},
                {"posix", ENVM_SHELL_POSIX, "posix"},
                {"sh", ENVM_SHELL_POSIX, "posix"},
                {"dash", ENVM_SHELL_POSIX, "posix"}};
    enum envm_shell_kind kind = ENVM_SHELL_ZSH;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_true(envm_shell_from_name(envm_str_from(rows[i].name), &kind));
        assert_int_equal(kind, rows[i].kind);
        assert_string_equal(envm_shell_name(kind), rows[i].canonical);
    }
    assert_false(envm_shell_from_name(ENVM_STR("fish"), &kind));
    assert_false(envm_shell_from_name(ENVM_STR(""), &kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_round_trip),
        cmocka_unit_test(test_long_value_reaches_a_child),
        cmocka_unit_test(test_scripts_in_a_strict_shell),
        cmocka_unit_test(test_refused_ops),
        cmocka_unit_test(test_hook),
        cmocka_unit_test(test_hook_refuses_relative_program),
        cmocka_unit_test(test_shell_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
