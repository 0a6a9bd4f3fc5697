/* SPDX-License-Identifier: MIT */
#include "cli/completion.h"

static const char head[] = "# fish completion for envm\n"
                           "complete -c envm -f\n"
                           "function __envm_command\n"
                           "    set -l words (commandline -opc)\n"
                           "    test (count $words) -ge 2; and contains -- $words[2] $argv\n"
                           "end\n"
                           "function __envm_no_command\n"
                           "    test (count (commandline -opc)) -eq 1\n"
                           "end\n"
                           "function __envm_environments\n"
                           "    envm plumbing environments 2>/dev/null\n"
                           "end\n";

/* Between single quotes. */
static void add_text(struct envm_buf *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\'' || *c == '\\')
            envm_buf_add_byte(out, '\\');
        envm_buf_add_byte(out, *c);
    }
}

static void add_value(struct envm_buf *out, struct completion_value value, const char *exclusive)
{
    switch (value.kind) {
    case COMPLETION_NONE:
    case COMPLETION_COMMANDS:
        envm_buf_add_cstr(out, exclusive);
        break;
    case COMPLETION_ENVIRONMENTS:
        envm_buf_printf(out, "%s -a '(__envm_environments)'", exclusive);
        break;
    case COMPLETION_FILES:
        envm_buf_add_cstr(out, *exclusive ? " -r -F" : " -F");
        break;
    case COMPLETION_FOLDERS:
        envm_buf_printf(out, "%s -a '(__fish_complete_directories)'", exclusive);
        break;
    case COMPLETION_WORDS:
        envm_buf_printf(out, "%s -a '%s'", exclusive, value.words);
        break;
    }
}

static void add_option(struct envm_buf *out, const char *condition, const struct option_row *row)
{
    bool flag = row->type == OPTION_FLAG || row->type == OPTION_OPTIONAL;

    envm_buf_printf(out, "complete -c envm%s -l %s", condition, row->name);
    if (row->letter)
        envm_buf_printf(out, " -s %c", row->letter);
    if (!flag)
        add_value(out, envm_completion_of_option(row), " -x");
    envm_buf_add_cstr(out, " -d '");
    add_text(out, row->help);
    envm_buf_add_cstr(out, "'\n");
}

static void add_command(struct envm_buf *out, const struct command *command)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf condition = envm_buf_text();
    struct completion_value words = envm_completion_of_words(command);

    envm_buf_printf(&condition, " -n '__envm_command %s'", command->name);
    for (const struct option_row *row = command->rows; row->name; row++)
        add_option(out, envm_buf_str(&condition).ptr, row);
    if (words.kind == COMPLETION_NONE && !command->stop_at_word)
        return;
    envm_buf_printf(out, "complete -c envm%s", envm_buf_str(&condition).ptr);
    if (command->stop_at_word)
        envm_buf_add_cstr(out, " -x -a '(__fish_complete_subcommand --fcs-skip=2)'");
    else
        add_value(out, words, "");
    envm_buf_add_byte(out, '\n');
}

void envm_completion_fish(struct envm_buf *out)
{
    envm_buf_add_cstr(out, head);
    for (const struct command *const *command = envm_commands; *command; command++) {
        envm_buf_printf(out, "complete -c envm -n __envm_no_command -a %s -d '", (*command)->name);
        add_text(out, (*command)->summary);
        envm_buf_printf(out, "'\ncomplete -c envm -n '__envm_command help' -a %s\n",
                        (*command)->name);
    }
    envm_buf_add_cstr(out,
                      "complete -c envm -n __envm_no_command -a help -d 'explain a command'\n"
                      "complete -c envm -n __envm_no_command -l version -d 'show the version'\n");
    for (const struct option_row *row = envm_common_rows; row->name; row++)
        add_option(out, "", row);
    for (const struct command *const *command = envm_commands; *command; command++)
        add_command(out, *command);
}
