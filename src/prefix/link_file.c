/* SPDX-License-Identifier: MIT */
#include "prefix/link_file.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/utf8.h"
#include "codec/digest.h"
#include "sys/fs.h"

#define READ_MAX ((size_t)256 * 1024)
#define OUT_BUFFER ((size_t)256 * 1024)

/* The directory that was used last: paths come sorted, so most files find theirs open. */
struct open_parent {
    int root;
    int fd; /* -1: none */
    envm_str path;
};

struct linker {
    struct envm_arena *arena;
    const struct envm_link_context *context;
    struct open_parent from, to;
    struct envm_buf small; /* the bytes of a small file */
    bool hardlinked;
};

static void linker_release(struct linker *linker)
{
    envm_close_fd(&linker->from.fd);
    envm_close_fd(&linker->to.fd);
    envm_buf_release(&linker->small);
}
ENVM_DEFINE_CLEANUP(linker, struct linker, linker_release)

static enum envm_code parent_fd(struct linker *linker, struct open_parent *parent,
                                struct envm_relpath path, int *ret_fd, struct envm_error *err)
{
    size_t slash = envm_str_find_last_char(path.s, '/');
    envm_str wanted = envm_str_slice(path.s, 0, slash);
    struct envm_relpath directory;

    *ret_fd = parent->root;
    if (slash == SIZE_MAX)
        return ENVM_OK;
    if (parent->fd < 0 || !envm_str_equal(parent->path, wanted)) {
        envm_close_fd(&parent->fd);
        (void)envm_relpath_parent(linker->arena, path, &directory);
        parent->path = directory.s;
        ENVM_TRY(envm_fs_open_dir(parent->root, directory, &parent->fd, err));
    }
    *ret_fd = parent->fd;
    return ENVM_OK;
}

/* A component of a valid path is a valid path. */
static struct envm_relpath leaf_of(struct envm_relpath path)
{
    return (struct envm_relpath){envm_relpath_leaf(path)};
}

/* Collects small pieces; hashes on the way. */
struct file_out {
    int fd; /* -1: only hash */
    const char *name;
    struct envm_buf pending;
    struct envm_hasher hasher;
};

static void file_out_release(struct file_out *out)
{
    envm_close_fd(&out->fd);
    envm_buf_release(&out->pending);
    envm_hasher_release(&out->hasher);
}
ENVM_DEFINE_CLEANUP(file_out, struct file_out, file_out_release)

static enum envm_code file_out_flush(struct file_out *out, struct envm_error *err)
{
    enum envm_code code = ENVM_OK;

    if (out->fd >= 0 && out->pending.len > 0)
        code = envm_fs_write_fd(out->fd, out->name, envm_buf_str(&out->pending), err);
    envm_buf_clear(&out->pending);
    return code;
}

static enum envm_code file_out_put(void *user, envm_str bytes, struct envm_error *err)
{
    struct file_out *out = user;

    envm_hasher_update(&out->hasher, bytes.ptr, bytes.len);
    if (out->fd < 0)
        return ENVM_OK;
    if (out->pending.len + bytes.len > OUT_BUFFER)
        ENVM_TRY(file_out_flush(out, err));
    if (bytes.len > OUT_BUFFER / 2)
        return envm_fs_write_fd(out->fd, out->name, bytes, err);
    envm_buf_add_str(&out->pending, bytes);
    return ENVM_OK;
}

static enum envm_code finish_file(struct linker *linker, int fd, const struct envm_link_item *item,
                                  struct envm_error *err)
{
    mode_t mode =
        item->target.executable ? linker->context->exec_mode : linker->context->plain_mode;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};

    if (item->source) {
        times[1].tv_sec = item->source->mtime_s;
        times[1].tv_nsec = item->source->mtime_ns;
    }
    if (fchmod(fd, mode) != 0 || futimens(fd, times) != 0)
        return envm_fail_errno(err, errno, "setting mode and time");
    return ENVM_OK;
}

/* Writes `bytes` with the prefix in place of the placeholder into a file that is new. */
static enum envm_code write_replaced(struct linker *linker, struct envm_link_item *item,
                                     envm_str bytes, int to_fd, struct envm_error *err)
{
    struct envm_prefix_path *target = &item->target;
    struct envm_replace_request request = {.bytes = bytes,
                                           .mode = target->file_mode,
                                           .placeholder = target->placeholder,
                                           .prefix = linker->context->prefix};
    struct envm_edits edits = {0};
    ENVM_CLEANUP(file_out)
    struct file_out out = {.fd = -1, .name = target->path.s.ptr, .pending = envm_buf_text()};

    envm_hasher_init(&out.hasher, false);
    ENVM_TRY(envm_replace_plan(linker->arena, &request, &edits, &target->replaced, err));
    if (!item->shared)
        ENVM_TRY(envm_fs_create(to_fd, leaf_of(target->path), 0600, &out.fd, err));
    ENVM_TRY(envm_edits_apply(bytes, &edits, file_out_put, &out, err));
    ENVM_TRY(file_out_flush(&out, err));
    if (out.fd >= 0)
        ENVM_TRY(finish_file(linker, out.fd, item, err));
    envm_hasher_final(&out.hasher, &target->sha256_in_prefix, NULL);
    target->size_in_prefix = envm_edits_size(bytes, &edits);
    return ENVM_OK;
}

/* To unmap is to interrupt the other processors. */
static enum envm_code copy_small(struct linker *linker, struct envm_link_item *item, int fd,
                                 int to_fd, struct envm_error *err)
{
    bool end = false;

    linker->small.limit = READ_MAX + 1;
    envm_buf_clear(&linker->small);
    ENVM_TRY(
        envm_fs_read_part(fd, item->source->path.s.ptr, READ_MAX + 1, &linker->small, &end, err));
    return write_replaced(linker, item, envm_buf_str(&linker->small), to_fd, err);
}

static enum envm_code copy_replaced(struct linker *linker, struct envm_link_item *item, int from_fd,
                                    int to_fd, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    const char *name = item->source->path.s.ptr;
    envm_str bytes = {0};
    enum envm_code code;

    ENVM_TRY(envm_fs_open_read(from_fd, leaf_of(item->source->path), &fd, err));
    if (item->source->size <= READ_MAX)
        return copy_small(linker, item, fd, to_fd, err);
    ENVM_TRY(envm_fs_map(fd, name, &bytes, err));
    code = write_replaced(linker, item, bytes, to_fd, err);
    envm_fs_unmap(bytes);
    return code;
}

static enum envm_code link_plain(struct linker *linker, struct envm_link_item *item, int from_fd,
                                 int to_fd, struct envm_error *err)
{
    const struct envm_link_context *context = linker->context;
    struct envm_prefix_path *target = &item->target;
    enum envm_link_mode wanted = context->link_mode;
    enum envm_link_mode used = ENVM_LINK_COPY;

    target->sha256_in_prefix = target->sha256;
    target->size_in_prefix = target->size;
    if (item->shared)
        return ENVM_OK;
    if (item->copy && wanted != ENVM_LINK_COPY)
        wanted = ENVM_LINK_REFLINK;
    /* The store has looked at each file of the entry when it found it. */
    ENVM_TRY(envm_fs_clone_checked(
        from_fd, leaf_of(item->source->path), to_fd, leaf_of(target->path),
        target->executable ? context->exec_mode : context->plain_mode, wanted, &used, err));
    linker->hardlinked = linker->hardlinked || used == ENVM_LINK_HARD;
    return ENVM_OK;
}

static enum envm_code link_item(struct linker *linker, struct envm_link_item *item,
                                struct envm_error *err)
{
    int from_fd = -1;
    int to_fd = -1;

    if (item->target.type == ENVM_PATH_DIRECTORY || item->lost)
        return ENVM_OK;
    if (!item->shared)
        ENVM_TRY(parent_fd(linker, &linker->to, item->target.path, &to_fd, err));
    if (item->target.type == ENVM_PATH_SYMLINK)
        return item->shared
                   ? ENVM_OK
                   : envm_fs_symlink(to_fd, leaf_of(item->target.path),
                                     envm_cstr(linker->arena, item->target.link_target), err);
    if (!item->source)
        return write_replaced(linker, item, item->generated, to_fd, err);
    ENVM_TRY(parent_fd(linker, &linker->from, item->source->path, &from_fd, err));
    if (item->target.file_mode != ENVM_MODE_NONE)
        return copy_replaced(linker, item, from_fd, to_fd, err);
    return link_plain(linker, item, from_fd, to_fd, err);
}

enum envm_code envm_link_package(struct envm_arena *arena, const struct envm_link_context *context,
                                 struct envm_link_plan *plan, bool *ret_hardlinked,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(linker)
    struct linker linker = {.arena = arena,
                            .context = context,
                            .from = {.root = context->from_fd, .fd = -1},
                            .to = {.root = context->to_fd, .fd = -1}};

    for (size_t i = 0; i < plan->count; i++) {
        enum envm_code code = link_item(&linker, &plan->items[i], err);

        if (code != ENVM_OK) {
            ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

            envm_buf_add_escaped(&shown, plan->items[i].target.path.s, 256);
            return envm_wrap(err, code, "linking '%s'", envm_buf_str(&shown).ptr);
        }
    }
    *ret_hardlinked = linker.hardlinked;
    return ENVM_OK;
}

uint64_t envm_link_plan_bytes(const struct envm_link_plan *plan, bool all)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < plan->count; i++) {
        const struct envm_link_item *item = &plan->items[i];

        if (!item->shared && !item->lost && item->target.type == ENVM_PATH_FILE &&
            (all || item->copy))
            bytes += item->target.size;
    }
    return bytes;
}
