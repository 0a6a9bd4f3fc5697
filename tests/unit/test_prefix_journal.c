/* SPDX-License-Identifier: MIT
 *
 * What is written is read back; what is cut off or altered anywhere is noticed.
 */
#include "../support/check.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "codec/digest.h"
#include "txn/prefix_journal.h"

static void fill(struct envm_journal *journal)
{
    struct envm_journal_op op = {.kind = ENVM_JOURNAL_REMOVE,
                                 .save = true,
                                 .seen = {.kind = ENVM_SEEN_FILE,
                                          .size = UINT64_MAX,
                                          .mtime_s = -1,
                                          .mtime_ns = 999999999,
                                          .inode = 12,
                                          .sha256 = envm_sha256_of(ENVM_STR("x"))},
                                 .path = ENVM_RELPATH("share/a b  c")};

    envm_vec_push(&journal->ops, op);
    op = (struct envm_journal_op){.kind = ENVM_JOURNAL_PUT,
                                  .disposable = true,
                                  .seen = {.kind = ENVM_SEEN_SYMLINK},
                                  .path = ENVM_RELPATH(" leading")};
    envm_vec_push(&journal->ops, op);
    for (int kind = ENVM_JOURNAL_REMOVE; kind <= ENVM_JOURNAL_APPEND; kind++) {
        op = (struct envm_journal_op){.kind = (enum envm_journal_kind)kind,
                                      .seen = {.kind = (enum envm_seen_kind)(kind % 5)},
                                      .path = ENVM_RELPATH("lib/x")};
        envm_vec_push(&journal->ops, op);
    }
    journal->new_tree = envm_sha256_of(ENVM_STR("tree"));
}

static void test_round_trip(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf again = envm_buf_text();
    ENVM_CLEANUP(envm_journal) struct envm_journal journal = {0};
    ENVM_CLEANUP(envm_journal) struct envm_journal found = {0};

    (void)state;
    fill(&journal);
    envm_journal_write(&journal, &text);
    OK(envm_journal_read(&arena, envm_buf_str(&text), &found, &err));
    assert_int_equal(found.ops.count, 7);
    assert_false(found.old_tree.known);
    assert_true(envm_sha256_equal(&found.new_tree, &journal.new_tree));
    assert_str(found.ops.items[0].path.s, "share/a b  c");
    assert_str(found.ops.items[1].path.s, " leading");
    assert_true(found.ops.items[0].save && !found.ops.items[0].disposable);
    assert_true(found.ops.items[0].seen.size == UINT64_MAX);
    assert_int_equal(found.ops.items[0].seen.mtime_s, -1);
    assert_int_equal(found.ops.items[6].kind, ENVM_JOURNAL_APPEND);
    envm_journal_write(&found, &again);
    assert_string_equal(text.ptr, again.ptr);
}

static void test_damage(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    ENVM_CLEANUP(envm_journal) struct envm_journal journal = {0};
    struct envm_journal found = {0};

    (void)state;
    fill(&journal);
    envm_journal_write(&journal, &text);
    for (size_t i = 0; i < text.len; i++) {
        FAILS(ENVM_DAMAGED, envm_journal_read(&arena, envm_str_n(text.ptr, i), &found, &err));
        for (int bit = 0; bit < 8; bit++) {
            text.ptr[i] = (char)(text.ptr[i] ^ (1 << bit));
            FAILS(ENVM_DAMAGED, envm_journal_read(&arena, envm_buf_str(&text), &found, &err));
            text.ptr[i] = (char)(text.ptr[i] ^ (1 << bit));
        }
    }
    envm_buf_add_byte(&text, '\n');
    FAILS(ENVM_DAMAGED, envm_journal_read(&arena, envm_buf_str(&text), &found, &err));
}

/* Whoever can write the journal can make its checksums right: its paths are checked all the same.
 */
static void test_hostile_paths(void **state)
{
    static const char *const paths[] = {"../x", "/etc/passwd", "a/../../b", "a//b", "", "a\x01"};
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
        ENVM_CLEANUP(envm_journal) struct envm_journal journal = {0};
        struct envm_journal found = {0};
        struct envm_journal_op op = {.path = {envm_str_from(paths[i])}};

        envm_vec_push(&journal.ops, op);
        envm_journal_write(&journal, &text);
        FAILS_WITH(ENVM_DAMAGED, "line 5",
                   envm_journal_read(&arena, envm_buf_str(&text), &found, &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_hostile_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
