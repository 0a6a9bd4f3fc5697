/* SPDX-License-Identifier: MIT */
#include "prefix/prefix_replace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hex.h"
#include "codec/digest.h"

#define PH "/placeholder/placeholder"

static enum envm_code collect(void *user, envm_str bytes, struct envm_error *err)
{
    (void)err;
    envm_buf_add_str(user, bytes);
    return ENVM_OK;
}

struct outcome {
    struct envm_buf installed;
    struct envm_replacements done;
};

static void release(struct outcome *outcome)
{
    envm_buf_release(&outcome->installed);
}
ENVM_DEFINE_CLEANUP(outcome, struct outcome, release)

/* Replaces, undoes, and checks that the bytes and the digest of the package are back. */
static void there_and_back(struct envm_arena *arena, enum envm_file_mode mode, envm_str bytes,
                           envm_str placeholder, envm_str prefix, struct outcome *outcome)
{
    struct envm_replace_request request = {bytes, mode, placeholder, prefix};
    struct envm_edits edits = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf back = envm_buf_text();
    struct envm_sha256 original = envm_sha256_of(bytes);
    struct envm_sha256 undone;

    outcome->installed = envm_buf_text();
    assert_int_equal(envm_replace_plan(arena, &request, &edits, &outcome->done, NULL), ENVM_OK);
    assert_int_equal(envm_edits_apply(bytes, &edits, collect, &outcome->installed, NULL), ENVM_OK);
    assert_int_equal(envm_edits_size(bytes, &edits), outcome->installed.len);
    if (mode == ENVM_MODE_BINARY)
        assert_int_equal(outcome->installed.len, bytes.len);

    request.bytes = envm_buf_str(&outcome->installed);
    assert_true(envm_replace_undo(arena, &request, &outcome->done, &edits));
    assert_int_equal(envm_edits_apply(request.bytes, &edits, collect, &back, NULL), ENVM_OK);
    assert_int_equal(back.len, bytes.len);
    if (bytes.len > 0)
        assert_memory_equal(back.ptr, bytes.ptr, bytes.len);
    undone = envm_edits_sha256(request.bytes, &edits);
    assert_true(envm_sha256_equal(&original, &undone));
}

#define BYTES(literal) ENVM_STR(literal)

static void check(enum envm_file_mode mode, envm_str bytes, envm_str prefix, envm_str wanted,
                  size_t replacements)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(outcome) struct outcome outcome = {0};

    there_and_back(&arena, mode, bytes, ENVM_STR(PH), prefix, &outcome);
    assert_int_equal(outcome.done.count, replacements);
    assert_int_equal(outcome.installed.len, wanted.len);
    if (wanted.len > 0)
        assert_memory_equal(outcome.installed.ptr, wanted.ptr, wanted.len);
}

static void test_text(void **state)
{
    (void)state;
    check(ENVM_MODE_TEXT, BYTES("a=" PH "/x\nb=" PH "\n"), ENVM_STR("/p"), BYTES("a=/p/x\nb=/p\n"),
          2);
    check(ENVM_MODE_TEXT, BYTES(PH PH), ENVM_STR("/p"), BYTES("/p/p"), 2);
    check(ENVM_MODE_TEXT, BYTES(""), ENVM_STR("/p"), BYTES(""), 0);
    check(ENVM_MODE_TEXT, BYTES("nothing here"), ENVM_STR("/p"), BYTES("nothing here"), 0);
    /* The prefix stands in the package already: only what was replaced is undone. */
    check(ENVM_MODE_TEXT, BYTES("/p " PH " /p"), ENVM_STR("/p"), BYTES("/p /p /p"), 1);
    check(ENVM_MODE_TEXT, BYTES(PH), ENVM_STR("/a/prefix/that/is/longer/than/the/placeholder"),
          BYTES("/a/prefix/that/is/longer/than/the/placeholder"), 1);
    check(ENVM_MODE_TEXT, BYTES("\0\xff" PH "\0"), ENVM_STR("/p"), BYTES("\0\xff/p\0"), 1);
}

static void test_text_shebang(void **state)
{
    (void)state;
    check(ENVM_MODE_TEXT, BYTES("#!" PH "/bin/python\nx=" PH "\n"), ENVM_STR("/p"),
          BYTES("#!/p/bin/python\nx=/p\n"), 2);
    check(ENVM_MODE_TEXT, BYTES("#!" PH "/bin/python -s\nx=" PH "\n"), ENVM_STR("/p q"),
          BYTES("#!/bin/sh\n'''exec' \"/p q/bin/python\" -s \"$0\" \"$@\" #'''\nx=/p q\n"), 1);
    check(ENVM_MODE_TEXT, BYTES("#!" PH "/bin/perl"), ENVM_STR("/p q"),
          BYTES("#!/usr/bin/env perl"), 0);
}

static void test_binary(void **state)
{
    (void)state;
    check(ENVM_MODE_BINARY, BYTES("\1" PH "/lib\0rest"), ENVM_STR("/p"),
          BYTES("\1/p/lib\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0rest"), 1);
    /* One string, two occurrences: both move the tail, all padding stands at the end. */
    check(ENVM_MODE_BINARY, BYTES("x" PH "/a:" PH "/b\0y"), ENVM_STR("/placeholder/prefix1234"),
          BYTES("x/placeholder/prefix1234/a:/placeholder/prefix1234/b\0\0\0y"), 2);
    check(ENVM_MODE_BINARY, BYTES(PH "\0" PH "\0"), ENVM_STR("/placeholder/prefix1234"),
          BYTES("/placeholder/prefix1234\0\0/placeholder/prefix1234\0\0"), 2);
    /* The last string may end with the file. */
    check(ENVM_MODE_BINARY, BYTES("x" PH "/tail"), ENVM_STR("/placeholder/prefix1234"),
          BYTES("x/placeholder/prefix1234/tail\0"), 1);
    check(ENVM_MODE_BINARY, BYTES("x" PH "\0"), ENVM_STR(PH), BYTES("x" PH "\0"), 1);
    check(ENVM_MODE_BINARY, BYTES("none\0"), ENVM_STR("/p"), BYTES("none\0"), 0);
    /* A first line is nothing special in a binary. */
    check(ENVM_MODE_BINARY, BYTES("#!" PH "/bin/python\n\0"), ENVM_STR("/placeholder/prefix 234"),
          BYTES("#!/placeholder/prefix 234/bin/python\n\0\0"), 1);
}

static size_t encode(const char *text, enum envm_text_encoding encoding, char *out)
{
    size_t size = encoding <= ENVM_UTF_16_BE ? 2 : 4;
    bool big = encoding == ENVM_UTF_16_BE || encoding == ENVM_UTF_32_BE;
    size_t len = strlen(text);

    memset(out, 0, len * size);
    for (size_t i = 0; i < len; i++)
        out[i * size + (big ? size - 1 : 0)] = text[i];
    return len * size;
}

static void test_wide(void **state)
{
    static const struct {
        const char *before, *text, *after, *tail;
    } rows[] = {
        {"", PH "/lib", "/p/lib", ""},
        {"ab", PH, "/p", "next"},
        {"", PH ";" PH "/x", "/p;/p/x", "more"},
    };

    (void)state;
    for (int encoding = ENVM_UTF_16_LE; encoding < ENVM_ENCODING_COUNT; encoding++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
            ENVM_CLEANUP(outcome) struct outcome outcome = {0};
            char bytes[2048] = {0};
            char wanted[2048] = {0};
            size_t len = strlen(rows[i].before);
            size_t at = len;
            size_t unit = encoding <= ENVM_UTF_16_BE ? 2 : 4;

            memcpy(bytes, rows[i].before, len);
            len += encode(rows[i].text, (enum envm_text_encoding)encoding, bytes + len);
            len += unit;
            memcpy(bytes + len, rows[i].tail, strlen(rows[i].tail));
            len += strlen(rows[i].tail);
            memcpy(wanted, bytes, len);
            memset(wanted + at, 0, strlen(rows[i].text) * unit);
            encode(rows[i].after, (enum envm_text_encoding)encoding, wanted + at);

            there_and_back(&arena, ENVM_MODE_BINARY, envm_str_n(bytes, len), ENVM_STR(PH),
                           ENVM_STR("/p"), &outcome);
            assert_true(outcome.done.count > 0);
            assert_memory_equal(outcome.installed.ptr, wanted, len);
        }
    }
}

static void test_wide_text(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(outcome) struct outcome outcome = {0};
    char bytes[512] = {0};
    char wanted[512] = {0};
    size_t len = encode("a " PH " b\n", ENVM_UTF_16_LE, bytes);
    size_t wanted_len = encode("a /p b\n", ENVM_UTF_16_LE, wanted);

    (void)state;
    there_and_back(&arena, ENVM_MODE_TEXT, envm_str_n(bytes, len), ENVM_STR(PH), ENVM_STR("/p"),
                   &outcome);
    assert_int_equal(outcome.installed.len, wanted_len);
    assert_memory_equal(outcome.installed.ptr, wanted, wanted_len);
}

static void test_refusals(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    struct envm_replace_request request = {BYTES("x" PH "\0"), ENVM_MODE_BINARY, ENVM_STR(PH),
                                           ENVM_STR("/placeholder/placeholderX")};
    struct envm_edits edits = {0};
    struct envm_replacements done = {0};

    (void)state;
    assert_int_equal(envm_replace_plan(&arena, &request, &edits, &done, &err), ENVM_IO);
    assert_non_null(strstr(err.text, "25 bytes"));
    assert_non_null(strstr(err.text, "24 bytes"));
    assert_non_null(strstr(err.hint, "shorter"));
    envm_error_release(&err);
    /* Without an occurrence nothing has to fit. */
    request.bytes = BYTES("nothing\0");
    assert_int_equal(envm_replace_plan(&arena, &request, &edits, &done, &err), ENVM_OK);
    request.placeholder = (envm_str){0};
    assert_int_equal(envm_replace_plan(&arena, &request, &edits, &done, &err), ENVM_MALFORMED);
}

/* Every single changed byte is seen: the undo fails, or the digest of what it gives differs. */
static void test_tampering(void **state)
{
    static const struct {
        enum envm_file_mode mode;
        envm_str bytes, prefix;
    } rows[] = {
        {ENVM_MODE_TEXT, ENVM_STR_INIT("#!" PH "/bin/python\nx=" PH "\n"), ENVM_STR_INIT("/p q")},
        {ENVM_MODE_TEXT, ENVM_STR_INIT("x=" PH "\n"), ENVM_STR_INIT("/p")},
        {ENVM_MODE_BINARY, ENVM_STR_INIT("ab" PH "/x:" PH "\0rest"), ENVM_STR_INIT("/p")},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        ENVM_CLEANUP(outcome) struct outcome outcome = {0};
        struct envm_sha256 original = envm_sha256_of(rows[i].bytes);

        there_and_back(&arena, rows[i].mode, rows[i].bytes, ENVM_STR(PH), rows[i].prefix, &outcome);
        for (size_t at = 0; at < outcome.installed.len; at++) {
            struct envm_replace_request request = {envm_buf_str(&outcome.installed), rows[i].mode,
                                                   ENVM_STR(PH), rows[i].prefix};
            struct envm_edits edits = {0};

            outcome.installed.ptr[at] ^= 1;
            if (envm_replace_undo(&arena, &request, &outcome.done, &edits)) {
                struct envm_sha256 undone = envm_edits_sha256(request.bytes, &edits);

                assert_false(envm_sha256_equal(&original, &undone));
            }
            outcome.installed.ptr[at] ^= 1;
        }
    }
}

/* Records come from disk: any list of offsets must be safe. */
static void test_hostile_offsets(void **state)
{
    static const uint64_t offsets[] = {0, 1, 2, 3, 7, 30, UINT64_MAX, UINT64_MAX - 1};
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str bytes = ENVM_STR("x/p/p\0\0\0\0/p");

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        for (size_t j = 0; j < 8; j++) {
            for (int mode = ENVM_MODE_TEXT; mode <= ENVM_MODE_BINARY; mode++) {
                struct envm_replacement items[2] = {{offsets[i], ENVM_UTF_8},
                                                    {offsets[j], (enum envm_text_encoding)(j % 5)}};
                struct envm_replacements done = {.items = items, .count = 2};
                struct envm_replace_request request = {bytes, (enum envm_file_mode)mode,
                                                       ENVM_STR(PH), ENVM_STR("/p")};
                struct envm_edits edits = {0};

                if (envm_replace_undo(&arena, &request, &done, &edits))
                    assert_true(envm_edits_sha256(bytes, &edits).known);
            }
        }
    }
}

/* Random pieces of placeholder, prefix, NUL and letters, in both modes. */
static void test_random(void **state)
{
    static const envm_str pieces[] = {
        ENVM_STR_INIT(PH),     ENVM_STR_INIT("/p/q"),
        ENVM_STR_INIT("\0"),   ENVM_STR_INIT("/place"),
        ENVM_STR_INIT("x"),    ENVM_STR_INIT("\n#!"),
        ENVM_STR_INIT("\0\0"), ENVM_STR_INIT("#!" PH "/bin/python\n"),
    };
    unsigned seed = 12345;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        ENVM_CLEANUP(outcome) struct outcome outcome = {0};
        ENVM_CLEANUP(envm_buf) struct envm_buf bytes = envm_buf_text();
        envm_str prefix = round % 3 ? ENVM_STR("/p/q") : ENVM_STR("/p q");

        for (int i = 0; i < 12; i++) {
            seed = seed * 1103515245 + 12345;
            envm_buf_add_str(&bytes, pieces[(seed >> 16) % 8]);
        }
        there_and_back(&arena, round & 1 ? ENVM_MODE_TEXT : ENVM_MODE_BINARY, envm_buf_str(&bytes),
                       ENVM_STR(PH), prefix, &outcome);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),      cmocka_unit_test(test_text_shebang),
        cmocka_unit_test(test_binary),    cmocka_unit_test(test_wide),
        cmocka_unit_test(test_wide_text), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_tampering), cmocka_unit_test(test_hostile_offsets),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
