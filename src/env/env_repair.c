/* SPDX-License-Identifier: MIT
 *
 * `repair`: puts damaged files and records of an environment back.
 */
#include <envm/cache.h>

#include <stdlib.h>

#include "base/error.h"
#include "base/vec.h"
#include "codec/url.h"
#include "conda/archive_name.h"
#include "conda/match_spec.h"
#include "conda/package_record.h"
#include "env/confine.h"
#include "env/environments.h"
#include "env/settings.h"
#include "lock/lockfile.h"
#include "prefix/kept_lock.h"
#include "prefix/kept_metadata.h"
#include "prefix/kept_revisions.h"
#include "prefix/prefix_history.h"
#include "prefix/prefix_verify.h"
#include "store/package_upkeep.h"
#include "sys/fs_lock.h"
#include "txn/journal_rebuild.h"
#include "txn/transaction_recover.h"
#include "txn/transaction_repair.h"

#define LOCK_TIMEOUT_MS 60000

struct repairing {
    struct envm_context *context;
    struct envm_arena *arena;
    struct envm_repair_report *report;
    int fd;
    struct envm_fs_lock lock;
    bool has_kept;             /* `kept` is known */
    struct envm_lockfile kept; /* conda-meta/envm.lock */
    struct envm_record_list locked;
    struct envm_prefix_record_list records;
    struct envm_repair repair;
    ENVM_VEC(struct envm_repair_item) repaired;
    ENVM_VEC(envm_str) failures;
};

static void release_repairing(struct repairing *r)
{
    envm_repair_release(&r->repair);
    envm_fs_lock_drop(&r->lock);
    envm_close_fd(&r->fd);
    envm_vec_release(&r->repaired);
    envm_vec_release(&r->failures);
}
ENVM_DEFINE_CLEANUP(repairing, struct repairing, release_repairing)

/* One package that cannot be had does not keep the others from being mended. */
static enum envm_code note_failure(struct repairing *r, envm_str package, enum envm_code code,
                                   struct envm_error *failure, struct envm_error *err)
{
    if (code == ENVM_INTERRUPTED) {
        envm_error_move(err, failure);
        return code;
    }
    envm_vec_push(&r->failures,
                  envm_arena_printf(r->arena, "%.*s: %s", ENVM_STR_ARGS(package), failure->text));
    return ENVM_OK;
}

/* --- what should be there ------------------------------------------------------------------- */

/* A damaged lock is named by the verification at the end. One that only cannot be read now would
 * be missed in the records: it knows what was asked for. */
static enum envm_code read_kept_lock(struct repairing *r, struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    const struct envm_lock_platform *platform;
    envm_str text = {0};
    bool exists = false;
    enum envm_code code = envm_kept_lock_read(r->arena, r->fd, &text, &exists, &failure);

    if (code == ENVM_IO)
        return envm_fail(err, code, "%s", failure.text);
    if (code != ENVM_OK || !exists ||
        envm_lockfile_read(r->arena, text, "envm.lock", &r->kept, NULL) != ENVM_OK)
        return ENVM_OK;
    r->has_kept = true;
    platform = envm_lockfile_platform(&r->kept, r->repair.platform);
    if (!platform && r->kept.platform_count == 1)
        platform = &r->kept.platforms[0];
    if (!platform)
        return ENVM_OK;
    r->locked = platform->packages;
    if (r->records.count == 0)
        r->repair.platform = platform->platform;
    return ENVM_OK;
}

static const struct envm_package_record *find_record(const struct repairing *r, envm_str name)
{
    for (size_t i = 0; i < r->records.count; i++)
        if (envm_str_equal(r->records.items[i]->record->name, name))
            return r->records.items[i]->record;
    return NULL;
}

static const struct envm_package_record *find_locked(const struct repairing *r, envm_str stem)
{
    for (size_t i = 0; i < r->locked.count; i++)
        if (envm_str_equal(envm_package_record_stem(r->arena, r->locked.items[i]), stem))
            return r->locked.items[i];
    return NULL;
}

/* Python's own record may be the one that is lost. */
static enum envm_code learn_python(struct repairing *r, struct envm_error *err)
{
    const struct envm_package_record *record = find_record(r, ENVM_STR("python"));

    for (size_t i = 0; !record && i < r->locked.count; i++)
        if (envm_str_equal_c(r->locked.items[i]->name, "python"))
            record = r->locked.items[i];
    return record ? envm_python_from_record(r->arena, record, r->repair.platform, &r->repair.python,
                                            err)
                  : ENVM_OK;
}

static enum envm_code load(struct repairing *r, struct envm_error *err)
{
    r->records = (struct envm_prefix_record_list){0};
    ENVM_TRY(envm_prefix_records_load(r->arena, r->fd, true, &r->records, err));
    r->repair.platform = envm_installed_platform(&r->records);
    ENVM_TRY(read_kept_lock(r, err));
    return learn_python(r, err);
}

/* --- records -------------------------------------------------------------------------------- */

/* When the lock is lost, what was asked for is in the newest lock of a revision, or else in the
 * history. */
static struct envm_str_list all_specs(struct repairing *r)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf history = envm_buf_limit(ENVM_HISTORY_SIZE_MAX);
    struct envm_revision_numbers numbers = {0};

    if (r->has_kept)
        return r->kept.request.specs;
    if (envm_revisions_list(r->arena, r->fd, &numbers, NULL) != ENVM_OK)
        numbers.count = 0;
    for (size_t i = numbers.count; i-- > 0;) {
        struct envm_lockfile lock = {0};
        envm_str text = {0};

        if (envm_revision_read(r->arena, r->fd, numbers.items[i], &text, NULL) == ENVM_OK &&
            envm_lockfile_read(r->arena, text, "revision", &lock, NULL) == ENVM_OK)
            return lock.request.specs;
    }
    if (envm_fs_read_at(r->fd, ENVM_HISTORY, &history, NULL) != ENVM_OK)
        return (struct envm_str_list){0};
    return envm_history_specs(r->arena, envm_arena_str(r->arena, envm_buf_str(&history)));
}

static struct envm_str_list requested_specs(struct repairing *r, envm_str name)
{
    struct envm_str_list wanted = all_specs(r);
    const struct envm_str_list *texts = &wanted;
    envm_str *items = envm_arena_new_array(r->arena, envm_str, texts->count);
    size_t count = 0;

    for (size_t i = 0; i < texts->count; i++) {
        const struct envm_match_spec *spec;

        if (envm_match_spec_parse(r->arena, texts->items[i], &spec, NULL) == ENVM_OK &&
            envm_str_equal(envm_match_spec_exact_name(spec), name))
            items[count++] = texts->items[i];
    }
    return (struct envm_str_list){items, count};
}

static enum envm_code rebuild(struct repairing *r, const struct envm_package_record *record,
                              bool only_if_there, struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    envm_str stem = envm_package_record_stem(r->arena, record);
    bool written = false;
    enum envm_code code = envm_repair_record(&r->repair, record, requested_specs(r, record->name),
                                             &r->records, only_if_there, &written, &failure);

    if (code != ENVM_OK)
        return note_failure(r, stem, code, &failure, err);
    if (written)
        envm_vec_push(
            &r->repaired,
            ((struct envm_repair_item){
                envm_arena_printf(r->arena, "conda-meta/%.*s.json", ENVM_STR_ARGS(stem)), stem}));
    return ENVM_OK;
}

/* The name of the file says which package it was; the lock, or else the cache, what that is. */
static enum envm_code rebuild_bad(struct repairing *r, envm_str file, struct envm_error *err)
{
    envm_str stem = envm_str_slice(file, 0, file.len - strlen(".json"));
    const struct envm_package_record *record = find_locked(r, stem);
    struct envm_archive_name parsed;

    /* A second record of a package whose other one is good is nothing to be made anew. */
    if (envm_archive_name_parse(envm_arena_concat(r->arena, stem, ENVM_STR(".conda")), &parsed) &&
        find_record(r, parsed.name))
        record = NULL;
    else if (!record) {
        struct envm_package_record *cached = NULL;

        ENVM_TRY(envm_store_record_of(r->repair.store, r->arena, stem, &cached, err));
        record = cached;
    }
    if (record)
        return rebuild(r, record, false, err);
    envm_vec_push(&r->failures,
                  envm_arena_printf(r->arena,
                                    "conda-meta/%.*s: neither the lock nor the cache know the "
                                    "package",
                                    ENVM_STR_ARGS(file)));
    return ENVM_OK;
}

static bool has_bad_file(const struct repairing *r, envm_str name)
{
    for (size_t i = 0; i < r->records.bad_files.count; i++) {
        envm_str file = r->records.bad_files.items[i];

        if (envm_str_starts_with(file, name) && file.len > name.len && file.ptr[name.len] == '-')
            return true;
    }
    return false;
}

static enum envm_code rebuild_records(struct repairing *r, struct envm_error *err)
{
    size_t before = r->repaired.count;

    for (size_t i = 0; i < r->records.bad_files.count; i++)
        ENVM_TRY(rebuild_bad(r, r->records.bad_files.items[i], err));
    for (size_t i = 0; i < r->locked.count; i++) {
        const struct envm_package_record *record = r->locked.items[i];

        if (!find_record(r, record->name) && !has_bad_file(r, record->name))
            ENVM_TRY(rebuild(r, record, true, err));
    }
    return r->repaired.count > before ? load(r, err) : ENVM_OK;
}

/* --- files ---------------------------------------------------------------------------------- */

static enum envm_code mend_package(struct repairing *r, const struct envm_prefix_record *record,
                                   struct envm_str_list paths, struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    envm_str stem = envm_package_record_stem(r->arena, record->record);
    size_t before = r->repair.restored.count;
    size_t unknown = r->repair.unknown.count;
    enum envm_code code = envm_repair_paths(&r->repair, record, paths, &failure);

    for (size_t i = before; i < r->repair.restored.count; i++)
        envm_vec_push(&r->repaired, ((struct envm_repair_item){r->repair.restored.items[i], stem}));
    for (size_t i = unknown; i < r->repair.unknown.count; i++)
        envm_vec_push(&r->failures,
                      envm_arena_printf(r->arena, "%.*s: the package has no file '%.*s'",
                                        ENVM_STR_ARGS(stem),
                                        ENVM_STR_ARGS(r->repair.unknown.items[i])));
    return code == ENVM_OK ? ENVM_OK : note_failure(r, stem, code, &failure, err);
}

/* Findings are sorted by path, so those of each package are, too. */
static enum envm_code mend_files(struct repairing *r, const struct envm_verify_result *found,
                                 struct envm_error *err)
{
    envm_str *paths = envm_arena_new_array(r->arena, envm_str, found->finding_count);

    for (size_t i = 0; i < r->records.count; i++) {
        const struct envm_prefix_record *record = r->records.items[i];
        envm_str stem = envm_package_record_stem(r->arena, record->record);
        size_t count = 0;

        for (size_t j = 0; j < found->finding_count; j++) {
            const struct envm_finding *finding = &found->findings[j];

            if ((finding->kind == ENVM_FINDING_MISSING || finding->kind == ENVM_FINDING_ALTERED) &&
                envm_str_equal(finding->package, stem))
                paths[count++] = finding->path;
        }
        if (count > 0)
            ENVM_TRY(mend_package(r, record, (struct envm_str_list){paths, count}, err));
    }
    return ENVM_OK;
}

static void list_damage(struct repairing *r, const struct envm_verify_result *found)
{
    for (size_t i = 0; i < found->finding_count; i++)
        if (found->findings[i].kind != ENVM_FINDING_EXTRA)
            envm_vec_push(&r->repaired, ((struct envm_repair_item){
                                            envm_arena_str(r->arena, found->findings[i].path),
                                            envm_arena_str(r->arena, found->findings[i].package)}));
}

/* --- the whole ------------------------------------------------------------------------------ */

/* A journal that cannot be read is made again from what lies around it, so that the change can be
 * completed. */
static enum envm_code rebuild_journals(struct repairing *r, struct envm_error *err)
{
    struct envm_prefix_record_list records = {0};
    struct envm_str_list paths = {0};

    ENVM_TRY(envm_prefix_records_load(r->arena, r->fd, false, &records, err));
    ENVM_TRY(
        envm_journals_rebuild(r->arena, r->fd, envm_installed_platform(&records), &paths, err));
    for (size_t i = 0; i < paths.count; i++)
        envm_vec_push(&r->repaired, ((struct envm_repair_item){paths.items[i], ENVM_STR("")}));
    return ENVM_OK;
}

/* What an interrupted change has left comes first: its files are not damage. */
static enum envm_code recover(struct repairing *r, struct envm_error *err)
{
    const struct envm_recover_settings settings = {
        .durability = envm_durability_from(r->context->config.durability),
        .sink = &r->context->sink};
    struct envm_recover_result result = {0};

    ENVM_TRY(rebuild_journals(r, err));
    ENVM_TRY(envm_transaction_recover_locked(r->arena, r->fd, &settings, &result, err));
    for (size_t i = 0; i < result.saved.count; i++)
        envm_vec_push(&r->repair.saved, result.saved.items[i].saved);
    return ENVM_OK;
}

static enum envm_code open_prefix(struct repairing *r, const struct envm_target *target,
                                  bool dry_run, struct envm_error *err)
{
    envm_str real;

    ENVM_TRY(envm_target_prefix(r->context, r->arena, target, &r->report->prefix, err));
    if (envm_fs_user_link(r->arena, r->report->prefix.ptr, &real) && real.len > 0)
        r->report->prefix = real;
    if (!dry_run)
        ENVM_TRY(envm_prefix_undo_trial(r->context, r->arena, r->report->prefix, err));
    ENVM_TRY(envm_prefix_open(r->context, r->arena, r->report->prefix, &r->fd, err));
    envm_confine(r->context, &(struct envm_confine_plan){.use = ENVM_CONFINE_CHANGED,
                                                         .prefix = r->report->prefix,
                                                         .fetches = true});
    r->repair.prefix_fd = r->fd;
    r->repair.prefix = r->report->prefix;
    if (dry_run)
        return ENVM_OK;
    ENVM_TRY(envm_prefix_lock_take_at(r->report->prefix.ptr, r->fd, LOCK_TIMEOUT_MS,
                                      &r->context->sink, &r->lock, err));
    return recover(r, err);
}

/* A store that trusts nothing: files of the environment may be links to damaged ones whose
 * fingerprints are right. Another use of the context gets an ordinary one again. */
static void set_suspicious(struct envm_context *context, bool suspicious, envm_str prefix)
{
    if (context->store && context->read_cached_packages != suspicious) {
        envm_store_free(context->store);
        context->store = NULL;
    }
    context->read_cached_packages = suspicious;
    context->repaired_prefix = prefix;
}

/* Before all else: the records are made from the lock. */
static enum envm_code mend_metadata(struct repairing *r, struct envm_error *err)
{
    ENVM_CLEANUP(envm_metadata_repair)
    struct envm_metadata_repair repair = {.arena = r->arena, .prefix_fd = r->fd};

    ENVM_TRY(envm_metadata_mend(&repair, err));
    for (size_t i = 0; i < repair.repaired.count; i++)
        envm_vec_push(&r->repaired,
                      ((struct envm_repair_item){repair.repaired.items[i], ENVM_STR("")}));
    for (size_t i = 0; i < repair.saved.count; i++)
        envm_vec_push(&r->repair.saved, repair.saved.items[i]);
    for (size_t i = 0; i < repair.failures.count; i++)
        envm_vec_push(&r->failures, repair.failures.items[i]);
    return ENVM_OK;
}

static enum envm_code list_metadata(struct repairing *r, struct envm_error *err)
{
    struct envm_finding *findings = NULL;
    size_t count = 0;

    ENVM_TRY(envm_metadata_verify(r->arena, r->fd, &findings, &count, err));
    for (size_t i = 0; i < count; i++)
        envm_vec_push(&r->repaired, ((struct envm_repair_item){findings[i].path, ENVM_STR("")}));
    return ENVM_OK;
}

static enum envm_code mend(struct repairing *r, bool dry_run, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0}; /* all records once more */
    struct envm_verify_result found = {0};

    if (!dry_run)
        ENVM_TRY(mend_metadata(r, err));
    ENVM_TRY(load(r, err));
    if (!dry_run) {
        set_suspicious(r->context, true, r->report->prefix);
        ENVM_TRY(envm_context_learn_channels(r->context, r->arena, err));
        ENVM_TRY(envm_context_store(r->context, &r->repair.store, err));
        envm_repair_sweep(&r->repair);
        ENVM_TRY(rebuild_records(r, err));
    }
    ENVM_TRY(
        envm_prefix_verify(&scratch, r->fd, r->report->prefix, r->context->threads, &found, err));
    if (dry_run) {
        list_damage(r, &found);
        return list_metadata(r, err);
    }
    ENVM_TRY(mend_files(r, &found, err));
    if (r->repaired.count > 0 &&
        envm_durability_from(r->context->config.durability) != ENVM_DURABILITY_NONE)
        ENVM_TRY(envm_fs_sync_all(r->fd, r->report->prefix.ptr, err));
    return ENVM_OK;
}

static struct envm_str_list redacted(struct envm_arena *arena, const envm_str *items, size_t count)
{
    envm_str *copy = envm_arena_new_array(arena, envm_str, count);

    for (size_t i = 0; i < count; i++)
        copy[i] = envm_url_redact(arena, items[i]);
    return (struct envm_str_list){copy, count};
}

static void hand_over(struct repairing *r)
{
    r->report->repaired = envm_arena_copy(r->arena, r->repaired.items,
                                          r->repaired.count * sizeof(*r->repaired.items));
    r->report->repaired_count = r->repaired.count;
    r->report->saved = redacted(r->arena, r->repair.saved.items, r->repair.saved.count);
    r->report->failures = redacted(r->arena, r->failures.items, r->failures.count);
}

/* What is still wrong, for the report. */
static enum envm_code verify_again(struct repairing *r, struct envm_memory *memory,
                                   struct envm_error *err)
{
    const struct envm_target target = {.prefix = r->report->prefix.ptr};
    struct envm_verify_report verified = {0};
    enum envm_code code = envm_verify(r->context, memory, &target, NULL, &verified, err);
    struct envm_verify_finding *remaining;

    if (code != ENVM_OK && code != ENVM_DAMAGED)
        return code;
    remaining = envm_arena_new_array(r->arena, struct envm_verify_finding, verified.finding_count);
    for (size_t i = 0; i < verified.finding_count; i++)
        if (verified.findings[i].damage)
            remaining[r->report->remaining_count++] = verified.findings[i];
    r->report->remaining = remaining;
    r->report->tree = verified.tree;
    return code;
}

enum envm_code envm_repair(struct envm_context *context, struct envm_memory *memory,
                           const struct envm_target *target, bool dry_run,
                           struct envm_repair_report *ret_report, struct envm_error *err)
{
    ENVM_CLEANUP(repairing)
    struct repairing r = {
        .context = context, .arena = &memory->arena, .report = ret_report, .fd = -1, .lock = {-1}};

    enum envm_code code;

    *ret_report = (struct envm_repair_report){0};
    r.repair.arena = r.arena;
    r.repair.link_mode = envm_link_mode_from(context->config.link_mode);
    r.repair.sink = &context->sink;
    ENVM_TRY(open_prefix(&r, target, dry_run, err));
    code = mend(&r, dry_run, err);
    set_suspicious(context, false, (envm_str){0});
    ENVM_TRY_WRAP(code, err, "repairing %s", ret_report->prefix.ptr);
    hand_over(&r);
    return dry_run ? ENVM_OK : verify_again(&r, memory, err);
}
