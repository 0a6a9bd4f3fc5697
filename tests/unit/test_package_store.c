/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>

#include "../support/store_world.h"

#include <pthread.h>
#include <sys/file.h>

#include "base/hex.h"
#include "sys/process.h"

static const char spec[] =
    "[{\"name\": \"demo\", \"version\": \"1.0\", \"build\": \"0\", \"subdir\": \"noarch\","
    "  \"noarch\": \"python\", \"format\": \"both\", \"entry_points\": [\"demo = demo.cli:main\"],"
    "  \"link_scripts\": {\"post-link\": \"#!/bin/sh\\n\"},"
    "  \"files\": {\"bin/demo\": {\"text\": \"#!@PREFIX@/bin/sh\\n\", \"exec\": true},"
    "              \"lib/data\": \"hello\\n\", \"lib/link\": {\"symlink\": \"data\"},"
    "              \"lib/twin\": {\"hardlink\": \"lib/data\"}, \"share/deep/er/x\": \"x\","
    "              \"share/empty\": {\"dir\": true}}},"
    " {\"name\": \"other\", \"version\": \"1.0\", \"build\": \"0\", \"subdir\": \"noarch\","
    "  \"files\": {\"lib/other\": \"other\"}}]";

static struct scratch channel;

static int make_channel(void **state)
{
    (void)state;
    channel = store_channel_make(spec);
    return 0;
}

static int drop_channel(void **state)
{
    (void)state;
    scratch_drop(&channel);
    return 0;
}

static struct store_world world;
static struct envm_arena arena;
static struct envm_package_record demo;

static int set_up(void **state)
{
    char path[1024];

    (void)state;
    store_world_make(&world);
    snprintf(path, sizeof(path), "%s/channel/noarch/demo-1.0-0.conda", channel.path);
    OK(store_world_record(&arena, path, &demo));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_nothing_left(&world);
    store_world_drop(&world);
    envm_arena_release(&arena);
    return 0;
}

static void reopen(void)
{
    envm_store_free(world.store);
    store_world_open_store(&world);
}

static const struct envm_package_path *path_of(const struct envm_store_entry *entry,
                                               const char *path)
{
    for (size_t i = 0; i < entry->contents->path_count; i++)
        if (envm_str_equal_c(entry->contents->paths[i].path.s, path))
            return &entry->contents->paths[i];
    fail_msg("%s is not among the paths", path);
    return NULL;
}

/* "pkgs/<aa>/<sha256><rest>" below the cache. */
static const char *in_cache(const char *rest)
{
    static char path[256];
    struct envm_hex_text hex = envm_sha256_hex(&demo.sha256);

    snprintf(path, sizeof(path), "pkgs/%.2s/%s%s", hex.text, hex.text, rest);
    return path;
}

static mode_t mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(fstatat(world.cache_fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_mode & 07777;
}

static void check_demo(const struct envm_store_entry *entry)
{
    const struct envm_package_contents *contents = entry->contents;
    const struct envm_package_path *script = path_of(entry, "bin/demo");
    const struct envm_package_path *link = path_of(entry, "lib/link");
    struct envm_sha256 hello = envm_sha256_of(ENVM_STR("hello\n"));

    assert_int_equal(contents->noarch, ENVM_NOARCH_PYTHON);
    assert_int_equal(contents->entry_points.count, 1);
    assert_str(contents->entry_points.items[0], "demo = demo.cli:main");
    assert_int_equal(contents->link_scripts.count, 1);
    assert_str(contents->link_scripts.items[0], "bin/.demo-post-link.sh");
    assert_str(entry->index->name, "demo");
    assert_str(entry->index->version, "1.0");
    assert_true(script->executable && script->file_mode == ENVM_MODE_TEXT);
    assert_true(envm_str_starts_with(script->placeholder, ENVM_STR("/opt/")));
    assert_int_equal(link->type, ENVM_PATH_SYMLINK);
    assert_str(link->link_target, "data");
    assert_int_equal(path_of(entry, "share/empty")->type, ENVM_PATH_DIRECTORY);
    assert_true(envm_sha256_equal(&path_of(entry, "lib/data")->sha256, &hello));
    assert_true(envm_sha256_equal(&path_of(entry, "lib/twin")->sha256, &hello));
    assert_int_equal(path_of(entry, "lib/data")->size, 6);
    assert_true(path_of(entry, "lib/data")->has_listed_size);
    assert_true(contents->digest.known && contents->total_size > 6);
    assert_true(envm_sha256_equal(&entry->sha256, &demo.sha256));
    assert_int_equal(entry->archive_size, demo.size);
    for (size_t i = 0; i < contents->path_count; i++)
        assert_false(envm_relpath_is_below(contents->paths[i].path, ENVM_STR("info")));
}

static void get_demo(struct envm_store_entry *entry, bool cached)
{
    OK(envm_store_get(world.store, &demo, entry, &err));
    assert_int_equal(entry->was_cached, cached);
    check_demo(entry);
}

/* Gets it, releases it. */
static void expect_demo(bool cached)
{
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry entry = ENVM_STORE_ENTRY_EMPTY;

    get_demo(&entry, cached);
}

static void a_package_is_extracted_and_then_cached(void **state)
{
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry first = ENVM_STORE_ENTRY_EMPTY;
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry second = ENVM_STORE_ENTRY_EMPTY;
    struct stat st;

    (void)state;
    get_demo(&first, false);
    assert_int_equal(mode_of(in_cache("")), 0755);
    assert_int_equal(mode_of(in_cache("/share/deep")), 0755);
    assert_int_equal(mode_of(in_cache("/bin/demo")), 0555);
    assert_int_equal(mode_of(in_cache("/lib/data")), 0444);
    assert_int_equal(fstatat(world.cache_fd, in_cache("/lib/data"), &st, 0), 0);
    assert_int_equal(st.st_mtim.tv_sec, 1577836800);
    assert_int_equal(st.st_nlink, 2);
    reopen();
    get_demo(&second, true);
    assert_int_equal(second.contents->path_count, first.contents->path_count);
    assert_true(envm_sha256_equal(&second.contents->digest, &first.contents->digest));
    for (size_t i = 0; i < first.contents->path_count; i++) {
        const struct envm_package_path *a = &first.contents->paths[i];
        const struct envm_package_path *b = &second.contents->paths[i];

        assert_true(envm_str_equal(a->path.s, b->path.s));
        assert_true(envm_str_equal(a->placeholder, b->placeholder));
        assert_true(a->inode == b->inode && a->mode == b->mode && a->mtime_s == b->mtime_s);
        assert_true(a->has_listed_size == b->has_listed_size && a->no_link == b->no_link);
        assert_memory_equal(&a->listed_sha256, &b->listed_sha256, sizeof(a->listed_sha256));
    }
    OK(envm_store_sync(world.store, &err));
    assert_int_equal(world.warnings, 0);
}

static void both_formats_have_one_digest(void **state)
{
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry conda = ENVM_STORE_ENTRY_EMPTY;
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry bz2 = ENVM_STORE_ENTRY_EMPTY;
    struct envm_package_record record;
    char path[1024];

    (void)state;
    snprintf(path, sizeof(path), "%s/channel/noarch/demo-1.0-0.tar.bz2", channel.path);
    OK(store_world_record(&arena, path, &record));
    OK(envm_store_get(world.store, &demo, &conda, &err));
    OK(envm_store_get(world.store, &record, &bz2, &err));
    assert_true(envm_sha256_equal(&conda.contents->digest, &bz2.contents->digest));
    assert_false(envm_sha256_equal(&conda.sha256, &bz2.sha256));
}

static void what_does_not_match_the_record_is_refused(void **state)
{
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry entry = ENVM_STORE_ENTRY_EMPTY;
    struct envm_package_record wrong = demo;

    (void)state;
    wrong.sha256.bytes[0] ^= 1;
    FAILS_WITH(ENVM_INTEGRITY, "sha256", envm_store_get(world.store, &wrong, &entry, &err));
    wrong = demo;
    wrong.size++;
    FAILS_WITH(ENVM_INTEGRITY, "bytes", envm_store_get(world.store, &wrong, &entry, &err));
    wrong = demo;
    wrong.size -= 10;
    FAILS(ENVM_INTEGRITY, envm_store_get(world.store, &wrong, &entry, &err));
    wrong = demo;
    wrong.md5 = (struct envm_md5){.known = true};
    FAILS_WITH(ENVM_INTEGRITY, "md5", envm_store_get(world.store, &wrong, &entry, &err));
    wrong = demo;
    wrong.url = ENVM_STR("file:///nonexistent/demo-1.0-0.conda");
    FAILS(ENVM_IO, envm_store_get(world.store, &wrong, &entry, &err));
    assert_int_equal(count_below(world.cache_fd, "pkgs"), 0);
    expect_demo(false);
    wrong = demo;
    wrong.name = ENVM_STR("other");
    FAILS_WITH(ENVM_INTEGRITY, "name", envm_store_get(world.store, &wrong, &entry, &err));
}

static void a_web_page_is_recognised(void **state)
{
    struct envm_store_entry entry = ENVM_STORE_ENTRY_EMPTY;
    struct envm_package_record record;
    char path[1024];

    (void)state;
    scratch_write(&world.dir, "page-1.0-0.conda", "\n<!DOCTYPE html><html>Please log in</html>");
    snprintf(path, sizeof(path), "%s/page-1.0-0.conda", world.dir.path);
    OK(store_world_record(&arena, path, &record));
    record.size = 1200000;
    assert_int_equal(envm_store_get(world.store, &record, &entry, &err), ENVM_INTEGRITY);
    assert_non_null(strstr(err.text, "1200000"));
    assert_non_null(strstr(err.hint, "web page"));
    envm_error_release(&err);
}

static void packages_without_sha256(void **state)
{
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry entry = ENVM_STORE_ENTRY_EMPTY;
    struct envm_package_record record = demo;

    (void)state;
    record.sha256.known = false;
    OK(envm_store_get(world.store, &record, &entry, &err));
    assert_int_equal(world.warnings, 1);
    assert_non_null(strstr(world.last_warning, "no hash"));
    assert_true(envm_sha256_equal(&entry.sha256, &demo.sha256));
    assert_true(entry.md5.known && !entry.was_cached);
    record.md5 = entry.md5;
    envm_store_entry_release(&entry);
    OK(envm_store_get(world.store, &record, &entry, &err));
    assert_int_equal(world.warnings, 2);
    assert_non_null(strstr(world.last_warning, "md5"));
    assert_true(entry.was_cached);
    envm_store_entry_release(&entry);

    world.config.require_hashes = true;
    reopen();
    FAILS_WITH(ENVM_UNSAFE, "no sha256", envm_store_get(world.store, &record, &entry, &err));
    expect_demo(true);
}

/* Writes one byte into a cached file, through its mode; the time is put back when asked. */
static void edit(const char *path, bool keep_time)
{
    struct stat st;
    struct timespec times[2];
    int fd;

    assert_int_equal(fchmodat(world.cache_fd, path, 0644, 0), 0);
    fd = openat(world.cache_fd, path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(pwrite(fd, "!", 1, 0), 1);
    times[0] = st.st_atim;
    times[1] = st.st_mtim;
    if (keep_time)
        assert_int_equal(futimens(fd, times), 0);
    assert_int_equal(fchmod(fd, st.st_mode & 0111 ? 0555 : 0444), 0);
    close(fd);
}

static void damage_is_found_and_fetched_again(void **state)
{
    struct stat before, after;

    (void)state;
    expect_demo(false);
    assert_int_equal(fstatat(world.cache_fd, in_cache("/bin/demo"), &before, 0), 0);
    edit(in_cache("/bin/demo"), false);
    expect_demo(false);
    assert_int_equal(world.warnings, 1);
    assert_non_null(strstr(world.last_warning, "bin/demo has other content"));
    /* Whatever is linked to the damaged inode is not "repaired" behind the user's back. */
    assert_int_equal(fstatat(world.cache_fd, in_cache("/bin/demo"), &after, 0), 0);
    assert_true(before.st_ino != after.st_ino || before.st_ctim.tv_nsec != after.st_ctim.tv_nsec);

    assert_int_equal(unlinkat(world.cache_fd, in_cache("/lib/data"), 0), 0);
    expect_demo(false);
    assert_int_equal(unlinkat(world.cache_fd, in_cache("/lib/link"), 0), 0);
    assert_int_equal(symlinkat("elsewhere", world.cache_fd, in_cache("/lib/link")), 0);
    expect_demo(false);
    assert_int_equal(unlinkat(world.cache_fd, in_cache("/lib/data"), 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", world.cache_fd, in_cache("/lib/data")), 0);
    expect_demo(false);
    assert_int_equal(unlinkat(world.cache_fd, in_cache("/info/index.json"), 0), 0);
    expect_demo(false);
    assert_int_equal(world.warnings, 5);
    expect_demo(true);
}

static void harmless_changes_are_only_noted(void **state)
{
    struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};

    (void)state;
    expect_demo(false);
    assert_int_equal(utimensat(world.cache_fd, in_cache("/bin/demo"), now, 0), 0);
    assert_int_equal(utimensat(world.cache_fd, in_cache("/lib/link"), now, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(fchmodat(world.cache_fd, in_cache("/lib/data"), 0664, 0), 0);
    expect_demo(true);
    assert_int_equal(mode_of(in_cache("/lib/data")), 0444);
    expect_demo(true);
    assert_int_equal(world.warnings, 0);
}

static void verify_all_reads_every_byte(void **state)
{
    (void)state;
    expect_demo(false);
    edit(in_cache("/lib/data"), true);
    expect_demo(true); /* same size, time, inode and mode: invisible to the cheap check */
    world.config.verify_all = true;
    reopen();
    expect_demo(false);
    expect_demo(true);
    assert_int_equal(world.warnings, 1);
}

static void manifests_are_checked(void **state)
{
    (void)state;
    expect_demo(false);
    edit(in_cache(".manifest"), false);
    expect_demo(false);
    assert_non_null(strstr(world.last_warning, "checksum"));
    assert_int_equal(unlinkat(world.cache_fd, in_cache(".manifest"), 0), 0);
    expect_demo(false);
    assert_non_null(strstr(world.last_warning, "no manifest"));
    /* An orphan manifest, from a crash before the rename. */
    assert_int_equal(renameat(world.cache_fd, in_cache(""), world.dir.fd, "away"), 0);
    expect_demo(false);
    expect_demo(true);
}

static void others_must_not_be_able_to_write(void **state)
{
    struct envm_store *store = NULL;

    (void)state;
    for (mode_t mode = 0775;; mode = 0702) {
        assert_int_equal(fchmod(world.cache_fd, mode), 0);
        if (mode == 0775 && geteuid() == 0) {
            /* The group of root's cache is the administrator's business. */
            OK(envm_store_new(&world.config, &store, &err));
            envm_store_free(store);
            continue;
        }
        assert_int_equal(envm_store_new(&world.config, &store, &err), ENVM_UNSAFE);
        assert_non_null(err.hint);
        envm_error_release(&err);
        if (mode == 0702)
            break;
    }
    assert_int_equal(fchmod(world.cache_fd, 0755), 0);
    reopen();
}

static void make_run(const char *name, bool old, int *ret_locked)
{
    struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    char path[256];
    int fd;

    snprintf(path, sizeof(path), "tmp/%s", name);
    assert_int_equal(mkdirat(world.cache_fd, path, 0700), 0);
    snprintf(path, sizeof(path), "tmp/%s/lock", name);
    fd = openat(world.cache_fd, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    if (ret_locked) {
        assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
        *ret_locked = fd;
    } else {
        close(fd);
    }
    snprintf(path, sizeof(path), "tmp/%s", name);
    if (old)
        assert_int_equal(utimensat(world.cache_fd, path, times, 0), 0);
}

static void dead_runs_are_swept(void **state)
{
    int locked = -1;

    (void)state;
    make_run("run-dead", true, NULL);
    make_run("run-young", false, NULL);
    make_run("run-alive", true, &locked);
    make_run("something-old", true, NULL);
    reopen();
    assert_int_equal(faccessat(world.cache_fd, "tmp/run-dead", F_OK, 0), -1);
    assert_int_equal(faccessat(world.cache_fd, "tmp/something-old", F_OK, 0), -1);
    assert_int_equal(faccessat(world.cache_fd, "tmp/run-young", F_OK, 0), 0);
    assert_int_equal(faccessat(world.cache_fd, "tmp/run-alive", F_OK, 0), 0);
    close(locked);
}

static bool yes(void *user)
{
    (void)user;
    return true;
}

static void interruption_leaves_nothing(void **state)
{
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry entry = ENVM_STORE_ENTRY_EMPTY;

    (void)state;
    world.sink.cancelled = yes;
    FAILS(ENVM_INTERRUPTED, envm_store_get(world.store, &demo, &entry, &err));
    world.sink.cancelled = NULL;
    assert_int_equal(count_below(world.cache_fd, "pkgs"), 0);
    expect_demo(false);
}

struct racer {
    struct envm_store *store;
    enum envm_code code;
    bool right;
};

static void *race(void *argument)
{
    struct racer *racer = argument;
    struct envm_store_entry entry = ENVM_STORE_ENTRY_EMPTY;
    struct envm_error failure = {0};

    racer->code = envm_store_get(racer->store, &demo, &entry, &failure);
    if (racer->code == ENVM_OK)
        racer->right = entry.contents->path_count > 5 && entry.dirfd >= 0;
    else
        fprintf(stderr, "%s\n", failure.text);
    envm_error_release(&failure);
    envm_store_entry_release(&entry);
    return NULL;
}

/* Two stores on one cache, as two processes would be, with four threads each. */
static void many_may_want_the_same_package(void **state)
{
    struct envm_store *other = NULL;
    struct racer racers[8];
    pthread_t threads[8];

    (void)state;
    OK(envm_store_new(&world.config, &other, &err));
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < 8; i++) {
            racers[i] = (struct racer){.store = i % 2 ? world.store : other};
            assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
        }
        for (size_t i = 0; i < 8; i++)
            pthread_join(threads[i], NULL);
        for (size_t i = 0; i < 8; i++) {
            assert_int_equal(racers[i].code, ENVM_OK);
            assert_true(racers[i].right);
        }
        expect_demo(true);
        edit(in_cache("/share/deep/er/x"), false);
        expect_demo(false);
        unlinkat(world.cache_fd, in_cache(".manifest"), 0);
    }
    envm_store_free(other);
}

/* Too few descriptors are this process's trouble: the cached package stays. */
static void a_shortage_is_no_damage(void **state)
{
    struct rlimit before, few;
    int next = dup(world.cache_fd);

    (void)state;
    close(next);
    expect_demo(false);
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    for (int spare = 0; spare < 6; spare++) {
        ENVM_CLEANUP(envm_store_entry) struct envm_store_entry entry = ENVM_STORE_ENTRY_EMPTY;
        bool found = false;
        enum envm_code code;

        few.rlim_cur = (rlim_t)(next + spare);
        setrlimit(RLIMIT_NOFILE, &few);
        code = envm_store_find(world.store, &demo.sha256, &entry, &found, &err);
        setrlimit(RLIMIT_NOFILE, &before);
        envm_error_release(&err);
        assert_true(code == ENVM_OK ? found : code == ENVM_IO);
    }
    assert_int_equal(world.warnings, 0);
    expect_demo(true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void near_is_what_needs_no_network(void **state)
{
    struct envm_store_entry entry = ENVM_STORE_ENTRY_EMPTY;
    struct envm_package_record record = demo;

    (void)state;
    assert_true(envm_store_is_near(world.store, &record));
    record.url = ENVM_STR("http://localhost/noarch/demo-1.0-0.conda");
    assert_false(envm_store_is_near(world.store, &record));
    get_demo(&entry, false);
    assert_true(envm_store_is_near(world.store, &record));
    record.sha256.known = false;
    assert_false(envm_store_is_near(world.store, &record));
    envm_store_entry_release(&entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_package_is_extracted_and_then_cached),
        TEST(both_formats_have_one_digest),
        TEST(what_does_not_match_the_record_is_refused),
        TEST(a_web_page_is_recognised),
        TEST(packages_without_sha256),
        TEST(damage_is_found_and_fetched_again),
        TEST(harmless_changes_are_only_noted),
        TEST(verify_all_reads_every_byte),
        TEST(manifests_are_checked),
        TEST(others_must_not_be_able_to_write),
        TEST(dead_runs_are_swept),
        TEST(interruption_leaves_nothing),
        TEST(many_may_want_the_same_package),
        TEST(near_is_what_needs_no_network),
        TEST(a_shortage_is_no_damage),
    };

    return cmocka_run_group_tests(tests, make_channel, drop_channel);
}
