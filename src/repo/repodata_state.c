/* SPDX-License-Identifier: MIT */
#include "repo/repodata_state.h"

#include "base/error.h"
#include "base/hex.h"
#include "codec/digest.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "sys/fs_atomic.h"

#define STATE_FORMAT 2
#define CHECKSUM_KEY "\"checksum\": \""
#define DIGITS 64
#define STATE_SIZE_MAX ((size_t)64 * 1024)

/* Times before 1970 are negative. */
static void put_i64(struct envm_json_writer *w, const char *key, int64_t value)
{
    envm_json_key(w, key);
    envm_json_put_i64(w, value);
}

static bool get_i64(struct envm_json_reader *r, int64_t *ret_value)
{
    envm_str text;
    bool negative;
    uint64_t value;

    if (!envm_json_number_text(r, &text))
        return false;
    negative = envm_str_starts_with(text, ENVM_STR("-"));
    if (!envm_str_parse_u64(negative ? envm_str_skip(text, 1) : text, &value) ||
        value > INT64_MAX) {
        envm_json_fail(r, "not a number of 64 bits");
        return false;
    }
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

struct text_field {
    const char *key;
    envm_str *value;
};

struct number_field {
    const char *key;
    int64_t *value;
};

struct size_field {
    const char *key;
    uint64_t *value;
};

/* The same tables serve reading and writing. */
struct fields {
    struct text_field texts[7];
    struct number_field numbers[5];
    struct size_field sizes[4];
};

static struct fields fields_of(struct envm_repodata_state *state, envm_str *sha256)
{
    return (struct fields){
        .texts = {{"url", &state->url},
                  {"file", &state->file},
                  {"etag", &state->etag},
                  {"last_modified", &state->last_modified},
                  {"cache_control", &state->cache_control},
                  {"sha256", sha256},
                  {"boot_id", &state->boot_id}},
        .numbers = {{"newest", &state->newest},
                    {"zst_missing_at", &state->zst_missing_at},
                    {"checked_at", &state->checked_at},
                    {"mtime_ns", &state->stamp.mtime_ns},
                    {"ctime_ns", &state->stamp.ctime_ns}},
        .sizes = {{"size", &state->size},
                  {"file_size", &state->stamp.size},
                  {"inode", &state->stamp.inode},
                  {"device", &state->stamp.device}},
    };
}

#define EACH(i, array) (size_t i = 0; i < sizeof(array) / sizeof((array)[0]); i++)

static void read_field(struct envm_json_reader *r, struct envm_arena *arena, struct fields *fields,
                       envm_str key)
{
    for
        EACH(i, fields->texts)
    if (envm_str_equal_c(key, fields->texts[i].key)) {
        envm_json_string(r, arena, fields->texts[i].value);
        return;
    }
    for
        EACH(i, fields->numbers)
    if (envm_str_equal_c(key, fields->numbers[i].key)) {
        get_i64(r, fields->numbers[i].value);
        return;
    }
    for
        EACH(i, fields->sizes)
    if (envm_str_equal_c(key, fields->sizes[i].key)) {
        envm_json_u64(r, fields->sizes[i].value);
        return;
    }
    envm_json_skip(r, NULL);
}

/* The checksum is over the text with zeros in place of its digits. It stands in front, so that no
 * value can be taken for it. */
static bool find_checksum(envm_str text, size_t *ret_at)
{
    size_t at = envm_str_find(text, ENVM_STR(CHECKSUM_KEY));

    *ret_at = at + sizeof(CHECKSUM_KEY) - 1;
    return at != SIZE_MAX && *ret_at <= text.len && text.len - *ret_at >= DIGITS;
}

static struct envm_sha256 checksum_of(envm_str text, size_t at)
{
    static const char zeros[DIGITS + 1] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    struct envm_hasher hasher;
    struct envm_sha256 sum;

    envm_hasher_init(&hasher, false);
    envm_hasher_update(&hasher, text.ptr, at);
    envm_hasher_update(&hasher, zeros, DIGITS);
    envm_hasher_update(&hasher, text.ptr + at + DIGITS, text.len - at - DIGITS);
    envm_hasher_final(&hasher, &sum, NULL);
    return sum;
}

static bool is_sealed(envm_str text)
{
    struct envm_sha256 sum;
    size_t at;

    if (!find_checksum(text, &at))
        return false;
    sum = checksum_of(text, at);
    return envm_str_equal_c(envm_str_slice(text, at, at + DIGITS), envm_sha256_hex(&sum).text);
}

static void seal(struct envm_buf *text)
{
    struct envm_sha256 sum;
    size_t at;

    if (!find_checksum(envm_buf_str(text), &at))
        return;
    sum = checksum_of(envm_buf_str(text), at);
    memcpy(text->ptr + at, envm_sha256_hex(&sum).text, DIGITS);
}

static bool parse(envm_str text, struct envm_arena *arena, struct envm_repodata_state *state)
{
    struct envm_json_reader r;
    envm_str key, sha256 = {0};
    struct fields fields = fields_of(state, &sha256);
    uint64_t format = 0;

    envm_json_init(&r, text);
    envm_json_begin_object(&r);
    while (envm_json_next_key(&r, arena, &key)) {
        if (envm_str_equal_c(key, "format"))
            envm_json_u64(&r, &format);
        else if (envm_str_equal_c(key, "missing"))
            envm_json_bool(&r, &state->missing);
        else
            read_field(&r, arena, &fields, key);
    }
    if (envm_json_end(&r, NULL) != ENVM_OK || format != STATE_FORMAT)
        return false;
    return sha256.len == 0 || envm_sha256_parse(sha256, &state->sha256);
}

bool envm_repodata_state_load(int dirfd, struct envm_relpath path, struct envm_arena *arena,
                              struct envm_repodata_state *ret_state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(STATE_SIZE_MAX);
    struct envm_repodata_state state = {0};

    if (envm_fs_read_at(dirfd, path, &text, NULL) != ENVM_OK || !is_sealed(envm_buf_str(&text)) ||
        !parse(envm_arena_str(arena, envm_buf_str(&text)), arena, &state))
        return false;
    *ret_state = state;
    return true;
}

enum envm_code envm_repodata_state_save(int dirfd, struct envm_relpath path,
                                        const struct envm_repodata_state *state,
                                        struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(STATE_SIZE_MAX);
    struct envm_repodata_state copy = *state;
    struct envm_hex_text hex = envm_sha256_hex(&copy.sha256);
    envm_str sha256 = envm_str_from(hex.text);
    struct fields fields = fields_of(&copy, &sha256);
    struct envm_json_writer w;

    envm_json_writer_init(&w, &text, 1);
    envm_json_open_object(&w);
    envm_json_field_cstr(&w, "checksum",
                         "0000000000000000000000000000000000000000000000000000000000000000");
    envm_json_field_u64(&w, "format", STATE_FORMAT);
    envm_json_field_bool(&w, "missing", state->missing);
    for
        EACH(i, fields.texts)
    envm_json_field_str(&w, fields.texts[i].key, *fields.texts[i].value);
    for
        EACH(i, fields.numbers)
    put_i64(&w, fields.numbers[i].key, *fields.numbers[i].value);
    for
        EACH(i, fields.sizes)
    envm_json_field_u64(&w, fields.sizes[i].key, *fields.sizes[i].value);
    envm_json_close_object(&w);
    envm_buf_add_byte(&text, '\n');
    if (text.overflowed)
        return envm_fail(err, ENVM_INTERNAL, "the state of a channel is too long to be kept");
    seal(&text);
    return envm_fs_write_atomic(dirfd, path, envm_buf_str(&text), 0600, false, err);
}

struct envm_file_stamp envm_file_stamp_of(const struct stat *info)
{
    const int64_t second = 1000000000;

    return (struct envm_file_stamp){
        .mtime_ns = (int64_t)info->st_mtim.tv_sec * second + info->st_mtim.tv_nsec,
        .ctime_ns = (int64_t)info->st_ctim.tv_sec * second + info->st_ctim.tv_nsec,
        .size = (uint64_t)info->st_size,
        .inode = (uint64_t)info->st_ino,
        .device = (uint64_t)info->st_dev,
    };
}

bool envm_file_stamp_equal(const struct envm_file_stamp *a, const struct envm_file_stamp *b)
{
    return a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->size == b->size &&
           a->inode == b->inode && a->device == b->device;
}
