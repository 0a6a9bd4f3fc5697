/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "codec/json_reader.h"
#include "conda/match_spec.h"
#include "prefix/prefix_history.h"

struct wish {
    envm_str name;
    envm_str text; /* ptr == NULL: removed */
};

struct diary {
    struct envm_arena *arena;
    struct envm_map places; /* name -> index in wishes */
    ENVM_VEC(struct wish) wishes;
};

static void take_spec(struct diary *diary, envm_str text, bool removes)
{
    const struct envm_match_spec *spec;
    bool is_new = false;

    text = envm_str_trim(text);
    if (text.len == 0 || envm_match_spec_parse(diary->arena, text, &spec, NULL) != ENVM_OK)
        return;
    envm_str name = envm_match_spec_exact_name(spec);
    if (name.len == 0)
        return;
    uint64_t *place = envm_map_get(&diary->places, name, &is_new);
    if (is_new) {
        *place = diary->wishes.count;
        envm_vec_push(&diary->wishes, ((struct wish){.name = name}));
    }
    diary->wishes.items[*place].text = removes ? (envm_str){0} : envm_arena_str(diary->arena, text);
}

/* The items of a Python list of strings: ['a', "b"]. */
static void take_literals(struct diary *diary, envm_str list, bool removes)
{
    for (size_t i = 1; i < list.len && list.ptr[i] != ']';) {
        char quote = list.ptr[i++];
        ENVM_CLEANUP(envm_buf) struct envm_buf item = envm_buf_text();

        if (quote != '\'' && quote != '"')
            continue;
        while (i < list.len && list.ptr[i] != quote) {
            if (list.ptr[i] == '\\' && i + 1 < list.len)
                i++;
            envm_buf_add_byte(&item, list.ptr[i++]);
        }
        i++;
        take_spec(diary, envm_buf_str(&item), removes);
    }
}

/* Before lists conda wrote "a,b"; a comma may also stand in a version then, and is followed by an
 * operator. */
static void take_plain(struct diary *diary, envm_str list, bool removes)
{
    size_t from = 0;

    for (size_t i = 0; i <= list.len; i++) {
        bool ends =
            i == list.len ||
            (list.ptr[i] == ',' && i + 1 < list.len &&
             (envm_is_alpha(list.ptr[i + 1]) || list.ptr[i + 1] == '_' || list.ptr[i + 1] == ' '));

        if (!ends)
            continue;
        take_spec(diary, envm_str_slice(list, from, i), removes);
        from = i + 1;
    }
}

static void take_line(struct diary *diary, envm_str line)
{
    static const char *const actions[] = {"update", "install", "create", "neutered", "remove"};
    envm_str rest, word;

    line = envm_str_trim(line);
    if (line.len == 0 || line.ptr[0] != '#')
        return;
    rest = envm_str_skip(line, 1);
    if (!envm_str_next_word(&rest, &word))
        return;
    rest = envm_str_trim(rest);
    for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
        bool removes = i + 1 == sizeof(actions) / sizeof(*actions);

        if (!envm_str_equal_c(word, actions[i]) || !envm_str_starts_with(rest, ENVM_STR("specs:")))
            continue;
        rest = envm_str_trim(envm_str_skip(rest, 6));
        if (envm_str_starts_with(rest, ENVM_STR("[")))
            take_literals(diary, rest, removes);
        else
            take_plain(diary, rest, removes);
        return;
    }
}

static int compare_wishes(const void *a, const void *b)
{
    return envm_str_compare(((const struct wish *)a)->name, ((const struct wish *)b)->name);
}

struct envm_str_list envm_history_specs(struct envm_arena *arena, envm_str text)
{
    struct diary diary = {.arena = arena};
    struct envm_str_list specs = {0};
    envm_str line;

    while (text.ptr && envm_str_split_next(&text, '\n', &line))
        take_line(&diary, line);
    if (diary.wishes.count > 1)
        qsort(diary.wishes.items, diary.wishes.count, sizeof(*diary.wishes.items), compare_wishes);
    envm_str *items = envm_arena_new_array(arena, envm_str, diary.wishes.count);
    for (size_t i = 0; i < diary.wishes.count; i++)
        if (diary.wishes.items[i].text.ptr)
            items[specs.count++] = diary.wishes.items[i].text;
    specs.items = items;
    envm_map_release(&diary.places);
    envm_vec_release(&diary.wishes);
    return specs;
}

struct state_reader {
    struct envm_arena *arena;
    struct envm_json_reader json;
    ENVM_VEC(struct envm_environment_variable) variables;
};

static void read_variables(struct state_reader *reader)
{
    struct envm_environment_variable variable;

    if (!envm_json_begin_object(&reader->json))
        return;
    while (envm_json_next_key(&reader->json, reader->arena, &variable.name)) {
        bool ok = envm_json_peek(&reader->json) == ENVM_JSON_NUMBER
                      ? envm_json_number_text(&reader->json, &variable.value)
                      : envm_json_string(&reader->json, reader->arena, &variable.value);

        variable.name = envm_arena_str(reader->arena, variable.name);
        if (ok) {
            variable.value = envm_arena_str(reader->arena, variable.value);
            envm_vec_push(&reader->variables, variable);
        }
    }
}

enum envm_code envm_state_read(struct envm_arena *arena, envm_str text,
                               const struct envm_environment_variable **ret_variables,
                               size_t *ret_count, struct envm_error *err)
{
    struct state_reader reader = {.arena = arena};
    envm_str key;

    *ret_variables = NULL;
    *ret_count = 0;
    if (envm_str_trim(text).len == 0)
        return ENVM_OK;
    envm_json_init(&reader.json, text);
    if (envm_json_begin_object(&reader.json)) {
        while (envm_json_next_key(&reader.json, arena, &key)) {
            if (envm_str_equal_c(key, "env_vars"))
                read_variables(&reader);
            else
                envm_json_skip(&reader.json, NULL);
        }
    }
    enum envm_code code = envm_json_end(&reader.json, err);
    if (code == ENVM_OK) {
        *ret_variables = envm_arena_copy(arena, reader.variables.items,
                                         reader.variables.count * sizeof(*reader.variables.items));
        *ret_count = reader.variables.count;
    }
    envm_vec_release(&reader.variables);
    return code;
}
