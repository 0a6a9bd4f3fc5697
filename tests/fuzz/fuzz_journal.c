/* SPDX-License-Identifier: MIT */
/* links: txn */
/* The journal of a change: as it comes, and with checksums made right, so that what lies behind
 * them is reached. What is accepted comes back the same when written and read, with safe paths
 * only. */
#include <stdlib.h>

#include "base/hex.h"
#include "codec/digest.h"
#include "txn/prefix_journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every line of the input with a right checksum in front, and the last line of a journal. */
static void mend(struct envm_buf *out, envm_str text)
{
    struct envm_sha256 whole;
    envm_str line;

    while (envm_str_split_next(&text, '\n', &line)) {
        struct envm_sha256 check = envm_sha256_of(line);

        envm_buf_printf(out, "%.8s ", envm_sha256_hex(&check).text);
        envm_buf_add_str(out, line);
        envm_buf_add_byte(out, '\n');
    }
    whole = envm_sha256_of(envm_buf_str(out));
    envm_buf_printf(out, "sha256 %s\n", envm_sha256_hex(&whole).text);
}

static void check(envm_str text)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_journal) struct envm_journal journal = {0};
    ENVM_CLEANUP(envm_journal) struct envm_journal again = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf first = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf second = envm_buf_text();

    if (envm_journal_read(&arena, text, &journal, NULL) != ENVM_OK)
        return;
    for (size_t i = 0; i < journal.ops.count; i++) {
        envm_str path = journal.ops.items[i].path.s;

        if (path.len == 0 || path.ptr[0] == '/' || envm_str_contains(path, ENVM_STR("//")) ||
            envm_str_starts_with(path, ENVM_STR("../")) ||
            envm_str_contains(path, ENVM_STR("/../")) || envm_str_ends_with(path, ENVM_STR("/..")))
            abort();
    }
    envm_journal_write(&journal, &first);
    if (envm_journal_read(&arena, envm_buf_str(&first), &again, NULL) != ENVM_OK)
        abort();
    envm_journal_write(&again, &second);
    if (!envm_str_equal(envm_buf_str(&first), envm_buf_str(&second)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf mended = envm_buf_text();
    envm_str text = {size > 0 ? (const char *)data : "", size};

    check(text);
    mend(&mended, text);
    check(envm_buf_str(&mended));
    return 0;
}
