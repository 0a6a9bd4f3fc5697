/* SPDX-License-Identifier: MIT */
/* links: repo */
/* Any text either is refused, or gives an index that opens, is intact, has its names in order, and
 * serves as many records as its header says, each of them below the place of the packages. Read in
 * parts it gives the same. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "codec/digest.h"
#include "repo/repodata_index.h"
#include "repo/repodata_source.h"
#include "repo/repodata_write.h"
#include "sys/fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t count_records(struct envm_image_source *source, envm_str name)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_record_list list;

    if (source->source.records(source, name, &arena, &list, NULL) != ENVM_OK)
        abort();
    for (size_t i = 0; i < list.count; i++) {
        const struct envm_package_record *r = list.items[i];
        if (!envm_str_equal(r->name, name) || !envm_str_starts_with(r->url, source->package_base) ||
            !envm_str_ends_with(r->url, r->file_name) ||
            envm_str_contains(r->file_name, ENVM_STR("/")))
            abort();
    }
    return list.count;
}

static void check_index(int fd)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_image_source source = {.channel = ENVM_STR("c"), .url = ENVM_STR("u")};
    struct envm_str_list names;
    uint64_t count = 0;
    envm_str bytes;

    if (envm_fs_map(fd, "index", &bytes, NULL) != ENVM_OK ||
        !envm_image_open(&source.image, bytes) || !envm_image_data_is_intact(&source.image) ||
        envm_image_source_init(&source, NULL) != ENVM_OK ||
        source.source.names(&source, &arena, &names, NULL) != ENVM_OK)
        abort();
    for (size_t i = 0; i < names.count; i++) {
        if (i > 0 && envm_str_compare(names.items[i - 1], names.items[i]) >= 0)
            abort();
        count += count_records(&source, names.items[i]);
    }
    if (count != source.image.header.shown)
        abort();
    envm_fs_unmap(bytes);
}

/* Read in small parts it is accepted or refused with the same words, and has as much in it. */
static void check_parts(envm_str text, const struct envm_repodata_source *source,
                        const struct envm_image_layout *layout, uint64_t skipped,
                        const struct envm_error *expected)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_repodata_content) struct envm_repodata_content content = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    ENVM_CLEANUP(envm_fd) int fd = memfd_create("repodata", MFD_CLOEXEC);
    ENVM_CLEANUP(envm_fd) int to = memfd_create("index", MFD_CLOEXEC);
    ENVM_CLEANUP(envm_image_file) struct envm_image_file image;
    struct envm_repodata_file file = {.fd = fd, .name = "r", .block_size = 64};
    enum envm_code code;

    if (envm_fs_write_fd(fd, "r", text, NULL) != ENVM_OK || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    envm_image_file_open(&image, to);
    code = envm_repodata_index(&file, source, &arena, &image, &content, &err);
    if (code != expected->code || (code != ENVM_OK && strcmp(err.text, expected->text) != 0))
        abort();
    if (code == ENVM_OK &&
        (content.layout.record_count != layout->record_count ||
         content.layout.shown != layout->shown || content.layout.name_count != layout->name_count ||
         content.summary.skipped != skipped))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_image_builder) struct envm_image_builder builder = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    ENVM_CLEANUP(envm_fd) int fd = memfd_create("index", MFD_CLOEXEC);
    ENVM_CLEANUP(envm_image_file) struct envm_image_file image;
    const struct envm_repodata_source source = {
        .subdir = ENVM_STR("linux-64"),
        .url = ENVM_STR("https://h.example/c/linux-64/repodata.json")};
    envm_str text = envm_str_n((const char *)data, size);
    struct envm_sha256 sum = envm_sha256_of(text);
    struct envm_image_origin origin = {.subdir = source.subdir, .source_sha256 = &sum};
    ENVM_CLEANUP(envm_image_layout) struct envm_image_layout layout = {0};
    struct envm_repodata_summary summary = {0};

    if (fd < 0)
        abort();
    envm_image_file_open(&image, fd);
    envm_image_builder_init(&builder, &image);
    if (envm_repodata_parse(text, &source, &arena, &builder, &layout, &summary, &err) != ENVM_OK) {
        if (err.code == ENVM_OK || !err.text || !err.where)
            abort();
        check_parts(text, &source, &layout, 0, &err);
        return 0;
    }
    check_parts(text, &source, &layout, summary.skipped, &err);
    origin.package_base = summary.package_base;
    if (envm_image_write(&builder, &layout, &origin, &err) != ENVM_OK) {
        if (err.code != ENVM_MALFORMED)
            abort();
        return 0;
    }
    check_index(fd);
    return 0;
}
