/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/str.h"
#include "cli/suggest.h"

struct parser {
    const struct option_table *tables; /* two of them */
    int argc;
    char **argv;
    int at;
    struct envm_error *err;
};

void envm_text_list_add(struct text_list *list, const char *text)
{
    list->items = envm_realloc(list->items, list->count + 1, sizeof(*list->items));
    list->items[list->count++] = text;
}

void envm_options_release(const struct option_table *table)
{
    for (const struct option_row *row = table->rows; row->name; row++) {
        if (row->type == OPTION_LIST) {
            struct text_list *list = (void *)((char *)table->values + row->offset);

            envm_free(list->items);
            *list = (struct text_list){0};
        }
    }
}

static const struct option_row *find(const struct parser *p, envm_str name, char letter,
                                     void **ret_values)
{
    for (size_t t = 0; t < 2; t++) {
        for (const struct option_row *row = p->tables[t].rows; row->name; row++) {
            if ((letter && row->letter == letter) ||
                (!letter && envm_str_equal_c(name, row->name))) {
                *ret_values = p->tables[t].values;
                return row;
            }
        }
    }
    return NULL;
}

static enum envm_code unknown(struct parser *p, const char *shown)
{
    struct suggestion suggestion = {.word = shown[1] == '-' ? shown + 2 : shown + 1};

    (void)envm_fail(p->err, ENVM_USAGE, "unknown option %s", shown);
    for (size_t t = 0; t < 2; t++) {
        for (const struct option_row *row = p->tables[t].rows; row->name; row++)
            envm_cli_suggest(&suggestion, row->name);
    }
    if (suggestion.nearest)
        return envm_error_hint(p->err, ENVM_USAGE, "did you mean --%s?", suggestion.nearest);
    return ENVM_USAGE;
}

static enum envm_code set_number(struct parser *p, const struct option_row *row, unsigned *place,
                                 const char *value)
{
    uint64_t number;

    if (!envm_str_parse_u64(envm_str_from(value), &number) || number > 1000000)
        return envm_fail(p->err, ENVM_USAGE, "--%s takes a whole number, not \"%s\"", row->name,
                         value);
    *place = (unsigned)number;
    return ENVM_OK;
}

/* `value` is what stood behind "=" or directly behind the letter; NULL when nothing did. */
static enum envm_code apply(struct parser *p, const struct option_row *row, void *values,
                            const char *value)
{
    void *place = (char *)values + row->offset;

    if (row->type == OPTION_FLAG || row->type == OPTION_OPTIONAL) {
        if (value)
            return envm_fail(p->err, ENVM_USAGE, "--%s takes no value", row->name);
        *(bool *)place = true;
        return ENVM_OK;
    }
    if (!value) {
        /* A forgotten value must not swallow the next option. */
        if (p->at + 1 >= p->argc || strncmp(p->argv[p->at + 1], "--", 2) == 0)
            return envm_fail(p->err, ENVM_USAGE, "--%s needs a value: --%s %s", row->name,
                             row->name, row->argument);
        value = p->argv[++p->at];
    }
    switch (row->type) {
    case OPTION_NUMBER:
        return set_number(p, row, place, value);
    case OPTION_LIST:
        envm_text_list_add(place, value);
        return ENVM_OK;
    case OPTION_TEXT:
        *(const char **)place = value;
        return ENVM_OK;
    case OPTION_FLAG:
    case OPTION_OPTIONAL:
        break;
    }
    return ENVM_OK;
}

static enum envm_code parse_long(struct parser *p, const char *text)
{
    envm_str name = envm_str_from(text + 2);
    size_t equals = envm_str_find_char(name, '=');
    const char *value = NULL;
    const struct option_row *row;
    void *values = NULL;

    if (equals != SIZE_MAX) {
        value = name.ptr + equals + 1;
        name.len = equals;
    }
    row = find(p, name, 0, &values);
    return row ? apply(p, row, values, value) : unknown(p, text);
}

/* "-n NAME", "-nNAME", "-qv" */
static enum envm_code parse_short(struct parser *p, const char *text)
{
    for (const char *c = text + 1; *c; c++) {
        void *values = NULL;
        const struct option_row *row = find(p, (envm_str){0}, *c, &values);
        bool flag = row && (row->type == OPTION_FLAG || row->type == OPTION_OPTIONAL);

        if (!row)
            return unknown(p, text);
        if (!flag)
            return apply(p, row, values, c[1] ? c + 1 : NULL);
        ENVM_TRY(apply(p, row, values, NULL));
    }
    return ENVM_OK;
}

enum envm_code envm_options_parse(const struct option_table tables[2], int argc, char **argv,
                                  bool stop_at_word, struct text_list *ret_words,
                                  struct envm_error *err)
{
    struct parser p = {.tables = tables, .argc = argc, .argv = argv, .err = err};
    bool only_words = false;

    for (p.at = 1; p.at < argc; p.at++) {
        const char *text = argv[p.at];

        if (!only_words && strcmp(text, "--") == 0) {
            only_words = true;
        } else if (only_words || text[0] != '-' || text[1] == '\0') {
            envm_text_list_add(ret_words, text);
            only_words |= stop_at_word;
        } else if (text[1] == '-') {
            ENVM_TRY(parse_long(&p, text));
        } else {
            ENVM_TRY(parse_short(&p, text));
        }
    }
    return ENVM_OK;
}
