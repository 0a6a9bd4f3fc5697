/* SPDX-License-Identifier: MIT
 *
 * What the subcommands have in common: the table, the common options, output and the way out.
 */
#ifndef ENVM_CLI_COMMAND_H
#define ENVM_CLI_COMMAND_H

#include <stdio.h>

#include <envm.h>

#include "base/buf.h"
#include "cli/options.h"
#include "codec/json_writer.h"

struct common_args {
    bool help, json, quiet, verbose, offline, no_config, insecure, require_hashes;
    bool shared_cache;
    const char *root, *cache, *ca_bundle, *link_mode, *durability;
    unsigned threads;
};

struct progress_ui;

/* One run of the program. */
struct cli {
    const char *program; /* argv[0] as the kernel found it, absolute */
    int argc;
    char **argv; /* of the program, for the history */
    const char *const *environment;
    const struct command *command;
    struct common_args common;
    struct text_list words;
    struct envm_memory *memory;
    struct envm_context *context; /* made by envm_cli_context */
    struct progress_ui *progress;
    struct envm_buf json_text; /* the object of --json, open until the end */
    struct envm_json_writer json;
};

struct command {
    const char *name;
    const char *summary; /* one line */
    const char *usage;   /* behind "envm NAME" */
    const char *words;   /* what its words may be, for completion: apart by spaces, or
                            "@environments" or "@files"; NULL: anything */
    const char *text;    /* a paragraph or two */
    const char *examples;
    const struct option_row *rows;
    size_t args_size;  /* of the struct that rows point into */
    bool stop_at_word; /* words may look like options: run */
    enum envm_code (*run)(struct cli *cli, void *args, struct envm_error *err);
};

extern const struct command *const envm_commands[]; /* ends with NULL */
extern const struct option_row envm_common_rows[];

/* Makes cli->context from the common options, once. */
enum envm_code envm_cli_context(struct cli *cli, struct envm_error *err);
/* A word as a POSIX shell reads it back: plain ones as they are, others quoted; in cli->memory. */
const char *envm_cli_word(struct cli *cli, envm_str word);
/* The command line as text, quoted where needed, credentials redacted; in cli->memory. */
const char *envm_cli_command_line(struct cli *cli);
/* Prints help for a command, or the overview for NULL, to stdout. */
void envm_cli_help(const struct command *command);
/* The rows of all commands, one a line, for the check of the manual. */
void envm_cli_print_option_rows(void);

/* A package as the "packages" array of --json has it. */
void envm_cli_json_package(struct envm_json_writer *w, const struct envm_package_record *record);
/* The same as a member, null for no package. */
void envm_cli_json_package_or_null(struct envm_json_writer *w, const char *key,
                                   const struct envm_package_record *record);
/* The same without the braces, for commands that say more. */
void envm_cli_json_package_fields(struct envm_json_writer *w,
                                  const struct envm_package_record *record);
void envm_cli_json_packages(struct envm_json_writer *w, const char *key,
                            struct envm_record_view packages);
/* Columns: name, version, build, channel. */
void envm_cli_print_packages(struct envm_record_view packages);
/* The larger of `width` and the text's, for a column of at most 60. */
int envm_cli_widest(int width, envm_str text);
/* "sha256:…" */
struct envm_sha256_text {
    char text[80];
};
struct envm_sha256_text envm_cli_sha256_text(const struct envm_sha256 *digest);
/* "1.2 MB" into a buffer of 16 bytes. */
void envm_cli_format_size(uint64_t bytes, char buffer[16]);
/* Text with foreign parts: controls are escaped, as they must not reach a terminal; line breaks are
 * the text's own. Everything that is printed here has its lines and dots in ASCII where the locale
 * is not UTF-8. */
void envm_cli_put(FILE *stream, envm_str text);
/* One line to stdout. The format ends without a line break; one in the arguments is escaped. */
void envm_cli_line(const char *format, ...) ENVM_PRINTF(1, 2);
/* On ENVM_UNSATISFIABLE: puts the explanation into the JSON object, or into the error's text. */
void envm_cli_explain(struct cli *cli, enum envm_code code,
                      const struct envm_explanation *explanation, struct envm_error *err);
/* Takes the line of progress off the terminal: to be called before the first line of results. */
void envm_cli_start_output(struct cli *cli);
/* A line of notes to stderr unless --quiet or --json; escaped likewise. */
void envm_cli_note(struct cli *cli, const char *format, ...) ENVM_PRINTF(2, 3);

/* "steps" and "saved" of --json, and the same as notes: "+", "-" and "~" in front of packages that
 * come, go and change, nothing when there are none. */
void envm_cli_json_steps(struct envm_json_writer *w, const struct envm_change_steps *steps);
void envm_cli_json_saved(struct envm_json_writer *w, const struct envm_saved_files *saved);
void envm_cli_note_steps(struct cli *cli, const struct envm_change_steps *steps);
void envm_cli_note_saved(struct cli *cli, const struct envm_saved_files *saved);
/* The plan of a change, printed before it: for the callbacks of envm_modify and envm_rollback, with
 * a struct envm_cli_plan_view. Nothing with --json, where it is part of the report. */
struct envm_cli_plan_view {
    struct cli *cli;
    bool dry_run;
};
void envm_cli_show_plan(void *user, const struct envm_modify_report *report);
/* What came of it, as JSON fields or notes. */
void envm_cli_report_modification(struct cli *cli, bool dry_run,
                                  const struct envm_modify_report *report);
/* A title and the items below it as notes; nothing when there are none. */
void envm_cli_note_list(struct cli *cli, const char *title, struct envm_str_list list);
/* Checks the package cache and prints what is wrong with it; `remove` takes it out. */
enum envm_code envm_cli_verify_cache(struct cli *cli, bool remove, struct envm_error *err);
/* For commands that check an environment or, with --cache [DIR], the cache: ENVM_USAGE when both
 * are named. DIR is taken from the words. */
enum envm_code envm_cli_choose_cache(struct cli *cli, const char *name, const char *prefix,
                                     struct envm_error *err);

/* In the order in which help lists them. */
extern const struct command envm_cmd_create;
extern const struct command envm_cmd_sync;
extern const struct command envm_cmd_install;
extern const struct command envm_cmd_update;
extern const struct command envm_cmd_remove;
extern const struct command envm_cmd_lock;
extern const struct command envm_cmd_run;
extern const struct command envm_cmd_activate;
extern const struct command envm_cmd_deactivate;
extern const struct command envm_cmd_hook;
extern const struct command envm_cmd_list;
extern const struct command envm_cmd_search;
extern const struct command envm_cmd_tree;
extern const struct command envm_cmd_why;
extern const struct command envm_cmd_verify;
extern const struct command envm_cmd_repair;
extern const struct command envm_cmd_recover;
extern const struct command envm_cmd_env;
extern const struct command envm_cmd_cache;
extern const struct command envm_cmd_clean;
extern const struct command envm_cmd_info;
extern const struct command envm_cmd_completion;
extern const struct command envm_cmd_plumbing;
extern const struct command envm_cmd_version;

#endif
