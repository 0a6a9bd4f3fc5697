/* SPDX-License-Identifier: MIT */
#include "txn/script_consent.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "base/vec.h"

static const struct envm_package_path *find_path(const struct envm_package_contents *contents,
                                                 envm_str path)
{
    for (size_t i = 0; i < contents->path_count; i++) {
        if (envm_str_equal(contents->paths[i].path.s, path))
            return &contents->paths[i];
    }
    return NULL;
}

/* What a lock lists has to be there: or somebody has tampered with one of the two. */
static enum envm_code check_listed(const struct envm_script_consent *consent,
                                   const struct envm_package_contents *contents,
                                   const struct envm_package_record *record, struct envm_error *err)
{
    for (size_t i = 0; i < record->link_script_count; i++) {
        const struct envm_package_path *path = find_path(contents, record->link_scripts[i].file);
        ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

        if ((consent && consent->refuse_all) || (path && path->type == ENVM_PATH_FILE))
            continue;
        envm_buf_add_escaped(&shown, record->link_scripts[i].file, 256);
        return envm_fail(err, ENVM_INTEGRITY,
                         "%.*s has no script '%s', which was agreed to; nothing was changed",
                         ENVM_STR_ARGS(record->name), envm_buf_str(&shown).ptr);
    }
    return ENVM_OK;
}

static enum envm_code decide_one(struct envm_arena *arena,
                                 const struct envm_script_consent *consent,
                                 const struct envm_script_question *question,
                                 struct envm_script_report *ret_report, struct envm_error *err)
{
    struct envm_script_answer answer = {0};

    ENVM_TRY(envm_script_judge(consent, question, &answer, err));
    *ret_report = (struct envm_script_report){
        .package = envm_arena_str(arena, question->record->name),
        .file = envm_arena_str(arena, question->path),
        .sha256 = question->sha256,
        .ran = answer.run,
        .network = answer.network,
        .why = answer.why ? envm_str_from(answer.why) : (envm_str){0},
    };
    return ENVM_OK;
}

static void take_allowed(struct envm_arena *arena, const struct envm_script_report *reports,
                         size_t count, struct envm_package_record *record)
{
    struct envm_link_script *scripts = envm_arena_new_array(arena, struct envm_link_script, count);
    size_t allowed = 0;

    for (size_t i = 0; i < count; i++) {
        if (reports[i].ran)
            scripts[allowed++] = (struct envm_link_script){.file = reports[i].file,
                                                           .sha256 = reports[i].sha256,
                                                           .network = reports[i].network};
    }
    record->link_scripts = scripts;
    record->link_script_count = allowed;
}

enum envm_code envm_script_decide(struct envm_arena *arena,
                                  const struct envm_script_consent *consent,
                                  const struct envm_package_contents *contents,
                                  struct envm_package_record *record,
                                  struct envm_script_reports *ret_reports, struct envm_error *err)
{
    size_t count = contents->link_scripts.count;
    struct envm_script_report *reports =
        envm_arena_new_array(arena, struct envm_script_report, count);

    ENVM_TRY(check_listed(consent, contents, record, err));
    for (size_t i = 0; i < count; i++) {
        const struct envm_package_path *path = find_path(contents, contents->link_scripts.items[i]);
        const struct envm_script_question question = {
            .record = record, .path = contents->link_scripts.items[i], .sha256 = path->sha256};

        ENVM_TRY(decide_one(arena, consent, &question, &reports[i], err));
        /* A link has no digest that anybody could have agreed to. */
        if (path->type != ENVM_PATH_FILE) {
            reports[i].ran = reports[i].network = false;
            reports[i].why = ENVM_STR("it is not a file");
        }
    }
    take_allowed(arena, reports, count, record);
    *ret_reports = (struct envm_script_reports){.items = reports, .count = count};
    return ENVM_OK;
}

enum envm_code envm_script_decide_leaving(struct envm_arena *arena,
                                          const struct envm_script_consent *consent,
                                          const struct envm_prefix_record *installed,
                                          struct envm_script_reports *ret_reports,
                                          struct envm_error *err)
{
    struct envm_script_report *reports =
        envm_arena_new_array(arena, struct envm_script_report, installed->path_count);
    size_t count = 0;

    for (size_t i = 0; i < installed->path_count; i++) {
        const struct envm_prefix_path *path = &installed->paths[i];
        const struct envm_script_question question = {
            .record = installed->record, .path = path->path.s, .sha256 = path->sha256};

        if (path->type != ENVM_PATH_FILE ||
            envm_link_script_kind(installed->record->name, path->path.s) != ENVM_SCRIPT_PRE_UNLINK)
            continue;
        ENVM_TRY(decide_one(arena, consent, &question, &reports[count], err));
        count++;
    }
    *ret_reports = (struct envm_script_reports){.items = reports, .count = count};
    return ENVM_OK;
}

static bool was_agreed(const struct envm_package_record *record,
                       const struct envm_prefix_path *path)
{
    for (size_t i = 0; i < record->link_script_count; i++) {
        if (envm_str_equal(record->link_scripts[i].file, path->path.s) &&
            envm_sha256_equal(&record->link_scripts[i].sha256, &path->sha256))
            return true;
    }
    return false;
}

bool envm_script_wants_relink(const struct envm_script_consent *consent,
                              const struct envm_prefix_record *installed,
                              const struct envm_package_record *wanted)
{
    for (size_t i = 0; installed->by_envm && i < installed->path_count; i++) {
        const struct envm_prefix_path *path = &installed->paths[i];
        const struct envm_script_question question = {
            .record = wanted, .path = path->path.s, .sha256 = path->sha256};

        if (envm_link_script_kind(wanted->name, path->path.s) == ENVM_SCRIPT_POST_LINK &&
            !was_agreed(installed->record, path) && envm_script_is_named(consent, &question))
            return true;
    }
    return false;
}
