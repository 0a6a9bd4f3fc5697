/* SPDX-License-Identifier: MIT */
#include "prefix/prefix_replace.h"

#include "base/error.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "codec/digest.h"
#include "prefix/shebang.h"

struct plan {
    ENVM_VEC(struct envm_edit) edits;
    ENVM_VEC(struct envm_replacement) done;
};

static void plan_release(struct plan *plan)
{
    envm_vec_release(&plan->edits);
    envm_vec_release(&plan->done);
}
ENVM_DEFINE_CLEANUP(plan, struct plan, plan_release)

/* One text in every encoding; an empty slice where the encoding is not used. */
struct forms {
    envm_str item[ENVM_ENCODING_COUNT];
};

const char *envm_encoding_name(enum envm_text_encoding encoding)
{
    static const char *const names[ENVM_ENCODING_COUNT] = {"utf-8", "utf-16-le", "utf-16-be",
                                                           "utf-32-le", "utf-32-be"};

    return names[encoding];
}

static size_t unit_size(enum envm_text_encoding encoding)
{
    return encoding == ENVM_UTF_8 ? 1 : encoding <= ENVM_UTF_16_BE ? 2 : 4;
}

static void add_unit(struct envm_buf *out, uint32_t value, size_t size, bool big_endian)
{
    for (size_t i = 0; i < size; i++) {
        size_t shift = big_endian ? size - 1 - i : i;

        envm_buf_add_byte(out, (char)(uint8_t)(value >> (8 * shift)));
    }
}

static envm_str encode(struct envm_arena *arena, envm_str text, enum envm_text_encoding encoding)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    size_t size = unit_size(encoding);
    bool big = encoding == ENVM_UTF_16_BE || encoding == ENVM_UTF_32_BE;

    if (size == 1)
        return text;
    while (text.len > 0) {
        uint32_t code_point = 0;
        size_t length = envm_utf8_decode(text, &code_point);

        if (length == 0)
            return (envm_str){0};
        if (size == 2 && code_point > 0xffff) {
            add_unit(&out, 0xd800 + ((code_point - 0x10000) >> 10), 2, big);
            add_unit(&out, 0xdc00 + ((code_point - 0x10000) & 0x3ff), 2, big);
        } else {
            add_unit(&out, code_point, size, big);
        }
        text = envm_str_skip(text, length);
    }
    return envm_arena_str(arena, envm_buf_str(&out));
}

static envm_str zero_unit(enum envm_text_encoding encoding)
{
    return envm_str_n("\0\0\0\0", unit_size(encoding));
}

static size_t trailing_zeros(envm_str bytes)
{
    size_t count = 0;

    while (count < bytes.len && bytes.ptr[bytes.len - 1 - count] == '\0')
        count++;
    return count;
}

/* A string ends at the first zero unit, found at any byte as conda does. Characters such as U+0100
 * can form one with their neighbours: a prefix whose strings would not end where the placeholder's
 * do cannot be undone, and is not written in that encoding. */
static bool is_usable(struct envm_arena *arena, const struct envm_replace_request *request,
                      enum envm_text_encoding encoding)
{
    envm_str between = envm_arena_printf(arena, "/%.*s/%.*s/", ENVM_STR_ARGS(request->prefix),
                                         ENVM_STR_ARGS(request->placeholder));

    return encoding == ENVM_UTF_8 ||
           (!envm_str_contains(encode(arena, between, encoding), zero_unit(encoding)) &&
            trailing_zeros(encode(arena, request->prefix, encoding)) ==
                trailing_zeros(encode(arena, request->placeholder, encoding)));
}

/* In ASCII no two characters make a zero unit, and all strings end alike. */
static bool is_ascii(envm_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= 0)
            return false;
    return true;
}

static void make_forms(struct envm_arena *arena, const struct envm_replace_request *request,
                       struct forms *placeholder, struct forms *prefix)
{
    bool plain = is_ascii(request->prefix) && is_ascii(request->placeholder);

    for (int i = 0; i < ENVM_ENCODING_COUNT; i++) {
        enum envm_text_encoding encoding = (enum envm_text_encoding)i;

        placeholder->item[i] = (envm_str){0};
        prefix->item[i] = (envm_str){0};
        if (!plain && !is_usable(arena, request, encoding))
            continue;
        placeholder->item[i] = encode(arena, request->placeholder, encoding);
        prefix->item[i] = encode(arena, request->prefix, encoding);
    }
}

/* Next occurrence of each form, kept up to date while the scan moves on. */
struct scan {
    envm_str bytes;
    const struct forms *forms;
    size_t next[ENVM_ENCODING_COUNT]; /* SIZE_MAX: no more */
};

static size_t find_from(envm_str bytes, size_t from, envm_str needle)
{
    size_t at = needle.len == 0 ? SIZE_MAX : envm_str_find(envm_str_skip(bytes, from), needle);

    return at == SIZE_MAX ? SIZE_MAX : from + at;
}

static void scan_start(struct scan *scan, envm_str bytes, const struct forms *forms)
{
    *scan = (struct scan){.bytes = bytes, .forms = forms};
    for (int i = 0; i < ENVM_ENCODING_COUNT; i++)
        scan->next[i] = find_from(bytes, 0, forms->item[i]);
}

/* The first occurrence at or after `from`. */
static bool scan_next(struct scan *scan, size_t from, size_t *ret_at,
                      enum envm_text_encoding *ret_encoding)
{
    size_t best = SIZE_MAX;

    for (int i = 0; i < ENVM_ENCODING_COUNT; i++) {
        if (scan->next[i] != SIZE_MAX && scan->next[i] < from)
            scan->next[i] = find_from(scan->bytes, from, scan->forms->item[i]);
        if (scan->next[i] < best) {
            best = scan->next[i];
            *ret_encoding = (enum envm_text_encoding)i;
        }
    }
    *ret_at = best;
    return best != SIZE_MAX;
}

/* Where the string that goes on at `from` ends: at its NUL, or at the end of the file. */
static size_t string_end(envm_str bytes, size_t from, enum envm_text_encoding encoding)
{
    size_t end = find_from(bytes, from, zero_unit(encoding));

    return end == SIZE_MAX ? bytes.len : end;
}

static void plan_text(struct plan *plan, struct scan *scan, const struct forms *prefix, size_t from,
                      int64_t moved)
{
    enum envm_text_encoding encoding = ENVM_UTF_8;
    size_t at = 0;

    while (scan_next(scan, from, &at, &encoding)) {
        envm_str old = scan->forms->item[encoding];
        envm_str new = prefix->item[encoding];

        envm_vec_push(&plan->edits, ((struct envm_edit){.at = at, .cut = old.len, .put = new}));
        envm_vec_push(&plan->done,
                      ((struct envm_replacement){(uint64_t)((int64_t)at + moved), encoding}));
        moved += (int64_t) new.len - (int64_t)old.len;
        from = at + old.len;
    }
}

/* All occurrences in the string that the one at `at` belongs to. Returns where to go on. */
static size_t plan_string(struct plan *plan, envm_str bytes, size_t at, envm_str old, envm_str new,
                          enum envm_text_encoding encoding)
{
    size_t end = string_end(bytes, at + old.len, encoding);
    size_t spare = old.len - new.len;
    size_t count = 0;

    for (; at != SIZE_MAX && at < end; at = find_from(bytes, at + old.len, old)) {
        envm_vec_push(&plan->edits, ((struct envm_edit){.at = at, .cut = old.len, .put = new}));
        envm_vec_push(&plan->done, ((struct envm_replacement){at - count * spare, encoding}));
        count++;
    }
    if (spare > 0)
        envm_vec_push(&plan->edits, ((struct envm_edit){.at = end, .zeros = count * spare}));
    return end;
}

static enum envm_code plan_binary(struct plan *plan, struct scan *scan, const struct forms *prefix,
                                  struct envm_error *err)
{
    enum envm_text_encoding encoding = ENVM_UTF_8;
    size_t from = 0;
    size_t at = 0;

    while (scan_next(scan, from, &at, &encoding)) {
        envm_str old = scan->forms->item[encoding];
        envm_str new = prefix->item[encoding];

        if (new.len > old.len) {
            (void)envm_fail(err, ENVM_IO,
                            "the prefix is %zu bytes long and does not fit into the %zu bytes of "
                            "the binary's placeholder",
                            prefix->item[ENVM_UTF_8].len, scan->forms->item[ENVM_UTF_8].len);
            return envm_error_hint(err, ENVM_IO, "choose a shorter path for the environment");
        }
        from = plan_string(plan, scan->bytes, at, old, new, encoding);
    }
    return ENVM_OK;
}

static void hand_over(struct envm_arena *arena, const struct plan *plan,
                      struct envm_edits *ret_edits, struct envm_replacements *ret_done)
{
    ret_edits->count = plan->edits.count;
    ret_edits->items =
        envm_arena_copy(arena, plan->edits.items, plan->edits.count * sizeof(*plan->edits.items));
    if (!ret_done)
        return;
    ret_done->count = plan->done.count;
    ret_done->items =
        envm_arena_copy(arena, plan->done.items, plan->done.count * sizeof(*plan->done.items));
}

enum envm_code envm_replace_plan(struct envm_arena *arena,
                                 const struct envm_replace_request *request,
                                 struct envm_edits *ret_edits, struct envm_replacements *ret_done,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(plan) struct plan plan = {0};
    struct forms placeholder;
    struct forms prefix;
    struct scan scan;
    envm_str shebang = {0};
    envm_str rewritten = {0};

    if (request->placeholder.len == 0)
        return envm_fail(err, ENVM_MALFORMED, "the prefix placeholder is empty");
    make_forms(arena, request, &placeholder, &prefix);
    scan_start(&scan, request->bytes, &placeholder);
    if (request->mode == ENVM_MODE_BINARY) {
        ENVM_TRY(plan_binary(&plan, &scan, &prefix, err));
    } else {
        envm_str line = envm_shebang_line(request->bytes);

        if (envm_shebang_rewrite(arena, line, request->placeholder, request->prefix, &rewritten)) {
            shebang = envm_arena_str(arena, line);
            envm_vec_push(&plan.edits, ((struct envm_edit){.cut = line.len, .put = rewritten}));
        }
        plan_text(&plan, &scan, &prefix, shebang.len,
                  (int64_t)rewritten.len - (int64_t)shebang.len);
    }
    hand_over(arena, &plan, ret_edits, ret_done);
    ret_done->shebang = shebang;
    return ENVM_OK;
}

static bool has_bytes(envm_str bytes, uint64_t at, envm_str wanted)
{
    return wanted.len > 0 && at <= bytes.len && bytes.len - at >= wanted.len &&
           memcmp(bytes.ptr + at, wanted.ptr, wanted.len) == 0;
}

static bool all_zero(envm_str bytes, size_t at, size_t count)
{
    if (at > bytes.len || bytes.len - at < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (bytes.ptr[at + i] != '\0')
            return false;
    }
    return true;
}

static bool undo_text(struct plan *plan, const struct envm_replace_request *request,
                      const struct envm_replacements *done, const struct forms *placeholder,
                      const struct forms *prefix, size_t from)
{
    for (size_t i = 0; i < done->count; i++) {
        const struct envm_replacement *item = &done->items[i];
        envm_str new = prefix->item[item->encoding];

        if (item->offset < from || !has_bytes(request->bytes, item->offset, new))
            return false;
        envm_vec_push(&plan->edits, ((struct envm_edit){.at = item->offset,
                                                        .cut = new.len,
                                                        .put = placeholder->item[item->encoding]}));
        from = item->offset + new.len;
    }
    return true;
}

/* The string that starts with item `index`: its occurrences, then the padding that they left. */
static bool undo_string(struct plan *plan, const struct envm_replace_request *request,
                        const struct envm_replacements *done, size_t *index,
                        const struct forms *placeholder, const struct forms *prefix, size_t *from)
{
    enum envm_text_encoding encoding = done->items[*index].encoding;
    envm_str old = placeholder->item[encoding];
    envm_str new = prefix->item[encoding];
    uint64_t first = done->items[*index].offset;
    size_t count = 0;
    size_t end = 0;

    if (old.len < new.len || first < *from || !has_bytes(request->bytes, first, new))
        return false;
    end = string_end(request->bytes, first + new.len, encoding);
    for (; *index < done->count && done->items[*index].offset < end; (*index)++) {
        const struct envm_replacement *item = &done->items[*index];

        if (item->encoding != encoding || item->offset < *from ||
            !has_bytes(request->bytes, item->offset, new))
            return false;
        envm_vec_push(&plan->edits,
                      ((struct envm_edit){.at = item->offset, .cut = new.len, .put = old}));
        *from = item->offset + new.len;
        count++;
    }
    if (count == 0 || *from > end || !all_zero(request->bytes, end, count * (old.len - new.len)))
        return false;
    envm_vec_push(&plan->edits,
                  ((struct envm_edit){.at = end, .cut = count * (old.len - new.len)}));
    *from = end + count * (old.len - new.len);
    return true;
}

bool envm_replace_undo(struct envm_arena *arena, const struct envm_replace_request *request,
                       const struct envm_replacements *done, struct envm_edits *ret_edits)
{
    ENVM_CLEANUP(plan) struct plan plan = {0};
    struct forms placeholder;
    struct forms prefix;
    size_t from = 0;
    size_t index = 0;
    bool ok = true;

    /* Nearly every file; the forms of a long prefix were half of what verify did without a library.
     */
    if (done->shebang.len == 0 && done->count == 0) {
        *ret_edits = (struct envm_edits){0};
        return true;
    }
    make_forms(arena, request, &placeholder, &prefix);
    if (done->shebang.len > 0) {
        envm_str rewritten = {0};

        if (!envm_shebang_rewrite(arena, done->shebang, request->placeholder, request->prefix,
                                  &rewritten) ||
            !has_bytes(request->bytes, 0, rewritten))
            return false;
        envm_vec_push(&plan.edits,
                      ((struct envm_edit){.cut = rewritten.len, .put = done->shebang}));
        from = rewritten.len;
    }
    if (request->mode == ENVM_MODE_BINARY) {
        while (ok && index < done->count)
            ok = undo_string(&plan, request, done, &index, &placeholder, &prefix, &from);
    } else {
        ok = undo_text(&plan, request, done, &placeholder, &prefix, from);
    }
    if (ok)
        hand_over(arena, &plan, ret_edits, NULL);
    return ok;
}

uint64_t envm_edits_size(envm_str bytes, const struct envm_edits *edits)
{
    uint64_t size = bytes.len;

    for (size_t i = 0; i < edits->count; i++)
        size += edits->items[i].put.len + edits->items[i].zeros - edits->items[i].cut;
    return size;
}

static enum envm_code put(envm_bytes_out out, void *user, envm_str bytes, struct envm_error *err)
{
    return bytes.len == 0 ? ENVM_OK : out(user, bytes, err);
}

enum envm_code envm_edits_apply(envm_str bytes, const struct envm_edits *edits, envm_bytes_out out,
                                void *user, struct envm_error *err)
{
    static const char zeros[256];
    size_t at = 0;

    for (size_t i = 0; i < edits->count; i++) {
        const struct envm_edit *edit = &edits->items[i];

        ENVM_TRY(put(out, user, envm_str_slice(bytes, at, edit->at), err));
        ENVM_TRY(put(out, user, edit->put, err));
        for (size_t left = edit->zeros; left > 0;) {
            size_t part = left < sizeof(zeros) ? left : sizeof(zeros);

            ENVM_TRY(put(out, user, envm_str_n(zeros, part), err));
            left -= part;
        }
        at = edit->at + edit->cut;
    }
    return put(out, user, envm_str_skip(bytes, at), err);
}

static enum envm_code hash_piece(void *user, envm_str bytes, struct envm_error *err)
{
    (void)err;
    envm_hasher_update(user, bytes.ptr, bytes.len);
    return ENVM_OK;
}

struct envm_sha256 envm_edits_sha256(envm_str bytes, const struct envm_edits *edits)
{
    ENVM_CLEANUP(envm_hasher) struct envm_hasher hasher;
    struct envm_sha256 digest = {0};

    envm_hasher_init(&hasher, false);
    (void)envm_edits_apply(bytes, edits, hash_piece, &hasher, NULL);
    envm_hasher_final(&hasher, &digest, NULL);
    return digest;
}
