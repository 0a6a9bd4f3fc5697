/* SPDX-License-Identifier: MIT
 *
 * `env history`: what the history says, and which of its states can be gone back to.
 */
#include <envm/history.h>

#include "base/error.h"
#include "env/environments.h"
#include "env/revisions.h"

static struct envm_revision describe(struct envm_arena *arena, const struct envm_revisions *states,
                                     size_t number)
{
    const struct envm_history_entry *entry = &states->blocks.items[number];
    struct envm_revision_change *changes =
        envm_arena_new_array(arena, struct envm_revision_change, entry->move_count);
    struct envm_revision revision = {.number = number,
                                     .time = entry->time,
                                     .command_line = entry->command_line,
                                     .changes = changes,
                                     .change_count = entry->move_count,
                                     .has_lock = envm_revisions_has_lock(states, number)};

    for (size_t i = 0; i < entry->move_count; i++) {
        const struct envm_history_move *move = &entry->moves[i];

        changes[i] = (struct envm_revision_change){move->name, move->from, move->to};
        if (move->from.len == 0)
            revision.added++;
        else if (move->to.len == 0)
            revision.removed++;
        else
            revision.changed++;
    }
    return revision;
}

enum envm_code envm_history(struct envm_context *context, struct envm_memory *memory,
                            const struct envm_target *target,
                            struct envm_history_report *ret_report, struct envm_error *err)
{
    struct envm_arena *arena = &memory->arena;
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_revisions states = {0};
    struct envm_revision *items;
    envm_str prefix = {0};

    ENVM_TRY(envm_target_prefix(context, arena, target, &prefix, err));
    ENVM_TRY(envm_prefix_open(context, arena, prefix, &fd, err));
    ENVM_TRY(envm_revisions_read(arena, fd, prefix, &states, err));
    items = envm_arena_new_array(arena, struct envm_revision, states.blocks.count);
    for (size_t i = 0; i < states.blocks.count; i++)
        items[i] = describe(arena, &states, states.blocks.count - 1 - i);
    *ret_report = (struct envm_history_report){
        .prefix = prefix, .items = items, .count = states.blocks.count};
    return ENVM_OK;
}
