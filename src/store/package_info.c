/* SPDX-License-Identifier: MIT */
#include "store/package_info.h"

#include "base/error.h"
#include "base/utf8.h"
#include "conda/package_record.h"
#include "sys/fs.h"

#define SMALL_MAX ((size_t)16 << 20)
#define LIST_MAX ((size_t)512 << 20)

/* *ret_found is false when the package does not have the file. */
static enum envm_code read_file(const struct envm_tree_writer *writer, struct envm_relpath path,
                                struct envm_buf *buf, bool *ret_found, struct envm_error *err)
{
    const struct envm_package_path *entry = envm_tree_writer_find(writer, path.s);

    *ret_found = entry != NULL;
    if (!entry)
        return ENVM_OK;
    if (entry->type != ENVM_PATH_FILE)
        return envm_fail(err, ENVM_MALFORMED, "%s is not a file", path.s.ptr);
    return envm_fs_read_at(writer->root_fd, path, buf, err);
}

static enum envm_code read_index(const struct envm_tree_writer *writer,
                                 struct envm_package_info *info, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(SMALL_MAX);
    ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
    struct envm_package_record record = {0};
    struct envm_json_reader r;
    const char *fault = NULL;
    bool found = false;

    ENVM_TRY(read_file(writer, ENVM_RELPATH("info/index.json"), &text, &found, err));
    if (!found)
        return envm_fail(err, ENVM_MALFORMED, "info/index.json is missing");
    envm_json_init(&r, envm_buf_str(&text));
    envm_package_record_read(&r, &scratch, &record, &fault);
    ENVM_TRY_WRAP(envm_json_end(&r, err), err, "info/index.json");
    if (fault)
        return envm_fail(err, ENVM_MALFORMED, "info/index.json: %s", fault);
    info->index = envm_package_record_copy(writer->arena, &record);
    info->noarch = record.noarch;
    return ENVM_OK;
}

static enum envm_code read_old_lists(const struct envm_tree_writer *writer,
                                     struct envm_package_info *info, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf files = envm_buf_limit(LIST_MAX);
    ENVM_CLEANUP(envm_buf) struct envm_buf has_prefix = envm_buf_limit(LIST_MAX);
    ENVM_CLEANUP(envm_buf) struct envm_buf no_link = envm_buf_limit(LIST_MAX);
    bool found = false;

    ENVM_TRY(read_file(writer, ENVM_RELPATH("info/files"), &files, &info->has_list, err));
    ENVM_TRY(read_file(writer, ENVM_RELPATH("info/has_prefix"), &has_prefix, &found, err));
    ENVM_TRY(read_file(writer, ENVM_RELPATH("info/no_link"), &no_link, &found, err));
    return envm_paths_old_parse(writer->arena, envm_buf_str(&files), envm_buf_str(&has_prefix),
                                envm_buf_str(&no_link), &info->list, err);
}

static enum envm_code read_list(const struct envm_tree_writer *writer,
                                struct envm_package_info *info, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(LIST_MAX);

    ENVM_TRY(read_file(writer, ENVM_RELPATH("info/paths.json"), &text, &info->has_list, err));
    if (!info->has_list)
        return read_old_lists(writer, info, err);
    ENVM_TRY_WRAP(envm_paths_json_parse(writer->arena, envm_buf_str(&text), &info->list, err), err,
                  "info/paths.json");
    return ENVM_OK;
}

static enum envm_code read_link(const struct envm_tree_writer *writer,
                                struct envm_package_info *info, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(SMALL_MAX);
    bool found = false;

    ENVM_TRY(read_file(writer, ENVM_RELPATH("info/link.json"), &text, &found, err));
    if (!found)
        return ENVM_OK;
    ENVM_TRY_WRAP(envm_link_json_parse(writer->arena, envm_buf_str(&text), &info->noarch,
                                       &info->entry_points, err),
                  err, "info/link.json");
    return ENVM_OK;
}

enum envm_code envm_package_info_read(const struct envm_tree_writer *writer,
                                      struct envm_package_info *ret_info, struct envm_error *err)
{
    struct envm_package_info info = {0};

    ENVM_TRY(read_index(writer, &info, err));
    ENVM_TRY(read_list(writer, &info, err));
    ENVM_TRY(read_link(writer, &info, err));
    *ret_info = info;
    return ENVM_OK;
}

static enum envm_code compare(const char *field, envm_str in_record, envm_str in_package,
                              struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    if (in_record.len == 0 || envm_str_equal(in_record, in_package))
        return ENVM_OK;
    envm_buf_add_escaped(&shown, in_package, 256);
    return envm_error_hint(
        err,
        envm_fail(err, ENVM_INTEGRITY, "the package says its %s is \"%s\", not \"%.*s\"", field,
                  envm_buf_str(&shown).ptr, ENVM_STR_ARGS(in_record)),
        "the file is another package than its name says; report it to the channel");
}

enum envm_code envm_package_index_check(const struct envm_package_record *index,
                                        const struct envm_package_record *record,
                                        struct envm_error *err)
{
    /* Names compare without case: packages of 2016 have capitals where the channel has none. */
    if (!envm_str_equal_nocase(record->name, index->name))
        ENVM_TRY(compare("name", record->name, index->name, err));
    ENVM_TRY(compare("version", record->version, index->version, err));
    return compare("build", record->build, index->build, err);
}

bool envm_package_info_announced_size(const struct envm_package_info *info, uint64_t *ret_size)
{
    uint64_t sum = 0;

    if (!info->has_list)
        return false;
    for (size_t i = 0; i < info->list.count; i++) {
        const struct envm_listed_path *item = &info->list.items[i];

        if (!item->has_type || (item->type == ENVM_PATH_FILE && !item->has_size))
            return false;
        if (item->type == ENVM_PATH_FILE && __builtin_add_overflow(sum, item->size, &sum))
            return false;
    }
    *ret_size = sum;
    return true;
}
