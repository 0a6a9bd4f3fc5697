/* SPDX-License-Identifier: MIT */
#include "env/elsewhere.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"
#include "base/sink.h"
#include "conda/platform.h"

struct look {
    const struct envm_channel *channels;
    size_t channel_count;
    const struct envm_match_spec *spec;
    struct envm_gateway *gateway;
};

struct presence {
    bool name, match;
};

enum envm_code envm_names_meant(struct envm_arena *arena,
                                const struct envm_package_source *const *sources, size_t count,
                                const struct envm_match_spec *spec, struct envm_str_list *ret_names,
                                struct envm_error *err)
{
    ENVM_CLEANUP(envm_map) struct envm_map seen = {0};
    size_t position = 0, found = 0;
    envm_str *names, name;
    uint64_t value;

    for (size_t i = 0; i < count; i++) {
        struct envm_str_list list = {0};

        ENVM_TRY(sources[i]->names(sources[i]->self, arena, &list, err));
        for (size_t k = 0; k < list.count; k++)
            if (envm_match_spec_matches_name(spec, list.items[k]))
                envm_map_set(&seen, list.items[k], 1);
    }
    names = envm_arena_new_array(arena, envm_str, seen.count);
    while (envm_map_next(&seen, &position, &name, &value))
        names[found++] = name;
    if (found > 1)
        qsort(names, found, sizeof(*names), envm_str_compare_qsort);
    *ret_names = (struct envm_str_list){names, found};
    return ENVM_OK;
}

static enum envm_code look_for(const struct look *look, const struct envm_package_source *source,
                               struct presence *ret_presence, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
    envm_str exact = envm_match_spec_exact_name(look->spec);
    struct envm_str_list names = {&exact, 1};

    if (exact.len == 0)
        ENVM_TRY(envm_names_meant(&scratch, &source, 1, look->spec, &names, err));
    for (size_t i = 0; i < names.count; i++) {
        struct envm_record_list records = {0};

        ENVM_TRY(source->records(source->self, names.items[i], &scratch, &records, err));
        ret_presence->name |= records.count > 0;
        for (size_t k = 0; k < records.count && !ret_presence->match; k++)
            ret_presence->match = envm_match_spec_matches(look->spec, records.items[k]);
    }
    return ENVM_OK;
}

/* A subdir that is not there or not cached is no news: this only improves a message. */
static struct presence look_at(const struct look *look, envm_str platform)
{
    struct presence presence = {0};

    for (size_t i = 0; i < look->channel_count; i++) {
        struct envm_gateway_subdir loaded = {0};

        if (envm_gateway_load(look->gateway, &look->channels[i], 1, &platform, 1, &loaded, NULL) ==
            ENVM_OK)
            (void)look_for(look, loaded.source, &presence, NULL);
    }
    return presence;
}

enum envm_code envm_look_elsewhere(struct envm_context *context, struct envm_arena *arena,
                                   const struct envm_channel *channels, size_t channel_count,
                                   envm_str platform, const struct envm_match_spec *spec,
                                   struct envm_elsewhere *ret_elsewhere, struct envm_error *err)
{
    const struct envm_str_list known = envm_subdirs_known();
    const struct envm_sink quiet = {.user = context->sink.user,
                                    .cancelled = context->sink.cancelled};
    struct envm_gateway_config config = {.offline = true,
                                         .use_only_tar_bz2 = context->config.use_only_tar_bz2,
                                         .cache_fd = context->cache_fd,
                                         .sink = &quiet};
    struct look look = {.channels = channels, .channel_count = channel_count, .spec = spec};
    envm_str *matching = envm_arena_new_array(arena, envm_str, known.count);
    envm_str *named = envm_arena_new_array(arena, envm_str, known.count);
    size_t matching_count = 0, named_count = 0;

    ENVM_TRY(envm_context_downloader(context, &config.downloader, err));
    ENVM_TRY(envm_gateway_new(&config, &look.gateway, err));
    for (size_t i = 0; i < known.count && !envm_sink_cancelled(&context->sink); i++) {
        struct presence presence;

        if (envm_str_equal(known.items[i], platform) || envm_str_equal_c(known.items[i], "noarch"))
            continue;
        presence = look_at(&look, known.items[i]);
        if (presence.match)
            matching[matching_count++] = known.items[i];
        if (presence.name)
            named[named_count++] = known.items[i];
    }
    envm_gateway_free(look.gateway);
    if (envm_sink_cancelled(&context->sink))
        return envm_fail(err, ENVM_INTERRUPTED, "interrupted");
    *ret_elsewhere = (struct envm_elsewhere){{matching, matching_count}, {named, named_count}};
    return ENVM_OK;
}
