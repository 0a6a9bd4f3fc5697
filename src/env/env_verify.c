/* SPDX-License-Identifier: MIT
 *
 * `verify`: read everything back, and compare with what was locked.
 */
#include <envm/environment.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/map.h"
#include "base/vec.h"
#include "conda/package_record.h"
#include "conda/platform.h"
#include "env/environments.h"
#include "lock/lockfile.h"
#include "prefix/kept_lock.h"
#include "prefix/kept_metadata.h"
#include "prefix/prefix_record.h"
#include "prefix/prefix_verify.h"
#include "sys/fs.h"
#include "txn/journal_rebuild.h"

#define LOCK_SIZE_MAX ((size_t)64 << 20)

struct verification {
    struct envm_context *context;
    struct envm_arena *arena;
    struct envm_verify_report *report;
    int fd;
    struct envm_lockfile lock;
    const struct envm_lock_platform *platform; /* NULL: nothing to compare with */
    ENVM_VEC(struct envm_verify_finding) findings;
};

static envm_str kind_name(enum envm_finding_kind kind)
{
    switch (kind) {
    case ENVM_FINDING_MISSING:
        return ENVM_STR("missing");
    case ENVM_FINDING_ALTERED:
        return ENVM_STR("altered");
    case ENVM_FINDING_EXTRA:
        return ENVM_STR("extra");
    case ENVM_FINDING_RECORD:
        return ENVM_STR("record");
    }
    return ENVM_STR("altered");
}

static void add_finding(struct verification *v, struct envm_verify_finding finding)
{
    envm_vec_push(&v->findings, finding);
    v->report->damage_count += finding.damage;
}

/* The lock that the environment keeps is one of its parts: when it cannot be read, that is damage.
 */
static enum envm_code read_kept_lock(struct verification *v, struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    envm_str text = {0};
    bool exists = false;
    enum envm_code code = envm_kept_lock_read(v->arena, v->fd, &text, &exists, &failure);

    if (exists)
        v->report->lock_path =
            envm_arena_printf(v->arena, "%s/conda-meta/envm.lock", v->report->prefix.ptr);
    if (code == ENVM_OK && exists)
        code = envm_lockfile_read(v->arena, text, v->report->lock_path.ptr, &v->lock, &failure);
    if (code == ENVM_OK)
        return ENVM_OK;
    if (code == ENVM_USAGE || code == ENVM_IO) { /* made by a newer envm; no right to read it */
        envm_error_move(err, &failure);
        return code;
    }
    v->lock = (struct envm_lockfile){0};
    add_finding(v, (struct envm_verify_finding){
                       .kind = ENVM_STR("lock"),
                       .path = ENVM_STR("conda-meta/envm.lock"),
                       .package = ENVM_STR(""),
                       .detail = envm_arena_printf(v->arena, "cannot be used: %s", failure.text),
                       .damage = true});
    return ENVM_OK;
}

static enum envm_code load_lock(struct verification *v, const char *against, envm_str platform,
                                struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(LOCK_SIZE_MAX);

    if (against) {
        v->report->lock_path = envm_arena_str(v->arena, envm_str_from(against));
        ENVM_TRY(envm_fs_read_user_file(against, &text, err));
        ENVM_TRY(envm_lockfile_read(v->arena, envm_arena_str(v->arena, envm_buf_str(&text)),
                                    v->report->lock_path.ptr, &v->lock, err));
    } else {
        ENVM_TRY(read_kept_lock(v, err));
    }
    v->report->omitted_pip = v->lock.request.omitted_pip;
    v->platform = envm_lockfile_platform(&v->lock, platform);
    if (!v->platform && against)
        return envm_fail(err, ENVM_STALE_LOCK, "%s holds no packages for %.*s", against,
                         ENVM_STR_ARGS(platform));
    if (v->platform)
        v->report->locked = v->platform->tree;
    return ENVM_OK;
}

static void compare_one(struct verification *v, const struct envm_package_record *locked,
                        const struct envm_package_record *installed)
{
    struct envm_verify_finding finding = {
        .kind = ENVM_STR("lock"), .package = locked->name, .path = ENVM_STR(""), .damage = true};

    if (!installed)
        finding.detail =
            envm_arena_printf(v->arena, "the lock holds %.*s %.*s, which is not installed",
                              ENVM_STR_ARGS(locked->name), ENVM_STR_ARGS(locked->version));
    else if (!envm_sha256_equal(&locked->sha256, &installed->sha256))
        finding.detail =
            envm_arena_printf(v->arena, "the lock holds %.*s %.*s, installed is %.*s %.*s",
                              ENVM_STR_ARGS(locked->version), ENVM_STR_ARGS(locked->build),
                              ENVM_STR_ARGS(installed->version), ENVM_STR_ARGS(installed->build));
    else
        return;
    add_finding(v, finding);
}

/* Drift is found against what was locked, not against the environment itself. */
static void compare_packages(struct verification *v, const struct envm_prefix_record_list *records)
{
    ENVM_CLEANUP(envm_map) struct envm_map names = {0};

    for (size_t i = 0; i < records->count; i++)
        envm_map_set(&names, records->items[i]->record->name, i + 1);
    for (size_t i = 0; i < v->platform->packages.count; i++) {
        const struct envm_package_record *locked = v->platform->packages.items[i];
        uint64_t *found = envm_map_find(&names, locked->name);

        compare_one(v, locked, found && *found ? records->items[*found - 1]->record : NULL);
        if (found)
            *found = 0;
    }
    for (size_t i = 0; i < records->count; i++) {
        const struct envm_package_record *record = records->items[i]->record;
        const uint64_t *found = envm_map_find(&names, record->name);

        if (found && *found)
            add_finding(v, (struct envm_verify_finding){
                               .kind = ENVM_STR("lock"),
                               .package = record->name,
                               .path = ENVM_STR(""),
                               .detail = envm_arena_printf(
                                   v->arena, "%.*s %.*s is installed, but not in the lock",
                                   ENVM_STR_ARGS(record->name), ENVM_STR_ARGS(record->version)),
                               .damage = true});
    }
}

static void take(struct verification *v, const struct envm_finding *findings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct envm_finding *found = &findings[i];

        add_finding(v, (struct envm_verify_finding){.kind = kind_name(found->kind),
                                                    .path = found->path,
                                                    .package = found->package,
                                                    .detail = found->detail,
                                                    .damage = found->kind != ENVM_FINDING_EXTRA});
    }
}

static void take_findings(struct verification *v, const struct envm_verify_result *result)
{
    take(v, result->findings, result->finding_count);
    v->report->tree = result->tree;
    v->report->files = result->files;
    v->report->bytes = result->bytes;
    v->report->packages = result->packages;
    v->report->left_out = result->left_out;
    v->report->script_files = result->script_files;
}

static enum envm_code check_metadata(struct verification *v, struct envm_error *err)
{
    struct envm_finding *findings = NULL;
    size_t count = 0;

    ENVM_TRY(envm_metadata_verify(v->arena, v->fd, &findings, &count, err));
    take(v, findings, count);
    return ENVM_OK;
}

/* A committed change that nobody could complete. */
static enum envm_code check_journals(struct verification *v, struct envm_error *err)
{
    struct envm_str_list paths = {0};

    ENVM_TRY(envm_journals_damaged(v->arena, v->fd, &paths, err));
    for (size_t i = 0; i < paths.count; i++)
        add_finding(v, (struct envm_verify_finding){
                           .kind = ENVM_STR("journal"),
                           .path = paths.items[i],
                           .package = ENVM_STR(""),
                           .detail = ENVM_STR("the journal of an interrupted change is damaged"),
                           .damage = true});
    return ENVM_OK;
}

/* Files come from the packages, packages from the lock. */
static enum envm_code hint(struct verification *v, struct envm_error *err)
{
    for (size_t i = 0; i < v->report->finding_count; i++) {
        const struct envm_verify_finding *finding = &v->report->findings[i];

        /* The kept lock is also the newest revision. */
        if (finding->damage && (!envm_str_equal_c(finding->kind, "lock") || finding->path.len > 0))
            return envm_error_hint(err, ENVM_DAMAGED, "mend it: envm repair -p '%s'",
                                   v->report->prefix.ptr);
    }
    return envm_error_hint(err, ENVM_DAMAGED, "make it anew: envm create --force -p '%s' -f '%s'",
                           v->report->prefix.ptr, v->report->lock_path.ptr);
}

static enum envm_code verify(struct verification *v, const struct envm_target *target,
                             const char *against, struct envm_error *err)
{
    struct envm_verify_result result = {0};
    struct envm_prefix_record_list records = {0};
    envm_str real;

    ENVM_TRY(envm_target_prefix(v->context, v->arena, target, &v->report->prefix, err));
    /* Files hold the path that the environment was made at, and none is made at a link. */
    if (envm_fs_user_link(v->arena, v->report->prefix.ptr, &real) && real.len > 0)
        v->report->prefix = real;
    ENVM_TRY(envm_prefix_open(v->context, v->arena, v->report->prefix, &v->fd, err));
    ENVM_TRY(envm_prefix_records_load(v->arena, v->fd, false, &records, err));
    ENVM_TRY(load_lock(v, against, envm_installed_platform(&records), err));
    ENVM_TRY(
        envm_prefix_verify(v->arena, v->fd, v->report->prefix, v->context->threads, &result, err));
    take_findings(v, &result);
    ENVM_TRY(check_metadata(v, err));
    ENVM_TRY(check_journals(v, err));
    if (v->platform)
        compare_packages(v, &records);
    if (v->report->locked.known && !envm_sha256_equal(&v->report->locked, &v->report->tree) &&
        v->report->damage_count == 0)
        add_finding(
            v, (struct envm_verify_finding){.kind = ENVM_STR("lock"),
                                            .path = ENVM_STR(""),
                                            .package = ENVM_STR(""),
                                            .detail = ENVM_STR("the tree digest is not the lock's"),
                                            .damage = true});
    v->report->findings = envm_arena_copy(v->arena, v->findings.items,
                                          v->findings.count * sizeof(*v->findings.items));
    v->report->finding_count = v->findings.count;
    if (v->report->damage_count == 0)
        return ENVM_OK;
    (void)envm_fail(err, ENVM_DAMAGED, "%s: %zu thing%s missing, altered or not as locked",
                    v->report->prefix.ptr, v->report->damage_count,
                    v->report->damage_count == 1 ? " is" : "s are");
    (void)envm_error_where(err, ENVM_DAMAGED, "%s", v->report->prefix.ptr);
    return hint(v, err);
}

enum envm_code envm_verify(struct envm_context *context, struct envm_memory *memory,
                           const struct envm_target *target, const char *against,
                           struct envm_verify_report *ret_report, struct envm_error *err)
{
    struct verification v = {
        .context = context, .arena = &memory->arena, .report = ret_report, .fd = -1};
    enum envm_code code;

    *ret_report = (struct envm_verify_report){0};
    code = verify(&v, target, against, err);
    envm_close_fd(&v.fd);
    envm_vec_release(&v.findings);
    return code;
}
