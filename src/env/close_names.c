/* SPDX-License-Identifier: MIT */
#include "env/close_names.h"

#include "base/buf.h"
#include "solve/problem_names.h"

#define SHOWN_MAX 8

struct envm_str_list envm_close_names(struct envm_arena *arena,
                                      const struct envm_package_source *const *sources,
                                      size_t count, envm_str name)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
    ENVM_CLEANUP(envm_solve_space) struct envm_solve_space space = {0};
    const struct envm_solve_channel channel = {ENVM_STR(""), sources, count};
    const struct envm_solve_request request = {.channels = &channel, .channel_count = 1};

    if (name.len == 0)
        return (struct envm_str_list){0};
    envm_solve_space_init(&space, &scratch, &request);
    return envm_arena_str_list(arena, envm_problem_close_names(&space, name));
}

envm_str envm_join_names(struct envm_arena *arena, struct envm_str_list list)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();

    for (size_t i = 0; i < list.count && i < SHOWN_MAX; i++) {
        envm_buf_add_cstr(&text, i ? ", " : "");
        envm_buf_add_str(&text, list.items[i]);
    }
    if (list.count > SHOWN_MAX)
        envm_buf_printf(&text, " and %zu more", list.count - SHOWN_MAX);
    return envm_arena_str(arena, envm_buf_str(&text));
}
