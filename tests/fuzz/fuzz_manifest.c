/* SPDX-License-Identifier: MIT */
/* links: store */
/* The input gets its checksum line here, so that the fuzzer gets behind it. What can be read is
 * written and read again as the same thing. */
#include <stdlib.h>

#include "base/error.h"
#include "base/hex.h"
#include "codec/digest.h"
#include "store/package_manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf once = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf twice = envm_buf_text();
    struct envm_sha256 digest = envm_sha256_of(envm_str_n((const char *)data, size));
    struct envm_manifest manifest, again;

    envm_buf_append(&text, data, size);
    if (envm_manifest_read(&arena, envm_buf_str(&text), &manifest, NULL) == ENVM_OK && size < 72)
        abort();
    envm_buf_printf(&text, "sha256\t%s\n", envm_sha256_hex(&digest).text);
    if (envm_manifest_read(&arena, envm_buf_str(&text), &manifest, NULL) != ENVM_OK)
        return 0;
    envm_manifest_write(&manifest, &once);
    if (envm_manifest_read(&arena, envm_buf_str(&once), &again, NULL) != ENVM_OK)
        abort();
    envm_manifest_write(&again, &twice);
    if (!envm_str_equal(envm_buf_str(&once), envm_buf_str(&twice)))
        abort();
    return 0;
}
