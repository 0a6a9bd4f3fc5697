/* SPDX-License-Identifier: MIT */
/* links: repo */
/* Any bytes behind a header whose sizes and checksums are mended: the records and names that come
 * out may be nonsense, but everything read lies in the file. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "repo/repodata_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(struct envm_image_header *header, size_t size)
{
    memcpy(header->magic, ENVM_IMAGE_MAGIC, sizeof(header->magic));
    header->version = ENVM_IMAGE_VERSION;
    header->byte_order = ENVM_IMAGE_BYTE_ORDER;
    header->file_size = size;
    for (int i = 0; i < ENVM_IMAGE_SECTION_COUNT; i++) {
        header->sections[i].offset %= size;
        header->sections[i].size %= size - header->sections[i].offset + 1;
    }
    envm_image_seal(header);
}

static void walk(struct envm_image_source *source)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    struct envm_record_list records;
    struct envm_str_list names;

    if (source->source.names(source, &arena, &names, &err) != ENVM_OK)
        return;
    for (size_t i = 0; i < names.count && i < 64; i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
        if (source->source.records(source, names.items[i], &scratch, &records, &err) != ENVM_OK &&
            err.code != ENVM_DAMAGED)
            abort();
    }
    envm_image_is_whole(&source->image);
    envm_image_source_count(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct envm_image_source source = {.channel = ENVM_STR("c"), .url = ENVM_STR("u")};
    struct envm_image_header header;
    char *bytes;

    if (size < sizeof(header))
        return 0;
    bytes = envm_alloc(size); /* exactly as long, so that the sanitizer sees the end */
    memcpy(bytes, data, size);
    memcpy(&header, bytes, sizeof(header));
    source.only_tar_bz2 = header.reserved[0] & 1;
    mend(&header, size);
    memcpy(bytes, &header, sizeof(header));
    if (envm_image_open(&source.image, envm_str_n(bytes, size)) &&
        envm_image_source_init(&source, NULL) == ENVM_OK)
        walk(&source);
    envm_free(bytes);
    return 0;
}
