/* SPDX-License-Identifier: MIT */
#include "prefix/kept_revisions.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/vec.h"
#include "prefix/prefix_history.h"
#include "prefix/sealed_text.h"
#include "sys/fs_tree.h"

#define LOCK_SIZE_MAX ((size_t)64 << 20)
#define NAME_END ENVM_STR(".lock")

struct lister {
    ENVM_VEC(uint64_t) numbers;
};

static void lister_release(struct lister *lister)
{
    envm_vec_release(&lister->numbers);
}
ENVM_DEFINE_CLEANUP(lister, struct lister, lister_release)

struct envm_relpath envm_revision_path(struct envm_arena *arena, uint64_t number)
{
    /* Digits and letters only: there is nothing that a path could object to. */
    return (struct envm_relpath){
        envm_arena_printf(arena, "%s/%" PRIu64 ".lock", ENVM_REVISIONS.s.ptr, number)};
}

bool envm_revision_is_dropped(uint64_t number, uint64_t newest)
{
    return number > newest || newest - number >= ENVM_REVISIONS_MAX;
}

void envm_revision_text(envm_str lock, struct envm_buf *out)
{
    envm_seal(lock, out);
}

static enum envm_code visit(void *user, const struct envm_fs_entry *entry, bool *skip,
                            struct envm_error *err)
{
    struct lister *lister = user;
    envm_str leaf = envm_str_from(entry->leaf);
    uint64_t number = 0;

    (void)err;
    *skip = true;
    if (entry->kind == ENVM_FS_FILE && envm_str_ends_with(leaf, NAME_END) &&
        envm_str_parse_u64(envm_str_slice(leaf, 0, leaf.len - NAME_END.len), &number) &&
        (leaf.ptr[0] != '0' || number == 0))
        envm_vec_push(&lister->numbers, number);
    return ENVM_OK;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

enum envm_code envm_revisions_list(struct envm_arena *arena, int prefix_fd,
                                   struct envm_revision_numbers *ret_numbers,
                                   struct envm_error *err)
{
    ENVM_CLEANUP(lister) struct lister lister = {0};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    *ret_numbers = (struct envm_revision_numbers){0};
    ENVM_TRY(envm_fs_stat(prefix_fd, ENVM_REVISIONS_PARENT, &kind, NULL, err));
    if (kind == ENVM_FS_DIRECTORY)
        ENVM_TRY(envm_fs_stat(prefix_fd, ENVM_REVISIONS, &kind, NULL, err));
    if (kind != ENVM_FS_DIRECTORY)
        return ENVM_OK;
    ENVM_TRY(envm_fs_open_dir(prefix_fd, ENVM_REVISIONS, &fd, err));
    ENVM_TRY_WRAP(envm_fs_walk(fd, visit, &lister, err), err, "reading %s", ENVM_REVISIONS.s.ptr);
    if (lister.numbers.count > 1)
        qsort(lister.numbers.items, lister.numbers.count, sizeof(uint64_t), compare_numbers);
    ret_numbers->count = lister.numbers.count;
    ret_numbers->items =
        envm_arena_copy(arena, lister.numbers.items, lister.numbers.count * sizeof(uint64_t));
    return ENVM_OK;
}

enum envm_code envm_revision_read(struct envm_arena *arena, int prefix_fd, uint64_t number,
                                  envm_str *ret_lock, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(LOCK_SIZE_MAX);
    struct envm_relpath path = envm_revision_path(arena, number);
    envm_str lock;

    ENVM_TRY(envm_fs_read_at(prefix_fd, path, &text, err));
    if (!envm_unseal(envm_buf_str(&text), &lock))
        return envm_fail(err, ENVM_DAMAGED, "%s is not what its last line says", path.s.ptr);
    *ret_lock = envm_arena_str(arena, lock);
    return ENVM_OK;
}

enum envm_code envm_revision_next(int prefix_fd, uint64_t *ret_number, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(ENVM_HISTORY_SIZE_MAX);

    ENVM_TRY(envm_fs_read_at(prefix_fd, ENVM_RELPATH("conda-meta/history"), &text, err));
    *ret_number = envm_history_count(envm_buf_str(&text));
    return ENVM_OK;
}
