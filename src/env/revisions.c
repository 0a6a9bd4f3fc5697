/* SPDX-License-Identifier: MIT */
#include "env/revisions.h"

#include <inttypes.h>

#include "base/error.h"
#include "sys/fs.h"

enum envm_code envm_revisions_read(struct envm_arena *arena, int fd, envm_str prefix,
                                   struct envm_revisions *ret_revisions, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(ENVM_HISTORY_SIZE_MAX);

    ENVM_TRY_WRAP(envm_fs_read_at(fd, ENVM_RELPATH("conda-meta/history"), &text, err), err,
                  "reading the history of '%s'", prefix.ptr);
    ret_revisions->blocks = envm_history_entries(arena, envm_buf_str(&text));
    return envm_revisions_list(arena, fd, &ret_revisions->locks, err);
}

bool envm_revisions_has_lock(const struct envm_revisions *revisions, uint64_t number)
{
    for (size_t i = 0; i < revisions->locks.count; i++)
        if (revisions->locks.items[i] == number)
            return true;
    return false;
}

/* "0, 3 to 5", as far as the history knows them. */
static void list_locks(const struct envm_revisions *revisions, struct envm_buf *out)
{
    const struct envm_revision_numbers *locks = &revisions->locks;

    for (size_t i = 0; i < locks->count && locks->items[i] < revisions->blocks.count;) {
        size_t last = i;

        while (last + 1 < locks->count && locks->items[last + 1] == locks->items[last] + 1 &&
               locks->items[last + 1] < revisions->blocks.count)
            last++;
        envm_buf_printf(out, "%s%" PRIu64, out->len > 0 ? ", " : "", locks->items[i]);
        if (last > i)
            envm_buf_printf(out, " to %" PRIu64, locks->items[last]);
        i = last + 1;
    }
}

static enum envm_code hint_at_locks(const struct envm_revisions *revisions, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf list = envm_buf_text();

    list_locks(revisions, &list);
    if (list.len == 0)
        return envm_error_hint(err, ENVM_USAGE,
                               "envm keeps the lock of every state that it makes from now on");
    return envm_error_hint(err, ENVM_USAGE,
                           "these can be gone back to: %s; `envm env history` describes them",
                           envm_buf_str(&list).ptr);
}

enum envm_code envm_revisions_choose(const struct envm_revisions *revisions, envm_str prefix,
                                     const char *text, uint64_t *ret_number, struct envm_error *err)
{
    size_t count = revisions->blocks.count;
    uint64_t number = count >= 2 ? count - 2 : 0;

    if (!text && count < 2)
        return envm_fail(err, ENVM_USAGE, "the environment '%s' has no earlier state", prefix.ptr);
    if (text && !envm_str_parse_u64(envm_str_from(text), &number))
        return envm_fail(err, ENVM_USAGE, "\"%s\" is not the number of a revision", text);
    if (number >= count) {
        (void)envm_fail(err, ENVM_USAGE, "the environment '%s' has no revision %" PRIu64,
                        prefix.ptr, number);
        return hint_at_locks(revisions, err);
    }
    if (!envm_revisions_has_lock(revisions, number)) {
        (void)envm_fail(err, ENVM_USAGE,
                        "of revision %" PRIu64 " of '%s' no lock is kept: another tool made it, or "
                        "it is older than the last %d",
                        number, prefix.ptr, ENVM_REVISIONS_MAX);
        return hint_at_locks(revisions, err);
    }
    *ret_number = number;
    return ENVM_OK;
}
