/* SPDX-License-Identifier: MIT */
#include "env/modification.h"

#include <stdlib.h>

#include "base/error.h"

enum envm_code envm_modify_keep_orphans(struct envm_modification *m, struct envm_error *err)
{
    ENVM_CLEANUP(envm_need_graph) struct envm_need_graph graph = {0};

    envm_need_graph_init(&graph, m->arena, m->before);
    struct envm_record_list orphans = envm_orphans(&graph, m->requests);
    for (size_t i = 0; i < orphans.count; i++)
        ENVM_TRY(envm_wish_add(m->arena, &m->orphans, orphans.items[i]->name, err));
    return ENVM_OK;
}

/* --- what is asked ------------------------------------------------------------------------ */

/* Pins and the direction of versions; a pin of this call replaces the one on its name. */
static void inherit_terms(struct envm_modification *m, const struct envm_lock_terms *terms,
                          struct envm_request *request)
{
    const char **pins =
        envm_arena_new_array(m->arena, const char *, request->pin_count + terms->pins.count);
    struct envm_wish_list given = {0};
    size_t count = request->pin_count;

    for (size_t i = 0; i < request->pin_count; i++) {
        pins[i] = request->pins[i];
        /* one that cannot be parsed is refused later, with its option */
        (void)envm_wish_add(m->arena, &given, envm_str_from(pins[i]), NULL);
    }
    for (size_t i = 0; i < terms->pins.count; i++) {
        size_t before = given.count;
        if (envm_wish_add(m->arena, &given, terms->pins.items[i], NULL) == ENVM_OK &&
            given.count > before)
            pins[count++] = envm_cstr(m->arena, terms->pins.items[i]);
    }
    request->pins = pins;
    request->pin_count = count;
    if (!request->resolution && terms->resolution.len > 0)
        request->resolution = envm_cstr(m->arena, terms->resolution);
}

/* Leaving dependencies out is done here, over what is installed, and not by the resolution, which
 * would leave out what other requests need. The lock has to say that some are missing. */
static void take_partial(struct envm_modification *m)
{
    m->no_deps = m->input.terms.no_deps;
    m->only_deps = m->input.terms.only_deps;
    m->input.terms.no_deps = m->input.terms.only_deps = false;
}

enum envm_code envm_modify_read_input(struct envm_modification *m, struct envm_error *err)
{
    const struct envm_lockfile *lock = m->wishes.has_lock ? &m->wishes.lock : NULL;
    struct envm_request request = m->options->request;
    const char **channels;

    if (m->options->mode == ENVM_MODIFY_REMOVE) {
        request.specs = NULL;
        request.spec_count = 0;
    }
    /* What the environment was made with stays so until somebody says otherwise. */
    if (lock && !request.channel_priority)
        request.channel_priority = envm_cstr(m->arena, lock->request.channel_priority);
    if (lock) {
        request.add_pip |= lock->request.add_pip;
        inherit_terms(m, &lock->request.terms, &request);
        channels = envm_arena_new_array(m->arena, const char *, lock->channels.count);
        for (size_t i = 0; i < lock->channels.count; i++)
            channels[i] = envm_cstr(m->arena, lock->channels.items[i]);
        request.base_channels = channels;
        request.base_channel_count = lock->channels.count;
    }
    request.solve_urls = true;
    ENVM_TRY(envm_input_read(m->context, m->arena, &request,
                             envm_cstr(m->arena, m->wishes.platform), &m->input, err));
    if (m->input.kind != ENVM_INPUT_SPECS) {
        (void)envm_fail(err, ENVM_USAGE, "%s says exactly what an environment holds", request.file);
        return envm_error_hint(err, ENVM_USAGE,
                               "make the environment equal to it with `envm sync -f %s`",
                               request.file);
    }
    if (lock && m->input.omitted_pip.count == 0)
        m->input.omitted_pip = lock->request.omitted_pip;
    if (lock && !request.exclude_newer && lock->request.terms.exclude_newer_ms) {
        m->input.terms.exclude_newer_ms = lock->request.terms.exclude_newer_ms;
        m->inherits_limit = true;
    }
    take_partial(m);
    return ENVM_OK;
}

/* `update numpy` says which package may move; `update 'numpy>=2'` is a new request. */
static bool is_bare_name(const struct envm_match_spec *spec)
{
    return envm_str_equal(envm_match_spec_text(spec), envm_match_spec_exact_name(spec));
}

enum envm_code envm_modify_not_installed(struct envm_modification *m,
                                         const struct envm_match_spec *spec, struct envm_error *err)
{
    envm_str text = envm_match_spec_text(spec);

    (void)envm_fail(err, ENVM_USAGE, "%.*s is not installed in %.*s", ENVM_STR_ARGS(text),
                    ENVM_STR_ARGS(m->report->prefix));
    if (m->options->mode == ENVM_MODIFY_UPDATE)
        return envm_error_hint(err, ENVM_USAGE, "add it with `envm install %.*s`",
                               ENVM_STR_ARGS(text));
    return envm_error_hint(err, ENVM_USAGE, "`envm list` shows what is there");
}

static bool is_installed(const struct envm_modification *m, const struct envm_match_spec *spec)
{
    for (size_t i = 0; i < m->before.count; i++)
        if (envm_match_spec_matches_name(spec, m->before.items[i]->name))
            return true;
    return false;
}

static enum envm_code merge_requests(struct envm_modification *m, struct envm_error *err)
{
    bool from_file = m->input.from_environment_file;
    bool updates = m->options->mode == ENVM_MODIFY_UPDATE;

    if (m->options->prune && from_file)
        m->requests = (struct envm_wish_list){0};
    else
        ENVM_TRY(envm_modify_keep_orphans(m, err));
    for (size_t i = 0; i < m->input.spec_count; i++) {
        const struct envm_match_spec *spec = m->input.specs[i];
        envm_str text = envm_match_spec_text(spec);

        ENVM_TRY(envm_wish_add(m->arena, &m->asked, text, err));
        if (updates && !from_file && !is_installed(m, spec))
            return envm_modify_not_installed(m, spec, err);
        if (!updates || from_file || !is_bare_name(spec))
            ENVM_TRY(envm_wish_add(m->arena, &m->requests, text, err));
    }
    if (updates || m->input.spec_count > 0)
        return ENVM_OK;
    (void)envm_fail(err, ENVM_USAGE, "there is nothing to install");
    return envm_error_hint(err, ENVM_USAGE, "for example: envm install 'numpy>=2'");
}

/* --- the new set -------------------------------------------------------------------------- */

static bool is_asked(const struct envm_modification *m, envm_str name)
{
    for (size_t i = 0; i < m->asked.count; i++)
        if (envm_match_spec_matches_name(m->asked.items[i].spec, name))
            return true;
    return false;
}

bool envm_modify_updates_all(const struct envm_modification *m)
{
    return m->options->mode == ENVM_MODIFY_UPDATE && m->asked.count == 0;
}

/* What stays where it is unless it must move: everything that this call does not name. */
static struct envm_record_list preferred(struct envm_modification *m)
{
    ENVM_CLEANUP(envm_need_graph) struct envm_need_graph graph = {0};
    bool *moves = envm_arena_new_array(m->arena, bool, m->before.count);
    struct envm_record_list list = {
        envm_arena_new_array(m->arena, const struct envm_package_record *, m->before.count), 0};

    envm_need_graph_init(&graph, m->arena, m->before);
    for (size_t i = 0; i < m->before.count; i++)
        moves[i] = is_asked(m, m->before.items[i]->name);
    if (m->options->update_deps)
        envm_need_graph_spread(&graph, moves);
    for (size_t i = 0; i < m->before.count; i++) {
        bool named = m->options->mode == ENVM_MODIFY_UPDATE || m->options->update_deps;
        if (!envm_modify_updates_all(m) && !(named && moves[i]))
            list.items[list.count++] = m->before.items[i];
    }
    return list;
}

/* What this call is to bring to its newest version, whatever else has to move for that. */
static struct envm_str_list update_names(struct envm_modification *m)
{
    envm_str *names = envm_arena_new_array(m->arena, envm_str, m->before.count);
    size_t count = 0;

    if (m->options->mode != ENVM_MODIFY_UPDATE && !m->options->update_deps)
        return (struct envm_str_list){0};
    for (size_t i = 0; i < m->before.count; i++)
        if (is_asked(m, m->before.items[i]->name))
            names[count++] = m->before.items[i]->name;
    return (struct envm_str_list){names, count};
}

static enum envm_code parse_list(struct envm_modification *m, struct envm_str_list texts,
                                 const char *where, const struct envm_match_spec ***ret_specs,
                                 struct envm_error *err)
{
    const struct envm_match_spec **specs =
        envm_arena_new_array(m->arena, const struct envm_match_spec *, texts.count);

    for (size_t i = 0; i < texts.count; i++) {
        enum envm_code code = envm_match_spec_parse(m->arena, texts.items[i], &specs[i], err);
        if (code != ENVM_OK)
            return envm_wrap(err, code, "%.*s/%s", ENVM_STR_ARGS(m->report->prefix), where);
    }
    *ret_specs = specs;
    return ENVM_OK;
}

void envm_modify_take_requests(struct envm_modification *m, const struct envm_wish_list *more)
{
    size_t count = m->requests.count + (more ? more->count : 0);
    const struct envm_match_spec **specs =
        envm_arena_new_array(m->arena, const struct envm_match_spec *, count);
    envm_str *texts = envm_arena_new_array(m->arena, envm_str, count);

    for (size_t i = 0; i < count; i++) {
        const struct envm_wish *wish =
            i < m->requests.count ? &m->requests.items[i] : &more->items[i - m->requests.count];
        specs[i] = wish->spec;
        texts[i] = envm_match_spec_format(m->arena, wish->spec);
    }
    if (count > 1)
        qsort(texts, count, sizeof(*texts), envm_str_compare_qsort);
    m->input.specs = specs;
    m->input.spec_count = count;
    m->input.spec_texts = (struct envm_str_list){texts, count};
}

static enum envm_code solve_once(struct envm_modification *m, const struct envm_wish_list *more,
                                 struct envm_error *err)
{
    const struct envm_match_spec **pins = NULL;
    struct envm_resolve_state state = {
        .preferred = preferred(m),
        .update_names = update_names(m),
        .installed = m->before,
        .frozen = m->options->freeze_installed ? m->before : (struct envm_record_list){0},
    };

    ENVM_TRY(parse_list(m, m->wishes.pinned, "conda-meta/pinned", &pins, err));
    state.pins = pins;
    state.pin_count = m->wishes.pinned.count;
    envm_modify_take_requests(m, more);
    ENVM_TRY(envm_resolve(m->context, m->arena, &m->input, &state, &m->resolution,
                          &m->report->explanation, err));
    m->after = m->resolution.packages;
    return ENVM_OK;
}

static enum envm_code solve(struct envm_modification *m, struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error first = {0};

    if (m->orphans.count == 0)
        return solve_once(m, NULL, err);
    enum envm_code code = solve_once(m, &m->orphans, &first);
    /* They are kept out of courtesy only. */
    if (code == ENVM_UNSATISFIABLE)
        return solve_once(m, NULL, err);
    if (code != ENVM_OK && err)
        envm_error_move(err, &first);
    if (code == ENVM_OK)
        for (size_t i = 0; i < m->orphans.count; i++)
            ENVM_TRY(envm_wish_add(m->arena, &m->requests, m->orphans.items[i].text, err));
    return code;
}

/* --- only a part of it -------------------------------------------------------------------- */

/* Of the solution the named packages (no_deps) or all but these, over what is installed. */
static struct envm_record_list overlay(struct envm_modification *m)
{
    ENVM_CLEANUP(envm_need_graph) struct envm_need_graph there = {0};
    struct envm_record_list list = {envm_arena_new_array(m->arena,
                                                         const struct envm_package_record *,
                                                         m->before.count + m->after.count),
                                    0};

    envm_need_graph_init(&there, m->arena, m->before);
    for (size_t i = 0; i < m->before.count; i++)
        list.items[list.count++] = m->before.items[i];
    for (size_t i = 0; i < m->after.count; i++) {
        const struct envm_package_record *record = m->after.items[i];
        size_t place = envm_need_graph_find(&there, record->name);

        if (is_asked(m, record->name) != m->no_deps)
            continue;
        if (place == SIZE_MAX)
            place = list.count++;
        list.items[place] = record;
    }
    return list;
}

/* What nobody asked for is not asked for afterwards; its dependencies then stand for themselves. */
static enum envm_code ask_for_deps(struct envm_modification *m, struct envm_error *err)
{
    ENVM_CLEANUP(envm_need_graph) struct envm_need_graph graph = {0};

    m->requests = m->wishes.list;
    envm_need_graph_init(&graph, m->arena, m->after);
    struct envm_record_list orphans = envm_orphans(&graph, m->requests);
    for (size_t i = 0; i < orphans.count; i++)
        ENVM_TRY(envm_wish_add(m->arena, &m->requests, orphans.items[i]->name, err));
    return ENVM_OK;
}

static enum envm_code take_part(struct envm_modification *m, struct envm_error *err)
{
    if (!m->no_deps && !m->only_deps)
        return ENVM_OK;
    m->after = overlay(m);
    if (m->only_deps)
        ENVM_TRY(ask_for_deps(m, err));
    m->after = envm_dependency_order(m->arena, m->after);
    m->input.terms.no_deps = m->no_deps;
    envm_modify_take_requests(m, NULL);
    return ENVM_OK;
}

enum envm_code envm_modify_solve(struct envm_modification *m, struct envm_error *err)
{
    ENVM_TRY(envm_modify_read_input(m, err));
    ENVM_TRY(merge_requests(m, err));
    ENVM_TRY(solve(m, err));
    return take_part(m, err);
}
