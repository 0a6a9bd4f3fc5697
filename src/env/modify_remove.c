/* SPDX-License-Identifier: MIT */
#include "env/modification.h"

#include "base/error.h"
#include "env/close_names.h"

/* --- remove ------------------------------------------------------------------------------- */

static enum envm_code parse_names(struct envm_modification *m, struct envm_error *err)
{
    const struct envm_request *request = &m->options->request;

    if (request->file)
        return envm_fail(err, ENVM_USAGE, "remove takes names of packages, not a file");
    if (request->spec_count == 0) {
        (void)envm_fail(err, ENVM_USAGE, "there is nothing to remove");
        return envm_error_hint(err, ENVM_USAGE,
                               "for example: envm remove numpy; a whole environment goes with "
                               "`envm env remove`");
    }
    for (size_t i = 0; i < request->spec_count; i++) {
        enum envm_code code =
            envm_wish_add(m->arena, &m->asked, envm_str_from(request->specs[i]), err);
        if (code != ENVM_OK)
            return envm_wrap(err, ENVM_USAGE, "spec \"%s\"", request->specs[i]);
    }
    return ENVM_OK;
}

/* Packages that `asked` means; each spec has to mean one. */
static enum envm_code mark_asked(struct envm_modification *m, bool *marked, struct envm_error *err)
{
    for (size_t i = 0; i < m->asked.count; i++) {
        const struct envm_match_spec *spec = m->asked.items[i].spec;
        bool any = false;

        for (size_t k = 0; k < m->before.count; k++) {
            if (!envm_match_spec_matches(spec, m->before.items[k]))
                continue;
            marked[k] = any = true;
        }
        if (!any)
            return envm_modify_not_installed(m, spec, err);
    }
    return ENVM_OK;
}

/* A request stays while something that stays meets it. */
static bool is_lost(const struct envm_modification *m, const struct envm_wish *wish,
                    const bool *gone)
{
    for (size_t i = 0; i < m->before.count; i++)
        if (!gone[i] && envm_match_spec_matches_name(wish->spec, m->before.items[i]->name))
            return false;
    return true;
}

static bool is_requested(const struct envm_modification *m, envm_str name)
{
    for (size_t i = 0; i < m->wishes.list.count; i++)
        if (envm_match_spec_matches_name(m->wishes.list.items[i].spec, name))
            return true;
    return false;
}

/* Whoever removes a library rarely means the python on top of it. A plan is only looked at, so it
 * says what it would need instead of failing. */
static enum envm_code check_cascade(struct envm_modification *m, const bool *asked,
                                    const bool *gone, struct envm_error *err)
{
    envm_str *names = envm_arena_new_array(m->arena, envm_str, m->before.count);
    size_t count = 0;

    for (size_t i = 0; i < m->before.count; i++)
        if (gone[i] && !asked[i] && is_requested(m, m->before.items[i]->name))
            names[count++] = m->before.items[i]->name;
    if (count == 0 || m->options->cascade)
        return ENVM_OK;
    m->report->along = (struct envm_str_list){names, count};
    if (m->options->dry_run)
        return ENVM_OK;
    (void)envm_fail(err, ENVM_USAGE,
                    "this would take along what was asked for by itself and needs it: %.*s",
                    ENVM_STR_ARGS(envm_join_names(m->arena, m->report->along)));
    return envm_error_hint(err, ENVM_USAGE, "look at the plan with --dry-run; go ahead with --yes");
}

static void drop_requests(struct envm_modification *m, const bool *gone)
{
    struct envm_wish_list kept = {
        envm_arena_new_array(m->arena, struct envm_wish, m->requests.count), 0};

    for (size_t i = 0; i < m->requests.count; i++)
        if (!is_lost(m, &m->requests.items[i], gone))
            kept.items[kept.count++] = m->requests.items[i];
    m->requests = kept;
}

/* What was reached before and is not any more goes, too; what nothing led to before stays. */
static enum envm_code find_rest(struct envm_modification *m, const struct envm_need_graph *graph,
                                const bool *gone, struct envm_error *err)
{
    bool *kept = envm_arena_new_array(m->arena, bool, m->before.count);
    struct envm_record_list rest = {
        envm_arena_new_array(m->arena, const struct envm_package_record *, m->before.count), 0};

    for (size_t i = 0; i < m->requests.count; i++)
        (void)envm_need_graph_mark(graph, m->requests.items[i].spec, kept);
    envm_need_graph_spread(graph, kept);
    for (size_t i = 0; i < m->before.count; i++)
        if (!gone[i] && (kept[i] || m->options->keep_orphans))
            rest.items[rest.count++] = m->before.items[i];
    m->after = rest;
    if (!m->options->keep_orphans)
        return ENVM_OK;
    ENVM_CLEANUP(envm_need_graph) struct envm_need_graph left = {0};
    envm_need_graph_init(&left, m->arena, rest);
    struct envm_record_list orphans = envm_orphans(&left, m->requests);
    for (size_t i = 0; i < orphans.count; i++)
        ENVM_TRY(envm_wish_add(m->arena, &m->requests, orphans.items[i]->name, err));
    return ENVM_OK;
}

/* No solver and no channel: what stays was complete before, and nothing that it needs goes. */
enum envm_code envm_modify_choose_removals(struct envm_modification *m, struct envm_error *err)
{
    ENVM_CLEANUP(envm_need_graph) struct envm_need_graph graph = {0};
    bool *asked = envm_arena_new_array(m->arena, bool, m->before.count);

    ENVM_TRY(envm_modify_read_input(m, err));
    ENVM_TRY(parse_names(m, err));
    ENVM_TRY(envm_modify_keep_orphans(m, err));
    ENVM_TRY(mark_asked(m, asked, err));
    bool *gone = envm_arena_copy(m->arena, asked, m->before.count * sizeof(*asked));
    envm_need_graph_init(&graph, m->arena, m->before);
    envm_need_graph_spread_back(&graph, gone);
    ENVM_TRY(check_cascade(m, asked, gone, err));
    for (size_t i = 0; i < m->orphans.count; i++)
        ENVM_TRY(envm_wish_add(m->arena, &m->requests, m->orphans.items[i].text, err));
    drop_requests(m, gone);
    ENVM_TRY(find_rest(m, &graph, gone, err));
    m->after = envm_dependency_order(m->arena, m->after);
    /* Dependencies that were left out are still missing. */
    if (m->wishes.has_lock)
        m->input.terms = m->wishes.lock.request.terms;
    envm_modify_take_requests(m, NULL);
    return envm_resolve_virtual(m->context, m->arena, m->wishes.platform,
                                &m->resolution.virtual_packages, err);
}
