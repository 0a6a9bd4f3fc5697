/* SPDX-License-Identifier: MIT */
#include "store/package_measure.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/map.h"
#include "base/vec.h"
#include "sys/fs_tree.h"

struct inode {
    uint64_t links; /* names that have not been seen in the tree */
    uint64_t bytes;
};

struct survey {
    struct envm_arena arena;
    struct envm_map index; /* "INODE" -> place in inodes + 1; a tree lies on one file system */
    ENVM_VEC(struct inode) inodes;
};

static void release_survey(struct survey *survey)
{
    envm_arena_release(&survey->arena);
    envm_map_release(&survey->index);
    envm_vec_release(&survey->inodes);
}
ENVM_DEFINE_CLEANUP(survey, struct survey, release_survey)

static enum envm_code visit_file(void *user, const struct envm_fs_entry *entry, bool *skip,
                                 struct envm_error *err)
{
    struct survey *survey = user;
    struct inode inode = {.links = (uint64_t)entry->stat->st_nlink,
                          .bytes = (uint64_t)entry->stat->st_blocks * 512};
    char key[24];
    uint64_t *place;
    bool is_new = false;

    (void)skip;
    (void)err;
    if (entry->kind == ENVM_FS_DIRECTORY || inode.links < 2) {
        inode.links = 0;
        envm_vec_push(&survey->inodes, inode);
        return ENVM_OK;
    }
    snprintf(key, sizeof(key), "%llx", (unsigned long long)entry->stat->st_ino);
    place =
        envm_map_get(&survey->index, envm_arena_str(&survey->arena, envm_str_from(key)), &is_new);
    if (is_new) {
        envm_vec_push(&survey->inodes, inode);
        *place = survey->inodes.count;
    }
    if (survey->inodes.items[*place - 1].links > 0)
        survey->inodes.items[*place - 1].links--;
    return ENVM_OK;
}

void envm_store_measure(struct envm_store *store, const struct envm_store_place *place,
                        struct envm_store_item *item)
{
    ENVM_CLEANUP(survey) struct survey survey = {0};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct stat st;

    /* An entry that cannot be read is as old and as free as can be: a clean takes it away. */
    if (envm_fs_open_dir(store->pkgs_fd, place->tree, &fd, NULL) == ENVM_OK)
        (void)envm_fs_walk(fd, visit_file, &survey, NULL);
    item->bytes = item->freed = 0;
    item->linked = false;
    for (size_t i = 0; i < survey.inodes.count; i++) {
        const struct inode *inode = &survey.inodes.items[i];

        item->bytes += inode->bytes;
        item->freed += inode->links == 0 ? inode->bytes : 0;
        item->linked |= inode->links > 0;
    }
    if (envm_fs_stat(store->pkgs_fd, place->manifest, &kind, &st, NULL) == ENVM_OK &&
        kind == ENVM_FS_FILE)
        item->used = (int64_t)st.st_mtime;
}
