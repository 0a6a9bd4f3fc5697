/* SPDX-License-Identifier: MIT */
/* links: store */
/* Extraction to a real directory beside a sentinel: nothing outside may appear, go or change. The
 * first byte chooses the compression (0: none, and headers get their checksums mended). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "store/tree_writer.h"
#include "sys/fs.h"
#include "sys/fs_tree.h"
#include "tar_mend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int outer = -1;
static char outer_path[] = "/tmp/envm-fuzz-XXXXXX";

static void remove_outer(void)
{
    unlinkat(outer, "sentinel", 0);
    rmdir(outer_path);
}

static void make_outer(void)
{
    int fd;

    if (!mkdtemp(outer_path) || atexit(remove_outer) != 0)
        abort();
    outer = open(outer_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fd = openat(outer, "sentinel", O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0 || write(fd, "untouched", 9) != 9)
        abort();
    close(fd);
}

static enum envm_code count(void *user, const struct envm_fs_entry *entry, bool *skip,
                            struct envm_error *err)
{
    (void)err;
    *skip = true;
    if (strcmp(entry->leaf, "root") == 0 && entry->kind == ENVM_FS_DIRECTORY)
        return ENVM_OK;
    if (strcmp(entry->leaf, "sentinel") != 0 || entry->stat->st_size != 9 ||
        (entry->stat->st_mode & 07777) != 0640 || entry->stat->st_nlink != 1)
        abort();
    ++*(unsigned *)user;
    return ENVM_OK;
}

static void check_outside(void)
{
    unsigned sentinels = 0;

    if (envm_fs_walk(outer, count, &sentinels, NULL) != ENVM_OK || sentinels != 1)
        abort();
}

static enum envm_code extract(int fd, size_t size, enum envm_archive_filter filter, int root)
{
    ENVM_CLEANUP(envm_archive) struct envm_archive *archive = NULL;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_tree_writer) struct envm_tree_writer writer;
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};

    envm_tree_writer_init(&writer, root, &arena, NULL);
    ENVM_TRY(envm_archive_open(fd, 0, size, filter, "input", &archive, &err));
    envm_archive_set_budget(archive, 1 << 20, "it is only a test");
    ENVM_TRY(envm_tree_writer_unpack(&writer, archive, ENVM_PART_WHOLE, &err));
    return envm_tree_writer_finish(&writer, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum envm_archive_filter filters[] = {ENVM_FILTER_NONE, ENVM_FILTER_BZIP2,
                                                       ENVM_FILTER_ZSTD};
    ENVM_CLEANUP(envm_fd) int fd = memfd_create("input", MFD_CLOEXEC);
    ENVM_CLEANUP(envm_fd) int root = -1;
    enum envm_code code;
    uint8_t *bytes;

    if (size < 1 || fd < 0)
        return 0;
    if (outer < 0)
        make_outer();
    bytes = malloc(size);
    if (!bytes)
        abort();
    memcpy(bytes, data + 1, size - 1);
    if (data[0] % 3 == 0)
        tar_mend(bytes, size - 1);
    if (write(fd, bytes, size - 1) != (ssize_t)(size - 1))
        abort();
    free(bytes);
    if (envm_fs_mkdir(outer, ENVM_RELPATH("root"), 0700, NULL) != ENVM_OK ||
        envm_fs_open_dir(outer, ENVM_RELPATH("root"), &root, NULL) != ENVM_OK)
        abort();
    code = extract(fd, size - 1, filters[data[0] % 3], root);
    if (code != ENVM_OK && code != ENVM_MALFORMED && code != ENVM_UNSAFE)
        abort();
    check_outside();
    if (envm_fs_remove_tree(outer, ENVM_RELPATH("root"), NULL) != ENVM_OK)
        abort();
    return 0;
}
