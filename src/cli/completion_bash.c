/* SPDX-License-Identifier: MIT */
#include "cli/completion.h"

/* Works with bash 3.2 too, which has no compopt and no mapfile. Files are left to the shell, which
 * quotes them; where none is meant that is switched off. */
static const char head[] =
    "# bash completion for envm\n"
    "_envm() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    local command=${COMP_WORDS[1]} options= kind=none words= word=\n"
    "    COMPREPLY=()\n"
    "    # --name=value comes as three words.\n"
    "    if [[ $cur == = ]]; then\n"
    "        cur=\n"
    "    elif [[ $prev == = && $COMP_CWORD -gt 2 ]]; then\n"
    "        prev=${COMP_WORDS[COMP_CWORD-2]}\n"
    "    fi\n"
    "    if [[ $COMP_CWORD -eq 1 ]]; then\n"
    "        command=\n"
    "    fi\n"
    "    case $command in\n";

static const char tail[] =
    "    if [[ $kind == none && $cur == -* ]]; then\n"
    "        words=$options\n"
    "        kind=words\n"
    "    elif [[ $kind == none ]]; then\n"
    "        kind=$rest\n"
    "        words=$rest_words\n"
    "    fi\n"
    "    case $kind in\n"
    "    files) return ;;\n"
    "    environments)\n"
    "        # A path may stand there too.\n"
    "        [[ $cur == */* || $cur == [.~]* ]] && return\n"
    "        words=$(envm plumbing environments 2>/dev/null) ;;\n"
    "    folders)\n"
    "        while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(compgen -d -- \"$cur\")\n"
    "        type compopt >/dev/null 2>&1 && compopt -o filenames\n"
    "        return ;;\n"
    "    esac\n"
    "    while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(compgen -W \"$words\" -- "
    "\"$cur\")\n"
    "    # No names of files where something else is meant.\n"
    "    type compopt >/dev/null 2>&1 && compopt +o default +o bashdefault\n"
    "}\n"
    "complete -o bashdefault -o default -F _envm envm\n";

static const char *kind_name(enum completion_kind kind)
{
    switch (kind) {
    case COMPLETION_NONE:
        return "nothing";
    case COMPLETION_ENVIRONMENTS:
        return "environments";
    case COMPLETION_FILES:
        return "files";
    case COMPLETION_FOLDERS:
        return "folders";
    case COMPLETION_WORDS:
    case COMPLETION_COMMANDS:
        return "words";
    }
    return "nothing";
}

static void add_value(struct envm_buf *out, struct completion_value value)
{
    envm_buf_printf(out, "kind=%s", kind_name(value.kind));
    if (value.words)
        envm_buf_printf(out, " words='%s'", value.words);
}

static void add_option_names(struct envm_buf *out, const struct option_row *rows)
{
    for (const struct option_row *row = rows; row->name; row++) {
        envm_buf_printf(out, " --%s", row->name);
        if (row->letter)
            envm_buf_printf(out, " -%c", row->letter);
    }
}

/* "-n|--name) kind=environments ;;" */
static void add_option_values(struct envm_buf *out, const struct option_row *rows)
{
    for (const struct option_row *row = rows; row->name; row++) {
        if (row->type == OPTION_FLAG || row->type == OPTION_OPTIONAL)
            continue;
        envm_buf_add_cstr(out, "        ");
        if (row->letter)
            envm_buf_printf(out, "-%c|", row->letter);
        envm_buf_printf(out, "--%s) ", row->name);
        add_value(out, envm_completion_of_option(row));
        envm_buf_add_cstr(out, " ;;\n");
    }
}

static void add_command_names(struct envm_buf *out)
{
    for (const struct command *const *command = envm_commands; *command; command++)
        envm_buf_printf(out, "%s ", (*command)->name);
    envm_buf_add_cstr(out, "help");
}

static void add_command(struct envm_buf *out, const struct command *command)
{
    struct completion_value words = envm_completion_of_words(command);

    envm_buf_printf(out, "    %s)\n        options='", command->name);
    add_option_names(out, command->rows);
    envm_buf_printf(out, "'\n        local rest=%s rest_words='%s'\n        case $prev in\n",
                    command->stop_at_word ? "files" : kind_name(words.kind),
                    words.words ? words.words : "");
    add_option_values(out, command->rows);
    envm_buf_add_cstr(out, "        esac ;;\n");
}

void envm_completion_bash(struct envm_buf *out)
{
    envm_buf_add_cstr(out, head);
    envm_buf_add_cstr(out, "    ''|help)\n        options='--help --version'\n"
                           "        local rest=words rest_words='");
    add_command_names(out);
    envm_buf_add_cstr(out, "' ;;\n");
    for (const struct command *const *command = envm_commands; *command; command++)
        add_command(out, *command);
    envm_buf_add_cstr(out, "    *) return ;;\n    esac\n    options+='");
    add_option_names(out, envm_common_rows);
    envm_buf_add_cstr(out, "'\n    [[ $kind == none ]] && case $prev in\n");
    add_option_values(out, envm_common_rows);
    envm_buf_add_cstr(out, "    esac\n");
    envm_buf_add_cstr(out, tail);
}
