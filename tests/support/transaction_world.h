/* SPDX-License-Identifier: MIT
 *
 * A channel that tests/support/mkchannel.py makes, a cache, and a folder for environments. For
 * tests of src/txn.
 */
#ifndef ENVM_TESTS_TRANSACTION_WORLD_H
#define ENVM_TESTS_TRANSACTION_WORLD_H

#include "scratch.h"

#include <stdatomic.h>

#include "base/error.h"
#include "base/hex.h"
#include "conda/package_record.h"
#include "prefix/prefix_verify.h"
#include "txn/transaction_create.h"

#define HELPER static __attribute__((unused))

struct fixture {
    struct scratch dir;
    struct envm_arena arena;
    struct envm_downloader *downloader;
    struct envm_store *store;
    int cache_fd;
    struct envm_sink sink;
    bool cancel;
    atomic_uint linked;
    struct envm_transaction_package packages[8];
    size_t package_count;
    struct envm_create_target target;
    struct envm_transaction_plan plan;
    struct envm_transaction_result result;
    enum envm_code finish_code;
    bool unknown_tree; /* the digest cannot be known */
};

HELPER void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
HELPER void run(const char *format, ...)
{
    char command[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    assert_int_equal(system(command), 0);
}

HELPER const char *source_dir(void)
{
    const char *dir = getenv("ENVM_SOURCE_DIR");

    return dir ? dir : ".";
}

HELPER bool cancelled(void *user)
{
    return ((struct fixture *)user)->cancel;
}

HELPER void count_progress(void *user, const struct envm_progress *event)
{
    struct fixture *f = user;

    if (event->kind == ENVM_PROGRESS_LINKED)
        atomic_fetch_add(&f->linked, 1);
}

/* `spec` is JSON with ' in place of ". */
HELPER void write_spec(struct fixture *f, const char *spec)
{
    char text[8192];

    assert_true(strlen(spec) < sizeof(text));
    strcpy(text, spec);
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == '\'')
            text[i] = '"';
    }
    scratch_write(&f->dir, "spec.json", text);
}

HELPER int set_up_world(void **state, const char *spec)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct envm_net_config net = {.sink = &f->sink, .offline = true};
    struct envm_store_config config = {.sink = &f->sink};

    *f = (struct fixture){.dir = scratch_make()};
    f->sink = (struct envm_sink){.user = f, .progress = count_progress, .cancelled = cancelled};
    write_spec(f, spec);
    run("python3 '%s/tests/support/mkchannel.py' '%s/channel' '%s/spec.json' > '%s/built'",
        source_dir(), f->dir.path, f->dir.path, f->dir.path);
    OK(envm_fs_mkdir(f->dir.fd, ENVM_RELPATH("cache"), 0700, &err));
    OK(envm_fs_mkdir(f->dir.fd, ENVM_RELPATH("envs"), 0755, &err));
    OK(envm_fs_open_dir(f->dir.fd, ENVM_RELPATH("cache"), &f->cache_fd, &err));
    OK(envm_downloader_new(&net, &f->downloader, &err));
    config.cache_fd = f->cache_fd;
    config.downloader = f->downloader;
    OK(envm_store_new(&config, &f->store, &err));
    *state = f;
    return 0;
}

HELPER int tear_down(void **state)
{
    struct fixture *f = *state;

    envm_store_free(f->store);
    envm_downloader_free(f->downloader);
    close(f->cache_fd);
    envm_arena_release(&f->arena);
    scratch_drop(&f->dir);
    free(f);
    return 0;
}

/* The record of a package, by name or by name-version, as mkchannel reported it. */
HELPER void add(struct fixture *f, const char *name)
{
    struct envm_package_record *record = envm_arena_new(&f->arena, struct envm_package_record);
    char line[1024];
    char file[512];
    char sha256[65];
    char md5[33];
    unsigned long size = 0;
    char wanted[64];
    static const envm_str license = ENVM_STR_INIT("MIT");
    FILE *built;

    snprintf(line, sizeof(line), "%s/built", f->dir.path);
    snprintf(wanted, sizeof(wanted), "/%s-", name);
    built = fopen(line, "r");
    assert_non_null(built);
    while (fgets(line, sizeof(line), built) && !strstr(line, wanted))
        ;
    fclose(built);
    assert_int_equal(sscanf(line, "%511s %64s %32s %lu", file, sha256, md5, &size), 4);
    OK(envm_package_record_from_url(
        &f->arena, envm_arena_printf(&f->arena, "file://%s/channel/%s", f->dir.path, file), record,
        &err));
    assert_true(envm_sha256_parse(envm_str_from(sha256), &record->sha256));
    record->subdir = strncmp(file, "noarch", 6) ? ENVM_STR("linux-64") : ENVM_STR("noarch");
    record->noarch = strncmp(file, "noarch", 6) ? ENVM_NOARCH_NO : ENVM_NOARCH_PYTHON;
    record->channel = ENVM_STR("channel");
    record->license = license;
    record->has_size = true;
    record->size = size;
    f->packages[f->package_count++] = (struct envm_transaction_package){.record = record};
}

HELPER enum envm_code finish(void *user, const struct envm_transaction_result *result,
                             envm_str *ret_lock_text, struct envm_error *failure)
{
    struct fixture *f = user;

    assert_int_equal(result->tree.known, !f->unknown_tree);
    *ret_lock_text = ENVM_STR("the lock\n");
    return f->finish_code ? envm_fail(failure, f->finish_code, "the digest differs") : ENVM_OK;
}

HELPER enum envm_code create(struct fixture *f, const char *prefix)
{
    f->target.prefix = prefix[0] == '/'
                           ? envm_str_from(prefix)
                           : envm_arena_printf(&f->arena, "%s/envs/%s", f->dir.path, prefix);
    f->plan.platform = ENVM_STR("linux-64");
    f->plan.packages = f->packages;
    f->plan.package_count = f->package_count;
    f->plan.command_line =
        envm_arena_printf(&f->arena, "envm create -p '%.*s'", ENVM_STR_ARGS(f->target.prefix));
    f->plan.durability = ENVM_DURABILITY_NONE;
    f->plan.threads = 2;
    f->plan.sink = &f->sink;
    return envm_transaction_create(&f->arena, f->store, &f->target, &f->plan, finish, f, &f->result,
                                   &err);
}

HELPER size_t entries(struct fixture *f, const char *folder)
{
    char command[1024];
    char text[32] = "";
    FILE *pipe;

    snprintf(command, sizeof(command), "ls -A '%s/%s' | wc -l", f->dir.path, folder);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(text, sizeof(text), pipe));
    pclose(pipe);
    return (size_t)atoi(text);
}

/* The environment is what its records say, and has the digest of the last result. */
HELPER void assert_sound(struct fixture *f)
{
    struct envm_verify_result found;
    ENVM_CLEANUP(envm_fd) int fd = -1;

    OK(envm_fs_open_root(envm_cstr(&f->arena, f->target.prefix), &fd, &err));
    OK(envm_prefix_verify(&f->arena, fd, f->target.prefix, 2, &found, &err));
    for (size_t i = 0; i < found.finding_count; i++)
        fail_msg("%s: %s", found.findings[i].path.ptr, found.findings[i].detail.ptr);
    assert_true(envm_sha256_equal(&found.tree, &f->result.tree));
}

#endif
