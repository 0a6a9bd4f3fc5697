/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/command.h"

struct recover_args {
    const char *name, *prefix;
    bool dry_run;
};

#define AT(member) offsetof(struct recover_args, member)

static const struct option_row rows[] = {
    {'n', "name", OPTION_TEXT, AT(name), "NAME", "name of the environment"},
    {'p', "prefix", OPTION_TEXT, AT(prefix), "PATH", "path of the environment"},
    {0, "dry-run", OPTION_FLAG, AT(dry_run), NULL, "only tell what would be done"},
    {0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static void report_json(struct cli *cli, const struct recover_args *args,
                        const struct envm_recover_report *report)
{
    struct envm_json_writer *w = &cli->json;

    envm_json_field_bool(w, "dry_run", args->dry_run);
    envm_json_field_str(w, "prefix", report->prefix);
    envm_json_field_u64(w, "completed", report->completed);
    envm_json_field_u64(w, "dropped", report->dropped);
    envm_json_field_cstr(w, "tree",
                         report->tree.known ? envm_cli_sha256_text(&report->tree).text : NULL);
    envm_cli_json_saved(w, &report->saved);
}

static void report_text(struct cli *cli, const struct recover_args *args,
                        const struct envm_recover_report *report)
{
    const char *would = args->dry_run ? "would be " : "";

    if (report->completed > 0)
        envm_cli_note(cli, "an interrupted change of %.*s %s%scompleted",
                      ENVM_STR_ARGS(report->prefix), would, args->dry_run ? "" : "was ");
    if (report->dropped > 0)
        envm_cli_note(cli, "what a change of %.*s left before it was committed %s%sremoved",
                      ENVM_STR_ARGS(report->prefix), would, args->dry_run ? "" : "was ");
    if (report->completed + report->dropped == 0)
        envm_cli_note(cli, "no change of %.*s was interrupted: nothing to do",
                      ENVM_STR_ARGS(report->prefix));
    envm_cli_note_saved(cli, &report->saved);
}

static enum envm_code run(struct cli *cli, void *values, struct envm_error *err)
{
    const struct recover_args *args = values;
    const struct envm_target target = {.name = args->name, .prefix = args->prefix};
    struct envm_recover_report report = {0};

    if (cli->words.count > 0)
        return envm_fail(err, ENVM_USAGE, "recover takes no words, only -n or -p");
    ENVM_TRY(envm_cli_context(cli, err));
    ENVM_TRY(envm_recover(cli->context, cli->memory, &target, args->dry_run, &report, err));
    if (cli->common.json)
        report_json(cli, args, &report);
    else
        report_text(cli, args, &report);
    return ENVM_OK;
}

const struct command envm_cmd_recover = {
    .name = "recover",
    .summary = "complete an interrupted change of an environment",
    .usage = "[-n NAME | -p PATH] [--dry-run]",
    .text = "Completes a change that was interrupted after its commit (a crash, a full disk), and "
            "removes\n"
            "what was left by one that was interrupted before. Every command that changes an "
            "environment\n"
            "does that first. Files that were changed in between are kept as NAME.envm-saved.",
    .examples = "  envm recover -n science\n"
                "  envm recover -p ./env --dry-run --json",
    .rows = rows,
    .args_size = sizeof(struct recover_args),
    .run = run,
};
