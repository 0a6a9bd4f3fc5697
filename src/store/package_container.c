/* SPDX-License-Identifier: MIT */
#include "store/package_container.h"

#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/size_text.h"
#include "codec/json_reader.h"
#include "codec/zip.h"
#include "sys/fs.h"

#define ENTRY_SLACK ((uint64_t)64 << 10) /* headers and padding of one entry, generously */
#define DISK_RESERVE ((uint64_t)16 << 20)
#define METADATA_MAX 65536

static enum envm_code bad(const struct envm_package_file *file, const char *what,
                          struct envm_error *err)
{
    return envm_fail(err, ENVM_MALFORMED, "'%s': %s", file->name, what);
}

/* --- format --------------------------------------------------------------------------------- */

static enum envm_code check_magic(const struct envm_package_file *file, struct envm_error *err)
{
    char head[4] = {0};
    ssize_t got = pread(file->fd, head, sizeof(head), 0);
    envm_str magic = envm_str_n(head, got > 0 ? (size_t)got : 0);
    bool is_zip = envm_str_starts_with(magic, ENVM_STR("PK\x03\x04"));
    bool is_bzip2 = envm_str_starts_with(magic, ENVM_STR("BZh"));

    if (got < 0)
        return envm_fail_errno(err, errno, "reading '%s'", file->name);
    if (file->size == 0)
        return bad(file, "the file is empty", err);
    if (file->kind == ENVM_KIND_CONDA && !is_zip)
        return bad(file, is_bzip2 ? "named .conda, but it is a .tar.bz2" : "not a .conda archive",
                   err);
    if (file->kind == ENVM_KIND_TAR_BZ2 && !is_bzip2)
        return bad(file, is_zip ? "named .tar.bz2, but it is a .conda" : "not a .tar.bz2 archive",
                   err);
    return ENVM_OK;
}

/* --- .conda --------------------------------------------------------------------------------- */

struct members {
    const struct envm_zip_member *metadata, *info, *pkg;
    envm_str info_stem, pkg_stem;
};

/* "info-STEM.tar.zst" -> STEM */
static bool take_stem(envm_str name, envm_str prefix, envm_str *ret_stem)
{
    envm_str suffix = ENVM_STR(".tar.zst");

    if (!envm_str_starts_with(name, prefix) || !envm_str_ends_with(name, suffix) ||
        name.len < prefix.len + suffix.len)
        return false;
    *ret_stem = envm_str_slice(name, prefix.len, name.len - suffix.len);
    return true;
}

static const char *sort_member(const struct envm_zip_member *member, envm_str name,
                               struct members *members)
{
    const struct envm_zip_member **place;

    if (envm_str_equal_c(name, "metadata.json"))
        place = &members->metadata;
    else if (take_stem(name, ENVM_STR("info-"), &members->info_stem))
        place = &members->info;
    else if (take_stem(name, ENVM_STR("pkg-"), &members->pkg_stem))
        place = &members->pkg;
    else
        return "a member that does not belong into a .conda archive";
    if (*place)
        return "two members of one kind";
    *place = member;
    return NULL;
}

/* Some archives were zipped again from outside: all members lie below one folder then, and the
 * folder itself and its parents may be members without data. */
static const char *sort_members(const struct envm_zip *zip, struct members *members)
{
    envm_str folder = {0};
    bool known = false;
    const char *fault = NULL;

    for (size_t i = 0; i < zip->count && !fault; i++) {
        envm_str name = zip->members[i].name;
        size_t slash = envm_str_find_last_char(name, '/');
        envm_str parent = envm_str_slice(name, 0, slash == SIZE_MAX ? 0 : slash + 1);

        if (parent.len == name.len)
            continue;
        if (known && !envm_str_equal(parent, folder))
            return "members in several folders";
        folder = parent;
        known = true;
        fault = sort_member(&zip->members[i], envm_str_skip(name, parent.len), members);
    }
    for (size_t i = 0; i < zip->count && !fault; i++)
        if (envm_str_ends_with(zip->members[i].name, ENVM_STR("/")) &&
            (zip->members[i].size != 0 || !envm_str_starts_with(folder, zip->members[i].name)))
            return "a folder that does not belong into a .conda archive";
    return fault;
}

/* The file is often empty, and missing in old test packages; what it says is checked when it says
 * something. */
static enum envm_code check_metadata(const struct envm_package_file *file,
                                     const struct envm_zip_member *member, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_json_reader r;
    uint64_t version = 2;
    envm_str key;
    char *text;

    if (!member || member->size == 0)
        return ENVM_OK;
    if (member->size > METADATA_MAX)
        return bad(file, "metadata.json is too long", err);
    text = envm_arena_alloc(&arena, (size_t)member->size);
    if (pread(file->fd, text, (size_t)member->size, (off_t)member->offset) != (ssize_t)member->size)
        return envm_fail(err, ENVM_IO, "'%s': reading metadata.json", file->name);
    envm_json_init(&r, envm_str_n(text, (size_t)member->size));
    envm_json_begin_object(&r);
    while (envm_json_next_key(&r, &arena, &key)) {
        if (envm_str_equal_c(key, "conda_pkg_format_version"))
            envm_json_u64(&r, &version);
        else
            envm_json_skip(&r, NULL);
    }
    ENVM_TRY_WRAP(envm_json_end(&r, err), err, "'%s', metadata.json", file->name);
    if (version != 2)
        return bad(file, "metadata.json names a format version that is not 2", err);
    return ENVM_OK;
}

static enum envm_code open_members(const struct envm_package_file *file, struct envm_arena *arena,
                                   struct members *ret_members, struct envm_error *err)
{
    struct members members = {0};
    struct envm_zip zip;
    const char *fault;

    ENVM_TRY(envm_zip_open(arena, file->fd, file->size, file->name, &zip, err));
    fault = sort_members(&zip, &members);
    if (fault)
        return bad(file, fault, err);
    if (!members.info || !members.pkg)
        return bad(
            file, members.info ? "the pkg archive is missing" : "the info archive is missing", err);
    if (!envm_str_equal(members.info_stem, members.pkg_stem))
        return bad(file, "info and pkg archive have different names", err);
    for (size_t i = 0; i < zip.count; i++)
        ENVM_TRY(envm_zip_check(file->fd, &zip.members[i], file->name, err));
    ENVM_TRY(check_metadata(file, members.metadata, err));
    *ret_members = members;
    return ENVM_OK;
}

static enum envm_code check_free_space(const struct envm_package_file *file, int fd,
                                       uint64_t needed, struct envm_error *err)
{
    uint64_t available = 0;

    ENVM_TRY(envm_fs_free_space(fd, &available, err));
    if (available > needed && available - needed > DISK_RESERVE)
        return ENVM_OK;
    return envm_error_hint(
        err,
        envm_fail(err, ENVM_IO,
                  "'%s' unpacks to %s and %s have to stay free beside it, but %s are free on the "
                  "file system of the package cache",
                  file->name, envm_size_text(needed).text, envm_size_text(DISK_RESERVE).text,
                  envm_size_text(available).text),
        "free some space, or move the package cache to another disk");
}

static enum envm_code unpack_member(const struct envm_package_file *file,
                                    const struct envm_zip_member *member,
                                    struct envm_tree_writer *writer, enum envm_package_part part,
                                    uint64_t budget, struct envm_error *err)
{
    ENVM_CLEANUP(envm_archive) struct envm_archive *archive = NULL;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str name = envm_arena_printf(&arena, "%s:%.*s", file->name, ENVM_STR_ARGS(member->name));

    ENVM_TRY(envm_archive_open(file->fd, member->offset, member->size, ENVM_FILTER_ZSTD, name.ptr,
                               &archive, err));
    if (budget > 0)
        envm_archive_set_budget(archive, budget, "info/paths.json announces less");
    return envm_tree_writer_unpack(writer, archive, part, err);
}

static enum envm_code unpack_conda(const struct envm_package_file *file,
                                   struct envm_tree_writer *writer,
                                   struct envm_package_info *ret_info, struct envm_error *err)
{
    struct members members = {0};
    uint64_t announced = 0, budget = 0;

    ENVM_TRY(open_members(file, writer->arena, &members, err));
    ENVM_TRY(unpack_member(file, members.info, writer, ENVM_PART_INFO, 0, err));
    ENVM_TRY_WRAP(envm_package_info_read(writer, ret_info, err), err, "'%s'", file->name);
    if (envm_package_info_announced_size(ret_info, &announced)) {
        uint64_t slack = ENTRY_SLACK * (ret_info->list.count + 16);

        if (__builtin_add_overflow(announced, slack, &budget))
            return bad(file, "info/paths.json announces an unreasonable size", err);
        ENVM_TRY(check_free_space(file, writer->root_fd, announced, err));
    }
    return unpack_member(file, members.pkg, writer, ENVM_PART_PKG, budget, err);
}

/* --- .tar.bz2 ------------------------------------------------------------------------------- */

static enum envm_code unpack_tar_bz2(const struct envm_package_file *file,
                                     struct envm_tree_writer *writer,
                                     struct envm_package_info *ret_info, struct envm_error *err)
{
    ENVM_CLEANUP(envm_archive) struct envm_archive *archive = NULL;

    ENVM_TRY(
        envm_archive_open(file->fd, 0, file->size, ENVM_FILTER_BZIP2, file->name, &archive, err));
    ENVM_TRY(envm_tree_writer_unpack(writer, archive, ENVM_PART_WHOLE, err));
    ENVM_TRY_WRAP(envm_package_info_read(writer, ret_info, err), err, "'%s'", file->name);
    return ENVM_OK;
}

/* A package that holds files but does not say which: conda would install nothing and be silent. */
static enum envm_code check_has_list(const struct envm_package_file *file,
                                     const struct envm_tree_writer *writer,
                                     const struct envm_package_info *info, struct envm_error *err)
{
    for (size_t i = 0; i < writer->entries.count && !info->has_list; i++)
        if (writer->entries.items[i].type != ENVM_PATH_DIRECTORY &&
            !envm_relpath_is_below(writer->entries.items[i].path, ENVM_STR("info")))
            return bad(file, "neither info/paths.json nor info/files lists its files", err);
    return ENVM_OK;
}

enum envm_code envm_package_unpack(const struct envm_package_file *file,
                                   struct envm_tree_writer *writer,
                                   struct envm_package_info *ret_info, struct envm_error *err)
{
    ENVM_TRY(check_magic(file, err));
    if (file->kind == ENVM_KIND_CONDA)
        ENVM_TRY(unpack_conda(file, writer, ret_info, err));
    else
        ENVM_TRY(unpack_tar_bz2(file, writer, ret_info, err));
    return check_has_list(file, writer, ret_info, err);
}
