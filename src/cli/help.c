/* SPDX-License-Identifier: MIT
 *
 * Help, drawn from the tables of commands and options.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cli/command.h"

/* Text of this program, with its dots in ASCII where the terminal needs that. */
static ENVM_PRINTF(1, 2) void say(const char *format, ...)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    va_list args;

    va_start(args, format);
    envm_cli_put(stdout, envm_arena_vprintf(&arena, format, args));
    va_end(args);
}

static void print_rows(const struct option_row *rows)
{
    for (const struct option_row *row = rows; row->name; row++) {
        char left[64];

        if (row->letter)
            snprintf(left, sizeof(left), "-%c, --%s%s%s", row->letter, row->name,
                     row->argument ? " " : "", row->argument ? row->argument : "");
        else
            snprintf(left, sizeof(left), "    --%s%s%s", row->name, row->argument ? " " : "",
                     row->argument ? row->argument : "");
        if (strlen(left) > 26)
            say("  %s\n  %-26s  %s\n", left, "", row->help);
        else
            say("  %-26s  %s\n", left, row->help);
    }
}

/* What stands in front of a command in the overview. */
static const char *heading_of(const char *command)
{
    static const char *const headings[][2] = {
        {"create", "make and change environments"},
        {"run", "use them"},
        {"list", "look at them, and at channels"},
        {"verify", "look after them"},
        {"completion", "and"},
    };

    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
        if (strcmp(headings[i][0], command) == 0)
            return headings[i][1];
    return NULL;
}

static void print_overview(void)
{
    say("envm: make, lock and rebuild environments of conda packages\n\n"
        "usage: envm COMMAND [OPTION…] …\n");
    for (const struct command *const *command = envm_commands; *command; command++) {
        const char *heading = heading_of((*command)->name);

        if (heading)
            say("\n%s:\n", heading);
        say("  %-12s  %s\n", (*command)->name, (*command)->summary);
    }
    say("\nexamples:\n"
        "  envm create -n science python=3.12 numpy   make an environment\n"
        "  envm run -n science python script.py       use it\n"
        "  eval \"$(envm hook bash)\"                   once in ~/.bashrc, then in every shell:\n"
        "  envm activate science\n"
        "  envm create -n work -f env.yaml            make one from a file, and write env.lock\n"
        "  envm create -p ./env -f env.lock           rebuild it exactly, on any machine\n"
        "\n`envm help COMMAND` explains a command; the manual is envm(1).\n");
}

void envm_cli_help(const struct command *command)
{
    if (!command) {
        print_overview();
        return;
    }
    say("envm %s: %s\n\nusage: envm %s%s%s\n\n%s\n", command->name, command->summary, command->name,
        command->usage[0] ? " " : "", command->usage, command->text);
    if (command->rows[0].name) {
        say("\noptions:\n");
        print_rows(command->rows);
    }
    say("\ncommon options:\n");
    print_rows(envm_common_rows);
    say("\nexamples:\n%s\n", command->examples);
}

static void print_row_lines(const char *command, const struct option_row *rows)
{
    for (const struct option_row *row = rows; row->name; row++)
        printf("%s\t--%s\t%s\n", command, row->name, row->argument ? row->argument : "");
}

void envm_cli_print_option_rows(void)
{
    print_row_lines("common", envm_common_rows);
    for (const struct command *const *command = envm_commands; *command; command++)
        print_row_lines((*command)->name, (*command)->rows);
}
