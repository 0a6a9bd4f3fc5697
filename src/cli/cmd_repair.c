/* SPDX-License-Identifier: MIT
 *
 * repair.
 */
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "cli/command.h"

struct repair_args {
    const char *name, *prefix;
    bool cache, dry_run;
};

#define AT(member) offsetof(struct repair_args, member)

static const struct option_row repair_rows[] = {
    {'n', "name", OPTION_TEXT, AT(name), "NAME", "name of the environment"},
    {'p', "prefix", OPTION_TEXT, AT(prefix), "PATH", "path of the environment"},
    {0, "cache", OPTION_OPTIONAL, AT(cache), "[DIR]",
     "take damaged packages and indexes out of the cache ($ENVM_CACHE, or DIR) instead"},
    {0, "dry-run", OPTION_FLAG, AT(dry_run), NULL, "only show what is damaged"},
    {0, NULL, OPTION_FLAG, 0, NULL, NULL}};

static void repair_json(struct cli *cli, const struct envm_repair_report *report, bool dry_run)
{
    struct envm_json_writer *w = &cli->json;
    char tree[80];

    snprintf(tree, sizeof(tree), "sha256:%s", envm_sha256_hex(&report->tree).text);
    envm_json_field_str(w, "prefix", report->prefix);
    envm_json_field_bool(w, "dry_run", dry_run);
    envm_json_field_cstr(w, "tree", report->tree.known ? tree : NULL);
    envm_json_key(w, "repaired");
    envm_json_open_array(w);
    for (size_t i = 0; i < report->repaired_count; i++) {
        envm_json_open_object(w);
        envm_json_field_str(w, "path", report->repaired[i].path);
        envm_json_field_str(w, "package", report->repaired[i].package);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
    envm_json_field_list(w, "saved", report->saved);
    envm_json_field_list(w, "failures", report->failures);
    envm_json_key(w, "remaining");
    envm_json_open_array(w);
    for (size_t i = 0; i < report->remaining_count; i++) {
        envm_json_open_object(w);
        envm_json_field_str(w, "kind", report->remaining[i].kind);
        envm_json_field_str(w, "path", report->remaining[i].path);
        envm_json_field_str(w, "package", report->remaining[i].package);
        envm_json_field_str(w, "detail", report->remaining[i].detail);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
}

static void repair_text(struct cli *cli, const struct envm_repair_report *report, bool dry_run)
{
    envm_cli_start_output(cli);
    for (size_t i = 0; i < report->repaired_count; i++)
        envm_cli_line(
            "%-8s %.*s%s%.*s%s", dry_run ? "damaged" : "repaired",
            ENVM_STR_ARGS(report->repaired[i].path), report->repaired[i].package.len ? " (" : "",
            ENVM_STR_ARGS(report->repaired[i].package), report->repaired[i].package.len ? ")" : "");
    for (size_t i = 0; i < report->saved.count; i++)
        envm_cli_line("kept     %.*s", ENVM_STR_ARGS(report->saved.items[i]));
    for (size_t i = 0; i < report->failures.count; i++)
        envm_cli_note(cli, "cannot repair %.*s", ENVM_STR_ARGS(report->failures.items[i]));
    for (size_t i = 0; i < report->remaining_count; i++)
        envm_cli_line("damaged  %.*s%s%.*s: %.*s", ENVM_STR_ARGS(report->remaining[i].path),
                      report->remaining[i].path.len ? " " : "",
                      ENVM_STR_ARGS(report->remaining[i].package),
                      ENVM_STR_ARGS(report->remaining[i].detail));
    if (dry_run || report->remaining_count > 0)
        return;
    envm_cli_note(cli,
                  report->repaired_count ? "%zu files and records put back: every byte is as "
                                           "it was installed"
                                         : "%zu files to put back: every byte is as it was "
                                           "installed",
                  report->repaired_count);
}

static enum envm_code run_repair(struct cli *cli, void *values, struct envm_error *err)
{
    const struct repair_args *args = values;
    struct envm_target target = {.name = args->name, .prefix = args->prefix};
    struct envm_repair_report report = {0};
    enum envm_code code;

    if (args->cache) {
        ENVM_TRY(envm_cli_choose_cache(cli, args->name, args->prefix, err));
        return envm_cli_verify_cache(cli, !args->dry_run, err);
    }
    if (cli->words.count > 0)
        return envm_fail(err, ENVM_USAGE, "repair takes no argument \"%s\"", cli->words.items[0]);
    ENVM_TRY(envm_cli_context(cli, err));
    code = envm_repair(cli->context, cli->memory, &target, args->dry_run, &report, err);
    if (code != ENVM_OK && code != ENVM_DAMAGED)
        return code;
    if (cli->common.json)
        repair_json(cli, &report, args->dry_run);
    else
        repair_text(cli, &report, args->dry_run);
    return code;
}

const struct command envm_cmd_repair = {
    .name = "repair",
    .summary = "put damaged or missing files of an environment back",
    .usage = "[-n NAME | -p PATH] [--dry-run] | --cache [DIR]",
    .text =
        "Puts files back that `envm verify` finds missing or altered, from the cache or from where "
        "their\n"
        "packages come from, and makes damaged records anew from the lock that the environment "
        "keeps. Files\n"
        "that belong to no package stay; what stands in the way of a file, and files of etc/ that "
        "were\n"
        "edited, are kept as NAME.envm-saved. With --cache damaged packages are taken out of the "
        "cache: the\n"
        "next use fetches them anew. Exit 10 when something could not be put right.",
    .examples = "  envm repair -n science\n  envm repair --cache",
    .rows = repair_rows,
    .args_size = sizeof(struct repair_args),
    .run = run_repair,
};
