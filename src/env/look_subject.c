/* SPDX-License-Identifier: MIT
 *
 * What `tree` and `why` look at: the packages of an environment, of a lock, or of a solution.
 */
#include "base/error.h"
#include "conda/package_record.h"
#include "conda/platform.h"
#include "env/close_names.h"
#include "env/environments.h"
#include "env/input.h"
#include "env/look_graph.h"
#include "env/resolve.h"
#include "env/wishes.h"
#include "prefix/prefix_record.h"

struct reading {
    struct envm_context *context;
    struct envm_arena *arena;
    struct envm_look_packages packages;
    struct envm_look_view view;
};

/* --- an environment ------------------------------------------------------------------------- */

/* An environment may have been made for another platform. */
static envm_str platform_of(const struct envm_prefix_record_list *records)
{
    for (size_t i = 0; i < records->count; i++) {
        envm_str subdir = records->items[i]->record->subdir;

        if (envm_subdir_is_valid(subdir) && !envm_str_equal_c(subdir, "noarch"))
            return subdir;
    }
    return envm_platform_host();
}

/* What another tool noted in its history only. What cannot be read is not known. */
static struct envm_str_list history_specs(struct reading *r, int fd,
                                          const struct envm_prefix_record_list *installed)
{
    struct envm_wishes wishes = {0};
    envm_str *texts;

    for (size_t i = 0; i < installed->count; i++)
        if (installed->items[i]->requested_specs.count > 0)
            return (struct envm_str_list){0};
    if (envm_wishes_read(r->arena, fd, r->view.subject, installed, &wishes, NULL) != ENVM_OK ||
        wishes.are_guessed)
        return (struct envm_str_list){0};
    texts = envm_arena_new_array(r->arena, envm_str, wishes.list.count);
    for (size_t i = 0; i < wishes.list.count; i++)
        texts[i] = wishes.list.items[i].text;
    return (struct envm_str_list){texts, wishes.list.count};
}

static enum envm_code read_environment(struct reading *r, const struct envm_target *target,
                                       struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_prefix_record_list installed = {0};
    const struct envm_package_record **records;
    struct envm_str_list *requested;

    r->view.kind = ENVM_LOOK_ENVIRONMENT;
    ENVM_TRY(envm_target_prefix(r->context, r->arena, target, &r->view.subject, err));
    ENVM_TRY(envm_prefix_open(r->context, r->arena, r->view.subject, &fd, err));
    ENVM_TRY(envm_prefix_records_load(r->arena, fd, false, &installed, err));
    records = envm_arena_new_array(r->arena, const struct envm_package_record *, installed.count);
    requested = envm_arena_new_array(r->arena, struct envm_str_list, installed.count);
    for (size_t i = 0; i < installed.count; i++) {
        records[i] = installed.items[i]->record;
        requested[i] = installed.items[i]->requested_specs;
    }
    r->packages.records = (struct envm_record_list){records, installed.count};
    r->packages.specs = history_specs(r, fd, &installed);
    if (r->packages.specs.count == 0)
        r->packages.requested = requested;
    r->view.bad_records = installed.bad_files;
    r->view.platform = platform_of(&installed);
    return envm_resolve_virtual(r->context, r->arena, r->view.platform,
                                &r->packages.virtual_packages, err);
}

/* --- a lock --------------------------------------------------------------------------------- */

static void take_lock(struct reading *r, const struct envm_input *input,
                      const struct envm_lock_platform *platform)
{
    r->view.kind = ENVM_LOOK_LOCK;
    r->view.subject = input->lock_path;
    r->view.platform = platform->platform;
    r->view.omitted_pip = input->lock.request.omitted_pip;
    r->packages.records = platform->packages;
    r->packages.virtual_packages = platform->virtual_packages;
    r->packages.specs = input->lock.request.specs;
    r->packages.add_pip = input->lock.request.add_pip;
}

static enum envm_code choose_platform(struct reading *r, const struct envm_input *input,
                                      bool is_given, struct envm_error *err)
{
    const struct envm_lockfile *lock = &input->lock;
    const struct envm_lock_platform *platform = envm_lockfile_platform(lock, input->platform);
    envm_str *names = envm_arena_new_array(r->arena, envm_str, lock->platform_count);

    if (!platform && !is_given && lock->platform_count == 1)
        platform = &lock->platforms[0];
    if (platform) {
        take_lock(r, input, platform);
        return ENVM_OK;
    }
    for (size_t i = 0; i < lock->platform_count; i++)
        names[i] = lock->platforms[i].platform;
    (void)envm_fail(err, ENVM_STALE_LOCK, "%.*s has no packages for %.*s",
                    ENVM_STR_ARGS(input->lock_path), ENVM_STR_ARGS(input->platform));
    if (lock->platform_count == 0)
        return ENVM_STALE_LOCK;
    return envm_error_hint(err, ENVM_STALE_LOCK,
                           "choose one of its platforms with --platform: %.*s",
                           ENVM_STR_ARGS(envm_join_names(
                               r->arena, (struct envm_str_list){names, lock->platform_count})));
}

/* --- a solution ----------------------------------------------------------------------------- */

static enum envm_code solve(struct reading *r, const struct envm_input *input,
                            struct envm_record_list preferred, struct envm_error *err)
{
    struct envm_resolution resolution = {0};
    struct envm_record_view records;

    r->view.kind = ENVM_LOOK_SOLUTION;
    r->view.platform = input->platform;
    r->view.omitted_pip = input->omitted_pip;
    ENVM_TRY(envm_resolve(r->context, r->arena, input,
                          &(struct envm_resolve_state){.preferred = preferred}, &resolution,
                          &r->view.explanation, err));
    records = envm_report_view(r->arena, resolution.packages);
    r->packages.records = (struct envm_record_list){
        envm_arena_copy(r->arena, records.items, records.count * sizeof(*records.items)),
        records.count};
    r->packages.virtual_packages = resolution.virtual_packages;
    r->packages.specs = input->spec_texts;
    r->packages.add_pip = input->add_pip;
    return ENVM_OK;
}

static enum envm_code use_lock_or_solve(struct reading *r, const struct envm_input *input,
                                        struct envm_error *err)
{
    const struct envm_lock_platform *platform = NULL;
    struct envm_record_list virtual_packages = {0};
    struct envm_record_list preferred = {0};
    struct envm_str_list reasons = {0};

    if (input->has_lock) {
        ENVM_TRY(
            envm_resolve_virtual(r->context, r->arena, input->platform, &virtual_packages, err));
        const struct envm_lock_question question = envm_input_question(input, virtual_packages);

        platform = envm_lockfile_platform(&input->lock, input->platform);
        ENVM_TRY(envm_lockfile_check(r->arena, &input->lock, &question, &reasons, err));
    }
    if (platform && reasons.count == 0) {
        take_lock(r, input, platform);
        return ENVM_OK;
    }
    if (platform)
        preferred = platform->packages;
    return solve(r, input, preferred, err);
}

static enum envm_code read_request(struct reading *r, const struct envm_request *request,
                                   struct envm_error *err)
{
    struct envm_input input;

    ENVM_TRY(envm_input_read(r->context, r->arena, request, request->platform, &input, err));
    switch (input.kind) {
    case ENVM_INPUT_LOCK:
        return choose_platform(r, &input, request->platform != NULL, err);
    case ENVM_INPUT_SPECS:
        return use_lock_or_solve(r, &input, err);
    case ENVM_INPUT_EXPLICIT:
        break;
    }
    (void)envm_fail(err, ENVM_USAGE, "a list of package URLs does not say who needs whom");
    return envm_error_hint(err, ENVM_USAGE, "make an environment of it and look at that");
}

/* --- both ----------------------------------------------------------------------------------- */

enum envm_code envm_look_graph_load(struct envm_context *context, struct envm_arena *arena,
                                    const struct envm_look_subject *subject,
                                    struct envm_look_graph *ret_graph,
                                    struct envm_look_view *ret_view, struct envm_error *err)
{
    struct reading r = {.context = context, .arena = arena};
    enum envm_code code = subject->request ? read_request(&r, subject->request, err)
                                           : read_environment(&r, &subject->target, err);

    if (code == ENVM_OK || code == ENVM_UNSATISFIABLE) {
        r.view.package_count = r.packages.records.count;
        *ret_view = r.view;
    }
    if (code == ENVM_OK)
        envm_look_graph_make(arena, &r.packages, ret_graph);
    return code;
}
