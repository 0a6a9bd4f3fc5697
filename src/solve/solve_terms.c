/* SPDX-License-Identifier: MIT */
#include "solve/solve_terms.h"

#include <stdlib.h>

#include "base/error.h"
#include "solve/solve_condition.h"

static bool is_plain(const struct envm_match_spec *spec)
{
    return !envm_match_spec_condition(spec) && envm_match_spec_extras(spec).count == 0;
}

/* "b >=2 when python >=3.10 for the extra test" */
static envm_str words(struct envm_solve_space *space, envm_str what,
                      const struct envm_match_spec *spec, envm_str extra)
{
    envm_str when = envm_match_spec_when(spec);

    return envm_arena_printf(space->arena, "%.*s%s%.*s%s%.*s", ENVM_STR_ARGS(what),
                             when.len ? " when " : "", ENVM_STR_ARGS(when),
                             extra.len ? " for the extra " : "", ENVM_STR_ARGS(extra));
}

/* One target of a dependency, under up to two conditions. */
struct guarded {
    struct envm_solve_space *space;
    const struct envm_match_spec *spec;
    struct envm_id_list when;
    envm_str extra;
    struct envm_id_vec *terms;
};

static void push_target(const struct guarded *guarded, uint32_t target, envm_str plain)
{
    if (guarded->when.count > 0)
        target = envm_solve_either(guarded->space, target, ENVM_SOLVE_NONE, guarded->when,
                                   words(guarded->space, plain, guarded->spec, guarded->extra));
    envm_vec_push(guarded->terms, target);
}

/* Something of the system is no candidate: what it meets asks for nothing. */
static enum envm_code is_met_by_system(struct envm_solve_space *space, uint32_t spec, bool *ret_met,
                                       struct envm_error *err)
{
    uint32_t name = space->specs.items[spec].name;

    *ret_met = false;
    if (name == ENVM_SOLVE_NONE || !space->names.items[name].is_virtual)
        return ENVM_OK;
    ENVM_TRY(envm_solve_space_match(space, spec, err));
    *ret_met = space->specs.items[spec].matches.count > 0;
    return ENVM_OK;
}

/* `extra` is a condition that stands above the spec's own, or ENVM_SOLVE_NONE. */
static enum envm_code add_guarded(struct envm_solve_space *space, uint32_t id, uint32_t extra,
                                  struct envm_id_vec *terms, struct envm_error *err)
{
    const struct envm_match_spec *spec = space->specs.items[id].spec;
    uint32_t name = space->specs.items[id].name, when[2], condition = ENVM_CONDITION_TRUE;
    bool is_met = false;
    struct guarded guarded = {.space = space, .spec = spec, .when = {when, 0}, .terms = terms};

    ENVM_TRY(envm_solve_condition(space, envm_match_spec_condition(spec),
                                  envm_match_spec_when(spec), &condition, err));
    if (condition == ENVM_CONDITION_FALSE)
        return ENVM_OK;
    ENVM_TRY(is_met_by_system(space, id, &is_met, err));
    if (is_met)
        return ENVM_OK;
    if (extra != ENVM_SOLVE_NONE) {
        when[guarded.when.count++] = extra;
        guarded.extra = space->conditions.items[extra].extra;
    }
    if (condition != ENVM_CONDITION_TRUE)
        when[guarded.when.count++] = condition;
    push_target(&guarded, id, envm_match_spec_plain(space->arena, spec));
    struct envm_str_list extras = envm_match_spec_extras(spec);
    for (size_t i = 0; i < extras.count && name != ENVM_SOLVE_NONE; i++) {
        uint32_t wanted = envm_solve_extra(space, name, extras.items[i]);
        uint32_t ask = space->conditions.items[wanted].spec;
        push_target(&guarded, ask, space->specs.items[ask].text);
    }
    return ENVM_OK;
}

enum envm_code envm_solve_terms(struct envm_solve_space *space, uint32_t spec,
                                struct envm_id_vec *terms, struct envm_error *err)
{
    if (!is_plain(space->specs.items[spec].spec))
        return add_guarded(space, spec, ENVM_SOLVE_NONE, terms, err);
    envm_vec_push(terms, spec);
    return ENVM_OK;
}

enum envm_code envm_solve_constraint_term(struct envm_solve_space *space, uint32_t id,
                                          uint32_t *ret_term, struct envm_error *err)
{
    const struct envm_match_spec *spec = space->specs.items[id].spec;
    uint32_t condition = ENVM_CONDITION_TRUE;

    ENVM_TRY(envm_solve_condition(space, envm_match_spec_condition(spec),
                                  envm_match_spec_when(spec), &condition, err));
    *ret_term = condition == ENVM_CONDITION_FALSE ? ENVM_SOLVE_NONE : id;
    if (condition == ENVM_CONDITION_FALSE || condition == ENVM_CONDITION_TRUE ||
        space->specs.items[id].name == ENVM_SOLVE_NONE)
        return ENVM_OK;
    envm_str plain = envm_match_spec_plain(space->arena, spec);
    envm_str text = envm_arena_printf(space->arena, "%.*s or no %.*s", ENVM_STR_ARGS(plain),
                                      ENVM_STR_ARGS(envm_match_spec_exact_name(spec)));
    *ret_term = envm_solve_either(space, ENVM_SOLVE_NONE, envm_solve_constrainer(space, id),
                                  (struct envm_id_list){&condition, 1},
                                  words(space, text, spec, (envm_str){0}));
    return ENVM_OK;
}

/* --- records -------------------------------------------------------------------------------- */

struct expansion {
    struct envm_solve_space *space;
    struct envm_id_vec depends, constrains;
    uint32_t broken;
};

/* The id of a text that can be parsed; otherwise the record is broken. */
static bool spec_of(struct expansion *expansion, envm_str text, uint32_t *ret_spec)
{
    *ret_spec = envm_solve_space_spec(expansion->space, text, NULL);
    if (expansion->space->specs.items[*ret_spec].spec)
        return true;
    if (expansion->broken == ENVM_SOLVE_NONE)
        expansion->broken = *ret_spec;
    return false;
}

static enum envm_code add_constraint(struct expansion *expansion, uint32_t id,
                                     struct envm_error *err)
{
    uint32_t term = ENVM_SOLVE_NONE;

    ENVM_TRY(envm_solve_constraint_term(expansion->space, id, &term, err));
    if (term == id)
        envm_vec_push(&expansion->constrains, id);
    else if (term != ENVM_SOLVE_NONE)
        envm_vec_push(&expansion->depends, term);
    return ENVM_OK;
}

/* What the record's groups bring, each under the condition that somebody asks for it. A group with
 * a text that cannot be parsed cannot be had; the record itself can. */
static enum envm_code add_extras(struct expansion *expansion, uint32_t name,
                                 const struct envm_package_record *record, struct envm_error *err)
{
    struct envm_solve_space *space = expansion->space;

    for (size_t i = 0; i < record->extra_depends_count; i++) {
        const struct envm_extra_group *group = &record->extra_depends[i];
        uint32_t extra = envm_solve_extra(space, name, group->name);
        for (size_t k = 0; k < group->depends.count; k++) {
            uint32_t id = envm_solve_space_spec(space, group->depends.items[k], NULL);
            if (space->specs.items[id].spec)
                ENVM_TRY(add_guarded(space, id, extra, &expansion->depends, err));
            else
                envm_vec_push(&expansion->depends,
                              envm_solve_either(space, id, ENVM_SOLVE_NONE,
                                                (struct envm_id_list){&extra, 1},
                                                space->specs.items[id].text));
        }
    }
    return ENVM_OK;
}

/* `pip` as a dependency of python, when asked for and when some channel has it. */
static enum envm_code add_pip(struct expansion *expansion, envm_str name, struct envm_error *err)
{
    struct envm_solve_space *space = expansion->space;

    if (!space->request->add_pip || !envm_str_equal_c(name, "python"))
        return ENVM_OK;
    uint32_t spec = envm_solve_space_spec(space, ENVM_STR("pip"), NULL);
    if (!space->pip_known) {
        ENVM_TRY(envm_solve_space_match(space, spec, err));
        space->pip_exists = space->specs.items[spec].matches.count > 0;
        space->pip_known = true;
    }
    if (space->pip_exists)
        envm_vec_push(&expansion->depends, spec);
    return ENVM_OK;
}

/* The deprecated `features`: a variant that belongs to the package that turns the feature on. conda
 * looks for that among all packages; here it has to bear the feature's name, as nomkl and debug do,
 * since nothing else would be found without reading every record. Variants that name it among
 * their dependencies need nothing more. */
static enum envm_code add_features(struct expansion *expansion,
                                   const struct envm_package_record *record, struct envm_error *err)
{
    struct envm_solve_space *space = expansion->space;
    envm_str rest = record->features, word;

    while (envm_str_next_word(&rest, &word)) {
        envm_str text = envm_arena_printf(space->arena, "%.*s[track_features='%.*s']",
                                          ENVM_STR_ARGS(word), ENVM_STR_ARGS(word));
        uint32_t spec = envm_solve_space_spec(space, text, NULL);
        if (!space->specs.items[spec].spec || space->specs.items[spec].name == ENVM_SOLVE_NONE)
            continue;
        ENVM_TRY(envm_solve_space_match(space, spec, err));
        if (space->specs.items[spec].matches.count > 0)
            envm_vec_push(&expansion->depends, spec);
    }
    return ENVM_OK;
}

static enum envm_code fill(struct expansion *expansion, uint32_t candidate, struct envm_error *err)
{
    const struct envm_package_record *record = expansion->space->candidates.items[candidate].record;
    uint32_t spec;

    ENVM_TRY(add_pip(expansion, record->name, err));
    ENVM_TRY(add_features(expansion, record, err));
    for (size_t i = 0; i < record->depends.count; i++)
        if (spec_of(expansion, record->depends.items[i], &spec))
            ENVM_TRY(envm_solve_terms(expansion->space, spec, &expansion->depends, err));
    for (size_t i = 0; i < record->constrains.count; i++)
        if (spec_of(expansion, record->constrains.items[i], &spec))
            ENVM_TRY(add_constraint(expansion, spec, err));
    return add_extras(expansion, expansion->space->candidates.items[candidate].name, record, err);
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* Sorted and distinct, in the arena. */
static struct envm_id_list list_of(struct envm_solve_space *space, const struct envm_id_vec *vec)
{
    uint32_t *ids = envm_arena_new_array(space->arena, uint32_t, vec->count + 1);
    uint32_t kept = 0;

    if (vec->count)
        memcpy(ids, vec->items, vec->count * sizeof(*ids));
    if (vec->count > 1)
        qsort(ids, vec->count, sizeof(*ids), compare_ids);
    for (size_t i = 0; i < vec->count; i++)
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    return (struct envm_id_list){ids, kept};
}

enum envm_code envm_solve_space_expand(struct envm_solve_space *space, uint32_t candidate,
                                       struct envm_error *err)
{
    struct expansion expansion = {.space = space, .broken = ENVM_SOLVE_NONE};

    if (space->candidates.items[candidate].expanded)
        return ENVM_OK;
    enum envm_code code = fill(&expansion, candidate, err);
    struct envm_solve_candidate *entry = &space->candidates.items[candidate];
    if (code == ENVM_OK) {
        entry->depends = list_of(space, &expansion.depends);
        entry->constrains = list_of(space, &expansion.constrains);
        entry->expanded = true;
    }
    if (code == ENVM_OK && expansion.broken != ENVM_SOLVE_NONE) {
        entry->broken = true;
        entry->broken_spec = expansion.broken;
        envm_solve_space_leave_out(space, entry->record, "bad dependency",
                                   space->specs.items[expansion.broken].text);
    }
    envm_vec_release(&expansion.depends);
    envm_vec_release(&expansion.constrains);
    return code;
}
