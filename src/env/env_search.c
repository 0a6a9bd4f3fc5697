/* SPDX-License-Identifier: MIT
 *
 * `search`: what the channels have, and when they have nothing, what is nearest to it.
 */
#include <envm/look.h>

#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"
#include "codec/url.h"
#include "conda/package_rank.h"
#include "conda/platform.h"
#include "conda/version_spec.h"
#include "env/close_names.h"
#include "env/confine.h"
#include "env/elsewhere.h"
#include "env/input.h"
#include "env/search_needs.h"

#define SUBDIRS 2 /* the platform and noarch */

struct search {
    struct envm_context *context;
    struct envm_arena *arena; /* of the report */
    const struct envm_search_options *options;
    struct envm_input input;
    const struct envm_match_spec *spec;
    envm_str exact;                 /* the name, "" for a pattern */
    struct envm_search_needs needs; /* with options->needs */
    const struct envm_package_source **sources;
    bool one_each;     /* the newest of each name */
    bool version_fits; /* some record has a version that the spec asks for */
    ENVM_VEC(const struct envm_package_record *) packages;
    ENVM_VEC(envm_str) needed; /* with options->needs: the dependency of each package */
    ENVM_VEC(struct envm_search_name) names;
    struct envm_search_report report;
};

static void search_release(struct search *s)
{
    envm_vec_release(&s->packages);
    envm_vec_release(&s->needed);
    envm_vec_release(&s->names);
}
ENVM_DEFINE_CLEANUP(search, struct search, search_release)

/* --- one name ------------------------------------------------------------------------------- */

struct entry {
    struct envm_ranked_record ranked;
    envm_str needs; /* with options->needs */
    size_t channel;
    bool matches;
};

struct entry_vec {
    struct entry *items;
    size_t count, capacity;
};

static void entry_vec_release(struct entry_vec *entries)
{
    envm_vec_release(entries);
}
ENVM_DEFINE_CLEANUP(entry_vec, struct entry_vec, entry_vec_release)

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->channel != y->channel)
        return x->channel < y->channel ? -1 : 1;
    return envm_package_rank_compare(&x->ranked, &y->ranked);
}

static int compare_versions(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = envm_version_compare(y->ranked.version, x->ranked.version);

    return order ? order : envm_str_compare(y->ranked.record->version, x->ranked.record->version);
}

/* Records whose version is none are left out, as they are by the solver. */
static void add_entry(struct search *s, const struct envm_package_record *record, size_t channel,
                      struct envm_arena *scratch, struct entry_vec *entries)
{
    const struct envm_version_spec *version = envm_match_spec_version(s->spec);
    struct entry entry = {.ranked.record = record, .channel = channel};

    if (s->options->needs) {
        entry.needs = envm_search_needs_find(&s->needs, record, scratch);
        if (entry.needs.len == 0)
            return;
    }
    if (envm_version_parse(scratch, record->version, &entry.ranked.version, NULL) != ENVM_OK)
        return;
    entry.matches = envm_match_spec_matches_parsed(s->spec, record, entry.ranked.version);
    s->version_fits |= !version || envm_version_spec_matches(version, entry.ranked.version);
    envm_vec_push(entries, entry);
}

static enum envm_code gather(struct search *s, envm_str name, struct envm_arena *scratch,
                             struct entry_vec *entries, struct envm_error *err)
{
    for (size_t i = 0; i < s->input.channel_count * SUBDIRS; i++) {
        const struct envm_package_source *source = s->sources[i];
        struct envm_record_list records = {0};

        ENVM_TRY(source->records(source->self, name, scratch, &records, err));
        for (size_t k = 0; k < records.count; k++)
            add_entry(s, records.items[k], i / SUBDIRS, scratch, entries);
    }
    return ENVM_OK;
}

static void report_entry(struct search *s, const struct entry *entry)
{
    envm_vec_push(&s->packages, envm_package_record_copy(s->arena, entry->ranked.record));
    if (s->options->needs)
        envm_vec_push(&s->needed, envm_url_redact(s->arena, entry->needs));
}

static struct envm_str_list distinct_versions(struct search *s, struct entry_vec *entries)
{
    envm_str *versions = envm_arena_new_array(s->arena, envm_str, entries->count);
    size_t count = 0;

    qsort(entries->items, entries->count, sizeof(*entries->items), compare_versions);
    for (size_t i = 0; i < entries->count; i++) {
        envm_str version = entries->items[i].ranked.record->version;

        if (count == 0 || !envm_str_equal(versions[count - 1], version))
            versions[count++] = envm_arena_str(s->arena, version);
    }
    return (struct envm_str_list){versions, count};
}

static enum envm_code look_at_name(struct search *s, envm_str name, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
    ENVM_CLEANUP(entry_vec) struct entry_vec entries = {0};
    struct envm_search_name found = {.name = envm_arena_str(s->arena, name)};

    if (envm_sink_cancelled(&s->context->sink))
        return envm_fail(err, ENVM_INTERRUPTED, "interrupted");
    ENVM_TRY(gather(s, name, &scratch, &entries, err));
    if (entries.count == 0)
        return ENVM_OK;
    qsort(entries.items, entries.count, sizeof(*entries.items), compare_entries);
    for (size_t i = 0; i < entries.count; i++) {
        if (!entries.items[i].matches)
            continue;
        if ((found.count == 0 || !s->one_each) &&
            (s->options->limit == 0 || s->packages.count < s->options->limit))
            report_entry(s, &entries.items[i]);
        found.count++;
    }
    s->report.total += found.count;
    found.versions = distinct_versions(s, &entries);
    envm_vec_push(&s->names, found);
    return ENVM_OK;
}

/* --- names ---------------------------------------------------------------------------------- */

static enum envm_code look_at_names(struct search *s, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
    struct envm_str_list names = {&s->exact, 1};

    if (s->exact.len == 0)
        ENVM_TRY(envm_names_meant(&scratch, s->sources, s->input.channel_count * SUBDIRS, s->spec,
                                  &names, err));
    s->one_each = s->options->limit > 0 && names.count > 1;
    for (size_t i = 0; i < names.count; i++)
        ENVM_TRY(look_at_name(s, names.items[i], err));
    return ENVM_OK;
}

/* --- nothing found -------------------------------------------------------------------------- */

/* Other platforms that have what was searched for; without any, and when this platform lacks the
 * very name, those that have the name. */
static enum envm_code find_platforms(struct search *s, struct envm_error *err)
{
    struct envm_elsewhere elsewhere = {0};

    ENVM_TRY(envm_look_elsewhere(s->context, s->arena, s->input.channels, s->input.channel_count,
                                 s->input.platform, s->spec, &elsewhere, err));
    s->report.platforms = elsewhere.matching;
    if (elsewhere.matching.count == 0 && s->names.count == 0)
        s->report.platforms = elsewhere.named;
    return ENVM_OK;
}

static enum envm_code fail_name(struct search *s, struct envm_error *err)
{
    const struct envm_search_report *report = &s->report;
    const char *what = s->exact.len ? "is no package" : "is no package whose name matches";
    envm_str wanted = s->exact.len ? s->exact : envm_match_spec_text(s->spec);
    envm_str channels = envm_join_names(s->arena, report->channels);

    if (report->outcome == ENVM_SEARCH_OTHER_PLATFORM) {
        (void)envm_fail(err, ENVM_UNSATISFIABLE,
                        "there %s \"%.*s\" for %.*s in %.*s, but for other platforms: %.*s", what,
                        ENVM_STR_ARGS(wanted), ENVM_STR_ARGS(report->platform),
                        ENVM_STR_ARGS(channels),
                        ENVM_STR_ARGS(envm_join_names(s->arena, report->platforms)));
        return envm_error_hint(err, ENVM_UNSATISFIABLE, "--platform %.*s shows it",
                               ENVM_STR_ARGS(report->platforms.items[0]));
    }
    (void)envm_fail(err, ENVM_UNSATISFIABLE, "there %s \"%.*s\" for %.*s in %.*s", what,
                    ENVM_STR_ARGS(wanted), ENVM_STR_ARGS(report->platform),
                    ENVM_STR_ARGS(channels));
    if (report->close_names.count > 0)
        return envm_error_hint(err, ENVM_UNSATISFIABLE, "did you mean %.*s?",
                               ENVM_STR_ARGS(envm_join_names(s->arena, report->close_names)));
    return envm_error_hint(err, ENVM_UNSATISFIABLE,
                           "check the name, or name another channel with -c");
}

static enum envm_code fail_version(struct search *s, struct envm_error *err)
{
    const struct envm_search_report *report = &s->report;
    envm_str spec = envm_match_spec_text(s->spec);
    envm_str names = s->names.items[0].name;
    envm_str channels = envm_join_names(s->arena, report->channels);

    if (report->outcome == ENVM_SEARCH_NO_BUILD)
        (void)envm_fail(err, ENVM_UNSATISFIABLE,
                        "there is %.*s for %.*s in %.*s, but no build of it is what \"%.*s\" asks",
                        ENVM_STR_ARGS(names), ENVM_STR_ARGS(report->platform),
                        ENVM_STR_ARGS(channels), ENVM_STR_ARGS(spec));
    else
        (void)envm_fail(err, ENVM_UNSATISFIABLE,
                        "no version of %.*s for %.*s in %.*s is what \"%.*s\" asks; there are %.*s",
                        ENVM_STR_ARGS(names), ENVM_STR_ARGS(report->platform),
                        ENVM_STR_ARGS(channels), ENVM_STR_ARGS(spec),
                        ENVM_STR_ARGS(envm_join_names(s->arena, s->names.items[0].versions)));
    if (report->platforms.count > 0)
        return envm_error_hint(err, ENVM_UNSATISFIABLE, "other platforms have it: %.*s",
                               ENVM_STR_ARGS(envm_join_names(s->arena, report->platforms)));
    return envm_error_hint(err, ENVM_UNSATISFIABLE, "`envm search --limit 0 %.*s` shows all",
                           ENVM_STR_ARGS(names));
}

static enum envm_code fail_dependent(struct search *s, struct envm_error *err)
{
    struct envm_search_report *report = &s->report;

    report->outcome = ENVM_SEARCH_NO_DEPENDENT;
    report->close_names =
        envm_close_names(s->arena, s->sources, s->input.channel_count * SUBDIRS, s->needs.exact);
    (void)envm_fail(err, ENVM_UNSATISFIABLE, "no package%s%s%s for %.*s in %.*s needs \"%s\"",
                    s->options->spec ? " \"" : "", s->options->spec ? s->options->spec : "",
                    s->options->spec ? "\"" : "", ENVM_STR_ARGS(report->platform),
                    ENVM_STR_ARGS(envm_join_names(s->arena, report->channels)), s->options->needs);
    for (size_t i = 0; i < report->close_names.count; i++)
        if (envm_str_equal(report->close_names.items[i], s->needs.exact))
            return ENVM_UNSATISFIABLE;
    if (report->close_names.count == 0)
        return ENVM_UNSATISFIABLE;
    return envm_error_hint(err, ENVM_UNSATISFIABLE, "did you mean %.*s?",
                           ENVM_STR_ARGS(envm_join_names(s->arena, report->close_names)));
}

static enum envm_code explain_nothing(struct search *s, struct envm_error *err)
{
    struct envm_search_report *report = &s->report;

    if (s->options->needs)
        return fail_dependent(s, err);
    ENVM_TRY(find_platforms(s, err));
    if (s->names.count > 0) {
        report->outcome = s->version_fits ? ENVM_SEARCH_NO_BUILD : ENVM_SEARCH_NO_VERSION;
        return fail_version(s, err);
    }
    report->outcome =
        report->platforms.count > 0 ? ENVM_SEARCH_OTHER_PLATFORM : ENVM_SEARCH_NO_NAME;
    if (report->outcome == ENVM_SEARCH_NO_NAME)
        report->close_names =
            envm_close_names(s->arena, s->sources, s->input.channel_count * SUBDIRS, s->exact);
    return fail_name(s, err);
}

/* --- all of it ------------------------------------------------------------------------------ */

/* A spec that names its channel is answered by that alone. */
static void keep_named_channel(struct search *s)
{
    envm_str wanted = envm_match_spec_channel(s->spec);
    envm_str *names = envm_arena_new_array(s->arena, envm_str, s->input.channel_count);
    size_t count = 0;

    if (wanted.len == 0 || envm_str_find_char(wanted, '*') != SIZE_MAX)
        return;
    for (size_t i = 0; i < s->input.channel_count; i++) {
        if (!envm_channel_name_matches(wanted, s->input.channels[i].name))
            continue;
        names[count] = s->input.channels[i].name;
        s->input.channels[count++] = s->input.channels[i];
    }
    s->input.channel_count = count;
    s->input.channel_names = (struct envm_str_list){names, count};
}

static enum envm_code read_spec(struct search *s, struct envm_error *err)
{
    const char *spec = s->options->spec ? s->options->spec : "*";
    const struct envm_request request = {.specs = &spec,
                                         .spec_count = 1,
                                         .channels = s->options->channels,
                                         .channel_count = s->options->channel_count,
                                         .override_channels = s->options->override_channels};

    if (!s->options->spec && !s->options->needs)
        return envm_fail(err, ENVM_USAGE, "what is to be searched for?");
    if (s->options->needs)
        ENVM_TRY(envm_search_needs_parse(s->arena, s->options->needs, &s->needs, err));
    ENVM_TRY(envm_input_read(s->context, s->arena, &request, s->options->platform, &s->input, err));
    if (s->input.kind != ENVM_INPUT_SPECS) {
        (void)envm_fail(err, ENVM_USAGE, "a package URL cannot be searched for");
        return envm_error_hint(err, ENVM_USAGE, "for example: envm search 'numpy >=2'");
    }
    if (s->input.channel_count == 0) {
        (void)envm_fail(err, ENVM_USAGE, "there is no channel to search");
        return envm_error_hint(err, ENVM_USAGE, "give one with -c CHANNEL");
    }
    s->spec = s->input.specs[0];
    return ENVM_OK;
}

static enum envm_code read_input(struct search *s, struct envm_error *err)
{
    envm_str subdir;

    ENVM_TRY(read_spec(s, err));
    keep_named_channel(s);
    s->exact = envm_match_spec_exact_name(s->spec);
    subdir = envm_match_spec_subdir(s->spec);
    if (!s->options->platform && envm_subdir_is_valid(subdir) &&
        !envm_str_equal_c(subdir, "noarch"))
        s->input.platform = subdir;
    s->report.platform = s->input.platform;
    s->report.channels = s->input.channel_names;
    return ENVM_OK;
}

static enum envm_code load_channels(struct search *s, struct envm_error *err)
{
    const envm_str subdirs[SUBDIRS] = {s->input.platform, ENVM_STR("noarch")};
    size_t total = s->input.channel_count * SUBDIRS;
    struct envm_gateway_subdir *loaded =
        envm_arena_new_array(s->arena, struct envm_gateway_subdir, total);
    struct envm_gateway *gateway;
    enum envm_code code;

    ENVM_TRY(envm_context_gateway(s->context, &gateway, err));
    envm_sink_progress(&s->context->sink, &(struct envm_progress){.kind = ENVM_PROGRESS_PHASE,
                                                                  .name = ENVM_STR("repodata")});
    code = envm_gateway_load(gateway, s->input.channels, s->input.channel_count, subdirs, SUBDIRS,
                             loaded, err);
    if (code == ENVM_NETWORK)
        return envm_error_hint(err, code,
                               "check the network, the proxy and the channels; "
                               "--override-channels leaves the default channels out");
    if (code != ENVM_OK)
        return code;
    s->sources = envm_arena_new_array(s->arena, const struct envm_package_source *, total);
    for (size_t i = 0; i < total; i++)
        s->sources[i] = loaded[i].source;
    return ENVM_OK;
}

enum envm_code envm_search(struct envm_context *context, struct envm_memory *memory,
                           const struct envm_search_options *options,
                           struct envm_search_report *ret_report, struct envm_error *err)
{
    struct envm_arena *arena = &memory->arena;
    ENVM_CLEANUP(search)
    struct search s = {.context = context, .arena = arena, .options = options};
    enum envm_code code = ENVM_OK;

    ENVM_TRY(read_input(&s, err));
    envm_confine(context, &(struct envm_confine_plan){.fetches = true});
    ENVM_TRY(load_channels(&s, err));
    ENVM_TRY(look_at_names(&s, err));
    if (s.report.total == 0)
        code = explain_nothing(&s, err);
    if (code != ENVM_OK && code != ENVM_UNSATISFIABLE)
        return code;
    s.report.packages = (struct envm_record_view){
        envm_arena_copy(arena, s.packages.items, s.packages.count * sizeof(*s.packages.items)),
        s.packages.count};
    if (options->needs)
        s.report.needs = envm_arena_copy(arena, s.needed.items, s.needed.count * sizeof(envm_str));
    s.report.names = envm_arena_copy(arena, s.names.items, s.names.count * sizeof(*s.names.items));
    s.report.name_count = s.names.count;
    *ret_report = s.report;
    return code;
}
