/* SPDX-License-Identifier: MIT */
#include "shell/activation_prompt.h"

#include <stdio.h>

#include "base/str.h"
#include "base/utf8.h"

#define DEFAULT_FORMAT "({default_env}) "

struct name_stack {
    envm_str *items;
    size_t count;
};

static const char *get_numbered(const struct envm_environ *env, const char *stem, unsigned number)
{
    char name[64];

    snprintf(name, sizeof(name), "%s%u", stem, number);
    return envm_environ_get(env, name);
}

static bool is_stacked(const struct envm_environ *env, unsigned level)
{
    const char *value = get_numbered(env, "CONDA_STACKED_", level);

    return value && *value;
}

static envm_str name_at(const struct envm_environ *env, const struct envm_activation_state *state,
                        unsigned level)
{
    if (level == state->level)
        return envm_activation_name(state->prefix);
    return envm_activation_name(envm_str_from(get_numbered(env, "CONDA_PREFIX_", level)));
}

/* A level that is not stacked stands in the place of the one below it. */
static void push(struct name_stack *stack, bool stacked, envm_str name)
{
    if (!stacked && stack->count > 0)
        stack->count--;
    stack->items[stack->count++] = name;
}

static struct name_stack stack_after(struct envm_arena *arena, const struct envm_environ *env,
                                     enum envm_activation_step step, envm_str name)
{
    struct envm_activation_state state = envm_activation_state_read(env);
    struct name_stack stack = {.items = envm_arena_new_array(arena, envm_str, state.level + 1)};

    for (unsigned level = 1; level <= state.level; level++)
        push(&stack, is_stacked(env, level), name_at(env, &state, level));
    if (step == ENVM_STEP_ACTIVATE || step == ENVM_STEP_STACK)
        push(&stack, step == ENVM_STEP_STACK, name);
    if (step == ENVM_STEP_DEACTIVATE && stack.count > 0) {
        stack.count--;
        if (!is_stacked(env, state.level) && state.level > 1)
            stack.items[stack.count++] = name_at(env, &state, state.level - 1);
    }
    return stack;
}

static void add_stack(struct envm_buf *out, const struct name_stack *stack)
{
    for (size_t i = stack->count; i > 0; i--) {
        if (i < stack->count)
            envm_buf_add_byte(out, ',');
        envm_buf_add_str(out, stack->items[i - 1]);
    }
}

static envm_str last_component(envm_str path)
{
    size_t slash = envm_str_find_last_char(path, '/');

    return slash == SIZE_MAX ? path : envm_str_skip(path, slash + 1);
}

static bool is_inert(char c)
{
    return envm_is_alnum(c) || (c != '\0' && strchr(" ()[]{}<>._-+=:,/@#^~*|", c));
}

static void add_reduced(struct envm_buf *out, envm_str text)
{
    while (text.len > 0) {
        uint32_t code_point;
        size_t length = envm_utf8_decode(text, &code_point);
        bool keep =
            length == 1 ? is_inert(*text.ptr) : length > 1 && !envm_utf8_is_control(code_point);

        if (length == 0)
            length = 1;
        if (keep)
            envm_buf_append(out, text.ptr, length);
        else
            envm_buf_add_byte(out, '_');
        text = envm_str_skip(text, length);
    }
}

envm_str envm_activation_prompt(struct envm_arena *arena, const struct envm_environ *env,
                                enum envm_activation_step step, envm_str prefix, envm_str name,
                                envm_str format)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf stacked = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf reduced = envm_buf_text();
    struct name_stack stack = stack_after(arena, env, step, name);
    struct {
        envm_str key, value;
    } fields[] = {{ENVM_STR("{default_env}"), name},
                  {ENVM_STR("{stacked_env}"), {0}},
                  {ENVM_STR("{prefix}"), prefix},
                  {ENVM_STR("{name}"), last_component(prefix)}};

    add_stack(&stacked, &stack);
    fields[1].value = envm_buf_str(&stacked);
    if (format.len == 0)
        format = ENVM_STR(DEFAULT_FORMAT);
    while (format.len > 0) {
        size_t i = 0;

        while (i < 4 && !envm_str_starts_with(format, fields[i].key))
            i++;
        envm_buf_add_str(&text, i < 4 ? fields[i].value : envm_str_slice(format, 0, 1));
        format = envm_str_skip(format, i < 4 ? fields[i].key.len : 1);
    }
    add_reduced(&reduced, envm_buf_str(&text));
    return envm_arena_str(arena, envm_buf_str(&reduced));
}

bool envm_activation_ps1(struct envm_arena *arena, const struct envm_environ *env,
                         envm_str new_modifier, envm_str *ret_ps1)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    envm_str old_modifier = envm_str_from(envm_environ_get(env, "CONDA_PROMPT_MODIFIER"));
    envm_str rest = envm_str_from(envm_environ_get(env, "PS1"));

    if (rest.len == 0 || envm_str_contains(rest, ENVM_STR("POWERLINE_COMMAND")))
        return false;
    envm_buf_add_str(&out, new_modifier);
    while (rest.len > 0) {
        if (old_modifier.len > 0 && envm_str_starts_with(rest, old_modifier)) {
            rest = envm_str_skip(rest, old_modifier.len);
            continue;
        }
        envm_buf_add_byte(&out, *rest.ptr);
        rest = envm_str_skip(rest, 1);
    }
    *ret_ps1 = envm_arena_str(arena, envm_buf_str(&out));
    return true;
}
