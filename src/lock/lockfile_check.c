/* SPDX-License-Identifier: MIT */
#include "lock/lockfile_check.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"
#include "base/vec.h"
#include "conda/package_record.h"

/* A dependency or constraint that holds only under a condition, or that an extra has brought. */
struct term {
    const struct envm_match_spec *spec;
    const struct envm_package_record *constrainer; /* NULL: a dependency */
    envm_str who;
    bool is_request;
    bool is_done;
};

struct check {
    struct envm_arena *arena;
    struct envm_spec_table *specs;
    const struct envm_lock_platform *platform;
    const struct envm_lock_question *question;
    const struct envm_lock_terms *made_with; /* no-deps, only-deps */
    struct envm_map asked;                   /* only-deps: names that the lock was asked for */
    struct envm_map names;                   /* name -> index in platform->packages */
    bool *reached;
    ENVM_VEC(size_t) queue;
    size_t next; /* in the queue */
    ENVM_VEC(struct term) terms;
    struct envm_map extras; /* "NAME\nEXTRA" -> 1: asked for */
    ENVM_VEC(envm_str) reasons;
};

static ENVM_PRINTF(2, 3) void reason(struct check *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    envm_vec_push(&c->reasons, envm_arena_vprintf(c->arena, format, args));
    va_end(args);
}

static const struct envm_package_record *virtual_package(const struct check *c, envm_str name)
{
    for (size_t i = 0; i < c->question->virtual_packages.count; i++) {
        if (envm_str_equal(c->question->virtual_packages.items[i]->name, name))
            return c->question->virtual_packages.items[i];
    }
    return NULL;
}

static void check_virtual(struct check *c, const struct envm_match_spec *spec, envm_str who)
{
    envm_str text = envm_match_spec_text(spec);
    const struct envm_package_record *found = virtual_package(c, envm_match_spec_exact_name(spec));

    if (!found)
        reason(c, "%.*s needs %.*s, which this machine does not have", ENVM_STR_ARGS(who),
               ENVM_STR_ARGS(text));
    else if (!envm_match_spec_matches(spec, found))
        reason(c, "%.*s needs %.*s, but this machine has %.*s %.*s", ENVM_STR_ARGS(who),
               ENVM_STR_ARGS(text), ENVM_STR_ARGS(found->name), ENVM_STR_ARGS(found->version));
}

static void reach(struct check *c, size_t index)
{
    if (c->reached[index])
        return;
    c->reached[index] = true;
    envm_vec_push(&c->queue, index);
}

/* Any locked record that matches a spec whose name is a pattern. */
static size_t find_by_pattern(const struct check *c, const struct envm_match_spec *spec)
{
    for (size_t i = 0; i < c->platform->packages.count; i++) {
        if (envm_match_spec_matches(spec, c->platform->packages.items[i]))
            return i;
    }
    return SIZE_MAX;
}

/* What a lock that leaves packages out on purpose need not hold. */
static bool is_left_out(const struct check *c, envm_str name, bool is_request)
{
    if (c->made_with->only_deps)
        return is_request || (name.len && envm_map_find(&c->asked, name));
    return c->made_with->no_deps && !is_request;
}

static enum envm_code add_term(struct check *c, envm_str text, envm_str who,
                               const struct envm_package_record *constrainer,
                               struct envm_error *err)
{
    struct term term = {.constrainer = constrainer, .who = who};

    ENVM_TRY(envm_spec_table_parse(c->specs, text, &term.spec, err));
    envm_vec_push(&c->terms, term);
    return ENVM_OK;
}

/* What the locked record of the name needs for the extras that the spec asks for. */
static void ask_for_extras(struct check *c, const struct envm_match_spec *spec, size_t index)
{
    const struct envm_package_record *record = c->platform->packages.items[index];
    struct envm_str_list extras = envm_match_spec_extras(spec);

    for (size_t i = 0; i < extras.count; i++) {
        const struct envm_extra_group *group = envm_package_record_extra(record, extras.items[i]);
        envm_str who =
            envm_arena_printf(c->arena, "%.*s[extras=[%.*s]] needs", ENVM_STR_ARGS(record->name),
                              ENVM_STR_ARGS(extras.items[i]));
        bool is_new = false;

        envm_map_get(&c->extras, who, &is_new);
        for (size_t k = 0; is_new && group && k < group->depends.count; k++)
            if (add_term(c, group->depends.items[k], who, NULL, NULL) != ENVM_OK)
                reason(c, "%.*s \"%.*s\", which cannot be understood", ENVM_STR_ARGS(who),
                       ENVM_STR_ARGS(group->depends.items[k]));
    }
}

static void require(struct check *c, const struct envm_match_spec *spec, envm_str who,
                    bool is_request)
{
    envm_str name = envm_match_spec_exact_name(spec);
    envm_str text = envm_match_spec_text(spec);
    const uint64_t *found;
    size_t index;

    if (envm_str_starts_with(name, ENVM_STR("__"))) {
        check_virtual(c, spec, who);
        return;
    }
    found = name.len ? envm_map_find(&c->names, name) : NULL;
    index = found ? (size_t)*found : name.len ? SIZE_MAX : find_by_pattern(c, spec);
    if (index == SIZE_MAX) {
        if (!is_left_out(c, name, is_request))
            reason(c, "%.*s \"%.*s\" is not in the lock", ENVM_STR_ARGS(who), ENVM_STR_ARGS(text));
        return;
    }
    if (!envm_match_spec_matches(spec, c->platform->packages.items[index])) {
        const struct envm_package_record *record = c->platform->packages.items[index];

        reason(c, "%.*s \"%.*s\" is not met by the locked %.*s %.*s %.*s", ENVM_STR_ARGS(who),
               ENVM_STR_ARGS(text), ENVM_STR_ARGS(record->name), ENVM_STR_ARGS(record->version),
               ENVM_STR_ARGS(record->build));
    }
    if (c->made_with->no_deps && !is_request)
        return;
    reach(c, index);
    ask_for_extras(c, spec, index);
}

static void constrain(struct check *c, const struct envm_match_spec *spec,
                      const struct envm_package_record *record)
{
    envm_str name = envm_match_spec_exact_name(spec);
    const uint64_t *found = envm_map_find(&c->names, name);
    const struct envm_package_record *other =
        found ? c->platform->packages.items[*found] : virtual_package(c, name);

    if (other && !envm_match_spec_matches(spec, other))
        reason(c, "%.*s excludes the locked %.*s %.*s (it allows \"%.*s\")",
               ENVM_STR_ARGS(record->name), ENVM_STR_ARGS(other->name),
               ENVM_STR_ARGS(other->version), ENVM_STR_ARGS(envm_match_spec_text(spec)));
}

/* What the deprecated `features` of a record stand on, see solve_terms.c. */
static void reach_features(struct check *c, const struct envm_package_record *record)
{
    envm_str rest = record->features, word;

    while (!c->made_with->no_deps && envm_str_next_word(&rest, &word)) {
        const uint64_t *found = envm_map_find(&c->names, word);
        const struct envm_package_record *other =
            found ? c->platform->packages.items[*found] : NULL;

        for (size_t i = 0; other && i < other->track_features.count; i++)
            if (envm_str_equal(other->track_features.items[i], word))
                reach(c, (size_t)*found);
    }
}

static enum envm_code check_record(struct check *c, const struct envm_package_record *record,
                                   struct envm_error *err)
{
    envm_str who = envm_arena_printf(c->arena, "%.*s needs", ENVM_STR_ARGS(record->name));

    for (size_t i = 0; i < record->depends.count; i++)
        ENVM_TRY(add_term(c, record->depends.items[i], who, NULL, err));
    reach_features(c, record);
    if (c->question->add_pip && envm_str_equal_c(record->name, "python")) {
        const uint64_t *pip = envm_map_find(&c->names, ENVM_STR("pip"));

        if (pip)
            reach(c, (size_t)*pip);
    }
    for (size_t i = 0; i < record->constrains.count; i++)
        ENVM_TRY(add_term(c, record->constrains.items[i], who, record, err));
    return ENVM_OK;
}

/* Something that is asked for, or that the machine has, matches. */
static bool is_there(const struct check *c, const struct envm_match_spec *spec)
{
    envm_str name = envm_match_spec_exact_name(spec);
    const uint64_t *found = envm_map_find(&c->names, name);

    if (found)
        return c->reached[*found] &&
               envm_match_spec_matches(spec, c->platform->packages.items[*found]);
    const struct envm_package_record *virtual = virtual_package(c, name);
    return virtual && envm_match_spec_matches(spec, virtual);
}

static bool holds(const struct check *c, const struct envm_condition *condition)
{
    bool values[ENVM_CONDITION_STEPS_MAX];
    size_t count = 0;

    if (!condition)
        return true;
    for (size_t i = 0; i < condition->count; i++) {
        const struct envm_condition_step *step = &condition->steps[i];
        if (step->op == ENVM_CONDITION_SPEC) {
            values[count++] = is_there(c, step->spec);
            continue;
        }
        count--;
        values[count - 1] = step->op == ENVM_CONDITION_AND ? values[count - 1] && values[count]
                                                           : values[count - 1] || values[count];
    }
    return values[0];
}

/* Applies what has come to hold. A condition that holds stays so, since packages are only added. */
static bool apply_terms(struct check *c)
{
    bool any = false;

    for (size_t i = 0; i < c->terms.count; i++) {
        struct term term = c->terms.items[i];

        if (term.is_done || !holds(c, envm_match_spec_condition(term.spec)))
            continue;
        c->terms.items[i].is_done = any = true;
        if (term.constrainer)
            constrain(c, term.spec, term.constrainer);
        else
            require(c, term.spec, term.who, term.is_request);
    }
    return any;
}

static enum envm_code follow(struct check *c, struct envm_error *err)
{
    do {
        while (c->next < c->queue.count) {
            size_t index = c->queue.items[c->next++];
            ENVM_TRY(check_record(c, c->platform->packages.items[index], err));
        }
    } while (apply_terms(c) || c->next < c->queue.count);
    return ENVM_OK;
}

static bool same_variables(const struct envm_lockfile *lock, const struct envm_lock_question *q)
{
    if (lock->variable_count != q->variable_count)
        return false;
    for (size_t i = 0; i < lock->variable_count; i++) {
        if (!envm_str_equal(lock->variables[i].name, q->variables[i].name) ||
            !envm_str_equal(lock->variables[i].value, q->variables[i].value))
            return false;
    }
    return true;
}

static bool list_has(struct envm_str_list list, envm_str text)
{
    for (size_t i = 0; i < list.count; i++)
        if (envm_str_equal(list.items[i], text))
            return true;
    return false;
}

/* The packages of a lock made with only-deps say nothing about what was asked for, so the texts
 * have to be the same. The list of a lock for several platforms is that of all of them. */
static void check_specs(struct check *c, const struct envm_lockfile *lock)
{
    const struct envm_lock_question *q = c->question;

    for (size_t i = 0; i < q->spec_count; i++) {
        envm_str text = envm_match_spec_format(c->arena, q->specs[i]);
        if (!list_has(lock->request.specs, text))
            reason(c, "the lock (only-deps) was not made for \"%.*s\"",
                   ENVM_STR_ARGS(envm_match_spec_text(q->specs[i])));
    }
    if (lock->platform_count == 1 && lock->request.specs.count != q->spec_count)
        reason(c, "the lock (only-deps) was made for %zu specs, not for %zu",
               lock->request.specs.count, q->spec_count);
}

static void check_options(struct check *c, const struct envm_lockfile *lock)
{
    const struct envm_lock_question *q = c->question;

    if (!envm_str_list_equal(lock->channels, q->channels))
        reason(c, "the channels are [%s], but the lock was made with [%s]",
               envm_arena_join(c->arena, q->channels, ", ").ptr,
               envm_arena_join(c->arena, lock->channels, ", ").ptr);
    if (!envm_str_equal(lock->request.channel_priority, q->channel_priority))
        reason(c, "the channel priority is %.*s, but the lock was made with %.*s",
               ENVM_STR_ARGS(q->channel_priority), ENVM_STR_ARGS(lock->request.channel_priority));
    if (lock->request.add_pip != q->add_pip)
        reason(c, "the option add-pip is %s, but the lock was made with the opposite",
               q->add_pip ? "on" : "off");
    if (!same_variables(lock, q))
        reason(c, "the variables differ from those in the lock");
    struct envm_str_list differences =
        envm_lock_terms_compare(c->arena, &q->terms, &lock->request.terms);
    for (size_t i = 0; i < differences.count; i++)
        envm_vec_push(&c->reasons, differences.items[i]);
    if (lock->request.terms.only_deps)
        check_specs(c, lock);
}

static enum envm_code note_asked(struct check *c, const struct envm_lockfile *lock,
                                 struct envm_error *err)
{
    for (size_t i = 0; i < lock->request.specs.count; i++) {
        const struct envm_match_spec *spec;

        ENVM_TRY(envm_match_spec_parse(c->arena, lock->request.specs.items[i], &spec, err));
        if (envm_match_spec_exact_name(spec).len)
            envm_map_set(&c->asked, envm_match_spec_exact_name(spec), 1);
    }
    return ENVM_OK;
}

static enum envm_code run_check(struct check *c, const struct envm_lockfile *lock,
                                struct envm_error *err)
{
    const struct envm_record_list *packages = &c->platform->packages;

    if (!c->question->packages_only)
        check_options(c, lock);
    for (size_t i = 0; i < packages->count; i++)
        envm_map_set(&c->names, packages->items[i]->name, i);
    for (size_t i = 0; i < c->question->spec_count; i++)
        envm_vec_push(&c->terms, ((struct term){.spec = c->question->specs[i],
                                                .who = ENVM_STR("the request"),
                                                .is_request = true}));
    if (c->made_with->only_deps)
        ENVM_TRY(note_asked(c, lock, err));
    for (size_t i = 0; i < packages->count; i++)
        if (c->question->packages_only || c->made_with->only_deps)
            reach(c, i);
    ENVM_TRY(follow(c, err));
    for (size_t i = 0; i < packages->count; i++) {
        if (!c->reached[i])
            reason(c, "nothing asks for the locked %.*s any more",
                   ENVM_STR_ARGS(packages->items[i]->name));
    }
    return ENVM_OK;
}

enum envm_code envm_lockfile_check(struct envm_arena *arena, const struct envm_lockfile *lock,
                                   const struct envm_lock_question *question,
                                   struct envm_str_list *ret_reasons, struct envm_error *err)
{
    struct check c = {.arena = arena,
                      .specs = lock->specs ? lock->specs : envm_spec_table_new(arena, 0),
                      .platform = envm_lockfile_platform(lock, question->platform),
                      .question = question,
                      .made_with = &lock->request.terms};
    enum envm_code code = ENVM_OK;

    if (!c.platform) {
        reason(&c, "the lock has no packages for %.*s", ENVM_STR_ARGS(question->platform));
    } else {
        c.reached = envm_arena_new_array(arena, bool, c.platform->packages.count);
        code = run_check(&c, lock, err);
    }
    if (code == ENVM_OK) {
        envm_str *items = envm_arena_new_array(arena, envm_str, c.reasons.count);

        for (size_t i = 0; i < c.reasons.count; i++)
            items[i] = c.reasons.items[i];
        *ret_reasons = (struct envm_str_list){items, c.reasons.count};
    }
    envm_map_release(&c.names);
    envm_map_release(&c.asked);
    envm_vec_release(&c.queue);
    envm_vec_release(&c.terms);
    envm_map_release(&c.extras);
    envm_vec_release(&c.reasons);
    return code;
}
