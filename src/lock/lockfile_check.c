/* SPDX-License-Identifier: MIT */
#include "lock/lockfile_check.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"
#include "base/vec.h"

struct check {
    struct envm_arena *arena;
    const struct envm_lock_platform *platform;
    const struct envm_lock_question *question;
    const struct envm_lock_terms *made_with; /* no-deps, only-deps */
    struct envm_map asked;                   /* only-deps: names that the lock was asked for */
    struct envm_map names;                   /* name -> index in platform->packages */
    bool *reached;
    ENVM_VEC(size_t) queue;
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
    if (!c->made_with->no_deps || is_request)
        reach(c, index);
}

static enum envm_code check_record(struct check *c, const struct envm_package_record *record,
                                   struct envm_error *err)
{
    envm_str who = envm_arena_printf(c->arena, "%.*s needs", ENVM_STR_ARGS(record->name));

    for (size_t i = 0; i < record->depends.count; i++) {
        const struct envm_match_spec *spec;

        ENVM_TRY(envm_match_spec_parse(c->arena, record->depends.items[i], &spec, err));
        require(c, spec, who, false);
    }
    if (c->question->add_pip && envm_str_equal_c(record->name, "python")) {
        const uint64_t *pip = envm_map_find(&c->names, ENVM_STR("pip"));

        if (pip)
            reach(c, (size_t)*pip);
    }
    for (size_t i = 0; i < record->constrains.count; i++) {
        const struct envm_match_spec *spec;
        const struct envm_package_record *other;
        const uint64_t *found;
        envm_str name;

        ENVM_TRY(envm_match_spec_parse(c->arena, record->constrains.items[i], &spec, err));
        name = envm_match_spec_exact_name(spec);
        found = envm_map_find(&c->names, name);
        other = found ? c->platform->packages.items[*found] : virtual_package(c, name);
        if (other && !envm_match_spec_matches(spec, other))
            reason(c, "%.*s excludes the locked %.*s %.*s (it allows \"%.*s\")",
                   ENVM_STR_ARGS(record->name), ENVM_STR_ARGS(other->name),
                   ENVM_STR_ARGS(other->version), ENVM_STR_ARGS(record->constrains.items[i]));
    }
    return ENVM_OK;
}

static envm_str joined(struct envm_arena *arena, struct envm_str_list list)
{
    envm_str text = ENVM_STR("");

    for (size_t i = 0; i < list.count; i++)
        text = envm_arena_printf(arena, "%.*s%s%.*s", ENVM_STR_ARGS(text), i ? ", " : "",
                                 ENVM_STR_ARGS(list.items[i]));
    return text;
}

static bool same_list(struct envm_str_list a, struct envm_str_list b)
{
    if (a.count != b.count)
        return false;
    for (size_t i = 0; i < a.count; i++) {
        if (!envm_str_equal(a.items[i], b.items[i]))
            return false;
    }
    return true;
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

    if (!same_list(lock->channels, q->channels))
        reason(c, "the channels are [%s], but the lock was made with [%s]",
               joined(c->arena, q->channels).ptr, joined(c->arena, lock->channels).ptr);
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
        require(c, c->question->specs[i], ENVM_STR("the request"), true);
    if (c->made_with->only_deps)
        ENVM_TRY(note_asked(c, lock, err));
    for (size_t i = 0; i < packages->count; i++)
        if (c->question->packages_only || c->made_with->only_deps)
            reach(c, i);
    for (size_t i = 0; i < c->queue.count; i++)
        ENVM_TRY(check_record(c, packages->items[c->queue.items[i]], err));
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
    envm_vec_release(&c.reasons);
    return code;
}
