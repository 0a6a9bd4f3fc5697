/* SPDX-License-Identifier: MIT */
#include "txn/prefix_journal.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "codec/digest.h"

#define CHECK_DIGITS 8 /* of the line's SHA-256 */

static const char kind_names[] = {
    [ENVM_JOURNAL_REMOVE] = 'u', [ENVM_JOURNAL_RMDIR] = 'r',  [ENVM_JOURNAL_MKDIR] = 'm',
    [ENVM_JOURNAL_PUT] = 'p',    [ENVM_JOURNAL_APPEND] = 'a', 0};
static const char seen_names[] = {
    [ENVM_SEEN_NOTHING] = '-',   [ENVM_SEEN_FILE] = 'f',  [ENVM_SEEN_SYMLINK] = 'l',
    [ENVM_SEEN_DIRECTORY] = 'd', [ENVM_SEEN_OTHER] = 'o', 0};

void envm_journal_release(struct envm_journal *journal)
{
    envm_vec_release(&journal->ops);
}

/* --- writing ------------------------------------------------------------------------------ */

static const char *digest_text(const struct envm_sha256 *digest, struct envm_hex_text *hex)
{
    *hex = envm_sha256_hex(digest);
    return digest->known ? hex->text : "-";
}

static void add_line(struct envm_buf *out, struct envm_buf *line)
{
    struct envm_sha256 check = envm_sha256_of(envm_buf_str(line));

    envm_buf_printf(out, "%.*s ", CHECK_DIGITS, envm_sha256_hex(&check).text);
    envm_buf_add_str(out, envm_buf_str(line));
    envm_buf_add_byte(out, '\n');
    envm_buf_clear(line);
}

static void add_op(struct envm_buf *line, const struct envm_journal_op *op)
{
    const struct envm_seen *seen = &op->seen;
    struct envm_hex_text hex;

    envm_buf_printf(line, "%c %c %c %llu %lld %u %llu %s %.*s", kind_names[op->kind],
                    op->save         ? 's'
                    : op->disposable ? 'd'
                                     : '-',
                    seen_names[seen->kind], (unsigned long long)seen->size,
                    (long long)seen->mtime_s, (unsigned)seen->mtime_ns,
                    (unsigned long long)seen->inode, digest_text(&seen->sha256, &hex),
                    ENVM_STR_ARGS(op->path.s));
}

void envm_journal_write(const struct envm_journal *journal, struct envm_buf *out)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf line = envm_buf_text();
    struct envm_hex_text hex;
    struct envm_sha256 whole;

    envm_buf_add_cstr(&line, "envm-journal 1");
    add_line(out, &line);
    envm_buf_printf(&line, "old %s", digest_text(&journal->old_tree, &hex));
    add_line(out, &line);
    envm_buf_printf(&line, "new %s", digest_text(&journal->new_tree, &hex));
    add_line(out, &line);
    envm_buf_printf(&line, "operations %zu", journal->ops.count);
    add_line(out, &line);
    for (size_t i = 0; i < journal->ops.count; i++) {
        add_op(&line, &journal->ops.items[i]);
        add_line(out, &line);
    }
    whole = envm_sha256_of(envm_buf_str(out));
    envm_buf_printf(out, "sha256 %s\n", envm_sha256_hex(&whole).text);
}

/* --- reading ------------------------------------------------------------------------------ */

struct reader {
    struct envm_arena *arena;
    envm_str rest;
    size_t line;
};

static enum envm_code damaged(const struct reader *reader, const char *what, struct envm_error *err)
{
    return envm_fail(err, ENVM_DAMAGED, "the journal is damaged: line %zu %s", reader->line, what);
}

/* The next line without its checksum, which is right. */
static enum envm_code next_line(struct reader *reader, envm_str *ret_line, struct envm_error *err)
{
    size_t end = envm_str_find_char(reader->rest, '\n');
    envm_str line = envm_str_slice(reader->rest, 0, end);
    struct envm_sha256 check;

    reader->line++;
    if (end == SIZE_MAX || line.len <= CHECK_DIGITS || line.ptr[CHECK_DIGITS] != ' ')
        return damaged(reader, "is cut off", err);
    *ret_line = envm_str_skip(line, CHECK_DIGITS + 1);
    check = envm_sha256_of(*ret_line);
    if (memcmp(envm_sha256_hex(&check).text, line.ptr, CHECK_DIGITS) != 0)
        return damaged(reader, "does not match its checksum", err);
    reader->rest = envm_str_skip(reader->rest, end + 1);
    return ENVM_OK;
}

/* Takes the text before the next space. */
static envm_str next_field(envm_str *rest)
{
    envm_str field = {0};

    if (rest->ptr)
        (void)envm_str_split_next(rest, ' ', &field);
    return field;
}

static bool read_digest(envm_str text, struct envm_sha256 *ret_digest)
{
    *ret_digest = (struct envm_sha256){0};
    return envm_str_equal_c(text, "-") || envm_sha256_parse(text, ret_digest);
}

static bool read_letter(envm_str text, const char *names, unsigned *ret_value)
{
    const char *found = text.len == 1 && text.ptr[0] ? strchr(names, text.ptr[0]) : NULL;

    *ret_value = found ? (unsigned)(found - names) : 0;
    return found != NULL;
}

static bool read_number(envm_str text, uint64_t *ret_value)
{
    return envm_str_parse_u64(text, ret_value);
}

static bool read_time(envm_str text, int64_t *ret_value)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    uint64_t value = 0;

    if (!envm_str_parse_u64(envm_str_skip(text, negative ? 1 : 0), &value) || value > INT64_MAX)
        return false;
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool read_op(struct envm_arena *arena, envm_str line, struct envm_journal_op *ret_op)
{
    struct envm_journal_op op = {0};
    unsigned kind = 0;
    unsigned seen = 0;
    uint64_t nanoseconds = 0;
    envm_str flag;

    if (!read_letter(next_field(&line), kind_names, &kind))
        return false;
    flag = next_field(&line);
    op.save = envm_str_equal_c(flag, "s");
    op.disposable = envm_str_equal_c(flag, "d");
    if ((!op.save && !op.disposable && !envm_str_equal_c(flag, "-")) ||
        !read_letter(next_field(&line), seen_names, &seen) ||
        !read_number(next_field(&line), &op.seen.size) ||
        !read_time(next_field(&line), &op.seen.mtime_s) ||
        !read_number(next_field(&line), &nanoseconds) || nanoseconds > 999999999 ||
        !read_number(next_field(&line), &op.seen.inode) ||
        !read_digest(next_field(&line), &op.seen.sha256) || !line.ptr)
        return false;
    op.kind = (enum envm_journal_kind)kind;
    op.seen.kind = (enum envm_seen_kind)seen;
    op.seen.mtime_ns = (uint32_t)nanoseconds;
    *ret_op = op;
    return envm_relpath_parse(arena, line, &ret_op->path, NULL) == ENVM_OK;
}

static enum envm_code read_head(struct reader *reader, struct envm_journal *journal,
                                uint64_t *ret_count, struct envm_error *err)
{
    envm_str line;

    ENVM_TRY(next_line(reader, &line, err));
    if (!envm_str_equal_c(line, "envm-journal 1"))
        return damaged(reader, "names a format that this envm does not know", err);
    ENVM_TRY(next_line(reader, &line, err));
    if (!envm_str_equal_c(next_field(&line), "old") || !read_digest(line, &journal->old_tree))
        return damaged(reader, "is not the old digest", err);
    ENVM_TRY(next_line(reader, &line, err));
    if (!envm_str_equal_c(next_field(&line), "new") || !read_digest(line, &journal->new_tree))
        return damaged(reader, "is not the new digest", err);
    ENVM_TRY(next_line(reader, &line, err));
    if (!envm_str_equal_c(next_field(&line), "operations") || !read_number(line, ret_count))
        return damaged(reader, "is not the number of operations", err);
    return ENVM_OK;
}

static enum envm_code check_trailer(const struct reader *reader, envm_str text,
                                    struct envm_error *err)
{
    envm_str body = envm_str_slice(text, 0, text.len - reader->rest.len);
    envm_str line = reader->rest;
    struct envm_sha256 found = envm_sha256_of(body);

    /* As text: the digits may not have changed their case either. */
    if (!envm_str_equal_c(next_field(&line), "sha256") || line.len != 65 || line.ptr[64] != '\n' ||
        !envm_str_equal_c(envm_str_slice(line, 0, 64), envm_sha256_hex(&found).text))
        return envm_fail(err, ENVM_DAMAGED,
                         "the journal is damaged: its sha256 is not what its last line says");
    return ENVM_OK;
}

enum envm_code envm_journal_read(struct envm_arena *arena, envm_str text,
                                 struct envm_journal *ret_journal, struct envm_error *err)
{
    ENVM_CLEANUP(envm_journal) struct envm_journal journal = {0};
    struct reader reader = {.arena = arena, .rest = text};
    uint64_t count = 0;

    ENVM_TRY(read_head(&reader, &journal, &count, err));
    for (uint64_t i = 0; i < count; i++) {
        struct envm_journal_op op;
        envm_str line;

        ENVM_TRY(next_line(&reader, &line, err));
        if (!read_op(arena, line, &op))
            return damaged(&reader, "is not an operation", err);
        envm_vec_push(&journal.ops, op);
    }
    ENVM_TRY(check_trailer(&reader, text, err));
    *ret_journal = ENVM_TAKE(journal, (struct envm_journal){0});
    return ENVM_OK;
}
