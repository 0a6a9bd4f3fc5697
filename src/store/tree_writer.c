/* SPDX-License-Identifier: MIT */
#include "store/tree_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "codec/digest.h"
#include "sys/fs_clone.h"

#define ENTRIES_MAX 1000000
#define CANCEL_EVERY 64

void envm_tree_writer_init(struct envm_tree_writer *writer, int root_fd, struct envm_arena *arena,
                           const struct envm_sink *sink)
{
    *writer = (struct envm_tree_writer){.root_fd = root_fd, .arena = arena, .sink = sink};
    for (size_t i = 0; i < ENVM_TREE_PARENTS; i++)
        writer->parents[i].fd = -1;
}

void envm_tree_writer_release(struct envm_tree_writer *writer)
{
    for (size_t i = 0; i < ENVM_TREE_PARENTS; i++)
        envm_close_fd(&writer->parents[i].fd);
    envm_map_release(&writer->index);
    envm_vec_release(&writer->entries);
}

static struct envm_package_path *lookup(const struct envm_tree_writer *writer, envm_str path)
{
    uint64_t *place = envm_map_find(&writer->index, path);

    return place ? &writer->entries.items[*place] : NULL;
}

const struct envm_package_path *envm_tree_writer_find(const struct envm_tree_writer *writer,
                                                      envm_str path)
{
    return lookup(writer, path);
}

/* The leaf of a checked path is one checked component. */
static struct envm_relpath leaf_of(struct envm_relpath path)
{
    return (struct envm_relpath){envm_relpath_leaf(path)};
}

static enum envm_code refuse(const struct envm_archive_entry *entry, enum envm_code code,
                             const char *what, struct envm_error *err)
{
    return envm_fail(err, code, "archive entry %llu \"%s\": %s", (unsigned long long)entry->number,
                     entry->path.s.ptr, what);
}

static enum envm_code add_entry(struct envm_tree_writer *writer,
                                const struct envm_package_path *item, struct envm_error *err)
{
    if (writer->entries.count >= ENTRIES_MAX)
        return envm_fail(err, ENVM_UNSAFE, "the archive holds more than %d entries", ENTRIES_MAX);
    envm_map_set(&writer->index, item->path.s, writer->entries.count);
    envm_vec_push(&writer->entries, *item);
    return ENVM_OK;
}

/* --- directories ---------------------------------------------------------------------------- */

static struct envm_tree_parent *cached_parent(struct envm_tree_writer *writer, envm_str path)
{
    for (size_t i = 0; i < ENVM_TREE_PARENTS; i++)
        if (writer->parents[i].fd >= 0 && envm_str_equal(writer->parents[i].path, path)) {
            writer->parents[i].used = ++writer->clock;
            return &writer->parents[i];
        }
    return NULL;
}

static enum envm_code open_parent(struct envm_tree_writer *writer, struct envm_relpath path,
                                  int *ret_fd, struct envm_error *err)
{
    struct envm_tree_parent *oldest = cached_parent(writer, path.s);
    int fd = -1;

    if (oldest) {
        *ret_fd = oldest->fd;
        return ENVM_OK;
    }
    oldest = &writer->parents[0];
    for (size_t i = 1; i < ENVM_TREE_PARENTS; i++)
        if (writer->parents[i].fd < 0 || writer->parents[i].used < oldest->used)
            oldest = &writer->parents[i];
    ENVM_TRY(envm_fs_open_dir(writer->root_fd, path, &fd, err));
    envm_close_fd(&oldest->fd);
    *oldest = (struct envm_tree_parent){.path = path.s, .fd = fd, .used = ++writer->clock};
    *ret_fd = fd;
    return ENVM_OK;
}

static enum envm_code make_dir(struct envm_tree_writer *writer, struct envm_relpath path,
                               struct envm_error *err)
{
    struct envm_package_path item = {.path = path, .type = ENVM_PATH_DIRECTORY};

    ENVM_TRY(envm_fs_mkdir(writer->root_fd, path, 0700, err));
    return add_entry(writer, &item, err);
}

/* Checks what stands above `path` and makes the directories that no entry has made. */
static enum envm_code make_ancestors(struct envm_tree_writer *writer,
                                     const struct envm_archive_entry *entry, struct envm_error *err)
{
    envm_str text = entry->path.s;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '/')
            continue;
        const struct envm_package_path *above = lookup(writer, envm_str_slice(text, 0, i));
        struct envm_relpath path;

        if (above && above->type == ENVM_PATH_SYMLINK)
            return refuse(entry, ENVM_UNSAFE, "leads through a symbolic link of the archive", err);
        if (above && above->type == ENVM_PATH_FILE)
            return refuse(entry, ENVM_MALFORMED, "lies below a file of the archive", err);
        if (above)
            continue;
        ENVM_TRY(envm_relpath_parse(writer->arena, envm_str_slice(text, 0, i), &path, err));
        ENVM_TRY(make_dir(writer, path, err));
    }
    return ENVM_OK;
}

/* The directory that will hold the entry; -1 on failure only. */
static enum envm_code enter_parent(struct envm_tree_writer *writer,
                                   const struct envm_archive_entry *entry, int *ret_fd,
                                   struct envm_error *err)
{
    size_t slash = envm_str_find_last_char(entry->path.s, '/');
    struct envm_tree_parent *cached;
    struct envm_relpath parent;

    *ret_fd = writer->root_fd;
    if (slash == SIZE_MAX)
        return ENVM_OK;
    cached = cached_parent(writer, envm_str_slice(entry->path.s, 0, slash));
    if (cached) {
        *ret_fd = cached->fd;
        return ENVM_OK;
    }
    ENVM_TRY(make_ancestors(writer, entry, err));
    envm_relpath_parent(writer->arena, entry->path, &parent);
    return open_parent(writer, parent, ret_fd, err);
}

/* --- entries -------------------------------------------------------------------------------- */

static void take_fingerprint(struct envm_package_path *item, const struct stat *st)
{
    item->mtime_s = (int64_t)st->st_mtim.tv_sec;
    item->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
    item->inode = (uint64_t)st->st_ino;
    item->mode = (uint32_t)(st->st_mode & 07777);
}

static enum envm_code write_data(struct envm_archive *archive, int fd, const char *name,
                                 struct envm_sha256 *ret_sha256, uint64_t *ret_size,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_hasher) struct envm_hasher hasher;
    const void *bytes = NULL;
    size_t len = 0;

    envm_hasher_init(&hasher, false);
    for (;;) {
        ENVM_TRY(envm_archive_read(archive, &bytes, &len, err));
        if (len == 0)
            break;
        envm_hasher_update(&hasher, bytes, len);
        ENVM_TRY(envm_fs_write_fd(fd, name, envm_str_n(bytes, len), err));
        *ret_size += len;
    }
    envm_hasher_final(&hasher, ret_sha256, NULL);
    return ENVM_OK;
}

/* Sets the archive's time: a new one would make shipped .pyc files stale. The mode differs from
 * what was asked for only when the umask took bits away. */
static enum envm_code seal_file(int fd, const struct envm_archive_entry *entry, mode_t mode,
                                struct envm_package_path *item, struct envm_error *err)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = (time_t)entry->mtime, .tv_nsec = entry->mtime_ns}};
    struct stat st;

    if (futimens(fd, times) != 0 || fstat(fd, &st) != 0)
        return envm_fail_errno(err, errno, "setting the time of \"%s\"", entry->path.s.ptr);
    if ((st.st_mode & 07777) != mode && (fchmod(fd, mode) != 0 || fstat(fd, &st) != 0))
        return envm_fail_errno(err, errno, "setting the mode of \"%s\"", entry->path.s.ptr);
    take_fingerprint(item, &st);
    return ENVM_OK;
}

static enum envm_code write_file(struct envm_tree_writer *writer, struct envm_archive *archive,
                                 const struct envm_archive_entry *entry, int parent_fd,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    mode_t mode = entry->executable ? 0555 : 0444;
    struct envm_package_path item = {
        .path = entry->path, .type = ENVM_PATH_FILE, .executable = entry->executable};
    enum envm_code code = envm_fs_create(parent_fd, leaf_of(entry->path), mode, &fd, err);

    /* The table says that the name is new, so the file system takes two names for one. */
    if (code != ENVM_OK && err && err->cause == EEXIST) {
        envm_error_release(err);
        return refuse(entry, ENVM_UNSAFE,
                      "this file system takes its name for that of another entry", err);
    }
    ENVM_TRY(code);
    ENVM_TRY(write_data(archive, fd, entry->path.s.ptr, &item.sha256, &item.size, err));
    ENVM_TRY(seal_file(fd, entry, mode, &item, err));
    return add_entry(writer, &item, err);
}

static enum envm_code write_hardlink(struct envm_tree_writer *writer,
                                     const struct envm_archive_entry *entry, struct envm_error *err)
{
    const struct envm_package_path *target = lookup(writer, entry->link_target);
    struct envm_package_path item;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct stat st;

    if (!target)
        return refuse(entry, ENVM_MALFORMED, "hard link to something that is not before it", err);
    if (target->type != ENVM_PATH_FILE)
        return refuse(entry, ENVM_UNSAFE, "hard link to something that is not a file", err);
    item = *target;
    item.path = entry->path;
    ENVM_TRY(envm_fs_clone(writer->root_fd, target->path, writer->root_fd, entry->path,
                           target->executable ? 0555 : 0444, ENVM_LINK_HARD, NULL, err));
    ENVM_TRY(envm_fs_stat(writer->root_fd, entry->path, &kind, &st, err));
    if (kind != ENVM_FS_FILE)
        return envm_fail(err, ENVM_IO, "\"%s\" vanished while it was made", entry->path.s.ptr);
    take_fingerprint(&item, &st);
    return add_entry(writer, &item, err);
}

static enum envm_code note_symlink(struct envm_tree_writer *writer,
                                   const struct envm_archive_entry *entry, struct envm_error *err)
{
    struct envm_package_path item = {.path = entry->path,
                                     .type = ENVM_PATH_SYMLINK,
                                     .link_target = entry->link_target,
                                     .size = entry->link_target.len};

    return add_entry(writer, &item, err);
}

static enum envm_code write_entry(struct envm_tree_writer *writer, struct envm_archive *archive,
                                  const struct envm_archive_entry *entry, struct envm_error *err)
{
    const struct envm_package_path *same = lookup(writer, entry->path.s);
    int parent_fd = -1;

    if (same && same->type == ENVM_PATH_DIRECTORY && entry->type == ENVM_ARCHIVE_DIRECTORY)
        return ENVM_OK;
    if (same)
        return refuse(entry, ENVM_MALFORMED, "the archive holds this name twice", err);
    ENVM_TRY(enter_parent(writer, entry, &parent_fd, err));
    switch (entry->type) {
    case ENVM_ARCHIVE_DIRECTORY:
        return make_dir(writer, entry->path, err);
    case ENVM_ARCHIVE_SYMLINK:
        return note_symlink(writer, entry, err);
    case ENVM_ARCHIVE_HARDLINK:
        return write_hardlink(writer, entry, err);
    case ENVM_ARCHIVE_FILE:
        break;
    }
    return write_file(writer, archive, entry, parent_fd, err);
}

enum envm_code envm_tree_writer_unpack(struct envm_tree_writer *writer,
                                       struct envm_archive *archive, enum envm_package_part part,
                                       struct envm_error *err)
{
    struct envm_archive_entry *entry = NULL;

    for (uint64_t count = 0;; count++) {
        if (count % CANCEL_EVERY == 0 && envm_sink_cancelled(writer->sink))
            return envm_fail(err, ENVM_INTERRUPTED, "interrupted while extracting");
        ENVM_TRY(envm_archive_next(archive, writer->arena, &entry, err));
        if (!entry)
            return ENVM_OK;
        bool info = envm_relpath_is_below(entry->path, ENVM_STR("info"));

        if (part == ENVM_PART_INFO && !info)
            return refuse(entry, ENVM_MALFORMED, "lies outside info/, in the info archive", err);
        if (part == ENVM_PART_PKG && info)
            return refuse(entry, ENVM_MALFORMED, "lies in info/, in the pkg archive", err);
        ENVM_TRY(write_entry(writer, archive, entry, err));
    }
}

/* --- finish --------------------------------------------------------------------------------- */

static enum envm_code make_symlink(struct envm_tree_writer *writer, struct envm_package_path *item,
                                   struct envm_error *err)
{
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct stat st;

    ENVM_TRY(envm_fs_symlink(writer->root_fd, item->path, item->link_target.ptr, err));
    ENVM_TRY(envm_fs_stat(writer->root_fd, item->path, &kind, &st, err));
    if (kind != ENVM_FS_SYMLINK)
        return envm_fail(err, ENVM_IO, "\"%s\" vanished while it was made", item->path.s.ptr);
    take_fingerprint(item, &st);
    return ENVM_OK;
}

static enum envm_code open_up(int root_fd, struct envm_relpath path, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    ENVM_TRY(envm_fs_open_dir(root_fd, path, &fd, err));
    if (fchmod(fd, 0755) != 0)
        return envm_fail_errno(err, errno, "setting the mode of \"%s\"", path.s.ptr);
    return ENVM_OK;
}

static int compare_paths(const void *a, const void *b)
{
    const struct envm_package_path *left = a, *right = b;

    return envm_str_compare(left->path.s, right->path.s);
}

enum envm_code envm_tree_writer_finish(struct envm_tree_writer *writer, struct envm_error *err)
{
    for (size_t i = 0; i < writer->entries.count; i++)
        if (writer->entries.items[i].type == ENVM_PATH_SYMLINK)
            ENVM_TRY(make_symlink(writer, &writer->entries.items[i], err));
    for (size_t i = 0; i < writer->entries.count; i++)
        if (writer->entries.items[i].type == ENVM_PATH_DIRECTORY)
            ENVM_TRY(open_up(writer->root_fd, writer->entries.items[i].path, err));
    if (fchmod(writer->root_fd, 0755) != 0)
        return envm_fail_errno(err, errno, "setting the mode of an extracted package");
    envm_map_release(&writer->index);
    if (writer->entries.count > 1)
        qsort(writer->entries.items, writer->entries.count, sizeof(writer->entries.items[0]),
              compare_paths);
    return ENVM_OK;
}
