/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "lock/lockfile_explicit.h"

#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define MD5 "d41d8cd98f00b204e9800998ecf8427e"

struct fixture {
    struct envm_arena arena;
    struct envm_error err;
    struct envm_environ *env;
    struct envm_record_list records;
};

static int setup(void **state)
{
    static const char *const variables[] = {"HOME=/home/me", "CHAN=/srv/c", NULL};
    struct fixture *f = calloc(1, sizeof(*f));

    if (!f)
        return -1;
    f->env = envm_environ_from(&f->arena, variables);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    envm_error_release(&f->err);
    envm_arena_release(&f->arena);
    free(f);
    return 0;
}

static enum envm_code read_list(struct fixture *f, const char *text)
{
    envm_error_release(&f->err);
    return envm_explicit_read(&f->arena, envm_str_from(text), "list.txt", ENVM_STR("/work dir"),
                              f->env, &f->records, &f->err);
}

static void test_read(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        read_list(f, "# platform: linux-64\r\n@EXPLICIT\r\n\r\n"
                     "https://conda.anaconda.org/conda-forge/linux-64/a-1.0-0.conda#" SHA "\r\n"
                     "https://conda.anaconda.org/conda-forge/noarch/b-1-0.tar.bz2#" MD5 "\n"
                     "  https://conda.anaconda.org/conda-forge/noarch/c-1-0.conda#sha256:" SHA "\n"
                     "$CHAN/linux-64/d-1-0.conda\n~/e-1-0.conda\n./linux-64/f-1-0.conda"),
        ENVM_OK);
    assert_int_equal(f->records.count, 6);
    assert_true(envm_str_equal_c(f->records.items[0]->name, "a"));
    assert_true(envm_str_equal_c(f->records.items[0]->subdir, "linux-64"));
    assert_true(
        envm_str_equal_c(f->records.items[0]->channel, "conda-forge") ||
        envm_str_equal_c(f->records.items[0]->channel, "https://conda.anaconda.org/conda-forge"));
    assert_string_equal(envm_sha256_hex(&f->records.items[0]->sha256).text, SHA);
    assert_string_equal(envm_md5_hex(&f->records.items[1]->md5).text, MD5);
    assert_false(f->records.items[1]->sha256.known);
    assert_true(f->records.items[2]->sha256.known);
    assert_true(envm_str_equal_c(f->records.items[3]->url, "file:///srv/c/linux-64/d-1-0.conda"));
    assert_true(envm_str_equal_c(f->records.items[4]->url, "file:///home/me/e-1-0.conda"));
    assert_true(
        envm_str_equal_c(f->records.items[5]->url, "file:///work%20dir/linux-64/f-1-0.conda"));
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"@EXPLICIT\nhttps://x.org/a-1-0.conda#zz\n", "neither a sha256"},
        {"@EXPLICIT\nhttps://x.org/a-1-0.conda# " SHA "0\n", "neither a sha256"},
        {"@EXPLICIT\nhttps://x.org/a-1-0.conda#\n", "neither a sha256"},
        {"@EXPLICIT\nhttps://x.org/a-1.conda\n", "list.txt:2"},
        {"@EXPLICIT\nhttps://x.org/../../a.zip\n", "list.txt:2"},
        {"@EXPLICIT\nftp://x.org/a-1-0.conda\n", "list.txt:2"},
        {"@EXPLICIT\n/c/a-1-0.conda\n/c/a-2-0.conda\n", "stands twice"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum envm_code code = read_list(f, rows[i].text);

        if (code == ENVM_OK || !strstr(f->err.text, rows[i].message))
            fail_msg("row %zu: %s \"%s\"", i, envm_code_name(code), f->err.text);
        assert_int_equal(code, ENVM_MALFORMED);
    }
}

static void test_spec_list(void **state)
{
    struct fixture *f = *state;
    struct envm_str_list specs = {0};

    assert_int_equal(envm_spec_list_read(&f->arena,
                                         ENVM_STR("# c\nnumpy>=2 # why\r\n\n  python 3.12.*"),
                                         "specs.txt", &specs, &f->err),
                     ENVM_OK);
    assert_int_equal(specs.count, 2);
    assert_true(envm_str_equal_c(specs.items[0], "numpy>=2"));
    assert_true(envm_str_equal_c(specs.items[1], "python 3.12.*"));
    assert_int_equal(
        envm_spec_list_read(&f->arena, ENVM_STR("a\nb [x\n"), "specs.txt", &specs, &f->err),
        ENVM_MALFORMED);
    assert_non_null(strstr(f->err.text, "specs.txt:2"));
}

static void test_expand(void **state)
{
    static const struct {
        const char *text, *result;
    } rows[] = {
        {"~/x", "/home/me/x"},
        {"~", "/home/me"},
        {"~you/x", "~you/x"},
        {"$CHAN/x", "/srv/c/x"},
        {"${CHAN}x", "/srv/cx"},
        {"$UNSET/x", "$UNSET/x"},
        {"a$", "a$"},
        {"${CHAN", "${CHAN"},
        {"${}", "${}"},
        {"$1", "$1"},
        {"x~", "x~"},
        {"", ""},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(
            envm_expand_variables(&f->arena, envm_str_from(rows[i].text), f->env).ptr,
            rows[i].result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spec_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expand, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
