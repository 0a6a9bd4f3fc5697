/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/request_rows.h"
#include "cli/script_rows.h"

struct lock_args {
    const char *file, *output;
    struct text_list platforms;
    struct request_args request;
    struct script_args scripts;
    bool check, update, fetch, no_pip, no_provenance, dry_run;
};

#define AT(member) offsetof(struct lock_args, member)

static const struct option_row rows[] = {
    {'f', "file", OPTION_TEXT, AT(file), "FILE", "environment file or list of specs"},
    {'o', "output", OPTION_TEXT, AT(output), "FILE",
     "the lock (default: beside the environment file)"},
    {'P', "platform", OPTION_LIST, AT(platforms), "PLATFORM",
     "lock for this platform; may be repeated"},
    {0, "check", OPTION_FLAG, AT(check), NULL,
     "only say whether the lock satisfies the file (no network); exit 12 if not"},
    {0, "update", OPTION_OPTIONAL, AT(update), NULL,
     "move packages to newer versions: those named behind it, or all"},
    {0, "fetch", OPTION_FLAG, AT(fetch), NULL,
     "fetch every package, so that the tree digest can be written"},
    REQUEST_ROWS(struct lock_args, request),
    SCRIPT_ROWS(struct lock_args, scripts),
    {0, "no-pip", OPTION_FLAG, AT(no_pip), NULL, "leave a pip: section out instead of refusing it"},
    {0, "no-provenance", OPTION_FLAG, AT(no_provenance), NULL,
     "leave out which repodata the lock was made from"},
    {0, "dry-run", OPTION_FLAG, AT(dry_run), NULL, "solve and show, write nothing"},
    {0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static void report_json(struct cli *cli, const struct envm_lock_report *report)
{
    struct envm_json_writer *w = &cli->json;

    envm_json_field_str(w, "lock_path", report->lock_path);
    envm_json_field_bool(w, "changed", report->lock_state == ENVM_LOCK_WRITTEN);
    envm_json_field_list(w, "platforms", report->platforms);
    envm_json_field_list(w, "moved", report->moved);
    envm_json_field_list(w, "held_back", report->held_back);
    envm_json_field_list(w, "stale", report->stale);
    envm_json_field_list(w, "omitted_pip", report->omitted_pip);
    if (!report->packages)
        return;
    envm_cli_json_packages(w, "packages",
                           report->platforms.count ? report->packages[0]
                                                   : (struct envm_record_view){0});
    envm_json_key(w, "by_platform");
    envm_json_open_object(w);
    for (size_t i = 0; i < report->platforms.count; i++) {
        envm_json_key_str(w, report->platforms.items[i]);
        envm_json_open_array(w);
        for (size_t k = 0; k < report->packages[i].count; k++)
            envm_cli_json_package(w, report->packages[i].items[k]);
        envm_json_close_array(w);
    }
    envm_json_close_object(w);
}

static void report_text(struct cli *cli, const struct lock_args *args,
                        const struct envm_lock_report *report)
{
    envm_cli_start_output(cli);
    for (size_t i = 0; report->packages && i < report->platforms.count; i++) {
        if (args->dry_run) {
            envm_cli_line("%.*s:", ENVM_STR_ARGS(report->platforms.items[i]));
            envm_cli_print_packages(report->packages[i]);
        }
        envm_cli_note(cli, "%.*s: %zu packages%s", ENVM_STR_ARGS(report->platforms.items[i]),
                      report->packages[i].count,
                      report->trees[i].known ? "" : ", tree digest written by the first create");
    }
    for (size_t i = 0; i < report->moved.count; i++)
        envm_cli_note(cli, "  %.*s", ENVM_STR_ARGS(report->moved.items[i]));
    for (size_t i = 0; i < report->held_back.count; i++)
        envm_cli_note(cli, "  %.*s", ENVM_STR_ARGS(report->held_back.items[i]));
    if (report->omitted_pip.count > 0)
        envm_cli_note(cli, "%zu pip requirements were left out (--no-pip)",
                      report->omitted_pip.count);
    if (args->check)
        envm_cli_note(cli, "%.*s satisfies %s", ENVM_STR_ARGS(report->lock_path), args->file);
    else if (report->lock_state == ENVM_LOCK_WRITTEN)
        envm_cli_note(cli, "lock written to %.*s", ENVM_STR_ARGS(report->lock_path));
    else if (report->lock_state == ENVM_LOCK_UNCHANGED)
        envm_cli_note(cli, "%.*s is unchanged", ENVM_STR_ARGS(report->lock_path));
}

static struct envm_lock_options make_options(struct cli *cli, const struct lock_args *args)
{
    struct envm_lock_options options = {
        .request = {.file = args->file,
                    .lock_file = args->output,
                    .lock_is_output = !args->check,
                    .no_pip = args->no_pip},
        .platforms = args->platforms.items,
        .platform_count = args->platforms.count,
        .update = args->update,
        .check = args->check,
        .fetch = args->fetch,
        .no_provenance = args->no_provenance,
        .dry_run = args->dry_run,
        .scripts = envm_cli_script_options(&args->scripts),
    };

    envm_cli_fill_request(&args->request, &options.request);
    /* Words are names to update behind --update, specs otherwise. */
    if (args->update) {
        options.names = cli->words.items;
        options.name_count = cli->words.count;
    } else {
        options.request.specs = cli->words.items;
        options.request.spec_count = cli->words.count;
    }
    return options;
}

static enum envm_code run(struct cli *cli, void *values, struct envm_error *err)
{
    const struct lock_args *args = values;
    const struct envm_lock_options options = make_options(cli, args);
    struct envm_lock_report report = {0};
    enum envm_code code;

    if (!args->file && cli->words.count == 0) {
        (void)envm_fail(err, ENVM_USAGE, "there is nothing to lock");
        return envm_error_hint(err, ENVM_USAGE, "for example: envm lock -f env.yaml");
    }
    ENVM_TRY(envm_cli_context(cli, err));
    code = envm_lock_environment(cli->context, cli->memory, &options, &report, err);
    envm_cli_explain(cli, code, &report.explanation, err);
    if (code == ENVM_STALE_LOCK && cli->common.json)
        envm_json_field_list(&cli->json, "stale", report.stale);
    for (size_t i = 0; code == ENVM_STALE_LOCK && report.stale.count > 1 && i < report.stale.count;
         i++)
        envm_cli_note(cli, "%.*s", ENVM_STR_ARGS(report.stale.items[i]));
    ENVM_TRY(code);
    if (cli->common.json)
        report_json(cli, &report);
    else
        report_text(cli, args, &report);
    return ENVM_OK;
}

const struct command envm_cmd_lock = {
    .name = "lock",
    .summary = "solve and write the lock, without installing",
    .usage = "[-f FILE] [--platform PLATFORM]… [--update [NAME…]] [--check] [-o FILE]",
    .text = "Solves an environment file for one or several platforms and writes the lock beside "
            "it. An\n"
            "existing lock is the starting point: packages stay where they are unless the file "
            "forbids\n"
            "them or --update frees them.",
    .examples = "  envm lock -f env.yaml\n"
                "  envm lock -f env.yaml --platform linux-64 --platform osx-arm64\n"
                "  envm lock -f env.yaml --update numpy\n"
                "  envm lock -f env.yaml --check                  in CI",
    .rows = rows,
    .args_size = sizeof(struct lock_args),
    .run = run,
};
