/* SPDX-License-Identifier: MIT */
#include "../support/store_world.h"

#include <sys/file.h>

#include "base/hex.h"
#include "store/package_upkeep.h"
#include "sys/process.h"

static const char spec[] =
    "[{\"name\": \"demo\", \"version\": \"1.0\", \"build\": \"0\", \"subdir\": \"noarch\","
    "  \"files\": {\"lib/data\": \"hello\\n\", \"lib/twin\": {\"hardlink\": \"lib/data\"},"
    "              \"lib/more\": \"more\\n\"}},"
    " {\"name\": \"other\", \"version\": \"1.0\", \"build\": \"0\", \"subdir\": \"noarch\","
    "  \"files\": {\"lib/other\": \"other\"}}]";

static struct scratch channel;
static struct store_world world;
static struct envm_arena arena;
static struct envm_package_record demo, other;

/* What on_damage heard. */
static struct {
    size_t calls;
    size_t faults;
    uint64_t links;
    char layer[256];
} heard;

static void hear_damage(void *user, const struct envm_store_damage *damage)
{
    (void)user;
    heard.calls++;
    heard.faults = damage->fault_count;
    heard.links = damage->faults[damage->fault_count - 1].links;
    snprintf(heard.layer, sizeof(heard.layer), "%.*s", ENVM_STR_ARGS(damage->layer));
}

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

static int set_up(void **state)
{
    char path[1024];

    (void)state;
    store_world_make(&world);
    memset(&heard, 0, sizeof(heard));
    snprintf(path, sizeof(path), "%s/channel/noarch/demo-1.0-0.conda", channel.path);
    OK(store_world_record(&arena, path, &demo));
    snprintf(path, sizeof(path), "%s/channel/noarch/other-1.0-0.conda", channel.path);
    OK(store_world_record(&arena, path, &other));
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
    world.store = NULL;
    store_world_open_store(&world);
}

static void expect(const struct envm_package_record *record, bool cached)
{
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry entry = ENVM_STORE_ENTRY_EMPTY;

    OK(envm_store_get(world.store, record, &entry, &err));
    assert_int_equal(entry.was_cached, cached);
}

/* "CACHE/pkgs/<aa>/<sha256><rest>" below the world's folder. */
static const char *in_cache(const char *cache, const struct envm_package_record *record,
                            const char *rest)
{
    static char path[512];
    struct envm_hex_text hex = envm_sha256_hex(&record->sha256);

    snprintf(path, sizeof(path), "%s/pkgs/%.2s/%s%s", cache, hex.text, hex.text, rest);
    return path;
}

/* One byte changes, and nothing that stat tells. */
static void rot(const char *path)
{
    struct stat st;
    int fd;

    assert_int_equal(fstatat(world.dir.fd, path, &st, 0), 0);
    assert_int_equal(fchmodat(world.dir.fd, path, 0644, 0), 0);
    fd = openat(world.dir.fd, path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "!", 1, 0), 1);
    assert_int_equal(futimens(fd, (struct timespec[]){st.st_atim, st.st_mtim}), 0);
    assert_int_equal(fchmod(fd, st.st_mode & 07777), 0);
    close(fd);
}

/* Replaces the first line of a manifest that begins so, and mends its checksum. */
static void edit_manifest(const char *path, const char *line)
{
    static char text[65536], out[65536];
    int fd = openat(world.dir.fd, path, O_RDONLY | O_CLOEXEC);
    ssize_t len = read(fd, text, sizeof(text) - 1);
    const char *key = strchr(line, '\t');
    struct envm_sha256 sum;
    struct stat st;
    char *at, *end, start[32];
    int written;

    close(fd);
    assert_true(len > 0);
    text[len - 72] = '\0'; /* the checksum line */
    snprintf(start, sizeof(start), "\n%.*s\t", (int)(key - line), line);
    at = strstr(text, start);
    assert_non_null(at);
    end = strchr(at + 1, '\n');
    written = snprintf(out, sizeof(out), "%.*s\n%s%s", (int)(at - text), text, line, end);
    sum = envm_sha256_of(envm_str_n(out, (size_t)written));
    written += snprintf(out + written, sizeof(out) - (size_t)written, "sha256\t%s\n",
                        envm_sha256_hex(&sum).text);
    assert_true(fstatat(world.dir.fd, path, &st, 0) == 0 && unlinkat(world.dir.fd, path, 0) == 0);
    fd = openat(world.dir.fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, st.st_mode & 0777);
    assert_int_equal(write(fd, out, (size_t)written), written);
    close(fd);
}

static void an_old_entry_is_read_again_once(void **state)
{
    (void)state;
    expect(&demo, false);
    rot(in_cache("cache", &demo, "/lib/more"));
    expect(&demo, true);
    edit_manifest(in_cache("cache", &demo, ".manifest"), "checked\t1000000000");
    expect(&demo, false);
    assert_int_equal(world.warnings, 1);
    assert_non_null(strstr(world.last_warning, "lib/more has other content"));
    expect(&demo, true);
    /* The time of the check is kept: what rots after it is not seen for a while. */
    edit_manifest(in_cache("cache", &demo, ".manifest"), "checked\t1000000000");
    expect(&demo, true);
    rot(in_cache("cache", &demo, "/lib/more"));
    expect(&demo, true);
    /* A time in the future (a clock that was set back) does not make it old. */
    edit_manifest(in_cache("cache", &demo, ".manifest"), "checked\t9000000000");
    expect(&demo, true);
}

static void a_restored_cache_is_read_once(void **state)
{
    char script[4096];
    int status = -1;
    const char *const argv[] = {"sh", "-c", script, NULL};

    (void)state;
    expect(&demo, false);
    envm_store_free(world.store);
    world.store = NULL;
    /* New inodes, and times that the archive of a CI system does not keep. */
    snprintf(
        script, sizeof(script),
        "cd '%s' && cp -r cache/pkgs restored && chmod -R u+w cache/pkgs && rm -r cache/pkgs && "
        "mv restored cache/pkgs",
        world.dir.path);
    OK(envm_process_capture(argv, NULL, NULL, 60000, NULL, &status, &err));
    assert_int_equal(status, 0);
    store_world_open_store(&world);
    expect(&demo, true);
    rot(in_cache("cache", &demo, "/lib/more"));
    expect(&demo, true); /* the new fingerprint was kept, or this would have been read */
    assert_int_equal(world.warnings, 0);
}

static void whoever_holds_damaged_files_is_told(void **state)
{
    (void)state;
    world.config.on_damage = hear_damage;
    world.config.verify_all = true;
    reopen();
    expect(&demo, false);
    assert_int_equal(
        linkat(world.dir.fd, in_cache("cache", &demo, "/lib/more"), world.dir.fd, "held", 0), 0);
    rot("held");
    expect(&demo, false);
    assert_int_equal(heard.calls, 1);
    assert_int_equal(heard.faults, 1);
    assert_int_equal(heard.links, 2);
    assert_string_equal(heard.layer, "");
}

static mode_t manifest_mode(const struct envm_package_record *record)
{
    struct stat st;

    assert_int_equal(fstatat(world.dir.fd, in_cache("cache", record, ".manifest"), &st, 0), 0);
    return st.st_mode & 0777;
}

static void what_was_not_synced_is_read_after_a_restart(void **state)
{
    (void)state;
    expect(&demo, false);
    expect(&other, false);
    assert_int_equal(manifest_mode(&demo), 0644);
    rot(in_cache("cache", &demo, "/lib/more"));
    expect(&demo, true);
    edit_manifest(in_cache("cache", &demo, ".manifest"), "boot\tanother");
    expect(&demo, false);
    assert_int_equal(world.warnings, 1);
    /* What is right is on disk: it is not read at every start. */
    edit_manifest(in_cache("cache", &other, ".manifest"), "boot\tanother");
    expect(&other, true);
    assert_int_equal(manifest_mode(&other), 0444);
    /* A sync marks what this store has given out. */
    assert_int_equal(manifest_mode(&demo), 0644);
    OK(envm_store_sync(world.store, &err));
    assert_int_equal(manifest_mode(&demo), 0444);
    rot(in_cache("cache", &demo, "/lib/more"));
    expect(&demo, true);
}

static void every_file_is_synced_when_that_is_wanted(void **state)
{
    (void)state;
    expect(&other, false);
    world.config.full_sync = true;
    reopen();
    expect(&demo, false);
    assert_int_equal(manifest_mode(&demo), 0444);
    expect(&other, true);
    assert_int_equal(manifest_mode(&other), 0644);
    OK(envm_store_sync(world.store, &err));
    assert_int_equal(manifest_mode(&other), 0444);
}

/* --- layers --------------------------------------------------------------------------------- */

static struct envm_store_layer layer;

/* The cache becomes a layer below an empty one. */
static void push_down(void)
{
    envm_store_free(world.store);
    close(world.cache_fd);
    assert_int_equal(renameat(world.dir.fd, "cache", world.dir.fd, "layer"), 0);
    OK(envm_fs_mkdir(world.dir.fd, ENVM_RELPATH("cache"), 0700, &err));
    OK(envm_fs_open_dir(world.dir.fd, ENVM_RELPATH("cache"), &world.cache_fd, &err));
    OK(envm_fs_open_dir(world.dir.fd, ENVM_RELPATH("layer"), &layer.cache_fd, &err));
    layer.path = ENVM_STR("/the/layer");
    world.config.cache_fd = world.cache_fd;
    world.config.layers = &layer;
    world.config.layer_count = 1;
    world.config.on_damage = hear_damage;
    store_world_open_store(&world);
}

static void a_layer_is_used_and_never_written(void **state)
{
    struct stat before, after;

    (void)state;
    expect(&demo, false);
    push_down();
    assert_int_equal(fstatat(world.dir.fd, in_cache("layer", &demo, ".manifest"), &before, 0), 0);
    expect(&demo, true);
    assert_int_equal(count_below(world.dir.fd, "cache/pkgs"), 0);
    expect(&other, false);
    /* Another time of a file costs a look at its bytes each time, but nothing is mended. */
    assert_int_equal(utimensat(world.dir.fd, in_cache("layer", &demo, "/lib/data"), NULL, 0), 0);
    edit_manifest(in_cache("layer", &demo, ".manifest"), "checked\t1000000000");
    assert_int_equal(fstatat(world.dir.fd, in_cache("layer", &demo, ".manifest"), &before, 0), 0);
    expect(&demo, true);
    assert_int_equal(fstatat(world.dir.fd, in_cache("layer", &demo, ".manifest"), &after, 0), 0);
    assert_true(before.st_ino == after.st_ino && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
    assert_int_equal(world.warnings, 0);
    close(layer.cache_fd);
}

static void a_damaged_entry_of_a_layer_is_passed_over(void **state)
{
    (void)state;
    expect(&demo, false);
    push_down();
    assert_int_equal(fchmodat(world.dir.fd, in_cache("layer", &demo, "/lib/more"), 0644, 0), 0);
    rot(in_cache("layer", &demo, "/lib/more"));
    assert_int_equal(utimensat(world.dir.fd, in_cache("layer", &demo, "/lib/more"), NULL, 0), 0);
    expect(&demo, false);
    assert_non_null(strstr(world.last_warning, "passed over"));
    assert_non_null(strstr(world.last_warning, "/the/layer"));
    assert_string_equal(heard.layer, "/the/layer");
    /* The writable cache has it now, and is asked first. */
    world.warnings = 0;
    expect(&demo, true);
    assert_int_equal(world.warnings, 0);
    close(layer.cache_fd);
}

static void a_layer_that_others_may_write_to_is_refused(void **state)
{
    struct envm_store *store = NULL;

    (void)state;
    push_down();
    assert_int_equal(fchmod(layer.cache_fd, 0777), 0);
    FAILS_WITH(ENVM_UNSAFE, "/the/layer", envm_store_new(&world.config, &store, &err));
    world.config.shared = true;
    OK(envm_store_new(&world.config, &store, &err));
    envm_store_free(store);
    close(layer.cache_fd);
}

static void a_shared_cache_stays_writable_for_its_group(void **state)
{
    struct stat st;

    (void)state;
    envm_store_free(world.store);
    assert_int_equal(fchmod(world.cache_fd, 02775), 0);
    world.config.shared = true;
    store_world_open_store(&world);
    expect(&demo, false);
    assert_int_equal(fstatat(world.dir.fd, "cache/pkgs", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 02775);
    assert_int_equal(fstatat(world.dir.fd, "cache/.lock", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0664);
    assert_int_equal(fstatat(world.dir.fd, in_cache("cache", &demo, "/lib/data"), &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0444);
    assert_int_equal(fchmod(world.cache_fd, 0700), 0);
}

static void archives_of_other_tools_are_taken_by_their_hash(void **state)
{
    char folder[1024], elsewhere[1024];
    envm_str folders[] = {ENVM_STR("/nonexistent"), {0}, {0}};
    struct envm_package_record record = demo;

    (void)state;
    snprintf(folder, sizeof(folder), "%s/channel/noarch", channel.path);
    snprintf(elsewhere, sizeof(elsewhere), "%s/pkgs", world.dir.path);
    assert_int_equal(mkdir(elsewhere, 0700), 0);
    scratch_write(&world.dir, "pkgs/demo-1.0-0.conda", "another file of this name");
    folders[1] = envm_str_from(elsewhere);
    folders[2] = envm_str_from(folder);
    record.url = ENVM_STR("file:///nonexistent/demo-1.0-0.conda");
    FAILS(ENVM_IO,
          envm_store_get(world.store, &record, &(struct envm_store_entry){.dirfd = -1}, &err));
    world.config.archive_folders = (struct envm_str_list){folders, 2};
    reopen();
    FAILS(ENVM_IO,
          envm_store_get(world.store, &record, &(struct envm_store_entry){.dirfd = -1}, &err));
    world.config.archive_folders.count = 3;
    reopen();
    expect(&record, false);
}

/* --- verify and clean ------------------------------------------------------------------------ */

static void verify_names_everything_that_is_wrong(void **state)
{
    struct envm_store_verification result;

    (void)state;
    expect(&demo, false);
    expect(&other, false);
    OK(envm_store_verify(world.store, &arena, 2, &result, &err));
    assert_int_equal(result.packages, 2);
    assert_int_equal(result.damage_count, 0);
    assert_true(result.files > 4 && result.bytes > 10);
    rot(in_cache("cache", &demo, "/lib/data")); /* lib/twin is the same file */
    assert_int_equal(unlinkat(world.dir.fd, in_cache("cache", &demo, "/lib/more"), 0), 0);
    assert_int_equal(symlinkat("x", world.dir.fd, in_cache("cache", &demo, "/lib/new")), 0);
    rot(in_cache("cache", &other, ".manifest"));
    OK(envm_store_verify(world.store, &arena, 2, &result, &err));
    assert_int_equal(result.damage_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct envm_store_damage *damage = &result.damages[i];

        if (envm_str_equal_c(damage->package, "demo-1.0-0")) {
            assert_int_equal(damage->fault_count, 4);
            assert_str(damage->faults[0].path, "lib/data");
            assert_str(damage->faults[1].what, "is gone");
            assert_str(damage->faults[2].path, "lib/twin");
            assert_str(damage->faults[3].path, "lib/new");
        } else {
            assert_true(envm_sha256_equal(&damage->sha256, &other.sha256));
            assert_non_null(strstr(damage->faults[0].what.ptr, "checksum"));
        }
        OK(envm_store_remove(world.store, &damage->sha256, &err));
    }
    OK(envm_store_remove(world.store, &demo.sha256, &err));
    OK(envm_store_verify(world.store, &arena, 2, &result, &err));
    assert_int_equal(result.packages + result.damage_count, 0);
    expect(&demo, false);
}

static void clean_keeps_what_is_linked_or_was_used_lately(void **state)
{
    struct envm_store_clean request = {.packages = true, .dry_run = true, .timeout_ms = 1000};
    struct envm_store_cleaned cleaned;
    struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

    (void)state;
    expect(&demo, false);
    expect(&other, false);
    assert_int_equal(
        linkat(world.dir.fd, in_cache("cache", &demo, "/lib/twin"), world.dir.fd, "held", 0), 0);
    OK(envm_store_tidy(world.store, &arena, &request, &cleaned, &err));
    assert_int_equal(cleaned.removed.count, 1);
    assert_str(cleaned.removed.items[0].package, "other-1.0-0");
    assert_int_equal(cleaned.kept_linked, 1);
    assert_true(cleaned.bytes > 0);
    expect(&other, true);
    request.dry_run = false;
    request.older_than_s = 3600;
    OK(envm_store_tidy(world.store, &arena, &request, &cleaned, &err));
    assert_int_equal(cleaned.removed.count, 0);
    assert_int_equal(cleaned.kept_young, 1);
    assert_int_equal(utimensat(world.dir.fd, in_cache("cache", &other, ".manifest"), old, 0), 0);
    expect(&other, true); /* using it makes it young again */
    OK(envm_store_tidy(world.store, &arena, &request, &cleaned, &err));
    assert_int_equal(cleaned.kept_young, 1);
    assert_int_equal(utimensat(world.dir.fd, in_cache("cache", &other, ".manifest"), old, 0), 0);
    OK(envm_store_tidy(world.store, &arena, &request, &cleaned, &err));
    assert_int_equal(cleaned.removed.count, 1);
    expect(&other, false);
    assert_int_equal(unlinkat(world.dir.fd, "held", 0), 0);
    request.older_than_s = 0;
    OK(envm_store_tidy(world.store, &arena, &request, &cleaned, &err));
    assert_int_equal(cleaned.removed.count, 2);
}

static void clean_waits_for_others_and_gives_up(void **state)
{
    struct envm_store_clean request = {.packages = true, .temporary = true, .timeout_ms = 200};
    struct envm_store_cleaned cleaned;
    struct envm_store *second = NULL;

    (void)state;
    expect(&demo, false);
    OK(envm_store_new(&world.config, &second, &err));
    FAILS_WITH(ENVM_LOCKED, "in use",
               envm_store_tidy(world.store, &arena, &request, &cleaned, &err));
    expect(&demo, true);
    envm_store_free(second);
    OK(envm_store_tidy(world.store, &arena, &request, &cleaned, &err));
    assert_int_equal(cleaned.removed.count, 1);
}

static void leftovers_are_removed(void **state)
{
    struct envm_store_clean request = {.temporary = true, .dry_run = true, .timeout_ms = 1000};
    struct envm_store_cleaned cleaned;

    (void)state;
    expect(&demo, false);
    assert_int_equal(
        renameat(world.dir.fd, in_cache("cache", &demo, ""), world.dir.fd, "cache/tmp/run-dead"),
        0);
    scratch_write(&world.dir, "cache/tmp/note", "what is this");
    OK(envm_store_tidy(world.store, &arena, &request, &cleaned, &err));
    assert_int_equal(cleaned.temporary, 3); /* the manifest has lost its package */
    request.dry_run = false;
    OK(envm_store_tidy(world.store, &arena, &request, &cleaned, &err));
    assert_int_equal(cleaned.temporary, 3);
    assert_int_equal(count_below(world.dir.fd, "cache/tmp"), 1);
    assert_int_equal(faccessat(world.dir.fd, in_cache("cache", &demo, ".manifest"), F_OK, 0), -1);
    expect(&demo, false);
    OK(envm_store_tidy(world.store, &arena, &request, &cleaned, &err));
    assert_int_equal(cleaned.temporary, 0);
    expect(&demo, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_old_entry_is_read_again_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restored_cache_is_read_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_not_synced_is_read_after_a_restart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_file_is_synced_when_that_is_wanted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(whoever_holds_damaged_files_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_layer_is_used_and_never_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_entry_of_a_layer_is_passed_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_layer_that_others_may_write_to_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_shared_cache_stays_writable_for_its_group, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(archives_of_other_tools_are_taken_by_their_hash, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(verify_names_everything_that_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clean_keeps_what_is_linked_or_was_used_lately, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(clean_waits_for_others_and_gives_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leftovers_are_removed, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, make_channel, drop_channel);
}
