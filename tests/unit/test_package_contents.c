/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/hex.h"
#include "base/str.h"
#include "codec/digest.h"
#include "prefix/paths_json.h"

static struct envm_arena arena;
static size_t warnings, debugs;
static char heard[512];

static void hear(void *user, enum envm_log_level level, const char *text)
{
    (void)user;
    warnings += level == ENVM_LOG_WARNING;
    debugs += level == ENVM_LOG_DEBUG;
    snprintf(heard, sizeof(heard), "%s", text);
}

static const struct envm_sink sink = {.log = hear};

static int set_up(void **state)
{
    (void)state;
    warnings = debugs = 0;
    return 0;
}

static int release(void **state)
{
    (void)state;
    envm_arena_release(&arena);
    return 0;
}

#define FILE_OF(path_, text_)                                                                      \
    {                                                                                              \
        .path = ENVM_RELPATH(path_), .type = ENVM_PATH_FILE, .size = sizeof(text_) - 1,            \
        .sha256 = envm_sha256_of(ENVM_STR(text_))                                                  \
    }
#define LINK_OF(path_, target_)                                                                    \
    {                                                                                              \
        .path = ENVM_RELPATH(path_), .type = ENVM_PATH_SYMLINK, .link_target = ENVM_STR(target_)   \
    }
#define DIRECTORY_OF(path_)                                                                        \
    {                                                                                              \
        .path = ENVM_RELPATH(path_), .type = ENVM_PATH_DIRECTORY                                   \
    }

static enum envm_code join(const char *files, const struct envm_package_path *seen, size_t count,
                           struct envm_package_contents *contents)
{
    struct envm_path_list list;
    struct envm_package_parts parts = {.list = &list,
                                       .seen = seen,
                                       .seen_count = count,
                                       .package = ENVM_STR("p-1-0"),
                                       .sink = &sink};

    OK(envm_paths_old_parse(&arena, envm_str_from(files), (envm_str){0}, (envm_str){0}, &list,
                            &err));
    *contents = (struct envm_package_contents){0};
    return envm_package_contents_join(&arena, &parts, contents, &err);
}

static void what_is_listed_and_there_is_taken(void **state)
{
    const struct envm_package_path seen[] = {
        DIRECTORY_OF("bin"),
        FILE_OF("bin/.p-post-link.sh", "x"),
        FILE_OF("bin/.p-start.sh", "yy"),
        DIRECTORY_OF("info"),
        FILE_OF("info/files", "zzz"),
        DIRECTORY_OF("lib"),
        FILE_OF("lib/extra", "1"),
        FILE_OF("lib/more", "2"),
        LINK_OF("lib/s", "extra"),
    };
    struct envm_package_contents contents;

    (void)state;
    OK(join("bin/.p-post-link.sh\nbin/.p-start.sh\nlib/s\ninfo/files\n", seen, 9, &contents));
    assert_int_equal(contents.path_count, 3);
    assert_int_equal(contents.total_size, 3);
    assert_int_equal(contents.link_scripts.count, 1);
    assert_str(contents.link_scripts.items[0], "bin/.p-post-link.sh");
    assert_true(contents.digest.known);
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(heard, "2 files are not in its list of files, such as lib/extra"));
}

static void reserved_places_are_refused(void **state)
{
    const struct envm_package_path records[] = {DIRECTORY_OF("conda-meta")};
    const struct envm_package_path journal[] = {FILE_OF(".envm/journal", "x")};
    const struct envm_package_path near_by[] = {FILE_OF(".envmrc", "x"),
                                                FILE_OF("conda-metal", "x")};
    struct envm_package_contents contents;

    (void)state;
    FAILS(ENVM_UNSAFE, join("", records, 1, &contents));
    FAILS(ENVM_UNSAFE, join("", journal, 1, &contents));
    OK(join(".envmrc\nconda-metal\n", near_by, 2, &contents));
}

static void a_stale_link_digest_is_no_error(void **state)
{
    const struct envm_package_path seen[] = {FILE_OF("lib/a", "x"), LINK_OF("lib/l", "./../lib/a"),
                                             LINK_OF("lib/m", "../../etc/x")};
    struct envm_listed_path listed[2] = {
        {.path = ENVM_RELPATH("lib/l"), .has_type = true, .type = ENVM_PATH_SYMLINK},
        {.path = ENVM_RELPATH("lib/m"), .has_type = true, .type = ENVM_PATH_SYMLINK}};
    struct envm_path_list list = {listed, 2};
    struct envm_package_parts parts = {
        .list = &list, .seen = seen, .seen_count = 3, .package = ENVM_STR("p-1-0"), .sink = &sink};
    struct envm_package_contents contents = {0};

    (void)state;
    listed[0].sha256 = envm_sha256_of(ENVM_STR("x"));
    listed[1].sha256 = listed[0].sha256;
    OK(envm_package_contents_join(&arena, &parts, &contents, &err));
    assert_int_equal(debugs, 0);
    listed[0].sha256 = envm_sha256_of(ENVM_STR("y"));
    OK(envm_package_contents_join(&arena, &parts, &contents, &err));
    assert_int_equal(debugs, 1);
    assert_true(envm_sha256_equal(&contents.paths[0].listed_sha256, &listed[0].sha256));
}

static void differences_are_named(void **state)
{
    const struct envm_package_path seen[] = {FILE_OF("lib/a", "x")};
    struct envm_listed_path listed = {.path = ENVM_RELPATH("lib/a"), .has_type = true};
    struct envm_path_list list = {&listed, 1};
    struct envm_package_parts parts = {
        .list = &list, .seen = seen, .seen_count = 1, .package = ENVM_STR("p-1-0"), .sink = &sink};
    struct envm_package_contents contents;

    (void)state;
    OK(envm_package_contents_join(&arena, &parts, &contents, &err));
    listed.sha256 = envm_sha256_of(ENVM_STR("y"));
    FAILS_WITH(ENVM_INTEGRITY, "sha256",
               envm_package_contents_join(&arena, &parts, &contents, &err));
    listed.has_size = true;
    FAILS_WITH(ENVM_INTEGRITY, "size", envm_package_contents_join(&arena, &parts, &contents, &err));
    listed.type = ENVM_PATH_DIRECTORY;
    FAILS_WITH(ENVM_INTEGRITY, "listed as a directory but is a file",
               envm_package_contents_join(&arena, &parts, &contents, &err));
    parts.seen_count = 0;
    FAILS_WITH(ENVM_INTEGRITY, "not in the archive",
               envm_package_contents_join(&arena, &parts, &contents, &err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_listed_and_there_is_taken),
        TEST(reserved_places_are_refused),
        TEST(a_stale_link_digest_is_no_error),
        TEST(differences_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
