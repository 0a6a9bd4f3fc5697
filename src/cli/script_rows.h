/* SPDX-License-Identifier: MIT
 *
 * The options about link scripts that every command has which changes environments or locks, and
 * what such commands say of them. Used like cli/request_rows.h.
 */
#ifndef ENVM_CLI_SCRIPT_ROWS_H
#define ENVM_CLI_SCRIPT_ROWS_H

#include <stddef.h>

#include <envm/environment.h>

#include "cli/command.h"
#include "cli/options.h"

struct script_args {
    struct text_list run;
    bool none;
};

/* clang-format off */
#define SCRIPT_ROWS(type, member)                                                                  \
    {0, "run-scripts", OPTION_LIST, offsetof(type, member.run), "NAME",                            \
     "run the link scripts of this package (NAME, NAME=SHA256, '*'; NAME:network)"},               \
    {0, "no-run-scripts", OPTION_FLAG, offsetof(type, member.none), NULL,                          \
     "run no link scripts, whatever configuration or lock say"}
/* clang-format on */

/* The texts stay where they are. */
struct envm_script_options envm_cli_script_options(const struct script_args *args);

/* "scripts": every script, and "skipped_scripts": the names of those that did not run. */
void envm_cli_json_scripts(struct envm_json_writer *w, const struct envm_script_reports *scripts);
/* The same for people, with what the scripts want to tell them. */
void envm_cli_note_scripts(struct cli *cli, const struct envm_script_reports *scripts);

#endif
