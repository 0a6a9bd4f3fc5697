/* SPDX-License-Identifier: MIT */
#include "solve/solve_condition.h"

#include "base/error.h"

/* What makes a thing the same as one made before. */
struct key {
    uint32_t what, a, b, c, d;
};

enum { KEY_SPEC = 1, KEY_AND, KEY_OR, KEY_EXTRA, KEY_EITHER, KEY_CONSTRAINER };

/* The id once made for the key, or the place for it. */
static uint64_t *slot_of(struct envm_solve_space *space, struct key key, bool *ret_is_new)
{
    envm_str bytes = envm_str_n((const char *)&key, sizeof(key));
    uint64_t *found = envm_map_find(&space->auxiliary_ids, bytes);

    *ret_is_new = found == NULL;
    if (found)
        return found;
    bytes.ptr = envm_arena_copy(space->arena, &key, sizeof(key));
    return envm_map_get(&space->auxiliary_ids, bytes, ret_is_new);
}

static struct envm_id_list one_id(struct envm_solve_space *space, uint32_t id)
{
    return (struct envm_id_list){envm_arena_copy(space->arena, &id, sizeof(id)), 1};
}

static const struct envm_version *no_version(struct envm_solve_space *space)
{
    if (!space->no_version)
        (void)envm_version_parse(space->arena, ENVM_STR("0"), &space->no_version, NULL);
    return space->no_version;
}

/* A name of its own with `count` records that are called by the texts. */
static uint32_t new_name(struct envm_solve_space *space, const envm_str *texts, uint32_t count)
{
    uint32_t name = (uint32_t)space->names.count;

    envm_vec_push(&space->names, ((struct envm_solve_name){
                                     .name = texts[0],
                                     .gathered = true,
                                     .is_auxiliary = true,
                                     .first = (uint32_t)space->candidates.count,
                                     .count = count,
                                 }));
    for (uint32_t i = 0; i < count; i++) {
        struct envm_package_record *record =
            envm_arena_new(space->arena, struct envm_package_record);
        record->name = texts[i];
        envm_vec_push(&space->candidates, ((struct envm_solve_candidate){
                                              .record = record,
                                              .version = no_version(space),
                                              .name = name,
                                              .expanded = true,
                                          }));
    }
    return name;
}

static uint32_t new_spec(struct envm_solve_space *space, const struct envm_solve_spec *spec)
{
    envm_vec_push(&space->specs, *spec);
    return (uint32_t)space->specs.count - 1;
}

static uint32_t new_candidate(struct envm_solve_space *space, envm_str text)
{
    uint32_t name = new_name(space, &text, 1);

    return space->names.items[name].first;
}

static struct envm_solve_candidate *candidate_at(struct envm_solve_space *space, uint32_t id)
{
    return &space->candidates.items[id];
}

static uint32_t new_condition(struct envm_solve_space *space,
                              const struct envm_solve_condition *condition)
{
    envm_vec_push(&space->conditions, *condition);
    return (uint32_t)space->conditions.count - 1;
}

uint32_t envm_solve_either(struct envm_solve_space *space, uint32_t inner, uint32_t also,
                           struct envm_id_list when, envm_str text)
{
    struct key key = {KEY_EITHER, inner, also, when.count > 0 ? when.items[0] : ENVM_SOLVE_NONE,
                      when.count > 1 ? when.items[1] : ENVM_SOLVE_NONE};
    bool is_new = false;
    uint64_t *slot = slot_of(space, key, &is_new);

    if (!is_new)
        return (uint32_t)*slot;
    uint32_t *others = envm_arena_new_array(space->arena, uint32_t, when.count + (size_t)1);
    uint32_t count = 0;
    if (also != ENVM_SOLVE_NONE)
        others[count++] = also;
    for (uint32_t i = 0; i < when.count; i++)
        others[count++] = space->conditions.items[when.items[i]].negation;
    *slot = new_spec(space, &(struct envm_solve_spec){
                                .role = ENVM_ROLE_EITHER,
                                .text = text,
                                .name = ENVM_SOLVE_NONE,
                                .inner = inner,
                                .also = {others, count},
                                .when = {envm_arena_copy(space->arena, when.items,
                                                         when.count * sizeof(*when.items)),
                                         when.count},
                            });
    return (uint32_t)*slot;
}

uint32_t envm_solve_constrainer(struct envm_solve_space *space, uint32_t spec)
{
    bool is_new = false;
    uint64_t *slot = slot_of(space, (struct key){.what = KEY_CONSTRAINER, .a = spec}, &is_new);

    if (!is_new)
        return (uint32_t)*slot;
    envm_str name = space->names.items[space->specs.items[spec].name].name;
    uint32_t candidate = new_candidate(
        space, envm_arena_printf(space->arena, "doing without other %.*s", ENVM_STR_ARGS(name)));
    candidate_at(space, candidate)->constrains = one_id(space, spec);
    *slot = candidate;
    return candidate;
}

/* --- single specs --------------------------------------------------------------------------- */

/* "something that is there matches the spec" */
static uint32_t condition_of_spec(struct envm_solve_space *space, uint32_t spec)
{
    bool is_new = false;
    uint64_t *slot = slot_of(space, (struct key){.what = KEY_SPEC, .a = spec}, &is_new);

    if (!is_new)
        return (uint32_t)*slot;
    envm_str plain = envm_match_spec_plain(space->arena, space->specs.items[spec].spec);
    uint32_t name = space->specs.items[spec].name;
    uint32_t others =
        new_spec(space, &(struct envm_solve_spec){
                            .role = ENVM_ROLE_OTHERS,
                            .text = envm_arena_printf(space->arena, "another %.*s",
                                                      ENVM_STR_ARGS(space->names.items[name].name)),
                            .name = name,
                            .inner = spec,
                        });
    uint32_t negation = new_candidate(
        space, envm_arena_printf(space->arena, "doing without %.*s", ENVM_STR_ARGS(plain)));
    candidate_at(space, negation)->constrains = one_id(space, others);
    *slot = new_condition(space, &(struct envm_solve_condition){
                                     .kind = ENVM_SOLVE_CONDITION_SPEC,
                                     .spec = spec,
                                     .negation = negation,
                                 });
    return (uint32_t)*slot;
}

static enum envm_code judge_spec(struct envm_solve_space *space,
                                 const struct envm_match_spec *parsed, uint32_t *ret_condition,
                                 struct envm_error *err)
{
    uint32_t spec = envm_solve_space_spec(space, envm_match_spec_text(parsed), parsed);

    if (!space->names.items[space->specs.items[spec].name].is_virtual) {
        *ret_condition = condition_of_spec(space, spec);
        return ENVM_OK;
    }
    ENVM_TRY(envm_solve_space_match(space, spec, err));
    *ret_condition =
        space->specs.items[spec].matches.count ? ENVM_CONDITION_TRUE : ENVM_CONDITION_FALSE;
    return ENVM_OK;
}

/* --- and, or -------------------------------------------------------------------------------- */

/* Neither is decided. "not (a and b)" needs one of "not a" and "not b", "not (a or b)" both. */
static uint32_t join(struct envm_solve_space *space, bool is_and, uint32_t a, uint32_t b,
                     envm_str text)
{
    bool is_new = false;
    uint64_t *slot =
        slot_of(space, (struct key){.what = is_and ? KEY_AND : KEY_OR, .a = a, .b = b}, &is_new);

    if (!is_new)
        return (uint32_t)*slot;
    uint32_t negations[] = {space->conditions.items[a].negation,
                            space->conditions.items[b].negation};
    uint32_t *depends = envm_arena_new_array(space->arena, uint32_t, 2);
    for (uint32_t i = 0; i < (is_and ? 1 : 2); i++) {
        struct envm_solve_spec spec = {
            .role = ENVM_ROLE_EITHER,
            .text = is_and ? ENVM_STR("doing without one of them")
                           : space->candidates.items[negations[i]].record->name,
            .name = ENVM_SOLVE_NONE,
            .inner = ENVM_SOLVE_NONE,
            .also = {envm_arena_copy(space->arena, negations + i,
                                     (is_and ? 2 : 1) * sizeof(*negations)),
                     is_and ? 2 : 1},
        };
        depends[i] = new_spec(space, &spec);
    }
    uint32_t negation = new_candidate(
        space, envm_arena_printf(space->arena, "doing without \"%.*s\"", ENVM_STR_ARGS(text)));
    candidate_at(space, negation)->depends = (struct envm_id_list){depends, is_and ? 1 : 2};
    *slot = new_condition(space,
                          &(struct envm_solve_condition){
                              .kind = is_and ? ENVM_SOLVE_CONDITION_AND : ENVM_SOLVE_CONDITION_OR,
                              .left = a,
                              .right = b,
                              .negation = negation,
                          });
    return (uint32_t)*slot;
}

static uint32_t combine(struct envm_solve_space *space, bool is_and, uint32_t a, uint32_t b,
                        envm_str text)
{
    uint32_t decides = is_and ? ENVM_CONDITION_FALSE : ENVM_CONDITION_TRUE;
    uint32_t is_nothing = is_and ? ENVM_CONDITION_TRUE : ENVM_CONDITION_FALSE;

    if (a == decides || b == decides)
        return decides;
    if (a == is_nothing || a == b)
        return b;
    return b == is_nothing ? a : join(space, is_and, a, b, text);
}

enum envm_code envm_solve_condition(struct envm_solve_space *space,
                                    const struct envm_condition *condition, envm_str text,
                                    uint32_t *ret_condition, struct envm_error *err)
{
    uint32_t values[ENVM_CONDITION_STEPS_MAX + 1] = {ENVM_CONDITION_TRUE};
    size_t count = 0;

    for (size_t i = 0; condition && i < condition->count; i++) {
        const struct envm_condition_step *step = &condition->steps[i];
        if (step->op == ENVM_CONDITION_SPEC) {
            ENVM_TRY(judge_spec(space, step->spec, &values[count], err));
            count++;
            continue;
        }
        count--;
        values[count - 1] =
            combine(space, step->op == ENVM_CONDITION_AND, values[count - 1], values[count], text);
    }
    *ret_condition = values[0];
    return ENVM_OK;
}

/* --- extras --------------------------------------------------------------------------------- */

static uint32_t extra_id(struct envm_solve_space *space, envm_str extra)
{
    bool is_new = false;
    uint64_t *slot = envm_map_get(&space->extra_ids, extra, &is_new);

    if (is_new)
        *slot = space->extra_ids.count;
    return (uint32_t)*slot;
}

uint32_t envm_solve_extra(struct envm_solve_space *space, uint32_t name, envm_str extra)
{
    bool is_new = false;
    uint64_t *slot = slot_of(
        space, (struct key){.what = KEY_EXTRA, .a = name, .b = extra_id(space, extra)}, &is_new);

    if (!is_new)
        return (uint32_t)*slot;
    envm_str owner = space->names.items[name].name;
    const envm_str texts[] = {
        envm_arena_printf(space->arena, "%.*s[extras=[%.*s]]", ENVM_STR_ARGS(owner),
                          ENVM_STR_ARGS(extra)),
        envm_arena_printf(space->arena, "%.*s without its extra %.*s", ENVM_STR_ARGS(owner),
                          ENVM_STR_ARGS(extra)),
    };
    uint32_t switch_name = new_name(space, texts, 2);
    uint32_t on = space->names.items[switch_name].first;
    uint64_t *bits = envm_arena_new(space->arena, uint64_t);
    *bits = 1;
    uint32_t ask = new_spec(space, &(struct envm_solve_spec){
                                       .role = ENVM_ROLE_EITHER,
                                       .text = texts[0],
                                       .name = switch_name,
                                       .inner = ENVM_SOLVE_NONE,
                                       .matched = true,
                                       .matches = one_id(space, on),
                                       .bits = bits,
                                   });
    uint32_t whole = envm_solve_space_spec(space, owner, NULL);
    candidate_at(space, on)->depends = one_id(space, whole);
    *slot = new_condition(space, &(struct envm_solve_condition){
                                     .kind = ENVM_SOLVE_CONDITION_EXTRA,
                                     .spec = ask,
                                     .extra = extra,
                                     .negation = on + 1,
                                 });
    return (uint32_t)*slot;
}

/* --- judging -------------------------------------------------------------------------------- */

void envm_solve_conditions_judge(const struct envm_solve_space *space,
                                 bool (*is_met)(void *user, uint32_t spec), void *user,
                                 uint8_t *is_true)
{
    /* parts come before the whole */
    for (size_t i = 0; i < space->conditions.count; i++) {
        const struct envm_solve_condition *condition = &space->conditions.items[i];
        switch (condition->kind) {
        case ENVM_SOLVE_CONDITION_AND:
            is_true[i] = is_true[condition->left] && is_true[condition->right];
            break;
        case ENVM_SOLVE_CONDITION_OR:
            is_true[i] = is_true[condition->left] || is_true[condition->right];
            break;
        case ENVM_SOLVE_CONDITION_SPEC:
        case ENVM_SOLVE_CONDITION_EXTRA:
            is_true[i] = is_met(user, condition->spec);
            break;
        }
    }
}

bool envm_solve_conditions_hold(const struct envm_solve_space *space, uint32_t spec,
                                const uint8_t *is_true)
{
    struct envm_id_list when = space->specs.items[spec].when;

    for (uint32_t i = 0; i < when.count; i++)
        if (!is_true[when.items[i]])
            return false;
    return true;
}
