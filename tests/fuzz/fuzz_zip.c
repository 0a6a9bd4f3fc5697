/* SPDX-License-Identifier: MIT */
/* links: codec */
/* Members lie inside the file, do not overlap, and have names that are safe. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/relpath.h"
#include "codec/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct envm_zip *zip, int fd, uint64_t size)
{
    uint64_t end = 0;

    for (size_t i = 0; i < zip->count; i++) {
        const struct envm_zip_member *member = &zip->members[i];
        enum envm_code code = envm_zip_check(fd, member, "input", NULL);

        if (member->offset < end || member->offset > size || member->size > size - member->offset)
            abort();
        if (member->name.len == 0 || member->name.ptr[0] == '/')
            abort();
        if (code != ENVM_OK && code != ENVM_MALFORMED)
            abort();
        end = member->offset + member->size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    ENVM_CLEANUP(envm_fd) int fd = memfd_create("input", MFD_CLOEXEC);
    struct envm_zip zip;
    enum envm_code code;

    if (fd < 0 || (size > 0 && write(fd, data, size) != (ssize_t)size))
        abort();
    code = envm_zip_open(&arena, fd, size, "input", &zip, &err);
    if (code != ENVM_OK && code != ENVM_MALFORMED && code != ENVM_UNSAFE)
        abort();
    if ((code == ENVM_OK) != (err.text == NULL))
        abort();
    if (code == ENVM_OK)
        check(&zip, fd, size);
    return 0;
}
