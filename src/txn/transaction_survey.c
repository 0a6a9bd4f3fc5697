/* SPDX-License-Identifier: MIT */
#include "txn/transaction_survey.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "codec/digest.h"
#include "conda/package_record.h"
#include "prefix/link_file.h"
#include "prefix/script_output.h"
#include "sys/workers.h"
#include "txn/journal_apply.h"
#include "txn/python_cache.h"

/* What a package that leaves says of a path. */
struct old_path {
    const struct envm_prefix_path *path;
    struct old_path *next; /* another package that leaves lists it too */
};

enum verdict {
    AS_RECORDED,    /* or nothing is there */
    USERS,          /* the file of a package, changed by the user */
    NOBODYS,        /* belongs to no package */
    BEHIND_LINK,    /* a folder above it is a symbolic link now */
    CHANGED_OUTPUT, /* made by a script of a package that goes, and changed since */
};

/* One path that goes or is replaced or comes. */
struct look {
    const struct surveyor *surveyor;
    struct envm_relpath path;
    const struct old_path *old;        /* NULL: comes */
    const struct envm_link_item *item; /* NULL: goes */
    struct envm_seen seen;
    enum verdict verdict;
};

struct surveyor {
    struct envm_arena *arena;
    const struct envm_survey *survey;
    struct envm_journal *journal;
    struct envm_map olds;    /* path -> struct old_path * */
    struct envm_map folders; /* path -> 1: folders that packages that leave had */
    struct envm_map made;    /* path -> 1: folders that were looked at for making */
    struct envm_map going;   /* path -> 1: files that are removed */
    struct envm_map outputs; /* path -> what link scripts left there */
    ENVM_VEC(struct look) looks;
    ENVM_VEC(envm_str) obstacles; /* paths of nobody's files that are in the way */
};

static void surveyor_release(struct surveyor *surveyor)
{
    envm_map_release(&surveyor->olds);
    envm_map_release(&surveyor->folders);
    envm_map_release(&surveyor->made);
    envm_map_release(&surveyor->going);
    envm_map_release(&surveyor->outputs);
    envm_vec_release(&surveyor->looks);
    envm_vec_release(&surveyor->obstacles);
}
ENVM_DEFINE_CLEANUP(surveyor, struct surveyor, surveyor_release)

/* --- looking ------------------------------------------------------------------------------ */

static bool is_digest_of(const struct envm_sha256 *digest, envm_str text)
{
    struct envm_sha256 wanted = envm_sha256_of(text);

    return envm_sha256_equal(digest, &wanted);
}

static bool is_as_recorded(const struct envm_prefix_path *path, const struct envm_seen *seen)
{
    const struct envm_sha256 *wanted = &path->sha256_in_prefix;

    if (path->type == ENVM_PATH_SYMLINK)
        return seen->kind == ENVM_SEEN_SYMLINK &&
               (path->link_target.len == 0 || is_digest_of(&seen->sha256, path->link_target));
    if (seen->kind != ENVM_SEEN_FILE)
        return false;
    if (!wanted->known && path->file_mode == ENVM_MODE_NONE)
        wanted = &path->sha256;
    /* Records of long ago have no digests; and Python writes its own files anew as it likes. */
    return !wanted->known || envm_is_compiled_python(path->path.s) ||
           envm_sha256_equal(wanted, &seen->sha256);
}

/* What is there already has the very bytes that are wanted. */
static bool is_as_wanted(const struct envm_link_item *item, const struct envm_seen *seen)
{
    const struct envm_prefix_path *target = &item->target;

    if (target->type == ENVM_PATH_SYMLINK)
        return seen->kind == ENVM_SEEN_SYMLINK && is_digest_of(&seen->sha256, target->link_target);
    return seen->kind == ENVM_SEEN_FILE && target->file_mode == ENVM_MODE_NONE &&
           envm_sha256_equal(&target->sha256, &seen->sha256);
}

static bool is_as_script_left(const struct look *look)
{
    const struct envm_script_output_entry *entry =
        envm_script_outputs_find(&look->surveyor->outputs, look->path.s);
    enum envm_seen_kind kind = look->seen.kind;

    for (; entry; entry = entry->next) {
        if (!entry->output->removed &&
            (entry->output->type == ENVM_PATH_SYMLINK ? kind == ENVM_SEEN_SYMLINK
                                                      : kind == ENVM_SEEN_FILE) &&
            envm_sha256_equal(&entry->output->sha256, &look->seen.sha256))
            return true;
    }
    return false;
}

static enum verdict judge(const struct look *look)
{
    if (look->seen.kind == ENVM_SEEN_NOTHING)
        return AS_RECORDED;
    for (const struct old_path *old = look->old; old; old = old->next) {
        if (is_as_recorded(old->path, &look->seen))
            return AS_RECORDED;
    }
    if (look->item && is_as_wanted(look->item, &look->seen))
        return AS_RECORDED;
    if (is_as_script_left(look))
        return AS_RECORDED;
    if (!look->item && !look->old)
        return CHANGED_OUTPUT;
    /* A folder of packages that leave; what the user has in it is kept when its turn comes. */
    if (look->seen.kind == ENVM_SEEN_DIRECTORY &&
        envm_map_find(&look->surveyor->folders, look->path.s))
        return AS_RECORDED;
    return look->old ? USERS : NOBODYS;
}

static enum envm_code look_at(void *argument, struct envm_error *err)
{
    struct look *look = argument;
    bool behind_link = false;

    ENVM_TRY(envm_journal_look(look->surveyor->survey->prefix_fd, look->path, true, &look->seen,
                               &behind_link, err));
    look->verdict = behind_link ? BEHIND_LINK : judge(look);
    return ENVM_OK;
}

/* --- what goes and what comes ------------------------------------------------------------- */

static void note_folders_above(struct surveyor *surveyor, envm_str path)
{
    for (size_t slash = envm_str_find_last_char(path, '/'); slash != SIZE_MAX;
         slash = envm_str_find_last_char(path, '/')) {
        bool is_new = false;

        path = envm_str_slice(path, 0, slash);
        *envm_map_get(&surveyor->folders, path, &is_new) = 1;
        if (!is_new)
            return;
    }
}

static void note_old_path(struct surveyor *surveyor, const struct envm_prefix_path *path)
{
    struct old_path *old = envm_arena_new(surveyor->arena, struct old_path);
    const struct envm_path_claim *claim;
    bool is_new = false;
    uint64_t *value;

    note_folders_above(surveyor, path->path.s);
    if (path->type == ENVM_PATH_DIRECTORY) {
        envm_map_set(&surveyor->folders, path->path.s, 1);
        return;
    }
    claim = envm_path_registry_find(surveyor->survey->registry, path->path.s);
    if (claim && claim->path && claim->installed) /* another package that stays has it too */
        return;
    value = envm_map_get(&surveyor->olds, path->path.s, &is_new);
    *old = (struct old_path){.path = path, .next = (struct old_path *)(uintptr_t)*value};
    *value = (uint64_t)(uintptr_t)old;
    if (!is_new || (claim && claim->path))
        return;
    envm_vec_push(&surveyor->looks, ((struct look){.surveyor = surveyor, .path = path->path}));
    envm_map_set(&surveyor->going, path->path.s, 1);
}

static bool is_leaving(const struct envm_survey *survey, const struct envm_prefix_record *record)
{
    for (size_t i = 0; i < survey->leaving_count; i++) {
        if (survey->leaving[i] == record)
            return true;
    }
    return false;
}

/* What a script of a package that goes has left goes too, unless somebody else has it. */
static void note_output(struct surveyor *surveyor, const struct envm_script_output *output)
{
    const struct envm_script_output_entry *entry =
        envm_script_outputs_find(&surveyor->outputs, output->path.s);
    const struct envm_path_claim *claim =
        envm_path_registry_find(surveyor->survey->registry, output->path.s);
    bool is_new = false;

    if (output->removed || (claim && claim->path) || envm_map_find(&surveyor->olds, output->path.s))
        return;
    for (; entry; entry = entry->next) {
        if (!is_leaving(surveyor->survey, entry->record))
            return;
    }
    note_folders_above(surveyor, output->path.s);
    if (output->type == ENVM_PATH_DIRECTORY) {
        envm_map_set(&surveyor->folders, output->path.s, 1);
        return;
    }
    *envm_map_get(&surveyor->going, output->path.s, &is_new) = 1;
    if (is_new)
        envm_vec_push(&surveyor->looks,
                      ((struct look){.surveyor = surveyor, .path = output->path}));
}

static const struct old_path *find_old(const struct surveyor *surveyor, envm_str path)
{
    const uint64_t *value = envm_map_find(&surveyor->olds, path);

    return value ? (const struct old_path *)(uintptr_t)*value : NULL;
}

static void collect_looks(struct surveyor *surveyor)
{
    const struct envm_survey *survey = surveyor->survey;

    for (size_t i = 0; i < survey->leaving_count; i++) {
        for (size_t j = 0; j < survey->leaving[i]->path_count; j++)
            note_old_path(surveyor, &survey->leaving[i]->paths[j]);
    }
    for (size_t i = 0; i < survey->leaving_count; i++) {
        for (size_t j = 0; j < survey->leaving[i]->output_count; j++)
            note_output(surveyor, &survey->leaving[i]->outputs[j]);
    }
    for (size_t i = 0; i < survey->job_count; i++) {
        const struct envm_package_job *job = survey->jobs[i];

        for (size_t j = 0; job && j < job->plan.count; j++) {
            const struct envm_link_item *item = &job->plan.items[j];

            if (item->target.type != ENVM_PATH_DIRECTORY && !item->shared && !item->lost)
                envm_vec_push(
                    &surveyor->looks,
                    ((struct look){.surveyor = surveyor, .path = item->target.path, .item = item}));
        }
    }
    for (size_t i = 0; i < surveyor->looks.count; i++)
        surveyor->looks.items[i].old = find_old(surveyor, surveyor->looks.items[i].path.s);
}

/* --- operations --------------------------------------------------------------------------- */

static void add_op(struct surveyor *surveyor, enum envm_journal_kind kind, struct envm_relpath path,
                   const struct envm_seen *seen, bool save)
{
    struct envm_journal_op op = {.kind = kind, .path = path, .save = save};

    if (seen)
        op.seen = *seen;
    envm_vec_push(&surveyor->journal->ops, op);
}

static void add_removals(struct surveyor *surveyor)
{
    for (size_t i = 0; i < surveyor->looks.count; i++) {
        const struct look *look = &surveyor->looks.items[i];

        if (look->item || look->verdict == BEHIND_LINK || look->verdict == CHANGED_OUTPUT ||
            look->seen.kind == ENVM_SEEN_NOTHING || look->seen.kind == ENVM_SEEN_DIRECTORY)
            continue;
        add_op(surveyor, ENVM_JOURNAL_REMOVE, look->path, &look->seen, look->verdict == USERS);
    }
}

/* The compiled forms of modules that go or are replaced: Python would trust a stale one when time
 * and size happen to be equal, and nobody else removes them. */
static enum envm_code add_compiled(struct surveyor *surveyor, struct envm_error *err)
{
    ENVM_CLEANUP(envm_python_cache) struct envm_python_cache cache = {.arena = surveyor->arena};

    for (size_t i = 0; i < surveyor->looks.count; i++) {
        if (surveyor->looks.items[i].old)
            envm_python_cache_add(&cache, surveyor->looks.items[i].path.s);
    }
    ENVM_TRY(envm_python_cache_find(&cache, surveyor->survey->prefix_fd, err));
    for (size_t i = 0; i < cache.files.count; i++) {
        struct envm_relpath path = cache.files.items[i];

        note_folders_above(surveyor, path.s);
        if (envm_path_registry_find(surveyor->survey->registry, path.s) ||
            find_old(surveyor, path.s))
            continue;
        add_op(surveyor, ENVM_JOURNAL_REMOVE, path, &(struct envm_seen){.kind = ENVM_SEEN_FILE},
               false);
        surveyor->journal->ops.items[surveyor->journal->ops.count - 1].disposable = true;
    }
    return ENVM_OK;
}

static int compare_deepest_first(const void *a, const void *b)
{
    return -envm_str_compare_qsort(a, b);
}

/* A folder comes after everything below it, since its path is the beginning of theirs. */
static enum envm_code add_folder_removals(struct surveyor *surveyor, struct envm_error *err)
{
    struct envm_relpath *paths =
        envm_arena_new_array(surveyor->arena, struct envm_relpath, surveyor->folders.count);
    envm_str path;
    uint64_t value;
    size_t position = 0;
    size_t count = 0;

    while (envm_map_next(&surveyor->folders, &position, &path, &value)) {
        const struct envm_path_claim *claim =
            envm_path_registry_find(surveyor->survey->registry, path);

        if (!claim || claim->path)
            ENVM_TRY(envm_relpath_parse(surveyor->arena, path, &paths[count++], err));
    }
    if (count > 1)
        qsort(paths, count, sizeof(*paths), compare_deepest_first);
    for (size_t i = 0; i < count; i++)
        add_op(surveyor, ENVM_JOURNAL_RMDIR, paths[i], NULL, false);
    return ENVM_OK;
}

static enum envm_code add_folder(struct surveyor *surveyor, envm_str path, struct envm_error *err)
{
    struct envm_relpath folder;
    struct envm_seen seen = {0};
    bool is_new = false;
    bool behind_link = false;

    *envm_map_get(&surveyor->made, path, &is_new) = 1;
    if (!is_new)
        return ENVM_OK;
    ENVM_TRY(envm_relpath_parse(surveyor->arena, path, &folder, err));
    /* Below a symlink, which has just been found to be in the way, nothing is there. */
    ENVM_TRY(
        envm_journal_look(surveyor->survey->prefix_fd, folder, false, &seen, &behind_link, err));
    if (seen.kind == ENVM_SEEN_DIRECTORY)
        return ENVM_OK;
    if (seen.kind != ENVM_SEEN_NOTHING && !envm_map_find(&surveyor->going, path))
        envm_vec_push(&surveyor->obstacles, folder.s);
    add_op(surveyor, ENVM_JOURNAL_MKDIR, folder, &seen, false);
    return ENVM_OK;
}

static enum envm_code add_folders(struct surveyor *surveyor, struct envm_error *err)
{
    const struct envm_survey *survey = surveyor->survey;

    for (size_t i = 0; i < survey->job_count; i++) {
        const struct envm_package_job *job = survey->jobs[i];

        for (size_t j = 0; job && j < job->plan.count; j++) {
            const struct envm_link_item *item = &job->plan.items[j];
            envm_str path = item->target.path.s;

            if (item->shared || item->lost)
                continue;
            for (size_t k = 0; k < path.len; k++) {
                if (path.ptr[k] == '/')
                    ENVM_TRY(add_folder(surveyor, envm_str_slice(path, 0, k), err));
            }
            if (item->target.type == ENVM_PATH_DIRECTORY)
                ENVM_TRY(add_folder(surveyor, path, err));
        }
    }
    return ENVM_OK;
}

static void add_puts(struct surveyor *surveyor)
{
    for (size_t i = 0; i < surveyor->looks.count; i++) {
        const struct look *look = &surveyor->looks.items[i];

        if (!look->item)
            continue;
        if (look->verdict == NOBODYS)
            envm_vec_push(&surveyor->obstacles, look->path.s);
        add_op(surveyor, ENVM_JOURNAL_PUT, look->path, &look->seen,
               look->verdict == USERS || look->verdict == NOBODYS);
    }
}

/* --- checks ------------------------------------------------------------------------------- */

static enum envm_code check_obstacles(struct surveyor *surveyor, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();
    size_t count = surveyor->obstacles.count;
    enum envm_code code;

    if (count == 0 || surveyor->survey->clobber != ENVM_CLOBBER_REFUSE)
        return ENVM_OK;
    qsort(surveyor->obstacles.items, count, sizeof(envm_str), envm_str_compare_qsort);
    envm_buf_add_escaped(&shown, surveyor->obstacles.items[0], 256);
    code = envm_fail(err, ENVM_CLOBBER,
                     "'%s' is in the way of a package's file and belongs to no package (%zu such "
                     "path%s)",
                     envm_buf_str(&shown).ptr, count, count == 1 ? "" : "s");
    return envm_error_hint(err, code,
                           "move it away; with --clobber warn it is kept as NAME.envm-saved");
}

/* Whether every folder in which something happens, and is there, may be written to. */
static enum envm_code check_rights(struct surveyor *surveyor, struct envm_error *err)
{
    ENVM_CLEANUP(envm_map) struct envm_map checked = {0};

    for (size_t i = 0; i < surveyor->journal->ops.count; i++) {
        const struct envm_journal_op *op = &surveyor->journal->ops.items[i];
        struct envm_relpath above;
        struct envm_seen seen;
        bool is_new = false;
        bool behind_link = false;

        if (!envm_relpath_parent(surveyor->arena, op->path, &above))
            continue;
        *envm_map_get(&checked, above.s, &is_new) = 1;
        if (!is_new)
            continue;
        ENVM_TRY(
            envm_journal_look(surveyor->survey->prefix_fd, above, false, &seen, &behind_link, err));
        if (seen.kind == ENVM_SEEN_DIRECTORY)
            ENVM_TRY(envm_fs_check_writable(surveyor->survey->prefix_fd, above, err));
    }
    return ENVM_OK;
}

uint64_t envm_survey_bytes(const struct envm_survey *survey, bool copy_all)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < survey->job_count; i++) {
        if (survey->jobs[i])
            bytes += envm_link_plan_bytes(&survey->jobs[i]->plan, copy_all);
    }
    return bytes;
}

enum envm_code envm_survey_operations(struct envm_arena *arena, const struct envm_survey *survey,
                                      struct envm_journal *journal, struct envm_error *err)
{
    ENVM_CLEANUP(surveyor)
    struct surveyor surveyor = {.arena = arena, .survey = survey, .journal = journal};

    if (survey->installed)
        envm_script_outputs_index(
            arena, (const struct envm_prefix_record *const *)survey->installed->items,
            survey->installed->count, &surveyor.outputs);
    collect_looks(&surveyor);
    ENVM_TRY(envm_workers_each(survey->threads, look_at, surveyor.looks.items,
                               sizeof(*surveyor.looks.items), surveyor.looks.count, err));
    add_removals(&surveyor);
    ENVM_TRY(add_compiled(&surveyor, err));
    ENVM_TRY(add_folder_removals(&surveyor, err));
    ENVM_TRY(add_folders(&surveyor, err));
    add_puts(&surveyor);
    ENVM_TRY(check_obstacles(&surveyor, err));
    return check_rights(&surveyor, err);
}
