/* SPDX-License-Identifier: MIT */
#include "conda/package_record.h"

#include "base/hex.h"
#include "base/vec.h"
#include "conda/archive_name.h"
#include "conda/extras.h"
#include "conda/platform.h"

#define LIST_LENGTH_MAX 20000
#define SMALL_LIST 48
/* 9999-12-31T23:59:59 in seconds: what is larger was written in milliseconds. */
#define TIMESTAMP_SECONDS_MAX UINT64_C(253402300799)

enum field {
    FIELD_OTHER,
    FIELD_BUILD,
    FIELD_BUILD_NUMBER,
    FIELD_CONSTRAINS,
    FIELD_DEPENDS,
    FIELD_EXTRA_DEPENDS,
    FIELD_FEATURES,
    FIELD_FLAGS,
    FIELD_INDEXED_TIMESTAMP,
    FIELD_LICENSE,
    FIELD_LICENSE_FAMILY,
    FIELD_MD5,
    FIELD_NAME,
    FIELD_NOARCH,
    FIELD_SHA256,
    FIELD_SITE_PACKAGES,
    FIELD_SIZE,
    FIELD_SUBDIR,
    FIELD_TIMESTAMP,
    FIELD_TRACK_FEATURES,
    FIELD_VERSION,
};

static const struct {
    envm_str key;
    enum field field;
} fields[] = {
    {ENVM_STR_INIT("build"), FIELD_BUILD},
    {ENVM_STR_INIT("build_number"), FIELD_BUILD_NUMBER},
    {ENVM_STR_INIT("constrains"), FIELD_CONSTRAINS},
    {ENVM_STR_INIT("depends"), FIELD_DEPENDS},
    {ENVM_STR_INIT("features"), FIELD_FEATURES},
    {ENVM_STR_INIT("license"), FIELD_LICENSE},
    {ENVM_STR_INIT("license_family"), FIELD_LICENSE_FAMILY},
    {ENVM_STR_INIT("md5"), FIELD_MD5},
    {ENVM_STR_INIT("name"), FIELD_NAME},
    {ENVM_STR_INIT("noarch"), FIELD_NOARCH},
    {ENVM_STR_INIT("python_site_packages_path"), FIELD_SITE_PACKAGES},
    {ENVM_STR_INIT("sha256"), FIELD_SHA256},
    {ENVM_STR_INIT("size"), FIELD_SIZE},
    {ENVM_STR_INIT("subdir"), FIELD_SUBDIR},
    {ENVM_STR_INIT("timestamp"), FIELD_TIMESTAMP},
    {ENVM_STR_INIT("track_features"), FIELD_TRACK_FEATURES},
    {ENVM_STR_INIT("version"), FIELD_VERSION},
    /* CEP 44 spells it with a hyphen for index.json, CEP 48 with an underscore for repodata */
    {ENVM_STR_INIT("extra_depends"), FIELD_EXTRA_DEPENDS},
    {ENVM_STR_INIT("extra-depends"), FIELD_EXTRA_DEPENDS},
    {ENVM_STR_INIT("flags"), FIELD_FLAGS},
    {ENVM_STR_INIT("indexed_timestamp"), FIELD_INDEXED_TIMESTAMP},
};

struct record_reader {
    struct envm_json_reader *r;
    struct envm_arena *arena;
    struct envm_package_record *record;
    const char *fault; /* the first one */
    bool has_name, has_version, has_build;
};

/* Repodata has its keys sorted, as this table has: the search begins behind the last key found.
 * 3 instead of 10 comparisons for a key, a tenth of reading repodata. */
static enum field find_field(envm_str key, size_t *next)
{
    const size_t count = sizeof(fields) / sizeof(fields[0]);
    size_t at = *next;

    for (size_t i = 0; i < count; i++, at++) {
        at = at < count ? at : 0;
        if (key.len == fields[at].key.len && key.ptr[0] == fields[at].key.ptr[0] &&
            memcmp(key.ptr, fields[at].key.ptr, key.len) == 0) {
            *next = at + 1;
            return fields[at].field;
        }
    }
    return FIELD_OTHER;
}

static void set_fault(struct record_reader *reader, const char *fault)
{
    if (!reader->fault)
        reader->fault = fault;
}

/* A string, or the fault; the value is consumed in both cases. */
static bool read_required_string(struct record_reader *reader, envm_str *ret_value,
                                 const char *fault)
{
    if (envm_json_peek(reader->r) == ENVM_JSON_STRING)
        return envm_json_string(reader->r, reader->arena, ret_value);
    set_fault(reader, fault);
    envm_json_skip(reader->r, NULL);
    return false;
}

/* A string; null leaves *ret_value alone. */
static bool read_optional_string(struct record_reader *reader, envm_str *ret_value,
                                 const char *fault)
{
    if (envm_json_peek(reader->r) == ENVM_JSON_NULL) {
        envm_json_null(reader->r);
        return false;
    }
    return read_required_string(reader, ret_value, fault);
}

/* For what envm only shows: another type is as good as absent. */
static void read_informal_string(struct record_reader *reader, envm_str *ret_value)
{
    if (envm_json_peek(reader->r) == ENVM_JSON_STRING)
        envm_json_string(reader->r, reader->arena, ret_value);
    else
        envm_json_skip(reader->r, NULL);
}

static void store_list(struct record_reader *reader, const envm_str *items, size_t count,
                       struct envm_str_list *ret_list)
{
    if (count > 0)
        ret_list->items = envm_arena_copy(reader->arena, items, count * sizeof(*items));
    ret_list->count = count;
}

static void read_list(struct record_reader *reader, struct envm_str_list *ret_list,
                      const char *fault)
{
    ENVM_UNINITIALIZED envm_str small[SMALL_LIST];
    ENVM_VEC(envm_str) large = {0};
    size_t count = 0;

    if (!envm_json_begin_array(reader->r))
        return;
    while (envm_json_next_element(reader->r)) {
        envm_str item = {0};
        if (count >= LIST_LENGTH_MAX || !read_required_string(reader, &item, fault)) {
            set_fault(reader, fault);
            if (count >= LIST_LENGTH_MAX)
                envm_json_skip(reader->r, NULL);
            continue;
        }
        if (count == SMALL_LIST)
            for (size_t i = 0; i < SMALL_LIST; i++)
                envm_vec_push(&large, small[i]);
        if (count < SMALL_LIST)
            small[count] = item;
        else
            envm_vec_push(&large, item);
        count++;
    }
    store_list(reader, large.items ? large.items : small, count, ret_list);
    envm_vec_release(&large);
}

static void read_spec_list(struct record_reader *reader, struct envm_str_list *ret_list,
                           bool null_is_empty, const char *fault)
{
    enum envm_json_type type = envm_json_peek(reader->r);

    *ret_list = (struct envm_str_list){0};
    if (type == ENVM_JSON_ARRAY) {
        read_list(reader, ret_list, fault);
        return;
    }
    if (type != ENVM_JSON_NULL || !null_is_empty)
        set_fault(reader, fault);
    envm_json_skip(reader->r, NULL);
}

/* Copies the words of "a b,c" behind *items; returns how many there are. */
static size_t split_features(envm_str text, envm_str *items)
{
    size_t count = 0, at = 0, start;

    while (at < text.len) {
        while (at < text.len && (envm_is_space(text.ptr[at]) || text.ptr[at] == ','))
            at++;
        start = at;
        while (at < text.len && !envm_is_space(text.ptr[at]) && text.ptr[at] != ',')
            at++;
        if (at > start && items)
            items[count] = envm_str_slice(text, start, at);
        count += at > start;
    }
    return count;
}

/* "a b", "a,b" or ["a", "b"]; anything else counts as none. */
static void read_track_features(struct record_reader *reader)
{
    enum envm_json_type type = envm_json_peek(reader->r);
    struct envm_str_list list = {0};
    envm_str text = {0}, *words;
    size_t count = 0, i;

    reader->record->track_features = (struct envm_str_list){0};
    if (type == ENVM_JSON_ARRAY) {
        read_list(reader, &list, "track_features holds no strings");
    } else {
        read_informal_string(reader, &text);
        list = (struct envm_str_list){&text, 1};
    }
    for (i = 0; i < list.count; i++)
        count += split_features(list.items[i], NULL);
    if (count == 0)
        return;
    words = envm_arena_new_array(reader->arena, envm_str, count);
    reader->record->track_features = (struct envm_str_list){words, count};
    for (i = 0; i < list.count; i++)
        words += split_features(list.items[i], words);
}

static void read_noarch(struct record_reader *reader)
{
    enum envm_json_type type = envm_json_peek(reader->r);
    envm_str text = {0};
    bool value = false;

    reader->record->noarch = ENVM_NOARCH_NO;
    if (type == ENVM_JSON_BOOL) {
        if (envm_json_bool(reader->r, &value) && value)
            reader->record->noarch = ENVM_NOARCH_GENERIC;
        return;
    }
    read_informal_string(reader, &text);
    if (envm_str_equal_c(text, "python"))
        reader->record->noarch = ENVM_NOARCH_PYTHON;
    else if (envm_str_equal_c(text, "generic"))
        reader->record->noarch = ENVM_NOARCH_GENERIC;
}

/* A whole number written without sign, fraction or exponent. */
static bool read_number(struct record_reader *reader, uint64_t *ret_value, const char *fault)
{
    envm_str text = {0};
    uint64_t value;

    if (envm_json_peek(reader->r) != ENVM_JSON_NUMBER) {
        set_fault(reader, fault);
        envm_json_skip(reader->r, NULL);
        return false;
    }
    if (!envm_json_number_text(reader->r, &text))
        return false;
    if (!envm_str_parse_u64(text, &value)) {
        set_fault(reader, fault);
        return false;
    }
    *ret_value = value;
    return true;
}

/* Never a reason to lose a record: what is not a time is "unknown". */
static void read_timestamp(struct record_reader *reader, uint64_t *ret_timestamp)
{
    envm_str text = {0};
    uint64_t value = 0;
    size_t point;

    *ret_timestamp = 0;
    if (envm_json_peek(reader->r) != ENVM_JSON_NUMBER) {
        envm_json_skip(reader->r, NULL);
        return;
    }
    if (!envm_json_number_text(reader->r, &text))
        return;
    point = envm_str_find_char(text, '.');
    if (!envm_str_parse_u64(point == SIZE_MAX ? text : envm_str_slice(text, 0, point), &value))
        return;
    if (value <= TIMESTAMP_SECONDS_MAX)
        value *= 1000;
    if (value <= TIMESTAMP_SECONDS_MAX * 1000)
        *ret_timestamp = value;
}

static void read_flags(struct record_reader *reader)
{
    const char *fault = "flags is not a list of flags such as \"cuda\" or \"blas:mkl\"";

    read_spec_list(reader, &reader->record->flags, true, fault);
    for (size_t i = 0; i < reader->record->flags.count; i++)
        if (!envm_flag_is_valid(reader->record->flags.items[i], false))
            set_fault(reader, fault);
}

static void read_extra_depends(struct record_reader *reader)
{
    static const char fault[] = "extra_depends does not map names of groups to lists of strings";
    ENVM_VEC(struct envm_extra_group) groups = {0};
    struct envm_extra_group group = {0};

    if (envm_json_peek(reader->r) == ENVM_JSON_NULL) {
        envm_json_null(reader->r);
        return;
    }
    if (envm_json_peek(reader->r) != ENVM_JSON_OBJECT || reader->record->extra_depends_count > 0) {
        set_fault(reader, fault);
        envm_json_skip(reader->r, NULL);
        return;
    }
    envm_json_begin_object(reader->r);
    while (envm_json_next_key(reader->r, reader->arena, &group.name)) {
        read_spec_list(reader, &group.depends, false, fault);
        if (!envm_extra_name_is_valid(group.name) || groups.count >= LIST_LENGTH_MAX)
            set_fault(reader, fault);
        else
            envm_vec_push(&groups, group);
    }
    if (!envm_extra_groups_sort(groups.items, groups.count))
        set_fault(reader, "extra_depends names a group twice");
    if (groups.count > 0)
        reader->record->extra_depends =
            envm_arena_copy(reader->arena, groups.items, groups.count * sizeof(*groups.items));
    reader->record->extra_depends_count = groups.count;
    envm_vec_release(&groups);
}

static void read_size(struct record_reader *reader)
{
    if (envm_json_peek(reader->r) == ENVM_JSON_NULL) {
        envm_json_null(reader->r);
        return;
    }
    reader->record->has_size =
        read_number(reader, &reader->record->size, "size is not a number of bytes");
}

static void read_sha256(struct record_reader *reader)
{
    const char *fault = "sha256 is not 64 hexadecimal digits";
    envm_str text = {0};

    if (read_optional_string(reader, &text, fault) &&
        !envm_sha256_parse(text, &reader->record->sha256))
        set_fault(reader, fault);
}

static void read_md5(struct record_reader *reader)
{
    const char *fault = "md5 is not 32 hexadecimal digits";
    envm_str text = {0};

    if (read_optional_string(reader, &text, fault) && !envm_md5_parse(text, &reader->record->md5))
        set_fault(reader, fault);
}

static void read_name(struct record_reader *reader)
{
    envm_str *name = &reader->record->name;
    size_t i;

    if (!read_required_string(reader, name, "name is not a string"))
        return;
    reader->has_name = true;
    if (!envm_package_name_is_valid(*name))
        set_fault(reader, "name breaks the rules for package names");
    for (i = 0; i < name->len; i++)
        if (name->ptr[i] != envm_to_lower(name->ptr[i])) {
            char *copy = envm_cstr(reader->arena, *name);
            for (i = 0; i < name->len; i++)
                copy[i] = envm_to_lower(copy[i]);
            name->ptr = copy;
            return;
        }
}

static void read_version(struct record_reader *reader)
{
    if (!read_required_string(reader, &reader->record->version, "version is not a string"))
        return;
    reader->has_version = true;
    if (!envm_version_text_is_safe(reader->record->version))
        set_fault(reader, "version holds characters that versions may not hold");
}

static void read_build(struct record_reader *reader)
{
    if (!read_required_string(reader, &reader->record->build, "build is not a string"))
        return;
    reader->has_build = true;
    if (!envm_build_is_valid(reader->record->build))
        set_fault(reader, "build holds characters that build strings may not hold");
}

static void read_subdir(struct record_reader *reader)
{
    if (read_optional_string(reader, &reader->record->subdir, "subdir is not a string") &&
        !envm_subdir_is_valid(reader->record->subdir))
        set_fault(reader, "subdir is not a platform");
}

static void read_field(struct record_reader *reader, enum field field)
{
    struct envm_package_record *record = reader->record;

    switch (field) {
    case FIELD_NAME:
        read_name(reader);
        break;
    case FIELD_VERSION:
        read_version(reader);
        break;
    case FIELD_BUILD:
        read_build(reader);
        break;
    case FIELD_BUILD_NUMBER:
        read_number(reader, &record->build_number, "build_number is not a whole number");
        break;
    case FIELD_SUBDIR:
        read_subdir(reader);
        break;
    case FIELD_DEPENDS:
        read_spec_list(reader, &record->depends, false, "depends is not a list of strings");
        break;
    case FIELD_CONSTRAINS:
        read_spec_list(reader, &record->constrains, true, "constrains is not a list of strings");
        break;
    case FIELD_EXTRA_DEPENDS:
        read_extra_depends(reader);
        break;
    case FIELD_FEATURES:
        read_informal_string(reader, &record->features);
        break;
    case FIELD_FLAGS:
        read_flags(reader);
        break;
    case FIELD_INDEXED_TIMESTAMP:
        read_timestamp(reader, &record->indexed_timestamp);
        break;
    case FIELD_LICENSE:
        read_informal_string(reader, &record->license);
        break;
    case FIELD_LICENSE_FAMILY:
        read_informal_string(reader, &record->license_family);
        break;
    case FIELD_SITE_PACKAGES:
        read_optional_string(reader, &record->python_site_packages_path,
                             "python_site_packages_path is not a string");
        break;
    case FIELD_MD5:
        read_md5(reader);
        break;
    case FIELD_SHA256:
        read_sha256(reader);
        break;
    case FIELD_SIZE:
        read_size(reader);
        break;
    case FIELD_NOARCH:
        read_noarch(reader);
        break;
    case FIELD_TIMESTAMP:
        read_timestamp(reader, &record->timestamp);
        break;
    case FIELD_TRACK_FEATURES:
        read_track_features(reader);
        break;
    case FIELD_OTHER:
        envm_json_skip(reader->r, NULL);
        break;
    }
}

void envm_package_record_read(struct envm_json_reader *r, struct envm_arena *arena,
                              struct envm_package_record *ret_record, const char **ret_fault)
{
    struct record_reader reader = {.r = r, .arena = arena, .record = ret_record};
    size_t next = 0;
    envm_str key;

    *ret_record = (struct envm_package_record){0};
    *ret_fault = NULL;
    if (envm_json_peek(r) != ENVM_JSON_OBJECT) {
        *ret_fault = "the record is not an object";
        envm_json_skip(r, NULL);
        return;
    }
    if (!envm_json_begin_object(r))
        return;
    while (envm_json_next_key(r, arena, &key))
        read_field(&reader, key.len == 0 ? FIELD_OTHER : find_field(key, &next));
    if (!reader.has_name)
        set_fault(&reader, "the record has no name");
    if (!reader.has_version)
        set_fault(&reader, "the record has no version");
    if (!reader.has_build)
        set_fault(&reader, "the record has no build");
    *ret_fault = reader.fault;
}

static void write_text(struct envm_json_writer *w, const char *key, envm_str value)
{
    if (value.len > 0)
        envm_json_field_str(w, key, value);
}

static void write_track_features(struct envm_json_writer *w, struct envm_str_list list)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    size_t i;

    for (i = 0; i < list.count; i++) {
        if (i > 0)
            envm_buf_add_byte(&text, ' ');
        envm_buf_add_str(&text, list.items[i]);
    }
    if (list.count > 0)
        envm_json_field_str(w, "track_features", envm_buf_str(&text));
}

/* Milliseconds of before 1978 would be read as seconds: write those as seconds. */
static void write_timestamp(struct envm_json_writer *w, const char *key, uint64_t timestamp)
{
    if (timestamp > 0)
        envm_json_field_u64(w, key,
                            timestamp <= TIMESTAMP_SECONDS_MAX ? timestamp / 1000 : timestamp);
}

void envm_package_record_write_fields(struct envm_json_writer *w,
                                      const struct envm_package_record *record)
{
    envm_json_field_str(w, "build", record->build);
    envm_json_field_u64(w, "build_number", record->build_number);
    envm_json_field_list(w, "constrains", record->constrains);
    envm_json_field_list(w, "depends", record->depends);
    if (record->extra_depends_count > 0)
        envm_json_field_groups(w, "extra_depends", record->extra_depends,
                               record->extra_depends_count);
    write_text(w, "features", record->features);
    if (record->flags.count > 0)
        envm_json_field_list(w, "flags", record->flags);
    write_timestamp(w, "indexed_timestamp", record->indexed_timestamp);
    write_text(w, "license", record->license);
    write_text(w, "license_family", record->license_family);
    if (record->md5.known)
        envm_json_field_cstr(w, "md5", envm_md5_hex(&record->md5).text);
    envm_json_field_str(w, "name", record->name);
    if (record->noarch != ENVM_NOARCH_NO)
        envm_json_field_cstr(w, "noarch",
                             record->noarch == ENVM_NOARCH_PYTHON ? "python" : "generic");
    write_text(w, "python_site_packages_path", record->python_site_packages_path);
    if (record->sha256.known)
        envm_json_field_cstr(w, "sha256", envm_sha256_hex(&record->sha256).text);
    if (record->has_size)
        envm_json_field_u64(w, "size", record->size);
    write_text(w, "subdir", record->subdir);
    write_timestamp(w, "timestamp", record->timestamp);
    write_track_features(w, record->track_features);
    envm_json_field_str(w, "version", record->version);
}
