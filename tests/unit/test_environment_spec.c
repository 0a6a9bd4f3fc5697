/* SPDX-License-Identifier: MIT */
#include "conda_data.h"

#include <dirent.h>

#include "base/buf.h"
#include "base/vec.h"
#include "conda/environment_spec.h"
#include "conda/selector.h"

struct heard {
    char text[4096];
    unsigned count;
};

static void hear(void *user, enum envm_log_level level, const char *text)
{
    struct heard *heard = user;

    assert_int_equal(level, ENVM_LOG_WARNING);
    heard->count++;
    snprintf(heard->text, sizeof(heard->text), "%s", text);
}

struct fixture {
    struct envm_arena arena;
    struct heard heard;
    struct envm_environment_spec spec;
    struct envm_error err;
};

static enum envm_code parse_for(struct fixture *f, const char *platform, const char *text)
{
    struct envm_sink sink = {.user = &f->heard, .log = hear};

    return envm_environment_spec_parse(&f->arena, envm_str_from(text), "env.yaml",
                                       envm_str_from(platform), &sink, &f->spec, &f->err);
}

static void release(struct fixture *f)
{
    envm_arena_release(&f->arena);
    envm_error_release(&f->err);
    memset(f, 0, sizeof(*f));
}

static envm_str join(struct envm_arena *arena, struct envm_str_list list)
{
    envm_str text = ENVM_STR("");
    size_t i;

    for (i = 0; i < list.count; i++)
        text = envm_arena_printf(arena, "%.*s%s%.*s", ENVM_STR_ARGS(text), i > 0 ? "; " : "",
                                 ENVM_STR_ARGS(list.items[i]));
    return envm_arena_str(arena, text);
}

static void assert_list(struct fixture *f, struct envm_str_list list, const char *expected)
{
    assert_string_equal(join(&f->arena, list).ptr, expected);
}

static void test_everything(void **state)
{
    struct fixture f = {0};

    (void)state;
    assert_int_equal(parse_for(&f, "linux-64",
                               "\xEF\xBB\xBFname: demo\r\n"
                               "prefix: ~/envs/demo\r\n"
                               "channels:\r\n"
                               "  - conda-forge\r\n"
                               "  - nodefaults\r\n"
                               "dependencies:\r\n"
                               "  - python 3.12.*  # see [docs]\r\n"
                               "  - 'numpy>=1.26'\r\n"
                               "  - pip\r\n"
                               "  - pip:\r\n"
                               "    - requests==2.0\r\n"
                               "variables:\r\n"
                               "  ZED: 1\r\n"
                               "  ALPHA: \"My Value\"\r\n"
                               "  FLAG: yes\r\n"
                               "platforms: [linux-64, osx-arm64]\r\n"
                               "category: dev\r\n"),
                     ENVM_OK);
    assert_string_equal(f.spec.name.ptr, "demo");
    assert_string_equal(f.spec.prefix.ptr, "~/envs/demo");
    assert_list(&f, f.spec.channels, "conda-forge");
    assert_true(f.spec.nodefaults);
    assert_list(&f, f.spec.specs, "python 3.12.*; numpy>=1.26; pip");
    assert_int_equal(f.spec.spec_lines[0], 7);
    assert_int_equal(f.spec.spec_lines[2], 9);
    assert_list(&f, f.spec.pip, "requests==2.0");
    assert_int_equal(f.spec.pip_line, 10);
    assert_int_equal(f.spec.variable_count, 3);
    assert_string_equal(f.spec.variables[0].name.ptr, "ALPHA");
    assert_string_equal(f.spec.variables[0].value.ptr, "My Value");
    assert_string_equal(f.spec.variables[1].value.ptr, "yes");
    assert_string_equal(f.spec.variables[2].value.ptr, "1");
    assert_list(&f, f.spec.platforms, "linux-64; osx-arm64");
    assert_int_equal(f.heard.count, 0);
    release(&f);
}

static const char selectors[] = "dependencies:\n"
                                "  - a  # [linux]\n"
                                "  - b  # [osx or win]\n"
                                "  - c  # [not win]\n"
                                "  - d  # [linux64]\n"
                                "  - e  #[unix]\n"
                                "  - f  # [arm64]\n"
                                "  - g  # [linux and aarch64]\n"
                                "  - h  # [not (linux or osx)]\n"
                                "  - i  # [win or linux and x86_64]\n"
                                "  - sel(linux): j\n"
                                "  - sel(unix): k\n"
                                "  - sel(win): l\n"
                                "  - sel(osx-arm64): m\n"
                                "  - pip:\n"
                                "    - n  # [osx]\n"
                                "    - o\n";

static void test_selectors(void **state)
{
    static const struct {
        const char *platform, *specs, *pip;
    } rows[] = {
        {"linux-64", "a; c; d; e; i; j; k", "o"},
        {"linux-aarch64", "a; c; e; g; j; k", "o"},
        {"osx-64", "b; c; e; k", "n; o"},
        {"osx-arm64", "b; c; e; f; k; m", "n; o"},
        {"win-64", "b; h; i; l", "o"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f = {0};
        assert_int_equal(parse_for(&f, rows[i].platform, selectors), ENVM_OK);
        assert_list(&f, f.spec.specs, rows[i].specs);
        assert_list(&f, f.spec.pip, rows[i].pip);
        assert_int_equal(f.heard.count, 0);
        release(&f);
    }
}

static void test_selector_words(void **state)
{
    bool value;
    struct envm_error err = {0};
    static const char *const bad[] = {"linux win", "(linux", "linux)", "and linux", "not",
                                      "linux or",  "",       "()",     "py27"};
    size_t i;

    (void)state;
    assert_true(envm_selector_has_known_words(ENVM_STR("not(linux or win)and osx-arm64")));
    assert_false(envm_selector_has_known_words(ENVM_STR("see docs")));
    assert_false(envm_selector_has_known_words(ENVM_STR("")));
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(
            envm_selector_evaluate(envm_str_from(bad[i]), ENVM_STR("linux-64"), &value, &err),
            ENVM_MALFORMED);
        assert_non_null(err.text);
        envm_error_release(&err);
    }
    assert_int_equal(envm_selector_evaluate(ENVM_STR("not not linux and x86"), ENVM_STR("linux-32"),
                                            &value, &err),
                     ENVM_OK);
    assert_true(value);
}

/* Each with the place and a part of the text. */
static void test_refusals(void **state)
{
    static const struct {
        const char *text, *where, *part;
    } rows[] = {
        {"", "env.yaml:1:1", "empty"},
        {"- numpy\n", "env.yaml:1:1", "keys"},
        {"name: x\n", "env.yaml:1:1", "dependencies"},
        {"dependencies: numpy\n", "env.yaml:1:15", "list"},
        {"dependencies:\n  - conda: x\n", "env.yaml:2:5", "unknown subsection 'conda'"},
        {"dependencies:\n  - numpy\n  - bad[foo=1]\n", "env.yaml:3:5", "foo"},
        {"dependencies:\n  -\n", "env.yaml:2:4", "empty"},
        {"dependencies:\n  - [a, b]\n", "env.yaml:2:5", "list"},
        {"dependencies:\n  - a  # [linux and]\n", "env.yaml:2:5", "selector"},
        {"dependencies:\n  - sel(py27): a\n", "env.yaml:2:5", "sel(py27)"},
        {"dependencies:\n  - pip: x\n", "env.yaml:2:10", "pip"},
        {"dependencies: []\nvariables: [A]\n", "env.yaml:2:12", "mapping"},
        {"dependencies: []\nvariables:\n  A: ~\n", "env.yaml:3:6", "empty"},
        {"dependencies: []\nvariables:\n  A B: x\n", "env.yaml:3:3", "A B"},
        {"dependencies: []\nvariables:\n  A: [1]\n", "env.yaml:3:6", "text"},
        {"dependencies: []\nplatforms: [noarch]\n", "env.yaml:2:13", "noarch"},
        {"dependencies: []\nplatforms: [linux]\n", "env.yaml:2:13", "linux"},
        {"dependencies:\n  - a\n  b\n", "env.yaml:3:3", "neither an item"},
        {"name: ../x\ndependencies: []\n", "env.yaml:1:7", "../x"},
        {"dependencies: []\nchannels: x\n", "env.yaml:2:11", "list"},
        {"dependencies: []\ndependencies: []\n", NULL, NULL},
        {"dependencies: &a [*a]\n", NULL, NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f = {0};
        if (parse_for(&f, "linux-64", rows[i].text) != ENVM_MALFORMED)
            fail_msg("accepted: %s", rows[i].text);
        assert_non_null(f.err.where);
        if (rows[i].where) {
            assert_string_equal(f.err.where, rows[i].where);
            if (!strstr(f.err.text, rows[i].part))
                fail_msg("'%s' is not in: %s", rows[i].part, f.err.text);
        }
        release(&f);
    }
}

static void test_warnings(void **state)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"dependencies: []\nplatform: linux-64\n", "env.yaml:2:1: unknown key 'platform'"},
        {"name: base\ndependencies: []\n", "env.yaml:1:7: the name 'base'"},
        {"name: a b\ndependencies: []\n", "env.yaml:1:7: the name 'a b' is not used"},
        {"dependencies:\n  - a  # [py27]\n", "env.yaml:2:5: the comment [py27]"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f = {0};
        assert_int_equal(parse_for(&f, "linux-64", rows[i].text), ENVM_OK);
        assert_int_equal(f.heard.count, 1);
        assert_int_equal(f.spec.name.len, 0);
        if (!strstr(f.heard.text, rows[i].part))
            fail_msg("'%s' is not in: %s", rows[i].part, f.heard.text);
        release(&f);
    }
}

static void test_names(void **state)
{
    static const char *const good[] = {"a", "A.b-c_1", "_x", "3d"};
    static const char *const bad[] = {"",     "base", "root", ".a",  "-rf",   "a b",
                                      "a;id", "a/b",  "a:b",  "a#b", "$(id)", "\xC3\xA4"};
    char long_name[66];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(envm_environment_name_is_valid(envm_str_from(good[i])));
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(envm_environment_name_is_valid(envm_str_from(bad[i])));
    memset(long_name, 'a', sizeof(long_name));
    assert_true(envm_environment_name_is_valid(envm_str_n(long_name, 64)));
    assert_false(envm_environment_name_is_valid(envm_str_n(long_name, 65)));
    assert_true(envm_variable_name_is_valid(ENVM_STR("_A1")));
    assert_false(envm_variable_name_is_valid(ENVM_STR("")));
    assert_false(envm_variable_name_is_valid(ENVM_STR("1A")));
    assert_false(envm_variable_name_is_valid(ENVM_STR("A;id")));
}

/* NAME<TAB>PART OF THE MESSAGE, of the files that are refused on purpose. */
static bool is_refused_on_purpose(envm_str table, const char *name, const char *text)
{
    envm_str line, fields[FIELDS_MAX];

    while (next_line(&table, &line))
        if (split_fields(line, fields) >= 2 && envm_str_equal_c(fields[0], name))
            return text && envm_str_contains(envm_str_from(text), fields[1]);
    return false;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What selectors leave out for one platform is read for another. */
static bool parses_everywhere(envm_str text, enum envm_code expected)
{
    static const char *const platforms[] = {"osx-arm64", "win-64", "linux-aarch64"};
    bool same = true;

    for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++) {
        struct fixture f = {0};

        same = parse_for(&f, platforms[i], text.ptr) == expected && same;
        release(&f);
    }
    return same;
}

static void test_real_files(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_VEC(char *) names = {0};
    const char *root = getenv("ENVM_SOURCE_DIR");
    envm_str folder = envm_arena_printf(&arena, "%s/../shared/data/envs", root ? root : ".");
    DIR *directory = opendir(folder.ptr);
    unsigned accepted = 0, refused = 0, with_pip = 0, wrong = 0;
    struct dirent *entry;
    envm_str table;
    size_t i;

    (void)state;
    if (!directory) {
        print_message("SKIPPED: ../shared/data/envs is not there\n");
        envm_arena_release(&arena);
        skip();
        return;
    }
    assert_true(read_data(&arena, "tests/data/env_refused.txt", &table));
    while ((entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            envm_vec_push(&names, envm_cstr(&arena, envm_str_from(entry->d_name)));
    closedir(directory);
    assert_true(names.count > 0);
    qsort(names.items, names.count, sizeof(*names.items), compare_names);
    for (i = 0; i < names.count; i++) {
        struct fixture f = {0};
        envm_str text;
        enum envm_code code;
        envm_str path = envm_arena_printf(&arena, "../shared/data/envs/%s", names.items[i]);
        assert_true(read_data(&arena, path.ptr, &text));
        code = parse_for(&f, "linux-64", text.ptr);
        wrong += !parses_everywhere(text, code);
        accepted += code == ENVM_OK;
        refused += code != ENVM_OK;
        with_pip += code == ENVM_OK && f.spec.pip_line > 0;
        if (code != ENVM_OK)
            print_message("%s: %s (%s)\n", names.items[i], f.err.text, f.err.where);
        if ((code == ENVM_OK) == is_refused_on_purpose(table, names.items[i], f.err.text)) {
            print_message("%s: not as tests/data/env_refused.txt says\n", names.items[i]);
            wrong++;
        }
        release(&f);
    }
    print_message("environment files: %u accepted (%u with a pip section), %u refused\n", accepted,
                  with_pip, refused);
    envm_vec_release(&names);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),     cmocka_unit_test(test_selectors),
        cmocka_unit_test(test_selector_words), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_warnings),       cmocka_unit_test(test_names),
        cmocka_unit_test(test_real_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
