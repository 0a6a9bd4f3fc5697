/* SPDX-License-Identifier: MIT
 *
 * Completion scripts for shells, drawn from the tables of commands and options. The scripts know
 * the tables; only the names of environments are asked for when a key is pressed.
 */
#ifndef ENVM_CLI_COMPLETION_H
#define ENVM_CLI_COMPLETION_H

#include "cli/command.h"

enum completion_kind {
    COMPLETION_NONE, /* something that nobody can guess */
    COMPLETION_ENVIRONMENTS,
    COMPLETION_FILES,
    COMPLETION_FOLDERS,
    COMPLETION_WORDS, /* one of a few */
    COMPLETION_COMMANDS,
};

struct completion_value {
    enum completion_kind kind;
    const char *words; /* COMPLETION_WORDS: apart by spaces */
};

/* What the value of an option may be; of a flag COMPLETION_NONE. */
struct completion_value envm_completion_of_option(const struct option_row *row);
/* What the words of a command may be. */
struct completion_value envm_completion_of_words(const struct command *command);

/* Each appends the script of one shell. */
void envm_completion_bash(struct envm_buf *out);
void envm_completion_zsh(struct envm_buf *out);
void envm_completion_fish(struct envm_buf *out);

#endif
