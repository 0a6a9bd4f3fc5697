/* SPDX-License-Identifier: MIT */
#include "prefix/script_output.h"

#include "base/error.h"
#include "base/hex.h"
#include "codec/digest.h"
#include "sys/fs.h"

void envm_script_outputs_index(struct envm_arena *arena,
                               const struct envm_prefix_record *const *records, size_t count,
                               struct envm_map *map)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < records[i]->output_count; j++) {
            struct envm_script_output_entry *entry =
                envm_arena_new(arena, struct envm_script_output_entry);
            uint64_t *value = envm_map_get(map, records[i]->outputs[j].path.s, NULL);

            *entry = (struct envm_script_output_entry){
                .output = &records[i]->outputs[j],
                .record = records[i],
                .next = (const struct envm_script_output_entry *)(uintptr_t)*value};
            *value = (uint64_t)(uintptr_t)entry;
        }
    }
}

const struct envm_script_output_entry *envm_script_outputs_find(const struct envm_map *map,
                                                                envm_str path)
{
    const uint64_t *value = envm_map_find(map, path);

    return value ? (const struct envm_script_output_entry *)(uintptr_t)*value : NULL;
}

static enum envm_code digest_of(int prefix_fd, struct envm_relpath path, enum envm_fs_kind kind,
                                struct envm_sha256 *ret_sha256, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    envm_str text;

    if (kind == ENVM_FS_SYMLINK) {
        ENVM_TRY(envm_fs_read_link(prefix_fd, path, &arena, &text, err));
        *ret_sha256 = envm_sha256_of(text);
        return ENVM_OK;
    }
    if (kind != ENVM_FS_FILE)
        return ENVM_OK;
    ENVM_TRY(envm_fs_open_read(prefix_fd, path, &fd, err));
    return envm_sha256_of_fd(fd, path.s.ptr, ret_sha256, NULL, err);
}

enum envm_code envm_script_output_look(int prefix_fd, struct envm_relpath path,
                                       struct envm_script_output *ret_output,
                                       struct envm_error *err)
{
    struct envm_script_output output = {.path = path};
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct stat status = {0};

    ENVM_TRY(envm_fs_stat(prefix_fd, path, &kind, &status, err));
    ENVM_TRY(digest_of(prefix_fd, path, kind, &output.sha256, err));
    output.type = kind == ENVM_FS_SYMLINK     ? ENVM_PATH_SYMLINK
                  : kind == ENVM_FS_DIRECTORY ? ENVM_PATH_DIRECTORY
                                              : ENVM_PATH_FILE;
    output.removed = kind == ENVM_FS_ABSENT;
    output.executable = kind == ENVM_FS_FILE && (status.st_mode & S_IXUSR) != 0;
    *ret_output = output;
    return ENVM_OK;
}

bool envm_script_output_is_same(const struct envm_script_output *a,
                                const struct envm_script_output *b)
{
    if (a->removed || b->removed)
        return a->removed && b->removed;
    if (a->type != b->type)
        return false;
    return a->type == ENVM_PATH_DIRECTORY ||
           (a->executable == b->executable && envm_sha256_equal(&a->sha256, &b->sha256));
}

bool envm_script_output_is_there(int prefix_fd, struct envm_relpath path,
                                 const struct envm_script_output_entry *entry)
{
    struct envm_script_output now = {0};

    if (!entry || envm_script_output_look(prefix_fd, path, &now, NULL) != ENVM_OK)
        return false;
    for (; entry; entry = entry->next) {
        if (envm_script_output_is_same(&now, entry->output))
            return true;
    }
    return false;
}
