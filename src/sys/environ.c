/* SPDX-License-Identifier: MIT */
#include "sys/environ.h"

#include <string.h>

#include "base/str.h"
#include "base/vec.h"

struct variable {
    envm_str name;
    const char *text; /* NAME=value */
};

struct envm_environ {
    struct envm_arena *arena;
    struct variable *items; /* in the arena, sorted by name */
    size_t count;
    size_t capacity;
};

/* Where the name is, or where it belongs. */
static size_t place_of(const struct envm_environ *env, envm_str name, bool *ret_found)
{
    size_t low = 0;
    size_t high = env->count;

    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = envm_str_compare(env->items[middle].name, name);

        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void make_room(struct envm_environ *env)
{
    struct variable *items;

    if (env->count < env->capacity)
        return;
    env->capacity = env->capacity ? env->capacity * 2 : 64;
    items = envm_arena_new_array(env->arena, struct variable, env->capacity);
    if (env->count)
        memcpy(items, env->items, env->count * sizeof(*items));
    env->items = items;
}

static void put(struct envm_environ *env, envm_str name, const char *text, bool overwrite)
{
    bool found;
    size_t at = place_of(env, name, &found);

    if (found) {
        if (overwrite)
            env->items[at].text = text;
        return;
    }
    make_room(env);
    memmove(env->items + at + 1, env->items + at, (env->count - at) * sizeof(*env->items));
    env->items[at] = (struct variable){name, text};
    env->count++;
}

struct envm_environ *envm_environ_from(struct envm_arena *arena, const char *const *environment)
{
    struct envm_environ *env = envm_arena_new(arena, struct envm_environ);

    env->arena = arena;
    for (; environment && *environment; environment++) {
        envm_str text = envm_arena_str(arena, envm_str_from(*environment));
        size_t equals = envm_str_find_char(text, '=');

        /* Of two entries of one name the first counts, as for getenv. */
        if (equals != SIZE_MAX && equals > 0)
            put(env, envm_str_slice(text, 0, equals), text.ptr, false);
    }
    return env;
}

const char *envm_environ_get(const struct envm_environ *env, const char *name)
{
    bool found;
    size_t at = place_of(env, envm_str_from(name), &found);

    return found ? env->items[at].text + env->items[at].name.len + 1 : NULL;
}

void envm_environ_set(struct envm_environ *env, envm_str name, envm_str value)
{
    envm_str text =
        envm_arena_printf(env->arena, "%.*s=%.*s", ENVM_STR_ARGS(name), ENVM_STR_ARGS(value));

    put(env, envm_str_slice(text, 0, name.len), text.ptr, true);
}

void envm_environ_unset(struct envm_environ *env, envm_str name)
{
    bool found;
    size_t at = place_of(env, name, &found);

    if (!found)
        return;
    env->count--;
    memmove(env->items + at, env->items + at + 1, (env->count - at) * sizeof(*env->items));
}

const char *const *envm_environ_array(struct envm_environ *env)
{
    const char **array = envm_arena_new_array(env->arena, const char *, env->count + 1);

    for (size_t i = 0; i < env->count; i++)
        array[i] = env->items[i].text;
    return array;
}
