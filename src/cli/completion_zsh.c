/* SPDX-License-Identifier: MIT */
#include "cli/completion.h"

static const char head[] = "#compdef envm\n"
                           "# zsh completion for envm\n"
                           "_envm_environments() {\n"
                           "    local -a names\n"
                           "    names=(${(f)\"$(envm plumbing environments 2>/dev/null)\"})\n"
                           "    compadd -a names\n"
                           "}\n"
                           "_envm() {\n"
                           "    local curcontext=$curcontext state line ret=1\n"
                           "    local -a commands common\n"
                           "    commands=(\n";

static const char middle[] = "    )\n"
                             "    if (( CURRENT == 2 )); then\n"
                             "        _describe -t commands 'envm command' commands\n"
                             "        return\n"
                             "    fi\n"
                             "    local command=$words[2]\n"
                             "    shift words\n"
                             "    (( CURRENT-- ))\n"
                             "    case $command in\n"
                             "    help) _describe -t commands 'envm command' commands ;;\n";

/* Sourced, it announces itself; from a folder of functions it is called. */
static const char tail[] = "    esac\n"
                           "}\n"
                           "if [[ $funcstack[1] == _envm ]]; then\n"
                           "    _envm \"$@\"\n"
                           "else\n"
                           "    compdef _envm envm\n"
                           "fi\n";

/* Between single quotes, in a description that ends at "]" or ":". */
static void add_description(struct envm_buf *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\'')
            envm_buf_add_cstr(out, "'\\''");
        else if (*c == '[' || *c == ']' || *c == ':' || *c == '\\')
            envm_buf_printf(out, "\\%c", *c);
        else
            envm_buf_add_byte(out, *c);
    }
}

static void add_action(struct envm_buf *out, struct completion_value value)
{
    switch (value.kind) {
    case COMPLETION_NONE:
    case COMPLETION_COMMANDS:
        envm_buf_add_byte(out, ' ');
        break;
    case COMPLETION_ENVIRONMENTS:
        envm_buf_add_cstr(out, "_envm_environments");
        break;
    case COMPLETION_FILES:
        envm_buf_add_cstr(out, "_files");
        break;
    case COMPLETION_FOLDERS:
        envm_buf_add_cstr(out, "_files -/");
        break;
    case COMPLETION_WORDS:
        envm_buf_printf(out, "(%s)", value.words);
        break;
    }
}

/* '(-n --name)'{-n+,--name=}'[help]:NAME:action' */
static void add_option(struct envm_buf *out, const struct option_row *row)
{
    bool flag = row->type == OPTION_FLAG || row->type == OPTION_OPTIONAL;

    envm_buf_add_cstr(out, " \\\n            ");
    if (row->type == OPTION_LIST)
        envm_buf_add_cstr(out, "'*'");
    else if (row->letter)
        envm_buf_printf(out, "'(-%c --%s)'", row->letter, row->name);
    if (row->letter)
        envm_buf_printf(out, "{-%c%s,--%s%s}", row->letter, flag ? "" : "+", row->name,
                        flag ? "" : "=");
    else
        envm_buf_printf(out, "--%s%s", row->name, flag ? "" : "=");
    envm_buf_add_cstr(out, "'[");
    add_description(out, row->help);
    envm_buf_add_byte(out, ']');
    if (!flag) {
        envm_buf_add_byte(out, ':');
        add_description(out, row->argument);
        envm_buf_add_byte(out, ':');
        add_action(out, envm_completion_of_option(row));
    }
    envm_buf_add_byte(out, '\'');
}

static void add_command(struct envm_buf *out, const struct command *command)
{
    envm_buf_printf(out, "    %s)\n        _arguments -s -S", command->name);
    for (const struct option_row *row = command->rows; row->name; row++)
        add_option(out, row);
    for (const struct option_row *row = envm_common_rows; row->name; row++)
        add_option(out, row);
    if (command->stop_at_word) {
        envm_buf_add_cstr(out, " \\\n            '*:: :_normal' ;;\n");
        return;
    }
    /* A message instead of no match would keep a lone option from being filled in. */
    envm_buf_add_cstr(out, " \\\n            '*: :");
    if (envm_completion_of_words(command).kind == COMPLETION_NONE)
        envm_buf_add_cstr(out, "()");
    else
        add_action(out, envm_completion_of_words(command));
    envm_buf_add_cstr(out, "' ;;\n");
}

void envm_completion_zsh(struct envm_buf *out)
{
    envm_buf_add_cstr(out, head);
    for (const struct command *const *command = envm_commands; *command; command++) {
        envm_buf_printf(out, "        '%s:", (*command)->name);
        add_description(out, (*command)->summary);
        envm_buf_add_cstr(out, "'\n");
    }
    envm_buf_add_cstr(out, "        'help:explain a command'\n");
    envm_buf_add_cstr(out, middle);
    for (const struct command *const *command = envm_commands; *command; command++)
        add_command(out, *command);
    envm_buf_add_cstr(out, tail);
}
