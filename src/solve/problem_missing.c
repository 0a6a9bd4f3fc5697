/* SPDX-License-Identifier: MIT */
#include "solve/problem_missing.h"

#include "base/utf8.h"
#include "conda/version_spec.h"
#include "solve/problem_names.h"

#define TEXT_SHOWN_MAX 200u
#define VERSIONS_SHOWN_MAX 6u
#define NEWEST_SHOWN_MAX 4u
#define BUILDS_SHOWN_MAX 4u
#define PLATFORMS_SHOWN_MAX 6u

/* Names, versions and builds come from outside. */
static void say(struct envm_buf *out, envm_str text)
{
    envm_buf_add_escaped(out, text, TEXT_SHOWN_MAX);
}

/* "a, b and c" */
static void say_list(struct envm_buf *out, const envm_str *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i)
            envm_buf_add_cstr(out, i + 1 == count ? " and " : ", ");
        say(out, items[i]);
    }
}

static envm_str name_of(const struct envm_solve_space *space, uint32_t spec)
{
    uint32_t name = space->specs.items[spec].name;

    return name == ENVM_SOLVE_NONE ? (envm_str){0} : space->names.items[name].name;
}

static void say_channels(struct envm_buf *out, const struct envm_solve_request *request)
{
    for (size_t i = 0; i < request->channel_count; i++) {
        if (i)
            envm_buf_add_cstr(out, i + 1 == request->channel_count ? " and " : ", ");
        say(out, request->channels[i].name);
    }
    if (request->platform.len) {
        envm_buf_add_cstr(out, " for ");
        say(out, request->platform);
    }
}

/* --- which candidates are meant ------------------------------------------------------------- */

/* The candidates of the spec's name that come from its channel and subdir, where it names these. */
static struct envm_id_list candidates_of(struct envm_solve_space *space, uint32_t spec_id,
                                         bool with_subdir)
{
    const struct envm_match_spec *spec = space->specs.items[spec_id].spec;
    const struct envm_solve_name *name = &space->names.items[space->specs.items[spec_id].name];
    envm_str channel = envm_match_spec_channel(spec), subdir = envm_match_spec_subdir(spec);
    uint32_t *ids = envm_arena_new_array(space->arena, uint32_t, name->count + (size_t)1);
    const struct envm_match_spec *wanted = NULL;
    uint32_t count = 0;

    if (with_subdir && subdir.len)
        (void)envm_match_spec_parse(
            space->arena,
            envm_arena_printf(space->arena, "*[channel='%.*s',subdir='%.*s']",
                              ENVM_STR_ARGS(channel.len ? channel : ENVM_STR("*")),
                              ENVM_STR_ARGS(subdir)),
            &wanted, NULL);
    else if (channel.len)
        (void)envm_match_spec_parse(
            space->arena,
            envm_arena_printf(space->arena, "*[channel='%.*s']", ENVM_STR_ARGS(channel)), &wanted,
            NULL);
    for (uint32_t i = 0; i < name->count; i++) {
        const struct envm_solve_candidate *c = &space->candidates.items[name->first + i];
        if (!wanted || envm_match_spec_matches_parsed(wanted, c->record, c->version))
            ids[count++] = name->first + i;
    }
    return (struct envm_id_list){ids, count};
}

/* Those whose version the spec lets in. */
static struct envm_id_list with_version(struct envm_solve_space *space, uint32_t spec_id,
                                        struct envm_id_list candidates)
{
    const struct envm_version_spec *wanted =
        envm_match_spec_version(space->specs.items[spec_id].spec);
    uint32_t *ids = envm_arena_new_array(space->arena, uint32_t, candidates.count + (size_t)1);
    uint32_t count = 0;

    for (uint32_t i = 0; i < candidates.count; i++)
        if (!wanted ||
            envm_version_spec_matches(wanted, space->candidates.items[candidates.items[i]].version))
            ids[count++] = candidates.items[i];
    return (struct envm_id_list){ids, count};
}

static struct envm_str_list elsewhere(struct envm_solve_space *space, uint32_t spec)
{
    const struct envm_solve_request *request = space->request;
    struct envm_solve_spec *entry = &space->specs.items[spec];

    bool by_name = entry->name == ENVM_SOLVE_NONE || space->names.items[entry->name].count == 0;

    if (!entry->elsewhere_known && entry->spec && request->elsewhere)
        entry->elsewhere =
            request->elsewhere(request->elsewhere_user, space->arena, entry->spec, by_name);
    entry->elsewhere_known = true;
    return entry->elsewhere;
}

enum envm_problem_reason envm_problem_missing_reason(struct envm_solve_space *space, uint32_t spec)
{
    const struct envm_solve_spec *entry = &space->specs.items[spec];

    if (entry->name == ENVM_SOLVE_NONE && !entry->spec)
        return ENVM_REASON_BROKEN;
    if (entry->name == ENVM_SOLVE_NONE)
        return elsewhere(space, spec).count ? ENVM_REASON_WRONG_PLATFORM : ENVM_REASON_MISSING_NAME;
    const struct envm_solve_name *name = &space->names.items[entry->name];
    if (name->is_virtual)
        return ENVM_REASON_SYSTEM;
    if (name->count == 0)
        return elsewhere(space, spec).count ? ENVM_REASON_WRONG_PLATFORM : ENVM_REASON_MISSING_NAME;
    if (entry->role == ENVM_ROLE_OTHERS)
        return ENVM_REASON_NO_OTHER;
    if (!entry->spec)
        return ENVM_REASON_MISSING_BUILD;
    struct envm_id_list meant = candidates_of(space, spec, false);
    if (meant.count == 0)
        return ENVM_REASON_WRONG_CHANNEL;
    meant = candidates_of(space, spec, true);
    if (meant.count == 0)
        return ENVM_REASON_WRONG_PLATFORM;
    return with_version(space, spec, meant).count ? ENVM_REASON_MISSING_BUILD
                                                  : ENVM_REASON_MISSING_VERSION;
}

/* --- words ---------------------------------------------------------------------------------- */

/* Distinct versions, newest first; candidates of one version need not be neighbours. */
static uint32_t distinct_versions(const struct envm_solve_space *space,
                                  struct envm_id_list candidates, uint32_t *ids)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < candidates.count; i++) {
        const struct envm_version *version = space->candidates.items[candidates.items[i]].version;
        uint32_t at = count;
        while (at > 0 &&
               envm_version_compare(space->candidates.items[ids[at - 1]].version, version) < 0)
            at--;
        if (at > 0 &&
            envm_version_compare(space->candidates.items[ids[at - 1]].version, version) == 0)
            continue;
        memmove(ids + at + 1, ids + at, (count - at) * sizeof(*ids));
        ids[at] = candidates.items[i];
        count++;
    }
    return count;
}

/* "a 1.4, 1.1 and 1.0", or the newest ones and how far the others go back. */
static void say_versions(struct envm_buf *out, struct envm_solve_space *space,
                         struct envm_id_list candidates)
{
    uint32_t *ids = envm_arena_new_array(space->arena, uint32_t, candidates.count + (size_t)1);
    uint32_t count = distinct_versions(space, candidates, ids);
    uint32_t shown = count <= VERSIONS_SHOWN_MAX ? count : NEWEST_SHOWN_MAX;
    envm_str texts[VERSIONS_SHOWN_MAX];

    for (uint32_t i = 0; i < shown; i++)
        texts[i] = space->candidates.items[ids[i]].record->version;
    say(out, space->candidates.items[candidates.items[0]].record->name);
    envm_buf_add_byte(out, ' ');
    if (shown == count) {
        say_list(out, texts, shown);
        return;
    }
    for (uint32_t i = 0; i < shown; i++) {
        say(out, texts[i]);
        envm_buf_add_cstr(out, i + 1 < shown ? ", " : " ");
    }
    envm_buf_printf(out, "and %u older ones down to ", count - shown);
    say(out, space->candidates.items[ids[count - 1]].record->version);
}

static bool has_several_versions(const struct envm_solve_space *space,
                                 struct envm_id_list candidates)
{
    for (uint32_t i = 1; i < candidates.count; i++)
        if (envm_version_compare(space->candidates.items[candidates.items[0]].version,
                                 space->candidates.items[candidates.items[i]].version) != 0)
            return true;
    return false;
}

static void say_platforms(struct envm_buf *out, struct envm_str_list platforms)
{
    size_t shown =
        platforms.count > PLATFORMS_SHOWN_MAX ? PLATFORMS_SHOWN_MAX - 1 : platforms.count;

    if (shown == platforms.count) {
        say_list(out, platforms.items, shown);
        return;
    }
    for (size_t i = 0; i < shown; i++) {
        say(out, platforms.items[i]);
        envm_buf_add_cstr(out, i + 1 < shown ? ", " : " ");
    }
    envm_buf_printf(out, "and %zu more", platforms.count - shown);
}

static void say_no_name(struct envm_buf *out, struct envm_solve_space *space, uint32_t spec)
{
    envm_str name = name_of(space, spec);

    if (name.len == 0) {
        envm_buf_add_cstr(out, "nothing in ");
        say_channels(out, space->request);
        envm_buf_add_cstr(out, " matches it");
        return;
    }
    envm_buf_add_cstr(out, "there is no package \"");
    say(out, name);
    envm_buf_add_cstr(out, "\" in ");
    say_channels(out, space->request);
}

static void say_missing_name(struct envm_buf *out, struct envm_solve_space *space, uint32_t spec)
{
    envm_str name = name_of(space, spec);

    say_no_name(out, space, spec);
    if (name.len == 0)
        return;
    struct envm_str_list close = envm_problem_close_names(space, name);
    for (size_t i = 0; i < close.count; i++) {
        envm_buf_add_cstr(out, i == 0                 ? "; did you mean \""
                               : i + 1 == close.count ? "\" or \""
                                                      : "\", \"");
        say(out, close.items[i]);
    }
    if (close.count)
        envm_buf_add_cstr(out, "\"?");
}

static void say_elsewhere(struct envm_buf *out, struct envm_solve_space *space, uint32_t spec)
{
    struct envm_str_list platforms = elsewhere(space, spec);

    if (platforms.count == 0)
        return;
    envm_buf_add_cstr(out, "; ");
    say_platforms(out, platforms);
    envm_buf_add_cstr(out, platforms.count == 1 ? " has it" : " have it");
}

static void say_wrong_platform(struct envm_buf *out, struct envm_solve_space *space, uint32_t spec)
{
    uint32_t name = space->specs.items[spec].name;

    if (name == ENVM_SOLVE_NONE || space->names.items[name].count == 0) {
        say_no_name(out, space, spec);
        if (name == ENVM_SOLVE_NONE) {
            say_elsewhere(out, space, spec);
            return;
        }
        envm_buf_add_cstr(out, ", only for ");
        say_platforms(out, elsewhere(space, spec));
        return;
    }
    /* the name is here, but not in the subdir that the spec asks for */
    envm_buf_add_cstr(out, "there is ");
    say_versions(out, space, candidates_of(space, spec, false));
    envm_buf_add_cstr(out, ", but not in subdir ");
    say(out, envm_match_spec_subdir(space->specs.items[spec].spec));
}

/* The channels that have the name instead, in their order. */
static void say_wrong_channel(struct envm_buf *out, struct envm_solve_space *space, uint32_t spec)
{
    const struct envm_solve_request *request = space->request;
    const struct envm_solve_name *name = &space->names.items[space->specs.items[spec].name];
    bool any = false;

    envm_buf_add_cstr(out, "channel ");
    say(out, envm_match_spec_channel(space->specs.items[spec].spec));
    envm_buf_add_cstr(out, " has no package \"");
    say(out, name->name);
    envm_buf_add_cstr(out, "\"");
    for (uint32_t i = 0; i < request->channel_count; i++) {
        uint32_t *ids = envm_arena_new_array(space->arena, uint32_t, name->count + (size_t)1);
        uint32_t count = 0;
        for (uint32_t k = 0; k < name->count; k++)
            if (space->candidates.items[name->first + k].channel == i)
                ids[count++] = name->first + k;
        if (count == 0)
            continue;
        envm_buf_add_cstr(out, any ? ", " : "; ");
        any = true;
        say(out, request->channels[i].name);
        envm_buf_add_cstr(out, " has ");
        say_versions(out, space, (struct envm_id_list){ids, count});
    }
}

static void say_where(struct envm_buf *out, const struct envm_solve_space *space, uint32_t spec)
{
    envm_str channel = envm_match_spec_channel(space->specs.items[spec].spec);
    envm_str subdir = envm_match_spec_subdir(space->specs.items[spec].spec);

    if (channel.len) {
        envm_buf_add_cstr(out, " in channel ");
        say(out, channel);
    }
    if (subdir.len) {
        envm_buf_add_cstr(out, channel.len ? "/" : " in subdir ");
        say(out, subdir);
    }
}

static void say_missing_version(struct envm_buf *out, struct envm_solve_space *space, uint32_t spec)
{
    struct envm_id_list there = candidates_of(space, spec, true);

    envm_buf_add_cstr(out,
                      has_several_versions(space, there) ? "there are only " : "there is only ");
    say_versions(out, space, there);
    say_where(out, space, spec);
    say_elsewhere(out, space, spec);
}

static uint32_t distinct_builds(const struct envm_solve_space *space,
                                struct envm_id_list candidates, envm_str *builds)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < candidates.count; i++) {
        envm_str build = space->candidates.items[candidates.items[i]].record->build;
        bool is_known = false;
        for (uint32_t k = 0; k < count && !is_known; k++)
            is_known = envm_str_equal(builds[k], build);
        if (!is_known)
            builds[count++] = build;
    }
    return count;
}

static void say_missing_build(struct envm_buf *out, struct envm_solve_space *space, uint32_t spec)
{
    struct envm_id_list there = with_version(space, spec, candidates_of(space, spec, true));
    envm_str *builds = envm_arena_new_array(space->arena, envm_str, there.count + (size_t)1);
    uint32_t count = distinct_builds(space, there, builds);
    uint32_t shown = count > BUILDS_SHOWN_MAX + 1 ? BUILDS_SHOWN_MAX : count;

    envm_buf_add_cstr(out, has_several_versions(space, there) ? "there are " : "there is ");
    say_versions(out, space, there);
    say_where(out, space, spec);
    if (envm_match_spec_build(space->specs.items[spec].spec).len == 0) {
        envm_buf_add_cstr(out, has_several_versions(space, there)
                                   ? ", but none has what else is asked for"
                                   : ", but it lacks what else is asked for");
        say_elsewhere(out, space, spec);
        return;
    }
    envm_buf_add_cstr(out, count == 1 ? ", but only with build " : ", but only with the builds ");
    if (shown == count) {
        say_list(out, builds, count);
    } else {
        for (uint32_t i = 0; i < shown; i++) {
            say(out, builds[i]);
            envm_buf_add_cstr(out, i + 1 < shown ? ", " : " ");
        }
        envm_buf_printf(out, "and %u more", count - shown);
    }
    say_elsewhere(out, space, spec);
}

void envm_problem_say_missing(struct envm_buf *out, struct envm_solve_space *space,
                              enum envm_problem_reason reason, uint32_t spec)
{
    if (reason == ENVM_REASON_MISSING_NAME)
        say_missing_name(out, space, spec);
    else if (reason == ENVM_REASON_WRONG_PLATFORM)
        say_wrong_platform(out, space, spec);
    else if (!space->specs.items[spec].spec)
        envm_buf_add_cstr(out, "its version cannot be understood");
    else if (reason == ENVM_REASON_WRONG_CHANNEL)
        say_wrong_channel(out, space, spec);
    else if (reason == ENVM_REASON_MISSING_VERSION)
        say_missing_version(out, space, spec);
    else
        say_missing_build(out, space, spec);
}
