/* SPDX-License-Identifier: MIT */
#include "lock/lockfile_terms.h"

#include "base/moment.h"
#include "base/str.h"
#include "codec/yaml_writer.h"

#define DIFFERENCES_MAX 5

bool envm_lock_terms_is_partial(const struct envm_lock_terms *terms)
{
    return terms->no_deps || terms->only_deps;
}

static envm_str resolution_of(const struct envm_lock_terms *terms)
{
    return terms->resolution.len ? terms->resolution : ENVM_STR("highest");
}

/* --- writing and reading -------------------------------------------------------------------- */

/* The keys stand in the order of their names; "explicit" is none of these and comes before. */
void envm_lock_terms_write(struct envm_buf *out, unsigned indent,
                           const struct envm_lock_terms *terms)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf moment = envm_buf_text();

    if (terms->exclude_newer_ms) {
        envm_moment_write(&moment, terms->exclude_newer_ms);
        envm_yaml_add_field(out, indent, "exclude-newer", envm_buf_str(&moment));
    }
    if (terms->no_deps) {
        envm_buf_add_repeat(out, ' ', indent);
        envm_buf_add_cstr(out, "no-deps: true\n");
    }
    if (terms->only_deps) {
        envm_buf_add_repeat(out, ' ', indent);
        envm_buf_add_cstr(out, "only-deps: true\n");
    }
    if (terms->pins.count > 0)
        envm_yaml_add_list(out, indent, "pins", terms->pins, true);
    if (!envm_str_equal_c(resolution_of(terms), "highest"))
        envm_yaml_add_field(out, indent, "resolution", terms->resolution);
}

/* NULL, or what is wrong. */
static const char *read_flag(const struct envm_yaml_node *node, bool *ret_flag)
{
    if (node->kind != ENVM_YAML_SCALAR ||
        (!envm_str_equal_c(node->scalar, "true") && !envm_str_equal_c(node->scalar, "false")))
        return "this has to be true or false";
    *ret_flag = envm_str_equal_c(node->scalar, "true");
    return NULL;
}

static const char *read_pins(struct envm_arena *arena, const struct envm_yaml_node *node,
                             struct envm_str_list *ret_pins)
{
    envm_str *items;

    if (node->kind != ENVM_YAML_SEQUENCE)
        return "pins have to be a list";
    items = envm_arena_new_array(arena, envm_str, node->count);
    for (size_t i = 0; i < node->count; i++) {
        if (node->items[i]->kind != ENVM_YAML_SCALAR)
            return "a pin has to be a text";
        items[i] = node->items[i]->scalar;
    }
    *ret_pins = (struct envm_str_list){items, node->count};
    return NULL;
}

static const char *read_resolution(const struct envm_yaml_node *node, envm_str *ret_text)
{
    if (node->kind != ENVM_YAML_SCALAR || (!envm_str_equal_c(node->scalar, "highest") &&
                                           !envm_str_equal_c(node->scalar, "lowest-direct") &&
                                           !envm_str_equal_c(node->scalar, "lowest")))
        return "resolution has to be highest, lowest-direct or lowest";
    *ret_text = node->scalar;
    return NULL;
}

static const char *read_one(struct envm_arena *arena, envm_str key,
                            const struct envm_yaml_node *node, struct envm_lock_terms *terms)
{
    if (envm_str_equal_c(key, "no-deps"))
        return read_flag(node, &terms->no_deps);
    if (envm_str_equal_c(key, "only-deps"))
        return read_flag(node, &terms->only_deps);
    if (envm_str_equal_c(key, "pins"))
        return read_pins(arena, node, &terms->pins);
    if (envm_str_equal_c(key, "resolution"))
        return read_resolution(node, &terms->resolution);
    if (!envm_str_equal_c(key, "exclude-newer"))
        return NULL;
    bool is_duration = false;
    if (node->kind != ENVM_YAML_SCALAR ||
        !envm_moment_parse(node->scalar, UINT64_MAX, &terms->exclude_newer_ms, &is_duration) ||
        is_duration || terms->exclude_newer_ms == 0)
        return "exclude-newer has to be a time such as 2024-01-31T12:00:00Z";
    return NULL;
}

const char *envm_lock_terms_read(struct envm_arena *arena, const struct envm_yaml_node *options,
                                 struct envm_lock_terms *ret_terms,
                                 const struct envm_yaml_node **ret_where)
{
    struct envm_lock_terms terms = {0};

    for (size_t i = 0; i < options->count; i++) {
        const char *fault = read_one(arena, options->keys[i]->scalar, options->items[i], &terms);

        *ret_where = options->items[i];
        if (fault)
            return fault;
    }
    *ret_where = options;
    if (terms.no_deps && terms.only_deps)
        return "no-deps and only-deps exclude each other";
    *ret_terms = terms;
    return NULL;
}

/* --- comparing ------------------------------------------------------------------------------ */

static const char *moment_text(struct envm_arena *arena, uint64_t ms)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();

    if (ms == 0)
        return "unset";
    envm_moment_write(&text, ms);
    return envm_cstr(arena, envm_buf_str(&text));
}

static bool same_limit(const struct envm_lock_terms *asked, const struct envm_lock_terms *locked)
{
    if (asked->exclude_newer_is_moving)
        return locked->exclude_newer_ms != 0 && locked->exclude_newer_ms <= asked->exclude_newer_ms;
    return locked->exclude_newer_ms == asked->exclude_newer_ms;
}

static envm_str flag_differs(struct envm_arena *arena, const char *name, bool asked)
{
    return envm_arena_printf(arena, "the option %s is %s, but the lock was made with the opposite",
                             name, asked ? "on" : "off");
}

struct envm_str_list envm_lock_terms_compare(struct envm_arena *arena,
                                             const struct envm_lock_terms *asked,
                                             const struct envm_lock_terms *locked)
{
    envm_str *items = envm_arena_new_array(arena, envm_str, DIFFERENCES_MAX);
    size_t count = 0;

    if (!same_limit(asked, locked))
        items[count++] =
            envm_arena_printf(arena, "exclude-newer is %s, but the lock was made with %s",
                              moment_text(arena, asked->exclude_newer_ms),
                              moment_text(arena, locked->exclude_newer_ms));
    if (asked->no_deps != locked->no_deps)
        items[count++] = flag_differs(arena, "no-deps", asked->no_deps);
    if (asked->only_deps != locked->only_deps)
        items[count++] = flag_differs(arena, "only-deps", asked->only_deps);
    if (!envm_str_list_equal(asked->pins, locked->pins))
        items[count++] =
            envm_arena_printf(arena, "the pins are [%s], but the lock was made with [%s]",
                              envm_arena_join(arena, asked->pins, ", ").ptr,
                              envm_arena_join(arena, locked->pins, ", ").ptr);
    if (!envm_str_equal(resolution_of(asked), resolution_of(locked)))
        items[count++] = envm_arena_printf(
            arena, "the resolution is %.*s, but the lock was made with %.*s",
            ENVM_STR_ARGS(resolution_of(asked)), ENVM_STR_ARGS(resolution_of(locked)));
    return (struct envm_str_list){items, count};
}
