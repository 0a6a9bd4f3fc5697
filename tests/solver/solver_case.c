/* SPDX-License-Identifier: MIT */
#include "solver_case.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/moment.h"
#include "codec/json_writer.h"
#include "conda/package_record.h"

/* --- reading -------------------------------------------------------------------------------- */

static struct envm_str_list split_specs(struct envm_arena *arena, envm_str text, char separator)
{
    ENVM_VEC(envm_str) found = {0};
    envm_str part;

    while (text.ptr && envm_str_split_next(&text, separator, &part))
        if (envm_str_trim(part).len)
            envm_vec_push(&found, envm_str_trim(part));
    struct envm_str_list list =
        envm_arena_str_list(arena, (struct envm_str_list){found.items, found.count});
    envm_vec_release(&found);
    return list;
}

static struct envm_str_list one_word(struct envm_arena *arena, envm_str word)
{
    return envm_arena_str_list(arena, (struct envm_str_list){&word, 1});
}

static bool read_option(struct envm_arena *arena, envm_str word, struct envm_package_record *record)
{
    size_t equals = envm_str_find_char(word, '=');
    envm_str key = envm_str_slice(word, 0, equals), value = envm_str_skip(word, equals + 1);

    if (equals == SIZE_MAX)
        return false;
    if (envm_str_equal_c(key, "number"))
        return envm_str_parse_u64(value, &record->build_number);
    if (envm_str_equal_c(key, "time"))
        return envm_str_parse_u64(value, &record->timestamp);
    if (envm_str_equal_c(key, "date"))
        return envm_moment_parse(envm_arena_printf(arena, "%.*sT12:00:00Z", ENVM_STR_ARGS(value)),
                                 0, &record->timestamp, NULL);
    if (envm_str_equal_c(key, "track"))
        record->track_features = one_word(arena, value);
    else if (envm_str_equal_c(key, "features"))
        record->features = value;
    else if (envm_str_equal_c(key, "subdir"))
        record->subdir = value;
    else if (envm_str_equal_c(key, "flags"))
        record->flags = split_specs(arena, value, ',');
    else
        return false;
    return true;
}

/* Takes "++ GROUP: DEPENDS; …" off the end, as often as it is there. */
static bool read_extras(struct envm_arena *arena, envm_str *line,
                        struct envm_package_record *record)
{
    size_t at = envm_str_find(*line, ENVM_STR(" ++ "));
    envm_str rest = envm_str_skip(*line, at == SIZE_MAX ? line->len : at + 4);
    struct envm_extra_group *groups =
        envm_arena_new_array(arena, struct envm_extra_group, line->len);

    record->extra_depends = groups;
    while (rest.len > 0) {
        size_t next = envm_str_find(rest, ENVM_STR(" ++ "));
        envm_str one = envm_str_slice(rest, 0, next);
        size_t colon = envm_str_find_char(one, ':');
        if (colon == SIZE_MAX)
            return false;
        groups[record->extra_depends_count++] = (struct envm_extra_group){
            envm_str_slice(one, 0, colon), split_specs(arena, envm_str_skip(one, colon + 1), ';')};
        rest = next == SIZE_MAX ? (envm_str){0} : envm_str_skip(rest, next + 4);
    }
    *line = envm_str_slice(*line, 0, at);
    return envm_extra_groups_sort(groups, record->extra_depends_count);
}

/* NAME VERSION BUILD [key=value…] [:: DEPENDS; …] [!! CONSTRAINS; …] [++ GROUP: DEPENDS; …]… */
static bool read_record(struct envm_arena *arena, envm_str line, struct envm_package_record *record)
{
    envm_str head, word;
    size_t constrains, depends;

    *record = (struct envm_package_record){.subdir = ENVM_STR("linux-64")};
    if (!read_extras(arena, &line, record))
        return false;
    constrains = envm_str_find(line, ENVM_STR(" !! "));
    head = envm_str_slice(line, 0, constrains);
    depends = envm_str_find(head, ENVM_STR(" :: "));
    if (constrains != SIZE_MAX)
        record->constrains = split_specs(arena, envm_str_skip(line, constrains + 4), ';');
    if (depends != SIZE_MAX)
        record->depends = split_specs(arena, envm_str_skip(head, depends + 4), ';');
    head = envm_str_slice(head, 0, depends);
    if (!envm_str_next_word(&head, &record->name) || !envm_str_next_word(&head, &record->version) ||
        !envm_str_next_word(&head, &record->build))
        return false;
    while (envm_str_next_word(&head, &word))
        if (!read_option(arena, word, record))
            return false;
    record->noarch =
        envm_str_equal_c(record->subdir, "noarch") ? ENVM_NOARCH_GENERIC : ENVM_NOARCH_NO;
    record->file_name =
        envm_arena_printf(arena, "%.*s-%.*s-%.*s.conda", ENVM_STR_ARGS(record->name),
                          ENVM_STR_ARGS(record->version), ENVM_STR_ARGS(record->build));
    return true;
}

static void set_channel(struct envm_arena *arena, struct envm_package_record *record, envm_str name)
{
    record->channel = name;
    record->url =
        envm_arena_printf(arena, "file:///%.*s/%.*s/%.*s", ENVM_STR_ARGS(name),
                          ENVM_STR_ARGS(record->subdir), ENVM_STR_ARGS(record->file_name));
}

static bool add_record(struct envm_arena *arena, struct solver_case *one, envm_str line)
{
    struct case_record entry = {0};

    if (one->channels.count == 0)
        envm_vec_push(&one->channels, ENVM_STR("main"));
    entry.channel = one->channels.count - 1;
    if (!read_record(arena, line, &entry.record))
        return false;
    set_channel(arena, &entry.record, one->channels.items[entry.channel]);
    envm_vec_push(&one->records, entry);
    return true;
}

/* A record that is there before: "RECORD [@ CHANNEL]". */
static bool add_present(struct envm_arena *arena, struct solver_case *one, envm_str kind,
                        envm_str line)
{
    struct envm_package_record record;
    size_t at = envm_str_find_last_char(line, '@');
    envm_str channel =
        at == SIZE_MAX ? ENVM_STR("main") : envm_str_trim(envm_str_skip(line, at + 1));

    if (!read_record(arena, envm_str_slice(line, 0, at), &record))
        return false;
    set_channel(arena, &record, channel);
    if (envm_str_equal_c(kind, "preferred"))
        envm_vec_push(&one->preferred, record);
    else if (envm_str_equal_c(kind, "installed"))
        envm_vec_push(&one->installed, record);
    else
        envm_vec_push(&one->frozen, record);
    return true;
}

static bool add_elsewhere(struct envm_arena *arena, struct solver_case *one, envm_str line)
{
    struct envm_package_record record;
    envm_str subdir;

    if (!envm_str_next_word(&line, &subdir) || !read_record(arena, line, &record))
        return false;
    record.subdir = subdir;
    set_channel(arena, &record, one->channels.count ? one->channels.items[0] : ENVM_STR("main"));
    envm_vec_push(&one->elsewhere, record);
    return true;
}

static bool set_resolution(struct solver_case *one, envm_str value)
{
    static const char *const modes[] = {"highest", "lowest-direct", "lowest"};

    for (size_t i = 0; i < 3; i++) {
        if (!envm_str_equal_c(value, modes[i]))
            continue;
        one->resolution = (enum envm_resolution_mode)i;
        return true;
    }
    return false;
}

static bool set_priority(struct solver_case *one, envm_str value)
{
    one->priority = envm_str_equal_c(value, "flexible")   ? ENVM_PRIORITY_FLEXIBLE
                    : envm_str_equal_c(value, "disabled") ? ENVM_PRIORITY_DISABLED
                                                          : ENVM_PRIORITY_STRICT;
    return true;
}

static bool add_virtual(struct envm_arena *arena, struct solver_case *one, envm_str line)
{
    struct envm_package_record record;

    if (!read_record(arena, line, &record))
        return false;
    envm_vec_push(&one->virtuals, record);
    return true;
}

static bool read_limit(envm_str value, unsigned *ret_number)
{
    uint64_t number = 0;
    bool is_good = envm_str_parse_u64(value, &number) && number < 100000;

    *ret_number = (unsigned)number;
    return is_good;
}

/* One line before the expectation. */
static bool read_line(struct envm_arena *arena, struct solver_case *one, envm_str line)
{
    envm_str rest = line, word;

    if (!envm_str_next_word(&rest, &word) || word.ptr[0] == '#')
        return true;
    rest = envm_str_trim(rest);
    if (envm_str_equal_c(word, "channel")) {
        envm_vec_push(&one->channels, rest);
        return true;
    }
    if (envm_str_equal_c(word, "virtual"))
        return add_virtual(arena, one, rest);
    if (envm_str_equal_c(word, "preferred") || envm_str_equal_c(word, "installed") ||
        envm_str_equal_c(word, "frozen"))
        return add_present(arena, one, word, rest);
    if (envm_str_equal_c(word, "elsewhere"))
        return add_elsewhere(arena, one, rest);
    if (envm_str_equal_c(word, "resolution"))
        return set_resolution(one, rest);
    if (envm_str_equal_c(word, "exclude-newer"))
        return envm_moment_parse(rest, 0, &one->exclude_newer_ms, NULL);
    if (envm_str_equal_c(word, "update")) {
        envm_vec_push(&one->update_names, envm_str_trim(rest));
        return true;
    }
    if (envm_str_equal_c(word, "pin")) {
        envm_vec_push(&one->pins, rest);
        return true;
    }
    if (envm_str_equal_c(word, "priority"))
        return set_priority(one, rest);
    if (envm_str_equal_c(word, "timeout"))
        return read_limit(rest, &one->timeout_ms);
    if (envm_str_equal_c(word, "memory"))
        return read_limit(rest, &one->memory_mib);
    if (envm_str_equal_c(word, "option")) {
        one->add_pip = envm_str_equal_c(rest, "add-pip");
        return one->add_pip;
    }
    if (envm_str_equal_c(word, "install")) {
        envm_vec_push(&one->specs, rest);
        return true;
    }
    return add_record(arena, one, line);
}

/* Everything up to the next "==== " belongs to the expectation. */
static void read_expected(struct solver_case *one, envm_str *rest)
{
    size_t next = envm_str_find(*rest, ENVM_STR("\n==== "));
    envm_str text = envm_str_slice(*rest, 0, next);

    *rest = next == SIZE_MAX ? (envm_str){0} : envm_str_skip(*rest, next + 1);
    while (text.len && envm_is_space(text.ptr[text.len - 1]))
        text.len--;
    one->expected = text;
}

bool solver_case_next(struct envm_arena *arena, envm_str *rest, struct solver_case *ret_case,
                      const char **ret_fault)
{
    envm_str line;

    *ret_case = (struct solver_case){0};
    *ret_fault = NULL;
    do {
        if (!rest->ptr || !envm_str_split_next(rest, '\n', &line))
            return false;
    } while (!envm_str_starts_with(line, ENVM_STR("==== ")));
    ret_case->title = envm_str_skip(line, 5);
    while (rest->ptr && envm_str_split_next(rest, '\n', &line)) {
        if (envm_str_equal_c(line, "expect") || envm_str_equal_c(line, "problem")) {
            ret_case->expects_problem = envm_str_equal_c(line, "problem");
            read_expected(ret_case, rest);
            return true;
        }
        if (!read_line(arena, ret_case, line)) {
            *ret_fault = envm_cstr(arena, line);
            return true;
        }
    }
    *ret_fault = "no \"expect\" or \"problem\" line";
    return true;
}

void solver_case_release(struct solver_case *one)
{
    envm_vec_release(&one->channels);
    envm_vec_release(&one->records);
    envm_vec_release(&one->virtuals);
    envm_vec_release(&one->preferred);
    envm_vec_release(&one->installed);
    envm_vec_release(&one->frozen);
    envm_vec_release(&one->update_names);
    envm_vec_release(&one->elsewhere);
    envm_vec_release(&one->pins);
    envm_vec_release(&one->specs);
}

/* --- writing for the checker ---------------------------------------------------------------- */

static bool write_file(const char *path, struct envm_buf *text)
{
    FILE *file = fopen(path, "w");

    if (!file)
        return false;
    bool is_good = fwrite(text->ptr, 1, text->len, file) == text->len;
    return fclose(file) == 0 && is_good;
}

static bool write_repodata(const struct solver_case *one, size_t channel, const char *subdir,
                           const char *directory)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit((size_t)64 << 20);
    struct envm_json_writer w;
    char path[4096];

    envm_json_writer_init(&w, &text, 1);
    envm_json_open_object(&w);
    envm_json_key(&w, "packages.conda");
    envm_json_open_object(&w);
    for (size_t i = 0; i < one->records.count; i++) {
        const struct case_record *entry = &one->records.items[i];
        if (entry->channel != channel || !envm_str_equal_c(entry->record.subdir, subdir))
            continue;
        envm_json_key_str(&w, entry->record.file_name);
        envm_json_open_object(&w);
        envm_package_record_write_fields(&w, &entry->record);
        envm_json_close_object(&w);
    }
    envm_json_close_object(&w);
    envm_json_close_object(&w);
    snprintf(path, sizeof(path), "%s/%.*s", directory, ENVM_STR_ARGS(one->channels.items[channel]));
    mkdir(path, 0777);
    snprintf(path, sizeof(path), "%s/%.*s/%s", directory,
             ENVM_STR_ARGS(one->channels.items[channel]), subdir);
    mkdir(path, 0777);
    snprintf(path, sizeof(path), "%s/%.*s/%s/repodata.json", directory,
             ENVM_STR_ARGS(one->channels.items[channel]), subdir);
    return write_file(path, &text);
}

static void write_packages(struct envm_json_writer *w, const struct envm_solution *solution)
{
    envm_json_key(w, "packages");
    envm_json_open_array(w);
    for (size_t i = 0; i < solution->records.count; i++) {
        const struct envm_package_record *record = solution->records.items[i];
        envm_json_open_object(w);
        envm_json_field_str(w, "name", record->name);
        envm_json_field_str(w, "version", record->version);
        envm_json_field_str(w, "build", record->build);
        envm_json_field_u64(w, "build_number", record->build_number);
        envm_json_field_str(w, "channel", record->channel);
        envm_json_field_str(w, "subdir", record->subdir);
        envm_json_field_str(w, "url", record->url);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
}

static void write_records(struct envm_json_writer *w, const char *key,
                          const struct envm_package_record *records, size_t count)
{
    envm_json_key(w, key);
    envm_json_open_array(w);
    for (size_t i = 0; i < count; i++) {
        envm_json_open_object(w);
        envm_package_record_write_fields(w, &records[i]);
        envm_json_field_str(w, "channel", records[i].channel);
        envm_json_field_str(w, "url", records[i].url);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
}

static void write_options(struct envm_json_writer *w, const struct solver_case *one)
{
    static const char *const resolutions[] = {"highest", "lowest-direct", "lowest"};

    envm_json_field_cstr(w, "resolution", resolutions[one->resolution]);
    envm_json_field_u64(w, "exclude_newer", one->exclude_newer_ms);
    envm_json_key(w, "pins");
    envm_json_open_array(w);
    for (size_t i = 0; i < one->pins.count; i++)
        envm_json_put_str(w, one->pins.items[i]);
    envm_json_close_array(w);
    write_records(w, "installed", one->installed.items, one->installed.count);
    write_records(w, "frozen", one->frozen.items, one->frozen.count);
}

static void write_request(struct envm_json_writer *w, const struct solver_case *one)
{
    static const char *const priorities[] = {"strict", "flexible", "disabled"};

    envm_json_field_cstr(w, "priority", priorities[one->priority]);
    envm_json_field_bool(w, "add_pip", one->add_pip);
    envm_json_key(w, "channels");
    envm_json_open_array(w);
    for (size_t i = 0; i < one->channels.count; i++)
        envm_json_put_str(w, one->channels.items[i]);
    envm_json_close_array(w);
    envm_json_key(w, "specs");
    envm_json_open_array(w);
    for (size_t i = 0; i < one->specs.count; i++)
        envm_json_put_str(w, one->specs.items[i]);
    envm_json_close_array(w);
    envm_json_key(w, "virtual");
    envm_json_open_array(w);
    for (size_t i = 0; i < one->virtuals.count; i++) {
        const struct envm_package_record *record = &one->virtuals.items[i];
        envm_json_open_object(w);
        envm_json_field_str(w, "name", record->name);
        envm_json_field_str(w, "version", record->version);
        envm_json_field_str(w, "build", record->build);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
}

bool solver_case_dump(const struct solver_case *one, const struct envm_solution *solution,
                      const char *directory)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit((size_t)16 << 20);
    struct envm_json_writer w;
    char path[4096];

    mkdir(directory, 0777);
    for (size_t i = 0; i < one->channels.count; i++)
        if (!write_repodata(one, i, "linux-64", directory) ||
            !write_repodata(one, i, "noarch", directory))
            return false;
    envm_json_writer_init(&w, &text, 1);
    envm_json_open_object(&w);
    write_request(&w, one);
    write_options(&w, one);
    write_packages(&w, solution);
    envm_json_close_object(&w);
    snprintf(path, sizeof(path), "%s/case.json", directory);
    return write_file(path, &text);
}
