/* SPDX-License-Identifier: MIT */
#include "env/resolve.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"
#include "base/topo.h"
#include "conda/active_depends.h"
#include "conda/package_record.h"
#include "conda/platform.h"
#include "env/complete.h"
#include "env/elsewhere.h"
#include "env/input_terms.h"
#include "host/virtual_packages.h"

static int compare_names(const void *a, const void *b)
{
    return envm_package_record_compare_name(a, b);
}

struct envm_record_list envm_name_order(struct envm_arena *arena, struct envm_record_list records)
{
    struct envm_record_list sorted = {
        envm_arena_copy(arena, records.items, records.count * sizeof(*records.items)),
        records.count};

    if (sorted.count > 0)
        qsort(sorted.items, sorted.count, sizeof(*sorted.items), compare_names);
    return sorted;
}

struct envm_record_view envm_report_view(struct envm_arena *arena, struct envm_record_list records)
{
    struct envm_record_list sorted = envm_name_order(arena, records);

    for (size_t i = 0; i < sorted.count; i++)
        sorted.items[i] = envm_package_record_copy(arena, sorted.items[i]);
    return (struct envm_record_view){sorted.items, sorted.count};
}

/* The name at the start of a dependency, which is all that ordering needs. */
static envm_str name_of(struct envm_arena *arena, envm_str text)
{
    const struct envm_match_spec *spec;

    if (envm_match_spec_parse(arena, text, &spec, NULL) != ENVM_OK)
        return (envm_str){0};
    return envm_match_spec_exact_name(spec);
}

struct envm_record_list envm_dependency_order(struct envm_arena *arena,
                                              struct envm_record_list records)
{
    struct envm_record_list sorted = envm_name_order(arena, records);
    struct envm_topo_edges *edges =
        envm_arena_new_array(arena, struct envm_topo_edges, sorted.count);
    size_t *order = envm_arena_new_array(arena, size_t, sorted.count);
    const struct envm_package_record **items =
        envm_arena_new_array(arena, const struct envm_package_record *, sorted.count);
    ENVM_CLEANUP(envm_map) struct envm_map names = {0};
    const struct envm_active_question question = {.records = sorted};
    struct envm_str_list *active = envm_active_depends(arena, &question);

    for (size_t i = 0; i < sorted.count; i++)
        envm_map_set(&names, sorted.items[i]->name, i);
    for (size_t i = 0; i < sorted.count; i++) {
        const struct envm_str_list *depends = &active[i];
        size_t *targets = envm_arena_new_array(arena, size_t, depends->count);
        size_t count = 0;

        for (size_t k = 0; k < depends->count; k++) {
            const uint64_t *found = envm_map_find(&names, name_of(arena, depends->items[k]));

            if (found)
                targets[count++] = (size_t)*found;
        }
        edges[i] = (struct envm_topo_edges){targets, count};
    }
    envm_topo_sort(edges, sorted.count, order);
    for (size_t i = 0; i < sorted.count; i++)
        items[i] = sorted.items[order[i]];
    return (struct envm_record_list){items, sorted.count};
}

enum envm_code envm_resolve_virtual(struct envm_context *context, struct envm_arena *arena,
                                    envm_str platform, struct envm_record_list *ret_records,
                                    struct envm_error *err)
{
    if (context->has_host_packages && envm_str_equal(platform, envm_platform_host())) {
        const struct envm_record_list *found = &context->host_packages;
        const struct envm_package_record **items =
            envm_arena_new_array(arena, const struct envm_package_record *, found->count);

        for (size_t i = 0; i < found->count; i++)
            items[i] = envm_package_record_copy(arena, found->items[i]);
        *ret_records = (struct envm_record_list){items, found->count};
        return ENVM_OK;
    }
    return envm_virtual_packages(arena, platform, context->environment,
                                 context->config.virtual_packages, ret_records, err);
}

static enum envm_resolution_mode mode_of(envm_str text)
{
    if (envm_str_equal_c(text, "lowest-direct"))
        return ENVM_RESOLVE_LOWEST_DIRECT;
    return envm_str_equal_c(text, "lowest") ? ENVM_RESOLVE_LOWEST : ENVM_RESOLVE_HIGHEST;
}

/* Those of the request and those of the environment. */
static const struct envm_match_spec *const *all_pins(struct envm_arena *arena,
                                                     const struct envm_input *input,
                                                     const struct envm_resolve_state *state)
{
    const struct envm_match_spec **pins = envm_arena_new_array(
        arena, const struct envm_match_spec *, input->pin_count + state->pin_count);

    for (size_t i = 0; i < input->pin_count; i++)
        pins[i] = input->pins[i];
    for (size_t i = 0; i < state->pin_count; i++)
        pins[input->pin_count + i] = state->pins[i];
    return pins;
}

static enum envm_channel_priority priority_of(envm_str text)
{
    if (envm_str_equal_c(text, "flexible"))
        return ENVM_PRIORITY_FLEXIBLE;
    return envm_str_equal_c(text, "disabled") ? ENVM_PRIORITY_DISABLED : ENVM_PRIORITY_STRICT;
}

static void fill_provenance(struct envm_arena *arena, const struct envm_gateway_subdir *subdirs,
                            size_t count, struct envm_resolution *resolution)
{
    resolution->provenance = envm_arena_new_array(arena, struct envm_lock_provenance, count);
    for (size_t i = 0; i < count; i++) {
        if (subdirs[i].source_url.len == 0)
            continue;
        resolution->provenance[resolution->provenance_count++] = (struct envm_lock_provenance){
            .url = envm_arena_str(arena, subdirs[i].source_url),
            .etag = envm_arena_str(arena, subdirs[i].etag),
            .last_modified = envm_arena_str(arena, subdirs[i].last_modified),
            .sha256 = subdirs[i].sha256,
        };
    }
}

/* Packages that were named by URL come before every channel, as one more. */
static size_t add_extra_channel(struct envm_arena *arena, struct envm_record_list extra,
                                struct envm_solve_channel *channel)
{
    const struct envm_package_source **source;

    if (extra.count == 0)
        return 0;
    source = envm_arena_new(arena, const struct envm_package_source *);
    *source = envm_package_source_from_records(arena, extra.items, extra.count);
    *channel = (struct envm_solve_channel){extra.items[0]->channel, source, 1};
    return 1;
}

static enum envm_code load_channels(struct envm_context *context, struct envm_arena *arena,
                                    const struct envm_input *input,
                                    struct envm_resolution *resolution, struct envm_error *err)
{
    const envm_str subdirs[] = {input->platform, ENVM_STR("noarch")};
    size_t total = input->channel_count * 2;
    struct envm_gateway_subdir *loaded =
        envm_arena_new_array(arena, struct envm_gateway_subdir, total);
    struct envm_solve_channel *channels =
        envm_arena_new_array(arena, struct envm_solve_channel, input->channel_count + 1);
    const struct envm_package_source **sources =
        envm_arena_new_array(arena, const struct envm_package_source *, total);
    struct envm_record_list extra = input->extra_records;
    struct envm_gateway *gateway;
    enum envm_code code;

    ENVM_TRY(envm_complete_records(context, arena, ENVM_COMPLETE_INDEX, &extra, NULL, err));
    ENVM_TRY(envm_context_gateway(context, &gateway, err));
    envm_sink_progress(&context->sink, &(struct envm_progress){.kind = ENVM_PROGRESS_PHASE,
                                                               .name = ENVM_STR("repodata")});
    code =
        envm_gateway_load(gateway, input->channels, input->channel_count, subdirs, 2, loaded, err);
    if (code == ENVM_NETWORK)
        return envm_error_hint(err, code,
                               "check the network, the proxy and the channels; `nodefaults` in the "
                               "file or --override-channels leaves the default channels out");
    if (code != ENVM_OK)
        return code;
    for (size_t i = 0; i < total; i++)
        sources[i] = loaded[i].source;
    resolution->channels = channels;
    resolution->channel_count = add_extra_channel(arena, extra, channels);
    for (size_t i = 0; i < input->channel_count; i++)
        channels[resolution->channel_count++] =
            (struct envm_solve_channel){input->channels[i].name, &sources[2 * i], 2};
    fill_provenance(arena, loaded, total, resolution);
    return ENVM_OK;
}

struct look {
    struct envm_context *context;
    const struct envm_input *input;
};

/* For explanations; that it cannot be told is no error. */
static struct envm_str_list look_elsewhere(void *user, struct envm_arena *arena,
                                           const struct envm_match_spec *spec, bool by_name)
{
    const struct look *look = user;
    struct envm_elsewhere elsewhere = {0};

    if (envm_look_elsewhere(look->context, arena, look->input->channels, look->input->channel_count,
                            look->input->platform, spec, &elsewhere, NULL) != ENVM_OK)
        return (struct envm_str_list){0};
    return elsewhere.matching.count || !by_name ? elsewhere.matching : elsewhere.named;
}

enum envm_code envm_resolve(struct envm_context *context, struct envm_arena *arena,
                            const struct envm_input *input, const struct envm_resolve_state *state,
                            struct envm_resolution *ret_resolution,
                            struct envm_explanation *ret_explanation, struct envm_error *err)
{
    struct envm_resolution resolution = {0};
    struct envm_solution solution = {0};
    struct envm_problem problem = {0};
    enum envm_code code;

    if (input->channel_count == 0) {
        (void)envm_fail(err, ENVM_USAGE, "there is no channel to take packages from");
        return envm_error_hint(err, ENVM_USAGE, "give one with -c CHANNEL or in the file");
    }
    ENVM_TRY(
        envm_resolve_virtual(context, arena, input->platform, &resolution.virtual_packages, err));
    /* An empty environment, to be filled later, needs no channel. */
    if (input->spec_count == 0) {
        *ret_resolution = resolution;
        return ENVM_OK;
    }
    ENVM_TRY(load_channels(context, arena, input, &resolution, err));
    envm_sink_progress(&context->sink, &(struct envm_progress){.kind = ENVM_PROGRESS_PHASE,
                                                               .name = ENVM_STR("solve")});
    struct look look = {context, input};
    const struct envm_solve_request request = {
        .channels = resolution.channels,
        .channel_count = resolution.channel_count,
        .priority = priority_of(input->channel_priority),
        .specs = input->specs,
        .spec_count = input->spec_count,
        .virtual_packages = resolution.virtual_packages,
        .preferred = state->preferred,
        .update_names = state->update_names,
        .installed = state->installed,
        .frozen = state->frozen,
        .pins = all_pins(arena, input, state),
        .pin_count = input->pin_count + state->pin_count,
        .exclude_newer_ms = input->terms.exclude_newer_ms,
        .resolution = mode_of(input->terms.resolution),
        .platform = input->platform,
        .elsewhere = look_elsewhere,
        .elsewhere_user = &look,
        .add_pip = input->add_pip,
        .timeout_ms = (unsigned)(context->config.solver_timeout_secs > 86400
                                     ? 86400000
                                     : context->config.solver_timeout_secs * 1000),
        .memory_bytes = context->config.solver_memory_mib > (1U << 20)
                            ? 0
                            : context->config.solver_memory_mib << 20,
        .sink = &context->sink,
    };
    code = envm_solve(arena, &request, &solution, &problem, err);
    if (code != ENVM_OK) {
        if (code == ENVM_UNSATISFIABLE)
            *ret_explanation = (struct envm_explanation){problem.text, problem.json};
        return code;
    }
    resolution.packages = envm_input_keep(arena, input, solution.records);
    resolution.is_strict = request.priority == ENVM_PRIORITY_STRICT;
    *ret_resolution = resolution;
    return ENVM_OK;
}
