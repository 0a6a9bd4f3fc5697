/* SPDX-License-Identifier: MIT
 *
 * Help, drawn from the tables of commands and options.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

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
            printf("  %s\n  %-26s  %s\n", left, "", row->help);
        else
            printf("  %-26s  %s\n", left, row->help);
    }
}

static void print_overview(void)
{
    puts("envm: make, lock and rebuild environments of conda packages\n");
    puts("usage: envm COMMAND [OPTION…] …\n");
    puts("commands:");
    for (const struct command *const *command = envm_commands; *command; command++)
        printf("  %-12s  %s\n", (*command)->name, (*command)->summary);
    puts("\nexamples:");
    puts("  envm create -n science -f env.yaml      make an environment and write env.lock");
    puts("  eval \"$(envm hook bash)\"                 once in ~/.bashrc, then:");
    puts("  envm activate science");
    puts("  envm create -p ./env -f env.lock        rebuild it exactly, on any machine");
    puts("  envm run -n science python script.py    use it without a shell");
    puts("\n`envm COMMAND --help` explains a command; the manual is envm(1).");
}

void envm_cli_help(const struct command *command)
{
    if (!command) {
        print_overview();
        return;
    }
    printf("envm %s: %s\n\nusage: envm %s%s%s\n\n%s\n", command->name, command->summary,
           command->name, command->usage[0] ? " " : "", command->usage, command->text);
    if (command->rows[0].name) {
        puts("\noptions:");
        print_rows(command->rows);
    }
    puts("\ncommon options:");
    print_rows(envm_common_rows);
    printf("\nexamples:\n%s\n", command->examples);
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
