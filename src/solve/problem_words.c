/* SPDX-License-Identifier: MIT */
#include "solve/problem_words.h"

#include <stdlib.h>

#include "base/moment.h"
#include "base/utf8.h"
#include "solve/problem_missing.h"

#define SPECS_SHOWN_MAX 4u
#define TEXT_SHOWN_MAX 200u

/* Names, versions and specs come from outside. */
static void say(struct envm_buf *out, envm_str text)
{
    envm_buf_add_escaped(out, text, TEXT_SHOWN_MAX);
}

static void say_spec(struct envm_buf *out, const struct envm_solve_space *space, uint32_t spec)
{
    const struct envm_match_spec *parsed = space->specs.items[spec].spec;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    if (!parsed || !envm_match_spec_condition(parsed)) {
        ENVM_CLEANUP(envm_buf) struct envm_buf words = envm_buf_text();

        envm_buf_add_words(&words, space->specs.items[spec].text);
        say(out, envm_buf_str(&words));
        return;
    }
    say(out, envm_match_spec_plain(&arena, parsed));
    envm_buf_add_cstr(out, " when ");
    say(out, envm_match_spec_when(parsed));
}

static const struct envm_package_record *record_of(const struct envm_solve_space *space,
                                                   uint32_t candidate)
{
    return space->candidates.items[candidate].record;
}

/* "1.0" or "1.0 to 1.4" */
static void say_versions(struct envm_buf *out, const struct envm_solve_space *space,
                         struct envm_id_list candidates)
{
    uint32_t low = candidates.items[0], high = low;

    for (uint32_t i = 1; i < candidates.count; i++) {
        const struct envm_version *version = space->candidates.items[candidates.items[i]].version;
        if (envm_version_compare(version, space->candidates.items[low].version) < 0)
            low = candidates.items[i];
        if (envm_version_compare(version, space->candidates.items[high].version) > 0)
            high = candidates.items[i];
    }
    say(out, record_of(space, low)->version);
    if (envm_version_compare(space->candidates.items[low].version,
                             space->candidates.items[high].version) != 0) {
        envm_buf_add_cstr(out, " to ");
        say(out, record_of(space, high)->version);
    }
}

const char *envm_problem_verb(const struct envm_solve_space *space, struct envm_id_list specs,
                              bool is_constraint)
{
    const struct envm_solve_spec *spec = &space->specs.items[specs.items[0]];

    /* what a record that stands for "not" stands on */
    if (spec->role == ENVM_ROLE_OTHERS ||
        (spec->role == ENVM_ROLE_EITHER && spec->inner == ENVM_SOLVE_NONE &&
         spec->when.count == 0 && spec->name == ENVM_SOLVE_NONE))
        return "takes ";
    return is_constraint ? "allows only " : "needs ";
}

void envm_problem_say_packages(struct envm_buf *out, const struct envm_solve_space *space,
                               struct envm_id_list candidates)
{
    say(out, record_of(space, candidates.items[0])->name);
    if (envm_solve_is_auxiliary(space, candidates.items[0]))
        return;
    envm_buf_add_byte(out, ' ');
    say_versions(out, space, candidates);
    if (candidates.count > 1)
        envm_buf_printf(out, " (%u builds)", candidates.count);
}

static int compare_texts(const void *a, const void *b, void *user)
{
    const struct envm_solve_space *space = user;

    return envm_str_compare(space->specs.items[*(const uint32_t *)a].text,
                            space->specs.items[*(const uint32_t *)b].text);
}

void envm_problem_say_specs(struct envm_buf *out, const struct envm_solve_space *space,
                            struct envm_id_list specs)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_solve_space copy = *space; /* qsort_r takes no pointer to const */
    uint32_t *sorted = envm_arena_copy(&arena, specs.items, specs.count * sizeof(*specs.items));

    if (specs.count > 1)
        qsort_r(sorted, specs.count, sizeof(*sorted), compare_texts, &copy);
    for (uint32_t i = 0; i < specs.count; i++) {
        if (i >= SPECS_SHOWN_MAX && specs.count > SPECS_SHOWN_MAX + 1) {
            envm_buf_printf(out, " or %u more", specs.count - i);
            return;
        }
        if (i)
            envm_buf_add_cstr(out, " or ");
        say_spec(out, space, sorted[i]);
    }
}

static void say_request(struct envm_buf *out, const struct envm_solve_space *space, uint32_t spec)
{
    enum envm_spec_role role = space->specs.items[spec].role;

    envm_buf_add_cstr(out, role == ENVM_ROLE_PIN      ? "the pin \""
                           : role == ENVM_ROLE_FROZEN ? "the frozen "
                                                      : "\"");
    say_spec(out, space, spec);
    if (role != ENVM_ROLE_FROZEN)
        envm_buf_add_byte(out, '"');
}

void envm_problem_say_requests(struct envm_buf *out, const struct envm_solve_space *space,
                               struct envm_id_list requests)
{
    for (uint32_t i = 0; i < requests.count; i++) {
        if (i)
            envm_buf_add_cstr(out, i + 1 == requests.count ? " and " : ", ");
        say_request(out, space, requests.items[i]);
    }
}

static bool is_asked(const struct envm_solve_space *space, uint32_t spec)
{
    enum envm_spec_role role = space->specs.items[spec].role;

    return role == ENVM_ROLE_REQUEST || role == ENVM_ROLE_EITHER;
}

void envm_problem_say_parties(struct envm_buf *out, const struct envm_solve_space *space,
                              struct envm_id_list requests)
{
    bool is_plain = true;

    for (uint32_t i = 0; i < requests.count; i++)
        is_plain = is_plain && is_asked(space, requests.items[i]);
    if (is_plain) {
        envm_buf_add_cstr(out, requests.count == 1 ? "the request " : "the requests ");
        envm_problem_say_requests(out, space, requests);
        return;
    }
    for (uint32_t i = 0; i < requests.count; i++) {
        if (i)
            envm_buf_add_cstr(out, i + 1 == requests.count ? " and " : ", ");
        if (is_asked(space, requests.items[i]))
            envm_buf_add_cstr(out, "the request ");
        say_request(out, space, requests.items[i]);
    }
}

static void say_system(struct envm_buf *out, struct envm_solve_space *space, uint32_t spec)
{
    uint32_t name = space->specs.items[spec].name;
    const struct envm_solve_name *entry = &space->names.items[name];

    envm_buf_add_cstr(out, "the system has ");
    if (entry->count == 0)
        envm_buf_add_cstr(out, "no ");
    say(out, entry->name);
    if (entry->count == 0)
        return;
    const struct envm_package_record *record = record_of(space, entry->first);
    envm_buf_add_byte(out, ' ');
    say(out, record->version);
    if (record->build.len && !envm_str_equal_c(record->build, "0")) {
        envm_buf_add_byte(out, '=');
        say(out, record->build);
    }
}

/* `about` is the PACKAGES node of the hidden records. */
static void say_priority(struct envm_buf *out, const struct envm_solve_space *space,
                         const struct envm_problem_node *about)
{
    const struct envm_solve_request *request = space->request;
    const struct envm_solve_candidate *c = &space->candidates.items[about->candidates.items[0]];
    uint32_t first = space->names.items[c->name].first_channel;

    envm_buf_add_cstr(out, "only in channel ");
    say(out, request->channels[c->channel].name);
    if (first != ENVM_SOLVE_NONE && first != c->channel) {
        envm_buf_add_cstr(out, ", which ");
        say(out, request->channels[first].name);
        envm_buf_add_cstr(out, " hides (strict channel priority)");
    } else {
        envm_buf_add_cstr(out, ", but another channel is asked for");
    }
}

static void say_excluded(struct envm_buf *out, const struct envm_solve_space *space,
                         const struct envm_problem_node *node)
{
    const struct envm_package_record *record = record_of(space, node->other);

    if (envm_solve_is_auxiliary(space, node->other)) {
        envm_buf_add_cstr(out, "rules out ");
        say(out, record->name);
        return;
    }
    envm_buf_add_cstr(out, "not allowed beside ");
    say(out, record->name);
    envm_buf_add_byte(out, ' ');
    say(out, record->version);
    envm_buf_add_cstr(out, ", which allows only ");
    envm_problem_say_specs(out, space, node->specs);
}

/* "x 1.0 needs c >=2 (a needs y, which needs x)" */
static void say_needed(struct envm_buf *out, const struct envm_solve_space *space,
                       const struct envm_problem_node *node)
{
    if (node->candidates.count)
        envm_problem_say_packages(out, space, node->candidates);
    else
        say(out, space->names.items[node->name].name);
    envm_buf_add_cstr(out, " goes only with ");
    envm_problem_say_specs(out, space, node->specs);
    for (uint32_t i = node->path.count; i-- > 0;) {
        if (i + 1 == node->path.count) {
            envm_buf_add_cstr(out, " (");
            say(out, space->names.items[node->path.items[i]].name);
        }
        envm_buf_add_cstr(out, i + 1 == node->path.count ? " needs " : ", which needs ");
        say(out, space->names.items[i ? node->path.items[i - 1] : node->name].name);
    }
    if (node->path.count)
        envm_buf_add_byte(out, ')');
}

static void say_quoted_spec(struct envm_buf *out, const struct envm_solve_space *space,
                            const char *before, uint32_t spec, const char *after)
{
    envm_buf_add_cstr(out, before);
    say_spec(out, space, spec);
    envm_buf_add_cstr(out, after);
}

static void say_ruled_out(struct envm_buf *out, const struct envm_solve_space *space, uint32_t spec)
{
    enum envm_spec_role role = space->specs.items[spec].role;

    if (role == ENVM_ROLE_FROZEN) {
        say_quoted_spec(out, space, "does not match the frozen ", spec, "");
        return;
    }
    envm_buf_add_cstr(out, "does not match the ");
    envm_buf_add_cstr(out, role == ENVM_ROLE_PIN ? "pin " : "request ");
    say_quoted_spec(out, space, "\"", spec, "\"");
}

/* `about` is the PACKAGES node of the records that are too new. */
static void say_date(struct envm_buf *out, const struct envm_solve_space *space,
                     const struct envm_problem_node *about)
{
    uint64_t first = UINT64_MAX;

    for (uint32_t i = 0; i < about->candidates.count; i++) {
        uint64_t date = envm_solve_date(space, about->candidates.items[i]);
        first = date < first ? date : first;
    }
    envm_buf_add_cstr(out, "published ");
    envm_moment_say_day(out, first);
    envm_buf_add_cstr(out, about->candidates.count > 1 ? " or later, after " : ", after ");
    envm_moment_say(out, space->cutoff_ms);
    envm_buf_add_cstr(out, " (exclude-newer)");
}

void envm_problem_say_reason(struct envm_buf *out, struct envm_solve_space *space,
                             const struct envm_problem_node *node,
                             const struct envm_problem_node *about)
{
    switch (node->reason) {
    case ENVM_REASON_MISSING_NAME:
    case ENVM_REASON_MISSING_VERSION:
    case ENVM_REASON_MISSING_BUILD:
    case ENVM_REASON_WRONG_CHANNEL:
    case ENVM_REASON_WRONG_PLATFORM:
        envm_problem_say_missing(out, space, node->reason, node->spec);
        break;
    case ENVM_REASON_NO_OTHER:
        envm_buf_add_cstr(out, "there is no other");
        break;
    case ENVM_REASON_SYSTEM:
        say_system(out, space, node->spec);
        break;
    case ENVM_REASON_PRIORITY:
        say_priority(out, space, about);
        break;
    case ENVM_REASON_REQUEST:
        say_ruled_out(out, space, node->spec);
        break;
    case ENVM_REASON_DATE:
        say_date(out, space, about);
        break;
    case ENVM_REASON_BROKEN:
        say_quoted_spec(out, space, "its dependency \"", node->spec, "\" cannot be understood");
        break;
    case ENVM_REASON_CONSTRAINS:
        envm_buf_add_cstr(out, envm_problem_verb(space, node->specs, true));
        envm_problem_say_specs(out, space, node->specs);
        if (space->specs.items[node->specs.items[0]].role != ENVM_ROLE_OTHERS)
            envm_buf_add_cstr(out, " beside it");
        break;
    case ENVM_REASON_EXCLUDED:
        say_excluded(out, space, node);
        break;
    case ENVM_REASON_SAME_NAME:
        envm_buf_add_cstr(out, "only one version can be installed");
        break;
    case ENVM_REASON_NEEDED:
        say_needed(out, space, node);
        break;
    case ENVM_REASON_REPEATED:
        envm_buf_add_cstr(out, "and so on");
        break;
    }
}

const char *envm_problem_reason_name(enum envm_problem_reason reason)
{
    static const char *const names[] = {
        [ENVM_REASON_MISSING_NAME] = "missing-name",
        [ENVM_REASON_MISSING_VERSION] = "missing-version",
        [ENVM_REASON_MISSING_BUILD] = "missing-build",
        [ENVM_REASON_WRONG_CHANNEL] = "wrong-channel",
        [ENVM_REASON_WRONG_PLATFORM] = "wrong-platform",
        [ENVM_REASON_NO_OTHER] = "no-other",
        [ENVM_REASON_SYSTEM] = "system",
        [ENVM_REASON_PRIORITY] = "channel-priority",
        [ENVM_REASON_DATE] = "excluded-date",
        [ENVM_REASON_REQUEST] = "request",
        [ENVM_REASON_BROKEN] = "broken-record",
        [ENVM_REASON_CONSTRAINS] = "constrains",
        [ENVM_REASON_EXCLUDED] = "constrained",
        [ENVM_REASON_SAME_NAME] = "one-version",
        [ENVM_REASON_NEEDED] = "needed",
        [ENVM_REASON_REPEATED] = "repeated",
    };

    return names[reason];
}
