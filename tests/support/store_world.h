/* SPDX-License-Identifier: MIT
 *
 * A package cache in a scratch directory with a downloader and a sink that keeps what it hears.
 * For tests of src/store.
 */
#ifndef ENVM_TESTS_STORE_WORLD_H
#define ENVM_TESTS_STORE_WORLD_H

#include "scratch.h"

#include <dirent.h>

#include "codec/digest.h"
#include "codec/url.h"
#include "conda/package_record.h"
#include "store/package_store.h"
#include "sys/process.h"

struct store_world {
    struct scratch dir; /* holds cache/ and out/ */
    int cache_fd;
    struct envm_downloader *downloader;
    struct envm_store *store;
    struct envm_store_config config;
    struct envm_sink sink;
    size_t warnings;
    char last_warning[1024];
};

static __attribute__((unused)) void store_world_hear(void *user, enum envm_log_level level,
                                                     const char *text)
{
    struct store_world *world = user;

    if (level != ENVM_LOG_WARNING)
        return;
    world->warnings++;
    snprintf(world->last_warning, sizeof(world->last_warning), "%s", text);
}

static __attribute__((unused)) void store_world_open_store(struct store_world *world)
{
    OK(envm_store_new(&world->config, &world->store, &err));
}

/* The world's address must not change afterwards: the sink points to it. */
static __attribute__((unused)) void store_world_make(struct store_world *world)
{
    struct envm_net_config net = {.retries = 1, .retry_base_ms = 1};

    *world = (struct store_world){.dir = scratch_make()};
    world->sink = (struct envm_sink){.user = world, .log = store_world_hear};
    OK(envm_fs_mkdir(world->dir.fd, ENVM_RELPATH("cache"), 0700, &err));
    OK(envm_fs_open_dir(world->dir.fd, ENVM_RELPATH("cache"), &world->cache_fd, &err));
    OK(envm_downloader_new(&net, &world->downloader, &err));
    world->config = (struct envm_store_config){
        .cache_fd = world->cache_fd, .downloader = world->downloader, .sink = &world->sink};
    store_world_open_store(world);
}

static __attribute__((unused)) void store_world_drop(struct store_world *world)
{
    envm_store_free(world->store);
    envm_downloader_free(world->downloader);
    close(world->cache_fd);
    scratch_drop(&world->dir);
}

/* A scratch directory with the channel that `spec` (mkchannel.py) describes in its folder
 * "channel". */
static __attribute__((unused)) struct scratch store_channel_make(const char *spec)
{
    struct scratch dir = scratch_make();
    char script[4096], out[1024], file[1024];
    int status = -1;

    scratch_write(&dir, "spec.json", spec);
    snprintf(script, sizeof(script), "%s/tests/support/mkchannel.py", getenv("ENVM_SOURCE_DIR"));
    snprintf(out, sizeof(out), "%s/channel", dir.path);
    snprintf(file, sizeof(file), "%s/spec.json", dir.path);
    const char *const argv[] = {"python3", script, out, file, NULL};

    OK(envm_process_capture(argv, NULL, NULL, 60000, NULL, &status, &err));
    assert_int_equal(status, 0);
    return dir;
}

/* A record for the file as an @EXPLICIT line with its sha256 would give it. */
static __attribute__((unused)) enum envm_code
store_world_record(struct envm_arena *arena, const char *path, struct envm_package_record *record)
{
    envm_str url = envm_url_from_path(arena, envm_str_from(path));
    struct stat status;
    int fd;

    if (envm_package_record_from_url(arena, url, record, &err) != ENVM_OK)
        return err.code;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    OK(envm_sha256_of_fd(fd, path, &record->sha256, NULL, &err));
    assert_int_equal(fstat(fd, &status), 0);
    close(fd);
    record->has_size = true;
    record->size = (uint64_t)status.st_size;
    return ENVM_OK;
}

static __attribute__((unused)) size_t count_below(int dirfd, const char *path)
{
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    size_t count = 0;

    if (!dir)
        return 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

/* The run directory holds nothing but its lock: whatever was in progress has been cleaned up. */
static __attribute__((unused)) void assert_nothing_left(const struct store_world *world)
{
    int tmp_fd = openat(world->cache_fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fdopendir(tmp_fd);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            assert_int_equal(count_below(tmp_fd, entry->d_name), 1);
    closedir(dir);
}

#endif
