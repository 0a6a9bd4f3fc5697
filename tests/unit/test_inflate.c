/* SPDX-License-Identifier: MIT */
#include "codec/inflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

static envm_str compress(struct envm_arena *arena, envm_str plain, int window_log)
{
    size_t size = ZSTD_compressBound(plain.len);
    char *out = envm_arena_alloc(arena, size);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    size_t len;

    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    if (window_log)
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    len = ZSTD_compress2(context, out, size, plain.ptr, plain.len);
    ZSTD_freeCCtx(context);
    assert_false(ZSTD_isError(len));
    return envm_str_n(out, len);
}

static envm_str sample(struct envm_arena *arena, size_t size)
{
    char *text = envm_arena_alloc(arena, size);
    uint32_t seed = 12345;

    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = (char)('a' + (seed >> 24) % (i % 100 < 50 ? 26 : 2));
    }
    return envm_str_n(text, size);
}

static enum envm_code inflate(envm_str data, size_t limit, envm_str wanted)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_limit(limit);
    enum envm_code code = envm_zstd_decompress(data, &out, NULL);

    if (code == ENVM_OK)
        assert_true(envm_str_equal(envm_buf_str(&out), wanted));
    return code;
}

/* The same bytes in pieces. */
static enum envm_code inflate_in_pieces(envm_str data, size_t limit, size_t piece, envm_str wanted)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_limit(limit);
    ENVM_CLEANUP(envm_zstd) struct envm_zstd *stream = envm_zstd_open();

    for (size_t at = 0; at < data.len; at += piece)
        ENVM_TRY(envm_zstd_feed(stream, envm_str_slice(data, at, at + piece), &out, NULL));
    ENVM_TRY(envm_zstd_finish(stream, NULL));
    assert_true(envm_str_equal(envm_buf_str(&out), wanted));
    return ENVM_OK;
}

static void test_round_trip(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 128 * 1024, 128 * 1024 + 1, 1000000};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        envm_str plain = sample(&arena, sizes[i]);
        envm_str data = compress(&arena, plain, 0);

        assert_int_equal(inflate(data, 1 << 20, plain), ENVM_OK);
        assert_int_equal(inflate(data, plain.len, plain), ENVM_OK);
        assert_int_equal(inflate_in_pieces(data, plain.len, 1 + data.len / 300, plain), ENVM_OK);
        if (plain.len > 0) {
            assert_int_equal(inflate(data, plain.len - 1, plain), ENVM_MALFORMED);
            assert_int_equal(inflate_in_pieces(data, plain.len - 1, 7, plain), ENVM_MALFORMED);
        }
    }
}

static void test_frames(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str plain = sample(&arena, 1000);
    envm_str half = envm_str_slice(plain, 0, 500);
    envm_str one = compress(&arena, half, 0);
    envm_str two = compress(&arena, envm_str_skip(plain, 500), 0);
    envm_str both = envm_arena_concat(&arena, one, two);
    envm_str garbage = envm_arena_concat(&arena, one, ENVM_STR("\n"));

    (void)state;
    assert_int_equal(inflate(both, 1000, plain), ENVM_OK);
    assert_int_equal(inflate_in_pieces(both, 1000, 1, plain), ENVM_OK);
    assert_int_equal(inflate(garbage, 1000, half), ENVM_MALFORMED);
    assert_int_equal(inflate(envm_arena_concat(&arena, one, ENVM_STR("garbage!")), 1000, half),
                     ENVM_MALFORMED);
    assert_int_equal(inflate((envm_str){0}, 1000, half), ENVM_MALFORMED);
    assert_int_equal(inflate(ENVM_STR("{\"packages\": {}}"), 1000, half), ENVM_MALFORMED);
    /* The format of an early libzstd. */
    assert_int_equal(inflate(ENVM_STR("\x26\xB5\x2F\xFD\x02\xFF\xFF\x09"), 1000, half),
                     ENVM_MALFORMED);
    assert_int_equal(
        inflate(envm_arena_concat(&arena, one, ENVM_STR("\x50\x2A\x4D\x18\x01\0\0\0x")), 1000,
                half),
        ENVM_OK);
}

static void test_damage(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str plain = sample(&arena, 3000);
    envm_str data = compress(&arena, plain, 0);
    char *copy = envm_cstr(&arena, data);

    (void)state;
    for (size_t len = 0; len < data.len; len++) {
        assert_int_equal(inflate(envm_str_slice(data, 0, len), 4000, plain), ENVM_MALFORMED);
        assert_int_equal(inflate_in_pieces(envm_str_slice(data, 0, len), 4000, 100, plain),
                         ENVM_MALFORMED);
    }
    /* The checksum at the end covers the content; a changed byte never gives other content. */
    for (size_t at = 4; at < data.len; at++) {
        ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_limit(1 << 20);

        copy[at] = (char)(copy[at] ^ 0x40);
        if (envm_zstd_decompress(envm_str_n(copy, data.len), &out, NULL) == ENVM_OK)
            assert_true(envm_str_equal(envm_buf_str(&out), plain));
        copy[at] = (char)(copy[at] ^ 0x40);
    }
}

static void test_limits(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_limit(1 << 16);
    envm_str zeros = envm_str_n(envm_arena_alloc(&arena, 32 << 20), 32 << 20);
    envm_str bomb = compress(&arena, zeros, 0);
    /* Magic, no single segment, window byte for 2^31 bytes, then an empty last block. */
    envm_str window = ENVM_STR("\x28\xB5\x2F\xFD\x00\xA8\x01\x00\x00");
    envm_str fine = ENVM_STR("\x28\xB5\x2F\xFD\x00\x88\x01\x00\x00");
    envm_str dictionary = ENVM_STR("\x28\xB5\x2F\xFD\x01\x58\x07\x01\x00\x00");

    (void)state;
    assert_true(bomb.len < 4096);
    assert_int_equal(envm_zstd_decompress(bomb, &out, &err), ENVM_MALFORMED);
    assert_non_null(strstr(err.text, "65536"));
    assert_true(out.len <= out.limit);
    assert_int_equal(inflate(window, 1000, (envm_str){0}), ENVM_MALFORMED);
    assert_int_equal(inflate(fine, 1000, (envm_str){0}), ENVM_OK);
    assert_int_equal(inflate(dictionary, 1000, (envm_str){0}), ENVM_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
