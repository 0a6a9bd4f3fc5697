/* SPDX-License-Identifier: MIT */
#include "solve/solve_space.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/sink.h"
#include "solve/solve_keep.h"
#include "sys/clock.h"

#define TIMEOUT_MS_DEFAULT 60000u
#define MEMORY_DEFAULT (UINT64_C(2) << 30)

/* Maps take no key without a pointer. */
static envm_str map_key(envm_str text)
{
    return text.ptr ? text : ENVM_STR("");
}

void envm_solve_space_init(struct envm_solve_space *space, struct envm_arena *arena,
                           const struct envm_solve_request *request)
{
    *space = (struct envm_solve_space){
        .arena = arena,
        .request = request,
        .deadline_ms = UINT64_MAX,
        .timeout_ms = request->timeout_ms ? request->timeout_ms : TIMEOUT_MS_DEFAULT,
        .memory_start = arena->used,
        .cutoff_ms = request->exclude_newer_ms,
        .priority = request->priority,
        .memory_limit = request->memory_bytes ? request->memory_bytes : MEMORY_DEFAULT,
    };
    if (!request->in_process)
        space->deadline_ms = envm_clock_monotonic_ms() + space->timeout_ms;
    envm_solve_keep_remember(space);
}

static enum envm_code say_what_to_do(const char *limit, struct envm_error *err)
{
    return envm_error_hint(err, ENVM_GAVE_UP,
                           "ask for narrower versions (for example \"python 3.12.*\") or for fewer "
                           "packages at once, or raise the limit (%s)",
                           limit);
}

enum envm_code envm_solve_no_time(const struct envm_solve_space *space, struct envm_error *err)
{
    bool whole = space->timeout_ms % 1000 == 0;

    envm_fail(err, ENVM_GAVE_UP, "solving took longer than the limit of %u %s",
              whole ? space->timeout_ms / 1000 : space->timeout_ms, whole ? "s" : "ms");
    return say_what_to_do("solver_timeout_secs", err);
}

enum envm_code envm_solve_no_memory(const struct envm_solve_space *space, struct envm_error *err)
{
    envm_fail(err, ENVM_GAVE_UP, "solving needed more memory than the limit of %llu MiB",
              (unsigned long long)(space->memory_limit >> 20));
    return say_what_to_do("solver_memory_mib", err);
}

enum envm_code envm_solve_space_check(const struct envm_solve_space *space, struct envm_error *err)
{
    if (envm_sink_cancelled(space->request->sink))
        return envm_fail(err, ENVM_INTERRUPTED, "stopped while solving");
    if (space->request->in_process)
        return ENVM_OK;
    if (space->arena->used - space->memory_start > space->memory_limit)
        return envm_solve_no_memory(space, err);
    if (envm_clock_monotonic_ms() >= space->deadline_ms)
        return envm_solve_no_time(space, err);
    return ENVM_OK;
}

unsigned envm_solve_space_time_left(const struct envm_solve_space *space)
{
    if (space->deadline_ms == UINT64_MAX)
        return 0;
    uint64_t now = envm_clock_monotonic_ms();
    return now >= space->deadline_ms ? 1 : (unsigned)(space->deadline_ms - now);
}

void envm_solve_space_release(struct envm_solve_space *space)
{
    envm_vec_release(&space->names);
    envm_vec_release(&space->candidates);
    envm_vec_release(&space->specs);
    envm_map_release(&space->name_ids);
    envm_map_release(&space->spec_ids);
    envm_vec_release(&space->conditions);
    envm_map_release(&space->auxiliary_ids);
    envm_map_release(&space->extra_ids);
    envm_map_release(&space->versions);
    envm_map_release(&space->kept);
}

uint32_t envm_solve_space_name(struct envm_solve_space *space, envm_str name)
{
    bool is_new = false;
    uint64_t *id = envm_map_get(&space->name_ids, map_key(name), &is_new);

    if (is_new) {
        *id = space->names.count;
        envm_vec_push(&space->names, ((struct envm_solve_name){
                                         .name = name,
                                         .is_virtual = envm_str_starts_with(name, ENVM_STR("__")),
                                         .first_channel = ENVM_SOLVE_NONE,
                                     }));
    }
    return (uint32_t)*id;
}

uint32_t envm_solve_space_spec(struct envm_solve_space *space, envm_str text,
                               const struct envm_match_spec *parsed)
{
    bool is_new = false;
    uint64_t *slot = envm_map_get(&space->spec_ids, map_key(text), &is_new);
    uint32_t id = (uint32_t)*slot;

    if (!is_new)
        return id;
    id = (uint32_t)space->specs.count;
    *slot = id;
    struct envm_solve_spec spec = {.text = text, .spec = parsed, .name = ENVM_SOLVE_NONE};
    if (!parsed && envm_match_spec_parse(space->arena, text, &spec.spec, NULL) != ENVM_OK)
        spec.spec = NULL;
    if (spec.spec) {
        envm_str name = envm_match_spec_exact_name(spec.spec);
        if (name.len)
            spec.name = envm_solve_space_name(space, name);
    }
    envm_vec_push(&space->specs, spec);
    return id;
}

/* A spec that is part of the requests only: its key starts with a byte that no text of a dependency
 * starts with. */
static uint32_t add_own_spec(struct envm_solve_space *space, envm_str key,
                             struct envm_solve_spec spec)
{
    bool is_new = false;
    uint64_t *slot = envm_map_get(&space->spec_ids, key, &is_new);

    if (is_new) {
        *slot = space->specs.count;
        envm_vec_push(&space->specs, spec);
    }
    return (uint32_t)*slot;
}

uint32_t envm_solve_space_pin(struct envm_solve_space *space, const struct envm_match_spec *spec)
{
    envm_str text = envm_match_spec_text(spec), name = envm_match_spec_exact_name(spec);
    struct envm_solve_spec pin = {
        .text = text,
        .spec = spec,
        .role = ENVM_ROLE_PIN,
        .name = name.len ? envm_solve_space_name(space, name) : ENVM_SOLVE_NONE,
    };

    if (name.len == 0)
        space->has_pattern_pins = true;
    return add_own_spec(space, envm_arena_printf(space->arena, "\npin %.*s", ENVM_STR_ARGS(text)),
                        pin);
}

uint32_t envm_solve_space_frozen(struct envm_solve_space *space,
                                 const struct envm_package_record *record)
{
    struct envm_solve_spec frozen = {
        .text = envm_arena_printf(space->arena, "%.*s %.*s %.*s", ENVM_STR_ARGS(record->name),
                                  ENVM_STR_ARGS(record->version), ENVM_STR_ARGS(record->build)),
        .role = ENVM_ROLE_FROZEN,
        .record = record,
        .name = envm_solve_space_name(space, record->name),
    };
    envm_str key = envm_arena_printf(space->arena, "\nfrozen %.*s %.*s", ENVM_STR_ARGS(frozen.text),
                                     ENVM_STR_ARGS(record->url));

    return add_own_spec(space, key, frozen);
}

void envm_solve_space_leave_out(struct envm_solve_space *space,
                                const struct envm_package_record *record, const char *what,
                                envm_str text)
{
    if (space->left_out++ == 0)
        space->first_left_out =
            envm_arena_printf(space->arena, "%.*s-%.*s-%.*s: %s '%.*s'",
                              ENVM_STR_ARGS(record->name), ENVM_STR_ARGS(record->version),
                              ENVM_STR_ARGS(record->build), what, ENVM_STR_ARGS(text));
}

static bool candidate_matches(const struct envm_solve_space *space,
                              const struct envm_match_spec *spec, uint32_t candidate)
{
    const struct envm_solve_candidate *c = &space->candidates.items[candidate];

    return envm_match_spec_matches_parsed(spec, c->record, c->version);
}

/* The records of a name stand sorted by version, and matching a version is what costs: what one
 * record has shown about its version holds for its neighbours. */
struct version_memory {
    const struct envm_version *version;
    bool is_known, matches;
};

static bool matches_remembering(const struct envm_solve_space *space,
                                const struct envm_match_spec *spec, uint32_t candidate,
                                struct version_memory *memory)
{
    const struct envm_solve_candidate *c = &space->candidates.items[candidate];

    if (memory->is_known && memory->version == c->version)
        return memory->matches && envm_match_spec_matches_without_version(spec, c->record);
    bool matches = envm_match_spec_matches_parsed(spec, c->record, c->version);
    *memory = (struct version_memory){
        .version = c->version,
        .is_known = matches || envm_match_spec_matches_without_version(spec, c->record),
        .matches = matches,
    };
    return matches;
}

static bool stands_for(const struct envm_solve_space *space, const struct envm_solve_spec *spec,
                       uint32_t candidate)
{
    return envm_solve_is_same_file(spec->record, space->candidates.items[candidate].record);
}

static bool is_match(const struct envm_solve_space *space, const struct envm_solve_spec *spec,
                     uint32_t candidate, struct version_memory *memory)
{
    if (spec->role == ENVM_ROLE_FROZEN)
        return stands_for(space, spec, candidate);
    if (spec->role == ENVM_ROLE_OTHERS)
        return !envm_solve_space_matches(space, spec->inner, candidate);
    return matches_remembering(space, spec->spec, candidate, memory);
}

static void match_name(struct envm_solve_space *space, struct envm_solve_spec *spec)
{
    const struct envm_solve_name *name = &space->names.items[spec->name];
    struct version_memory memory = {0};
    uint32_t count = 0;

    spec->bits = envm_arena_new_array(space->arena, uint64_t, name->count / 64 + 1);
    for (uint32_t i = 0; i < name->count; i++) {
        if (!is_match(space, spec, name->first + i, &memory))
            continue;
        spec->bits[i / 64] |= UINT64_C(1) << (i % 64);
        count++;
    }
    uint32_t *items = envm_arena_new_array(space->arena, uint32_t, count);
    uint32_t at = 0;
    for (uint32_t i = 0; i < name->count; i++)
        if (spec->bits[i / 64] >> (i % 64) & 1)
            items[at++] = name->first + i;
    spec->matches = (struct envm_id_list){items, count};
}

/* The fixed beginning of a name pattern: "foo" of "foo*", "" of a regex. */
static envm_str pattern_prefix(envm_str text)
{
    size_t colons = envm_str_find(text, ENVM_STR("::"));
    envm_str rest = envm_str_trim(colons == SIZE_MAX ? text : envm_str_skip(text, colons + 2));
    size_t star = envm_str_find_char(rest, '*');

    return star == SIZE_MAX || rest.ptr[0] == '^' ? (envm_str){0} : envm_str_slice(rest, 0, star);
}

static bool has_prefix_nocase(envm_str text, envm_str prefix)
{
    return text.len >= prefix.len &&
           envm_str_equal_nocase(envm_str_slice(text, 0, prefix.len), prefix);
}

static enum envm_code gather_pattern(struct envm_solve_space *space, envm_str prefix,
                                     struct envm_error *err)
{
    const struct envm_solve_request *request = space->request;

    for (size_t i = 0; i < request->channel_count; i++) {
        for (size_t j = 0; j < request->channels[i].source_count; j++) {
            const struct envm_package_source *source = request->channels[i].sources[j];
            struct envm_str_list names = {0};
            ENVM_TRY(source->names(source->self, space->arena, &names, err));
            for (size_t k = 0; k < names.count; k++)
                if (has_prefix_nocase(names.items[k], prefix))
                    ENVM_TRY(envm_solve_space_gather(
                        space, envm_solve_space_name(space, names.items[k]), err));
        }
    }
    struct envm_str_list own = envm_solve_keep_names(space);
    for (size_t i = 0; i < own.count; i++)
        if (has_prefix_nocase(own.items[i], prefix))
            ENVM_TRY(
                envm_solve_space_gather(space, envm_solve_space_name(space, own.items[i]), err));
    return ENVM_OK;
}

static enum envm_code match_pattern(struct envm_solve_space *space, uint32_t spec_id,
                                    struct envm_error *err)
{
    ENVM_VEC(uint32_t) found = {0};
    const struct envm_match_spec *spec = space->specs.items[spec_id].spec;
    enum envm_code code =
        gather_pattern(space, pattern_prefix(space->specs.items[spec_id].text), err);

    for (uint32_t i = 0; code == ENVM_OK && i < space->candidates.count; i++)
        if (!envm_solve_is_virtual(space, i) && !envm_solve_is_auxiliary(space, i) &&
            candidate_matches(space, spec, i))
            envm_vec_push(&found, i);
    if (found.count)
        space->specs.items[spec_id].matches = (struct envm_id_list){
            envm_arena_copy(space->arena, found.items, found.count * sizeof(*found.items)),
            (uint32_t)found.count};
    envm_vec_release(&found);
    return code;
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* Both lists; a candidate is in one of them only. */
static void match_either(struct envm_solve_space *space, struct envm_solve_spec *spec)
{
    struct envm_id_list inner = {0};

    if (spec->inner != ENVM_SOLVE_NONE)
        inner = space->specs.items[spec->inner].matches;
    uint32_t *items =
        envm_arena_new_array(space->arena, uint32_t, (size_t)inner.count + spec->also.count + 1);
    for (uint32_t i = 0; i < inner.count; i++)
        items[i] = inner.items[i];
    for (uint32_t i = 0; i < spec->also.count; i++)
        items[inner.count + i] = spec->also.items[i];
    spec->matches = (struct envm_id_list){items, inner.count + spec->also.count};
    if (spec->matches.count > 1)
        qsort(items, spec->matches.count, sizeof(*items), compare_ids);
}

enum envm_code envm_solve_space_match(struct envm_solve_space *space, uint32_t spec,
                                      struct envm_error *err)
{
    struct envm_solve_spec *entry = &space->specs.items[spec];

    if (entry->matched)
        return ENVM_OK;
    ENVM_TRY(envm_solve_space_check(space, err));
    /* what is inside has nothing inside that is not matched: the depth is one */
    if ((entry->role == ENVM_ROLE_OTHERS || entry->role == ENVM_ROLE_EITHER) &&
        entry->inner != ENVM_SOLVE_NONE)
        ENVM_TRY(envm_solve_space_match(space, entry->inner, err));
    if (entry->role == ENVM_ROLE_EITHER) {
        match_either(space, entry);
    } else if (entry->name != ENVM_SOLVE_NONE) {
        ENVM_TRY(envm_solve_space_gather(space, entry->name, err));
        match_name(space, entry);
    } else if (entry->spec && entry->role != ENVM_ROLE_PIN) {
        ENVM_TRY(match_pattern(space, spec, err));
    }
    space->specs.items[spec].matched = true;
    return ENVM_OK;
}

bool envm_solve_space_matches(const struct envm_solve_space *space, uint32_t spec,
                              uint32_t candidate)
{
    const struct envm_solve_spec *entry = &space->specs.items[spec];

    if (entry->bits) {
        uint32_t at = candidate - space->names.items[entry->name].first;
        return space->candidates.items[candidate].name == entry->name &&
               (entry->bits[at / 64] >> (at % 64) & 1);
    }
    uint32_t low = 0, high = entry->matches.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (entry->matches.items[middle] < candidate)
            low = middle + 1;
        else
            high = middle;
    }
    return low < entry->matches.count && entry->matches.items[low] == candidate;
}

void envm_solve_space_warn(struct envm_solve_space *space)
{
    if (space->undated)
        envm_sink_warn(space->request->sink,
                       "%zu record%s no date and %s kept although newer packages are excluded "
                       "(%.*s)",
                       space->undated, space->undated == 1 ? " has" : "s have",
                       space->undated == 1 ? "was" : "were", ENVM_STR_ARGS(space->first_undated));
    space->undated = 0;
    if (space->left_out == 0)
        return;
    envm_sink_warn(space->request->sink, "%zu record%s left out of the solve (%.*s)",
                   space->left_out, space->left_out == 1 ? " was" : "s were",
                   ENVM_STR_ARGS(space->first_left_out));
    space->left_out = 0;
}
