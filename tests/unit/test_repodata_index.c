/* SPDX-License-Identifier: MIT
 *
 * A file read in parts by several threads gives what it gives read whole: the same records in the
 * same order, the same warnings, the same errors. Every document goes through blocks of every size,
 * so every place is a cut once.
 */
#include "../support/check.h"

#include <sys/mman.h>
#include <zstd.h>

#include "base/error.h"
#include "repo/repodata_index.h"
#include "repo/repodata_source.h"
#include "repo/repodata_write.h"
#include "sys/fs.h"

#define PACKAGE(name, more)                                                                        \
    "\"" name                                                                                      \
    "-1-0.conda\":{\"build\":\"0\",\"build_number\":0,\"depends\":[\"a\",\"b >=1\"]," more         \
    "\"name\":\"" name "\",\"version\":\"1\"}"
#define TARBALL(name)                                                                              \
    "\"" name                                                                                      \
    "-1-0.tar.bz2\":{\"build\":\"0\",\"build_number\":0,\"depends\":[\"c\"],\"name\":\"" name      \
    "\",\"version\":\"1\",\"license\":\"MIT\"}"

static void note_warning(void *user, enum envm_log_level level, const char *text)
{
    (void)level;
    envm_buf_printf(user, "%s\n", text);
}

static int file_with(envm_str bytes)
{
    int fd = memfd_create("repodata", MFD_CLOEXEC);

    assert_true(fd >= 0);
    OK(envm_fs_write_fd(fd, "repodata", bytes, &err));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* Everything that the index serves, as text. */
static void dump(struct envm_repodata_content *content, int fd, struct envm_buf *out)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_image_source source = {.channel = ENVM_STR("c"), .url = ENVM_STR("u")};
    struct envm_image_origin origin = {.subdir = ENVM_STR("linux-64"),
                                       .package_base = content->summary.package_base,
                                       .source_sha256 = &content->sha256,
                                       .skipped = content->summary.skipped};
    struct envm_str_list names;
    envm_str bytes;

    OK(envm_image_write(&content->builder, &content->layout, &origin, &err));
    OK(envm_fs_map(fd, "index", &bytes, &err));
    assert_true(envm_image_open(&source.image, bytes));
    assert_true(envm_image_data_is_intact(&source.image));
    OK(envm_image_source_init(&source, &err));
    OK(source.source.names(&source, &arena, &names, &err));
    for (size_t i = 0; i < names.count; i++) {
        struct envm_record_list list;

        OK(source.source.records(&source, names.items[i], &arena, &list, &err));
        for (size_t k = 0; k < list.count; k++) {
            const struct envm_package_record *r = list.items[k];

            envm_buf_printf(out, "%.*s %.*s %zu:", ENVM_STR_ARGS(r->url), ENVM_STR_ARGS(r->license),
                            r->constrains.count);
            for (size_t d = 0; d < r->depends.count; d++)
                envm_buf_printf(out, " %.*s", ENVM_STR_ARGS(r->depends.items[d]));
            envm_buf_add_byte(out, '\n');
        }
    }
    envm_fs_unmap(bytes);
}

/* What becomes of a file: records and warnings, or the error. */
static void describe(envm_str bytes, bool is_zstd, size_t block_size, struct envm_buf *out)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_fd) int fd = file_with(bytes), to = memfd_create("index", MFD_CLOEXEC);
    ENVM_CLEANUP(envm_image_file) struct envm_image_file image;
    ENVM_CLEANUP(envm_repodata_content) struct envm_repodata_content content = {0};
    const struct envm_sink sink = {.user = out, .log = note_warning};
    struct envm_repodata_source source = {
        .subdir = ENVM_STR("linux-64"), .url = ENVM_STR("https://h.example/c/r.json"), &sink};
    struct envm_repodata_file file = {.fd = fd,
                                      .name = "r.json",
                                      .size = bytes.len,
                                      .is_zstd = is_zstd,
                                      .block_size = block_size};

    envm_buf_clear(out);
    envm_image_file_open(&image, to);
    if (envm_repodata_index(&file, &source, &arena, &image, &content, &err) != ENVM_OK) {
        envm_buf_printf(out, "%s: %s: %s", envm_code_name(err.code), err.text,
                        err.where ? err.where : "");
        envm_error_release(&err);
        return;
    }
    envm_buf_printf(out, "%llu skipped, %llu bytes, base %.*s\n",
                    (unsigned long long)content.summary.skipped, (unsigned long long)content.size,
                    ENVM_STR_ARGS(content.summary.package_base));
    assert_true(content.sha256.known);
    dump(&content, to, out);
}

static void check_document(const char *json)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf whole = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf parts = envm_buf_text();

    describe(envm_str_from(json), false, (size_t)1 << 20, &whole);
    for (size_t size = 1; size <= strlen(json) + 1; size += size < 64 ? 1 : 7) {
        describe(envm_str_from(json), false, size, &parts);
        if (!envm_str_equal(envm_buf_str(&whole), envm_buf_str(&parts)))
            fail_msg("blocks of %zu bytes of %s give\n%s\ninstead of\n%s", size, json,
                     envm_buf_str(&parts).ptr, envm_buf_str(&whole).ptr);
    }
}

static const char *const documents[] = {
    "{\"info\":{\"subdir\":\"linux-64\"},\"packages\":{" TARBALL("a") "," TARBALL("b") "," TARBALL(
        "d") "},\"packages.conda\":{" PACKAGE("b", "") "," PACKAGE("c",
                                                                   "\"license\":\"BSD\",") "}}",
    /* white space everywhere */
    " { \"packages\" : { \n " TARBALL("a") " \n ,\t " TARBALL("b") " } , \"x\" : 1 } \n ",
    /* the same file twice, in one section and in another part; a bad record before and behind */
    "{\"packages.conda\":{" PACKAGE("a", "") "," PACKAGE("a", "\"license\":\"X\",") "," PACKAGE(
        "b", "\"size\":\"x\",") "," PACKAGE("c", "") "," PACKAGE("a", "") "}}",
    "{\"packages.conda\":{" PACKAGE("b", "\"size\":\"x\",") "," PACKAGE("a", "") "," PACKAGE(
        "a", "\"license\":\"X\",") "}}",
    /* removed before and behind, with a twin */
    "{\"removed\":[\"a-1-0.conda\",\"nothing-1-0.conda\"],\"packages\":{" TARBALL("a") "," TARBALL(
        "b") "},\"packages.conda\":{" PACKAGE("a", "") "," PACKAGE("b", "") "}}",
    "{\"packages.conda\":{" PACKAGE("a", "") "," PACKAGE(
        "b", "") "},\"removed\":[\"b-1-0.conda\",\"c\\u002d1-0.conda\"]}",
    /* objects by file name that hold no records */
    "{\"packages.conda\":{" PACKAGE("a", "") "," PACKAGE(
        "b", "") "},\"signatures\":{\"a-1-0.conda\":{\"k\":{}},\"b-1-0.conda\":{\"k\":1},"
                 "\"c-1-0.conda\":{\"name\":\"c\",\"version\":\"1\",\"build\":\"0\","
                 "\"build_number\":0,\"depends\":[]}},\"packages\":{" TARBALL("z") "}}",
    /* what looks like the begin of a package, deeper down and inside of a text */
    "{\"packages.conda\":{" PACKAGE(
        "a",
        "\"more\":{\"x\":1,\"y-1-0.conda\":{\"z\":1},\"w-1-0.conda\":{}},") "," PACKAGE("b",
                                                                                        "") "}"
                                                                                            "}",
    "{\"packages.conda\":{" PACKAGE("a", "\"summary\":\"}, \\\"x-1-0.conda\\\": {\",") "," PACKAGE(
        "b", "") "}}",
    "{\"x\":[{\"a\":1,\"q-1-0.conda\":{}}],\"packages\":{" TARBALL("a") "}}",
    /* a file name unlike its record, and the same file for a record that fits */
    "{\"packages.conda\":{\"other-2-1.conda\":{\"build\":\"0\",\"build_number\":0,\"depends\":[],"
    "\"name\":\"a\",\"version\":\"1\"}," PACKAGE("a", "") ",\"other-2-1.conda\":{\"build\":\"1\","
                                                          "\"build_number\":1,\"depends\":[],"
                                                          "\"name\":\"other\",\"version\":\"2\"}}}",
    /* late info */
    "{\"packages.conda\":{" PACKAGE("a", "") "," PACKAGE(
        "b", "") "},\"info\":{\"subdir\":\"linux-64\",\"base_url\":\"../p/\"}}",
    "{\"packages.conda\":{" PACKAGE("a", "") "," PACKAGE("b",
                                                         "") "},\"info\":{\"subdir\":\"win-64\"}"
                                                             "}",
    /* revision 3: names without extension, and one that looks like a file all the same */
    "{\"v3\":{\"conda\":{\"q-1-0\":{\"build\":\"0\",\"build_number\":0,\"depends\":[\"r[when=s]\"],"
    "\"name\":\"q\",\"version\":\"1\"},\"t-1-0\":{\"build\":\"0\",\"build_number\":0,\"depends\":[]"
    ","
    "\"extra_depends\":{\"u\":[\"v\"]},\"name\":\"t\",\"version\":\"1\"}},\"tar.bz2\":{}},"
    "\"packages.conda\":{" PACKAGE("a", "") "," PACKAGE("b", "") "}}",
    "{\"packages.conda\":{" PACKAGE("a", "") "," PACKAGE(
        "b",
        "") "},\"v3\":{\"conda\":{\"q-1-0\":{\"build\":\"0\",\"build_number\":0,\"depends\":[],"
            "\"name\":\"q\",\"version\":\"1\"},\"x.conda\":{},\"y.conda\":{\"a\":1}}}}",
    /* not JSON */
    "{\"packages.conda\":{" PACKAGE("a", "") ",," PACKAGE("b", "") "}}",
    "{\"packages.conda\":{ ," PACKAGE("a", "") "," PACKAGE("b", "") "}}",
    "{\"packages.conda\":{" PACKAGE("a", "") "," PACKAGE("b", "") "}",
    "{\"packages.conda\":{" PACKAGE("a", "") "," PACKAGE("b", "") "}}}",
    "{\"packages.conda\":{" PACKAGE("a", "") "," PACKAGE("b", "\"x\":\"\\q\",") "}}",
    "[{\"packages.conda\":{" PACKAGE("a", "") "," PACKAGE("b", "") "}}]",
    "",
    "{}",
};

static void any_cut_gives_what_the_whole_gives(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
        check_document(documents[i]);
}

static void the_records_are_those_of_the_document(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();

    (void)state;
    describe(envm_str_from(documents[0]), false, 100, &out);
    assert_non_null(strstr(envm_buf_str(&out).ptr,
                           "https://h.example/c/a-1-0.tar.bz2 MIT 0: c\n"
                           "https://h.example/c/b-1-0.conda  0: a b >=1\n"
                           "https://h.example/c/c-1-0.conda BSD 0: a b >=1\n"
                           "https://h.example/c/d-1-0.tar.bz2 MIT 0: c\n"));
    describe(envm_str_from(documents[2]), false, 100, &out);
    assert_non_null(strstr(envm_buf_str(&out).ptr, "3 bad records left out, the first is "
                                                   "'a-1-0.conda' (the file name is there twice)"));
    describe(envm_str_from(documents[3]), false, 100, &out);
    assert_non_null(strstr(envm_buf_str(&out).ptr, "2 bad records left out, the first is "
                                                   "'b-1-0.conda' (size is"));
    describe(envm_str_from(documents[6]), false, 100, &out);
    assert_null(strstr(envm_buf_str(&out).ptr, "c-1-0.conda"));
}

static void compressed_files_are_read_in_parts_too(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf whole = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf parts = envm_buf_text();
    char packed[4096];
    size_t len = ZSTD_compress(packed, sizeof(packed), documents[0], strlen(documents[0]), 3);

    (void)state;
    assert_false(ZSTD_isError(len));
    describe(envm_str_from(documents[0]), false, 64, &whole);
    describe(envm_str_n(packed, len), true, 64, &parts);
    assert_string_equal(envm_buf_str(&parts).ptr, envm_buf_str(&whole).ptr);
    describe(envm_str_n(packed, len - 1), true, 64, &parts);
    assert_non_null(strstr(envm_buf_str(&parts).ptr, "ends too early"));
}

/* More than an extent from each thread, some that end because they hold many lists. */
static void many_records_keep_their_order(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf json = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf whole = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf parts = envm_buf_text();

    (void)state;
    envm_buf_add_cstr(&json, "{\"packages\":{");
    for (unsigned i = 0; i < 50000; i++)
        envm_buf_printf(&json,
                        "%s\"n%u-%u-0.conda\":{\"name\":\"n%u\",\"version\":\"%u\",\"build\":\"0\","
                        "\"build_number\":0,\"depends\":[\"x%u\",\"y\"],\"constrains\":[\"z%u\"]}",
                        i ? "," : "", i % 700, i, i % 700, i, i, i % 1000);
    envm_buf_add_cstr(&json, "}}");
    describe(envm_buf_str(&json), false, (size_t)1 << 30, &whole);
    describe(envm_buf_str(&json), false, 20000, &parts);
    assert_true(envm_str_equal(envm_buf_str(&whole), envm_buf_str(&parts)));
    assert_non_null(strstr(envm_buf_str(&parts).ptr, "c/n699-49699-0.conda  1: x49699 y\n"));
}

/* One package with `count` dependencies of `len` bytes each. */
static void add_package(struct envm_buf *json, size_t count, size_t len)
{
    envm_buf_add_cstr(json, "{\"packages\":{\"a-1-0.conda\":{\"name\":\"a\",\"version\":\"1\","
                            "\"build\":\"0\",\"build_number\":0,\"depends\":[");
    for (size_t i = 0; i < count; i++) {
        envm_buf_add_cstr(json, i ? ",\"" : "\"");
        envm_buf_add_repeat(json, 'd', len);
        envm_buf_add_byte(json, '"');
    }
    envm_buf_add_cstr(json, "]}}}");
}

static enum envm_code code_of_writing(envm_str json)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_fd) int from = file_with(json), to = memfd_create("index", MFD_CLOEXEC);
    ENVM_CLEANUP(envm_image_file) struct envm_image_file image;
    ENVM_CLEANUP(envm_repodata_content) struct envm_repodata_content content = {0};
    struct envm_repodata_source source = {.subdir = ENVM_STR("linux-64"),
                                          .url = ENVM_STR("https://h.example/c/r.json")};
    struct envm_repodata_file file = {.fd = from, .name = "r.json", .size = json.len};
    struct envm_image_origin origin = {.subdir = ENVM_STR("linux-64"),
                                       .package_base = ENVM_STR("https://h.example/c"),
                                       .source_sha256 = &content.sha256};

    envm_image_file_open(&image, to);
    OK(envm_repodata_index(&file, &source, &arena, &image, &content, &err));
    return envm_image_write(&content.builder, &content.layout, &origin, NULL);
}

static void texts_have_a_limit_and_lists_another(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf json = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();

    (void)state;
    add_package(&json, 1, ENVM_IMAGE_TEXT_MAX + 1);
    assert_int_equal(code_of_writing(envm_buf_str(&json)), ENVM_MALFORMED);
    envm_buf_clear(&json);
    add_package(&json, 2, ENVM_IMAGE_TEXT_MAX);
    describe(envm_buf_str(&json), false, 0, &out);
    assert_true(out.len > 2 * ENVM_IMAGE_TEXT_MAX);
    envm_buf_clear(&json);
    add_package(&json, 17, ENVM_IMAGE_TEXT_MAX);
    assert_int_equal(code_of_writing(envm_buf_str(&json)), ENVM_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_what_the_whole_gives),
        cmocka_unit_test(the_records_are_those_of_the_document),
        cmocka_unit_test(compressed_files_are_read_in_parts_too),
        cmocka_unit_test(many_records_keep_their_order),
        cmocka_unit_test(texts_have_a_limit_and_lists_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
