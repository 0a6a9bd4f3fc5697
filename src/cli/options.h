/* SPDX-License-Identifier: MIT
 *
 * Options from tables: each row says the letters, the type, where the value goes in the command's
 * argument struct, and the help text. Help, parsing and `plumbing options` (which the manual is
 * checked against) all read the same rows.
 */
#ifndef ENVM_CLI_OPTIONS_H
#define ENVM_CLI_OPTIONS_H

#include <envm/error.h>

enum option_type {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_NUMBER,   /* unsigned */
    OPTION_LIST,     /* struct text_list: may be given several times */
    OPTION_OPTIONAL, /* bool: given at all; following words go to the positional list */
};

struct text_list {
    const char **items;
    size_t count;
};

struct option_row {
    char letter; /* 0: none */
    const char *name;
    enum option_type type;
    size_t offset;
    const char *argument; /* "NAME"; NULL for flags */
    const char *help;
};

struct option_table {
    const struct option_row *rows; /* ends with a row whose name is NULL */
    void *values;                  /* the struct that the offsets are in */
};

/* Reads argv[1..]. Options come from both tables; what is not an option goes to *ret_words, which
 * is released with envm_free(ret_words->items) like every list. With stop_at_word everything from
 * the first word on (or behind "--") is a word. ENVM_USAGE names the option. */
enum envm_code envm_options_parse(const struct option_table tables[2], int argc, char **argv,
                                  bool stop_at_word, struct text_list *ret_words,
                                  struct envm_error *err);
/* Frees the lists of a table's values. */
void envm_options_release(const struct option_table *table);
/* Appends to a list. */
void envm_text_list_add(struct text_list *list, const char *text);

#endif
