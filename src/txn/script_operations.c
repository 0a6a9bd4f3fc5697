/* SPDX-License-Identifier: MIT */
#include "txn/script_operations.h"

#include <stdlib.h>

#include "base/error.h"
#include "sys/fs.h"
#include "sys/fs_clone.h"
#include "txn/journal_apply.h"

struct operations {
    struct envm_arena *arena;
    int tree_fd, prefix_fd, new_fd;
    struct envm_journal *journal;
    struct envm_map by_path; /* path -> index + 1 of the REMOVE or PUT in the journal */
    struct envm_map made;    /* folders that have their MKDIR */
    ENVM_VEC(struct envm_journal_op) removals, folders, puts; /* that are added */
    ENVM_VEC(struct envm_relpath) gone;                       /* folders that go if empty */
    ENVM_VEC(size_t) dropped;                                 /* indices in the journal */
};

static void operations_release(struct operations *o)
{
    envm_map_release(&o->by_path);
    envm_map_release(&o->made);
    envm_vec_release(&o->removals);
    envm_vec_release(&o->folders);
    envm_vec_release(&o->puts);
    envm_vec_release(&o->gone);
    envm_vec_release(&o->dropped);
}
ENVM_DEFINE_CLEANUP(operations, struct operations, operations_release)

static void index_journal(struct operations *o)
{
    for (size_t i = 0; i < o->journal->ops.count; i++) {
        const struct envm_journal_op *op = &o->journal->ops.items[i];

        if (op->kind == ENVM_JOURNAL_REMOVE || op->kind == ENVM_JOURNAL_PUT)
            envm_map_set(&o->by_path, op->path.s, i + 1);
    }
}

static struct envm_journal_op *find_op(struct operations *o, envm_str path)
{
    const uint64_t *index = envm_map_find(&o->by_path, path);

    return index ? &o->journal->ops.items[*index - 1] : NULL;
}

static void drop(struct operations *o, const struct envm_journal_op *op)
{
    envm_vec_push(&o->dropped, (size_t)(op - o->journal->ops.items));
}

/* What is at the path in the environment, for the journal. A link in the way of a folder: the
 * script has put the folder there, and an operation of its own sees to the link. */
static enum envm_code look(struct operations *o, struct envm_relpath path,
                           struct envm_seen *ret_seen, struct envm_error *err)
{
    bool behind_link = false;

    return envm_journal_look(o->prefix_fd, path, true, ret_seen, &behind_link, err);
}

/* --- one path ----------------------------------------------------------------------------- */

/* Every folder above is there when the file comes: they may have been about to go. */
static enum envm_code add_folder(struct operations *o, struct envm_relpath path,
                                 struct envm_error *err)
{
    struct envm_journal_op op = {.kind = ENVM_JOURNAL_MKDIR, .path = path};
    bool is_new = false;

    *envm_map_get(&o->made, path.s, &is_new) = 1;
    if (!is_new)
        return ENVM_OK;
    ENVM_TRY(look(o, path, &op.seen, err));
    envm_vec_push(&o->folders, op);
    return ENVM_OK;
}

static enum envm_code add_folders_above(struct operations *o, struct envm_relpath path,
                                        struct envm_error *err)
{
    for (size_t i = 0; i < path.s.len; i++) {
        struct envm_relpath above;

        if (path.s.ptr[i] != '/')
            continue;
        ENVM_TRY(envm_relpath_parse(o->arena, envm_str_slice(path.s, 0, i), &above, err));
        ENVM_TRY(add_folder(o, above, err));
    }
    return ENVM_OK;
}

static enum envm_code stage_file(struct operations *o, struct envm_relpath path,
                                 const struct envm_script_output *now, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct envm_relpath above;
    struct stat status = {0};
    envm_str text;

    ENVM_TRY(envm_fs_stat(o->new_fd, path, &kind, NULL, err));
    if (kind != ENVM_FS_ABSENT)
        ENVM_TRY(envm_fs_unlink(o->new_fd, path, err));
    if (envm_relpath_parent(&arena, path, &above))
        ENVM_TRY(envm_fs_make_dirs(o->new_fd, above, 0700, err));
    if (now->type == ENVM_PATH_SYMLINK) {
        ENVM_TRY(envm_fs_read_link(o->tree_fd, path, &arena, &text, err));
        return envm_fs_symlink(o->new_fd, path, text.ptr, err);
    }
    ENVM_TRY(envm_fs_stat(o->tree_fd, path, &kind, &status, err));
    return envm_fs_clone(o->tree_fd, path, o->new_fd, path, status.st_mode & 0777,
                         ENVM_LINK_REFLINK, NULL, err);
}

/* Found out before the commit, not behind it. */
static enum envm_code check_folder(struct operations *o, struct envm_relpath path,
                                   struct envm_error *err)
{
    struct envm_relpath above;
    struct envm_seen seen = {0};

    if (!envm_relpath_parent(o->arena, path, &above))
        return ENVM_OK;
    ENVM_TRY(look(o, above, &seen, err));
    return seen.kind == ENVM_SEEN_DIRECTORY ? envm_fs_check_writable(o->prefix_fd, above, err)
                                            : ENVM_OK;
}

static enum envm_code add_put(struct operations *o, struct envm_relpath path,
                              const struct envm_script_output *now, struct envm_journal_op *op,
                              struct envm_error *err)
{
    struct envm_journal_op put = {.kind = ENVM_JOURNAL_PUT, .path = path};

    ENVM_TRY(stage_file(o, path, now, err));
    ENVM_TRY(add_folders_above(o, path, err));
    ENVM_TRY(check_folder(o, path, err));
    if (op && op->kind == ENVM_JOURNAL_PUT)
        return ENVM_OK;
    if (op) { /* the user's file is moved away first, as it would have been */
        put.seen = op->seen;
        put.save = op->save;
        drop(o, op);
    } else {
        ENVM_TRY(look(o, path, &put.seen, err));
    }
    envm_vec_push(&o->puts, put);
    return ENVM_OK;
}

static enum envm_code file_is_there(struct operations *o, struct envm_relpath path,
                                    const struct envm_script_output *now, struct envm_error *err)
{
    struct envm_journal_op *op = find_op(o, path.s);
    struct envm_script_output without = {0};
    int fd = op && op->kind == ENVM_JOURNAL_PUT ? o->new_fd : o->prefix_fd;

    /* What the environment would have without the script is the very same. */
    if ((!op || op->kind == ENVM_JOURNAL_PUT) &&
        envm_script_output_look(fd, path, &without, NULL) == ENVM_OK &&
        envm_script_output_is_same(&without, now))
        return ENVM_OK;
    return add_put(o, path, now, op, err);
}

static enum envm_code file_is_gone(struct operations *o, struct envm_relpath path,
                                   struct envm_error *err)
{
    struct envm_journal_op removal = {.kind = ENVM_JOURNAL_REMOVE, .path = path};
    struct envm_journal_op *op = find_op(o, path.s);

    if (op && op->kind == ENVM_JOURNAL_REMOVE)
        return ENVM_OK;
    if (op) {
        removal.seen = op->seen;
        removal.save = op->save;
        drop(o, op);
        ENVM_TRY(envm_fs_unlink(o->new_fd, path, err));
    } else {
        ENVM_TRY(look(o, path, &removal.seen, err));
    }
    if (removal.seen.kind != ENVM_SEEN_NOTHING)
        ENVM_TRY(check_folder(o, path, err));
    if (removal.seen.kind == ENVM_SEEN_DIRECTORY)
        envm_vec_push(&o->gone, path);
    else if (removal.seen.kind != ENVM_SEEN_NOTHING)
        envm_vec_push(&o->removals, removal);
    return ENVM_OK;
}

static enum envm_code add_path(struct operations *o, const struct envm_touched *touched,
                               struct envm_error *err)
{
    struct envm_script_output now = {0};

    ENVM_TRY(envm_script_output_look(o->tree_fd, touched->path, &now, err));
    if (now.removed)
        return file_is_gone(o, touched->path, err);
    if (now.type != ENVM_PATH_DIRECTORY)
        return file_is_there(o, touched->path, &now, err);
    ENVM_TRY(add_folders_above(o, touched->path, err));
    return add_folder(o, touched->path, err);
}

/* --- all of them -------------------------------------------------------------------------- */

static int compare_indices(const void *a, const void *b)
{
    size_t left = *(const size_t *)a;
    size_t right = *(const size_t *)b;

    return left < right ? -1 : left > right;
}

static void take_out_dropped(struct operations *o)
{
    size_t kept = 0;
    size_t next = 0;

    if (o->dropped.count > 1)
        qsort(o->dropped.items, o->dropped.count, sizeof(size_t), compare_indices);
    for (size_t i = 0; i < o->journal->ops.count; i++) {
        if (next < o->dropped.count && o->dropped.items[next] == i)
            next++;
        else
            o->journal->ops.items[kept++] = o->journal->ops.items[i];
    }
    o->journal->ops.count = kept;
}

static int compare_paths(const void *a, const void *b)
{
    return envm_str_compare(((const struct envm_journal_op *)a)->path.s,
                            ((const struct envm_journal_op *)b)->path.s);
}

static int compare_deepest_first(const void *a, const void *b)
{
    return -envm_str_compare(((const struct envm_relpath *)a)->s,
                             ((const struct envm_relpath *)b)->s);
}

static void append_all(struct operations *o)
{
    if (o->gone.count > 1)
        qsort(o->gone.items, o->gone.count, sizeof(*o->gone.items), compare_deepest_first);
    if (o->folders.count > 1)
        qsort(o->folders.items, o->folders.count, sizeof(*o->folders.items), compare_paths);
    for (size_t i = 0; i < o->removals.count; i++)
        envm_vec_push(&o->journal->ops, o->removals.items[i]);
    for (size_t i = 0; i < o->gone.count; i++) {
        const struct envm_journal_op op = {.kind = ENVM_JOURNAL_RMDIR, .path = o->gone.items[i]};

        envm_vec_push(&o->journal->ops, op);
    }
    for (size_t i = 0; i < o->folders.count; i++)
        envm_vec_push(&o->journal->ops, o->folders.items[i]);
    for (size_t i = 0; i < o->puts.count; i++)
        envm_vec_push(&o->journal->ops, o->puts.items[i]);
}

enum envm_code envm_script_operations(struct envm_arena *arena,
                                      const struct envm_script_session *session, int prefix_fd,
                                      int new_fd, struct envm_journal *journal,
                                      struct envm_error *err)
{
    ENVM_CLEANUP(operations)
    struct operations o = {.arena = arena,
                           .tree_fd = session->trial->tree_fd,
                           .prefix_fd = prefix_fd,
                           .new_fd = new_fd,
                           .journal = journal};

    index_journal(&o);
    for (size_t i = 0; i < session->touched.count; i++)
        ENVM_TRY(add_path(&o, &session->touched.items[i], err));
    take_out_dropped(&o);
    append_all(&o);
    return ENVM_OK;
}
