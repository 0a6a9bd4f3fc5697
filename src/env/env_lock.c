/* SPDX-License-Identifier: MIT
 *
 * `lock`: solve for one or several platforms and write the lock, without installing.
 */
#include <stdlib.h>

#include <envm/environment.h>

#include "base/error.h"
#include "base/hex.h"
#include "conda/platform.h"
#include "env/complete.h"
#include "env/confine.h"
#include "env/held_back.h"
#include "env/input.h"
#include "env/lock_compose.h"
#include "env/lock_scripts.h"
#include "env/lock_tree.h"
#include "env/modify_plan.h"
#include "env/resolve.h"
#include "env/settings.h"
#include "sys/fs.h"

struct locking {
    struct envm_context *context;
    struct envm_arena *arena;
    const struct envm_lock_options *options;
    struct envm_lock_report *report;
    struct envm_input first; /* read for the first platform */
    struct envm_script_consent scripts;
    struct envm_lockfile lock;
    ENVM_VEC(envm_str) moved;
    ENVM_VEC(envm_str) held_back;
    ENVM_VEC(envm_str) specs; /* of all platforms: selectors may make them differ */
    struct envm_record_view *packages;
    struct envm_sha256 *trees;
};

/* -P, else `platforms:` of the file, else those of the lock, else this machine's. */
static struct envm_str_list choose_platforms(struct locking *l)
{
    size_t given = l->options->platform_count;
    size_t locked = l->first.has_lock ? l->first.lock.platform_count : 0;
    envm_str *items = envm_arena_new_array(l->arena, envm_str, given + locked + 1);

    for (size_t i = 0; i < given; i++)
        items[i] = envm_arena_str(l->arena, envm_str_from(l->options->platforms[i]));
    if (given > 0)
        return (struct envm_str_list){items, given};
    if (l->first.environment.platforms.count > 0)
        return l->first.environment.platforms;
    for (size_t i = 0; i < locked; i++)
        items[i] = l->first.lock.platforms[i].platform;
    if (locked > 0)
        return (struct envm_str_list){items, locked};
    items[0] = l->first.platform;
    return (struct envm_str_list){items, 1};
}

static bool is_named(const struct locking *l, envm_str name)
{
    for (size_t i = 0; i < l->options->name_count; i++) {
        if (envm_str_equal_nocase(envm_str_from(l->options->names[i]), name))
            return true;
    }
    return l->options->name_count == 0;
}

/* What stays where it is: everything, but with --update the named packages (or all) are free. */
static struct envm_record_list preferred(struct locking *l,
                                         const struct envm_lock_platform *platform)
{
    struct envm_record_list list = {envm_arena_new_array(l->arena,
                                                         const struct envm_package_record *,
                                                         platform ? platform->packages.count : 0),
                                    0};

    for (size_t i = 0; platform && i < platform->packages.count; i++) {
        if (!l->options->update || !is_named(l, platform->packages.items[i]->name))
            list.items[list.count++] = platform->packages.items[i];
    }
    return list;
}

/* As the lock writes them: whoever typed one need not have. */
static struct envm_str_list update_names(struct locking *l,
                                         const struct envm_lock_platform *platform)
{
    size_t locked = platform ? platform->packages.count : 0;
    envm_str *names = envm_arena_new_array(l->arena, envm_str, locked);
    size_t count = 0;

    for (size_t i = 0; l->options->name_count > 0 && i < locked; i++)
        if (is_named(l, platform->packages.items[i]->name))
            names[count++] = platform->packages.items[i]->name;
    return (struct envm_str_list){names, count};
}

static enum envm_code check_names(struct locking *l, const struct envm_lock_platform *platform,
                                  struct envm_error *err)
{
    for (size_t i = 0; i < l->options->name_count; i++) {
        bool found = false;

        for (size_t k = 0; platform && k < platform->packages.count; k++)
            found |= envm_str_equal_nocase(platform->packages.items[k]->name,
                                           envm_str_from(l->options->names[i]));
        if (!found)
            return envm_fail(err, ENVM_USAGE, "--update %s: the lock holds no package of that name",
                             l->options->names[i]);
    }
    return ENVM_OK;
}

static void remember_specs(struct locking *l, struct envm_str_list texts)
{
    for (size_t i = 0; i < texts.count; i++) {
        bool known = false;

        for (size_t k = 0; !known && k < l->specs.count; k++)
            known = envm_str_equal(l->specs.items[k], texts.items[i]);
        if (!known)
            envm_vec_push(&l->specs, texts.items[i]);
    }
}

static bool same_packages(struct envm_record_list a, struct envm_record_list b)
{
    bool same = a.count == b.count;

    for (size_t i = 0; same && i < a.count; i++)
        same = envm_str_equal(a.items[i]->name, b.items[i]->name) &&
               envm_sha256_equal(&a.items[i]->sha256, &b.items[i]->sha256);
    return same;
}

/* What moved on this platform, and because of what. */
static enum envm_code tell_moves(struct locking *l, const struct envm_input *input,
                                 struct envm_record_list before, struct envm_record_list after,
                                 struct envm_error *err)
{
    envm_str prefix = envm_arena_printf(l->arena, "%.*s: ", ENVM_STR_ARGS(input->platform));
    struct envm_modify_sets sets = {
        .before = envm_name_order(l->arena, before),
        .after = envm_name_order(l->arena, after),
        .requests = envm_wish_list_from(l->arena, input->specs, input->spec_count),
        .all = l->options->update && l->options->name_count == 0,
    };

    for (size_t i = 0; i < l->options->name_count; i++)
        ENVM_TRY(envm_wish_add(l->arena, &sets.asked, envm_str_from(l->options->names[i]), err));
    struct envm_str_list lines = envm_modify_plan_lines(l->arena, prefix.ptr, &sets);
    for (size_t i = 0; i < lines.count; i++)
        envm_vec_push(&l->moved, lines.items[i]);
    return ENVM_OK;
}

static struct envm_str_list request_names(struct locking *l, struct envm_wish_list requests)
{
    envm_str *names = envm_arena_new_array(l->arena, envm_str, requests.count);
    size_t count = 0;

    for (size_t i = 0; i < requests.count; i++)
        if (requests.items[i].name.len > 0)
            names[count++] = requests.items[i].name;
    return (struct envm_str_list){names, count};
}

/* --update that leaves something where it is says what holds it: what was named, or else what the
 * file asks for. */
static enum envm_code tell_held_back(struct locking *l, const struct envm_input *input,
                                     const struct envm_resolution *resolution,
                                     struct envm_str_list named, struct envm_error *err)
{
    struct envm_record_list after = envm_name_order(l->arena, resolution->packages);
    struct envm_wish_list requests = envm_wish_list_from(l->arena, input->specs, input->spec_count);
    struct envm_str_list lines = {0};

    if (l->options->name_count == 0)
        named = request_names(l, requests);
    ENVM_TRY(envm_held_back(l->arena, resolution, after, requests, (struct envm_wish_list){0},
                            named, input->terms.exclude_newer_ms, &lines, err));
    for (size_t i = 0; i < lines.count; i++)
        envm_vec_push(&l->held_back,
                      envm_arena_printf(l->arena, "%.*s: %.*s", ENVM_STR_ARGS(input->platform),
                                        ENVM_STR_ARGS(lines.items[i])));
    return ENVM_OK;
}

/* The digest of the tree, and which scripts may be run: both need the packages. */
static enum envm_code look_into_packages(struct locking *l, const struct envm_lock_platform *old,
                                         struct envm_lock_block *block, struct envm_error *err)
{
    const struct envm_lock_tree_request request = {
        .platform = block->platform, .fetch = l->options->fetch, .scripts = &l->scripts};
    bool known = old && old->tree.known && same_packages(block->packages, old->packages);

    envm_lock_keep_scripts(l->arena, &l->scripts, old, block->packages);
    if (!l->options->dry_run && (!known || l->scripts.count > 0))
        ENVM_TRY(
            envm_lock_tree(l->context, l->arena, &request, &block->packages, &block->tree, err));
    if (block->tree.known || l->options->dry_run || l->options->scripts.run_count == 0) {
        if (known)
            block->tree = old->tree;
        return ENVM_OK;
    }
    (void)envm_fail(err, ENVM_USAGE,
                    "--run-scripts: not all packages of %.*s are in the cache, so their scripts "
                    "are not known",
                    ENVM_STR_ARGS(block->platform));
    return envm_error_hint(err, ENVM_USAGE, "pass --fetch to get them");
}

static enum envm_code lock_platform(struct locking *l, size_t index, envm_str name,
                                    struct envm_error *err)
{
    struct envm_lock_platform *old = envm_lockfile_platform(&l->lock, name);
    struct envm_resolution resolution = {0};
    struct envm_lock_block block = {.platform = name};
    struct envm_input input = {0};

    ENVM_TRY(envm_input_read_other(l->context, l->arena, &l->options->request, &l->first,
                                   envm_cstr(l->arena, name), &input, err));
    ENVM_TRY(check_names(l, old, err));
    const struct envm_resolve_state state = {.preferred = preferred(l, old),
                                             .update_names = update_names(l, old)};
    ENVM_TRY_WRAP(envm_resolve(l->context, l->arena, &input, &state, &resolution,
                               &l->report->explanation, err),
                  err, "%.*s", ENVM_STR_ARGS(name));
    remember_specs(l, input.spec_texts);
    block.packages = envm_name_order(l->arena, resolution.packages);
    block.virtual_packages = resolution.virtual_packages;
    block.provenance = resolution.provenance;
    block.provenance_count = resolution.provenance_count;
    if (!l->options->dry_run)
        ENVM_TRY(envm_complete_records(l->context, l->arena, ENVM_COMPLETE_HASHES, &block.packages,
                                       NULL, err));
    ENVM_TRY(look_into_packages(l, old, &block, err));
    if (old)
        ENVM_TRY(tell_moves(l, &input, old->packages, block.packages, err));
    if (l->options->update)
        ENVM_TRY(tell_held_back(l, &input, &resolution, state.update_names, err));
    l->packages[index] = envm_report_view(l->arena, block.packages);
    l->trees[index] = block.tree;
    l->lock = envm_lock_compose(l->arena, &l->lock, &input, &block);
    return ENVM_OK;
}

static enum envm_code check(struct locking *l, struct envm_str_list platforms,
                            struct envm_error *err)
{
    ENVM_VEC(envm_str) all = {0};
    enum envm_code code = ENVM_OK;

    if (!l->first.has_lock) {
        (void)envm_fail(err, ENVM_STALE_LOCK, "there is no lock at %.*s",
                        ENVM_STR_ARGS(l->first.lock_path));
        return envm_error_hint(err, ENVM_STALE_LOCK, "make it with `envm lock`");
    }
    for (size_t i = 0; code == ENVM_OK && i < platforms.count; i++) {
        struct envm_lock_question question;
        struct envm_record_list virtual_packages = {0};
        struct envm_str_list reasons = {0};
        struct envm_input input = {0};
        const char *name = envm_cstr(l->arena, platforms.items[i]);

        code = envm_input_read_other(l->context, l->arena, &l->options->request, &l->first, name,
                                     &input, err);
        if (code == ENVM_OK)
            code =
                envm_resolve_virtual(l->context, l->arena, input.platform, &virtual_packages, err);
        question = envm_input_question(&input, virtual_packages);
        if (code == ENVM_OK)
            code = envm_lockfile_check(l->arena, &input.lock, &question, &reasons, err);
        for (size_t k = 0; code == ENVM_OK && k < reasons.count; k++)
            envm_vec_push(&all, envm_arena_printf(l->arena, "%s: %.*s", name,
                                                  ENVM_STR_ARGS(reasons.items[k])));
    }
    if (code == ENVM_OK && all.count > 0) {
        l->report->stale =
            envm_arena_str_list(l->arena, (struct envm_str_list){all.items, all.count});
        code = envm_fail(err, ENVM_STALE_LOCK, "%.*s does not satisfy %s: %.*s%s",
                         ENVM_STR_ARGS(l->first.lock_path), l->options->request.file,
                         ENVM_STR_ARGS(all.items[0]), all.count > 1 ? ", and more" : "");
        (void)envm_error_hint(err, code, "make it current with `envm lock -f %s`",
                              l->options->request.file);
    }
    envm_vec_release(&all);
    return code;
}

/* A limit like "7d" moves every day. While the packages stay, so does the lock. */
static void keep_limit(struct locking *l)
{
    const struct envm_lock_terms *old = &l->first.lock.request.terms;
    struct envm_lock_terms *terms = &l->lock.request.terms;

    if (l->first.has_lock && terms->exclude_newer_is_moving && l->moved.count == 0 &&
        old->exclude_newer_ms && old->exclude_newer_ms <= terms->exclude_newer_ms &&
        l->first.lock.platform_count == l->lock.platform_count)
        terms->exclude_newer_ms = old->exclude_newer_ms;
}

static enum envm_code write_result(struct locking *l, struct envm_error *err)
{
    envm_str text = {0};
    size_t count = l->specs.count;

    if (count > 1)
        qsort(l->specs.items, count, sizeof(*l->specs.items), envm_str_compare_qsort);
    l->lock.request.specs =
        envm_arena_str_list(l->arena, (struct envm_str_list){l->specs.items, count});
    keep_limit(l);
    if (l->options->dry_run) {
        l->report->lock_state = ENVM_LOCK_NONE;
        return ENVM_OK;
    }
    ENVM_TRY(envm_lock_text(l->arena, &l->lock, !l->options->no_provenance, &text, err));
    if (l->first.has_lock && envm_str_equal(text, l->first.lock_text)) {
        l->report->lock_state = ENVM_LOCK_UNCHANGED;
        return ENVM_OK;
    }
    l->report->lock_state = ENVM_LOCK_WRITTEN;
    return envm_fs_write_user_file(l->first.lock_path.ptr, text, err);
}

static enum envm_code lock(struct locking *l, struct envm_error *err)
{
    struct envm_str_list platforms;
    const char *first = l->options->platform_count ? l->options->platforms[0] : NULL;

    ENVM_TRY(envm_script_consent_from(&l->context->config, l->arena, &l->options->scripts,
                                      &l->scripts, err));
    ENVM_TRY(envm_input_read(l->context, l->arena, &l->options->request, first, &l->first, err));
    if (l->first.kind != ENVM_INPUT_SPECS)
        return envm_fail(err, ENVM_USAGE, "%s already says exactly what to install",
                         l->options->request.file);
    if (l->first.lock_path.len == 0 && !l->options->dry_run) {
        (void)envm_fail(err, ENVM_USAGE, "there is no file that the lock could stand beside");
        return envm_error_hint(err, ENVM_USAGE,
                               "give an environment file (-f env.yaml), or say "
                               "where with -o FILE");
    }
    envm_confine(l->context,
                 &(struct envm_confine_plan){.lock_path = l->options->dry_run ? (envm_str){0}
                                                                              : l->first.lock_path,
                                             .fetches = true,
                                             .solves = true});
    platforms = choose_platforms(l);
    l->report->lock_path = l->first.lock_path;
    l->report->platforms = platforms;
    l->report->omitted_pip = l->first.omitted_pip;
    if (l->options->check)
        return check(l, platforms, err);
    if (l->options->update && !l->first.has_lock)
        return envm_fail(err, ENVM_USAGE, "--update: there is no lock at %.*s yet",
                         ENVM_STR_ARGS(l->first.lock_path));
    if (l->first.has_lock)
        l->lock = l->first.lock;
    l->packages = envm_arena_new_array(l->arena, struct envm_record_view, platforms.count);
    l->trees = envm_arena_new_array(l->arena, struct envm_sha256, platforms.count);
    for (size_t i = 0; i < platforms.count; i++)
        ENVM_TRY(lock_platform(l, i, platforms.items[i], err));
    l->report->packages = l->packages;
    l->report->trees = l->trees;
    l->report->moved =
        envm_arena_str_list(l->arena, (struct envm_str_list){l->moved.items, l->moved.count});
    l->report->held_back = envm_arena_str_list(
        l->arena, (struct envm_str_list){l->held_back.items, l->held_back.count});
    return write_result(l, err);
}

enum envm_code envm_lock_environment(struct envm_context *context, struct envm_memory *memory,
                                     const struct envm_lock_options *options,
                                     struct envm_lock_report *ret_report, struct envm_error *err)
{
    struct locking l = {
        .context = context, .arena = &memory->arena, .options = options, .report = ret_report};
    enum envm_code code;

    *ret_report = (struct envm_lock_report){0};
    code = lock(&l, err);
    envm_vec_release(&l.moved);
    envm_vec_release(&l.held_back);
    envm_vec_release(&l.specs);
    return code;
}
