/* SPDX-License-Identifier: MIT
 *
 * list, info, verify, version.
 */
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "cli/command.h"

#define LEFT_OUT_SHOWN 3

struct target_args {
    const char *name, *prefix, *against;
    bool cache;
};

#define AT(member) offsetof(struct target_args, member)
#define END_ROW                                                                                    \
    {                                                                                              \
        0, NULL, OPTION_FLAG, 0, NULL, NULL                                                        \
    }
#define NAME_ROW                                                                                   \
    {                                                                                              \
        'n', "name", OPTION_TEXT, AT(name), "NAME", "name of the environment"                      \
    }
#define PREFIX_ROW                                                                                 \
    {                                                                                              \
        'p', "prefix", OPTION_TEXT, AT(prefix), "PATH", "path of the environment"                  \
    }

static const struct option_row target_rows[] = {NAME_ROW, PREFIX_ROW, END_ROW};
static const struct option_row no_rows[] = {END_ROW};
static const struct option_row verify_rows[] = {
    NAME_ROW,
    PREFIX_ROW,
    {0, "against", OPTION_TEXT, AT(against), "LOCK",
     "compare with this lock instead of the copy that the environment keeps"},
    {0, "cache", OPTION_OPTIONAL, AT(cache), "[DIR]",
     "check the package cache ($ENVM_CACHE, or DIR) instead of an environment"},
    END_ROW};
static struct envm_target target_of(const struct target_args *args)
{
    return (struct envm_target){.name = args->name, .prefix = args->prefix};
}

static enum envm_code no_words(struct cli *cli, struct envm_error *err)
{
    if (cli->words.count == 0)
        return ENVM_OK;
    return envm_fail(err, ENVM_USAGE, "%s takes no argument \"%s\"", cli->command->name,
                     cli->words.items[0]);
}

/* --- list --------------------------------------------------------------------------------- */

static enum envm_code run_list(struct cli *cli, void *values, struct envm_error *err)
{
    struct envm_target target = target_of(values);
    struct envm_list_report report = {0};

    ENVM_TRY(no_words(cli, err));
    ENVM_TRY(envm_cli_context(cli, err));
    ENVM_TRY(envm_list(cli->context, cli->memory, &target, &report, err));
    if (cli->common.json) {
        envm_json_field_str(&cli->json, "prefix", report.prefix);
        envm_cli_json_packages(&cli->json, "packages", report.packages);
        envm_json_field_list(&cli->json, "bad_records", report.bad_records);
        return ENVM_OK;
    }
    envm_cli_note(cli, "packages in %.*s:", ENVM_STR_ARGS(report.prefix));
    envm_cli_print_packages(report.packages);
    for (size_t i = 0; i < report.bad_records.count; i++)
        envm_cli_note(cli, "warning: the record %.*s cannot be read",
                      ENVM_STR_ARGS(report.bad_records.items[i]));
    return ENVM_OK;
}

const struct command envm_cmd_list = {
    .name = "list",
    .summary = "list the packages of an environment",
    .usage = "[-n NAME | -p PATH]",
    .text = "Lists the packages of an environment (default: the active one).",
    .examples = "  envm list -n science\n  envm list --json -p ./env",
    .rows = target_rows,
    .args_size = sizeof(struct target_args),
    .run = run_list,
};

/* --- info --------------------------------------------------------------------------------- */

static void info_json(struct cli *cli, const struct envm_info_report *report)
{
    struct envm_json_writer *w = &cli->json;

    envm_json_field_str(w, "version", report->version);
    envm_json_field_str(w, "platform", report->platform);
    envm_json_field_str(w, "root", report->root);
    envm_json_field_str(w, "cache", report->cache);
    envm_json_field_str(w, "active_prefix", report->active_prefix);
    envm_json_field_list(w, "channels", report->channels);
    envm_json_field_list(w, "channel_urls", report->channel_urls);
    envm_json_field_list(w, "config_files", report->config_files);
    envm_json_key(w, "virtual_packages");
    envm_json_open_array(w);
    for (size_t i = 0; i < report->virtual_packages.count; i++) {
        const struct envm_package_record *record = report->virtual_packages.items[i];

        envm_json_open_object(w);
        envm_json_field_str(w, "name", record->name);
        envm_json_field_str(w, "version", record->version);
        envm_json_field_str(w, "build", record->build);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
    envm_json_key(w, "settings");
    envm_json_open_object(w);
    for (size_t i = 0; i < report->setting_count; i++) {
        envm_json_key_str(w, report->settings[i].name);
        envm_json_open_object(w);
        envm_json_field_str(w, "value", report->settings[i].value);
        envm_json_field_str(w, "source", report->settings[i].source);
        envm_json_close_object(w);
    }
    envm_json_close_object(w);
    envm_json_key(w, "fences");
    envm_json_open_object(w);
    envm_json_field_u64(w, "landlock_abi", (uint64_t)report->landlock_abi);
    envm_json_field_bool(w, "envm", report->confines_itself);
    envm_json_field_bool(w, "scripts", report->fences_programs);
    envm_json_close_object(w);
}

static const char *fences_text(const struct envm_info_report *report)
{
    if (report->landlock_abi == 0)
        return "none: the kernel has no Landlock";
    if (report->confines_itself)
        return report->fences_programs ? "around envm and link scripts" : "around envm";
    return report->fences_programs ? "around link scripts" : "none";
}

static void info_text(const struct envm_info_report *report)
{
    envm_cli_line("envm %.*s", ENVM_STR_ARGS(report->version));
    envm_cli_line("platform            %.*s", ENVM_STR_ARGS(report->platform));
    for (size_t i = 0; i < report->virtual_packages.count; i++) {
        const struct envm_package_record *record = report->virtual_packages.items[i];

        envm_cli_line("%-19s %.*s=%.*s=%.*s", i ? "" : "virtual packages",
                      ENVM_STR_ARGS(record->name), ENVM_STR_ARGS(record->version),
                      ENVM_STR_ARGS(record->build));
    }
    for (size_t i = 0; i < report->channels.count; i++)
        envm_cli_line("%-19s %.*s (%.*s)", i ? "" : "default channels",
                      ENVM_STR_ARGS(report->channels.items[i]),
                      ENVM_STR_ARGS(report->channel_urls.items[i]));
    envm_cli_line("root                %.*s", ENVM_STR_ARGS(report->root));
    envm_cli_line("cache               %.*s", ENVM_STR_ARGS(report->cache));
    envm_cli_line(
        "active environment  %.*s",
        ENVM_STR_ARGS(report->active_prefix.len ? report->active_prefix : ENVM_STR("none")));
    envm_cli_line("fences              %s", fences_text(report));
    for (size_t i = 0; i < report->config_files.count; i++)
        envm_cli_line("%-19s %.*s", i ? "" : "configuration",
                      ENVM_STR_ARGS(report->config_files.items[i]));
    for (size_t i = 0; i < report->setting_count; i++) {
        const struct envm_info_setting *setting = &report->settings[i];

        if (!envm_str_equal_c(setting->source, "default"))
            envm_cli_line("  %.*s = %.*s (from %.*s)", ENVM_STR_ARGS(setting->name),
                          ENVM_STR_ARGS(setting->value), ENVM_STR_ARGS(setting->source));
    }
}

static enum envm_code run_info(struct cli *cli, void *values, struct envm_error *err)
{
    struct envm_info_report report = {0};

    (void)values;
    ENVM_TRY(no_words(cli, err));
    ENVM_TRY(envm_cli_context(cli, err));
    ENVM_TRY(envm_info(cli->context, cli->memory, &report, err));
    if (cli->common.json)
        info_json(cli, &report);
    else
        info_text(&report);
    return ENVM_OK;
}

const struct command envm_cmd_info = {
    .name = "info",
    .summary = "show platform, virtual packages, channels and settings",
    .usage = "",
    .text =
        "Shows what envm sees: the platform and its virtual packages, the default channels, the\n"
        "folders, and every setting that is not the default with its source.",
    .examples = "  envm info\n  envm info --json",
    .rows = no_rows,
    .run = run_info,
};

/* --- verify ------------------------------------------------------------------------------- */

static void verify_json(struct cli *cli, const struct envm_verify_report *report)
{
    struct envm_json_writer *w = &cli->json;
    char tree[80];

    snprintf(tree, sizeof(tree), "sha256:%s", envm_sha256_hex(&report->tree).text);
    envm_json_field_str(w, "prefix", report->prefix);
    envm_json_field_cstr(w, "tree", report->tree.known ? tree : NULL);
    snprintf(tree, sizeof(tree), "sha256:%s", envm_sha256_hex(&report->locked).text);
    envm_json_field_cstr(w, "locked_tree", report->locked.known ? tree : NULL);
    envm_json_field_str(w, "lock_path", report->lock_path);
    envm_json_field_u64(w, "packages_checked", report->packages);
    envm_json_field_u64(w, "files", report->files);
    envm_json_field_u64(w, "bytes", report->bytes);
    envm_json_field_u64(w, "damage", report->damage_count);
    envm_json_key(w, "findings");
    envm_json_open_array(w);
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct envm_verify_finding *finding = &report->findings[i];

        envm_json_open_object(w);
        envm_json_field_str(w, "kind", finding->kind);
        envm_json_field_str(w, "path", finding->path);
        envm_json_field_str(w, "package", finding->package);
        envm_json_field_str(w, "detail", finding->detail);
        envm_json_field_bool(w, "damage", finding->damage);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
    envm_json_field_list(w, "left_out", report->left_out);
    envm_json_field_list(w, "script_files", report->script_files);
    envm_json_field_list(w, "omitted_pip", report->omitted_pip);
}

/* After a day's work there is a __pycache__ in every folder. */
static void note_left_out(struct cli *cli, struct envm_str_list list)
{
    if (list.count > LEFT_OUT_SHOWN && !cli->common.verbose) {
        envm_cli_note(cli, "not covered by the digest: %.*s and %zu more (--verbose lists them)",
                      ENVM_STR_ARGS(list.items[0]), list.count - 1);
        return;
    }
    for (size_t i = 0; i < list.count; i++)
        envm_cli_note(cli, "not covered by the digest: %.*s", ENVM_STR_ARGS(list.items[i]));
}

static void verify_text(struct cli *cli, const struct envm_verify_report *report)
{
    char size[16];

    envm_cli_start_output(cli);
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct envm_verify_finding *finding = &report->findings[i];

        if (!finding->damage && !cli->common.verbose)
            continue;
        envm_cli_line("%-8.*s %.*s%s%.*s%s%.*s%s", ENVM_STR_ARGS(finding->kind),
                      ENVM_STR_ARGS(finding->path), finding->path.len ? " (" : "",
                      ENVM_STR_ARGS(finding->package),
                      finding->package.len == 0 ? ""
                      : finding->path.len       ? ": "
                                                : " ",
                      ENVM_STR_ARGS(finding->detail), finding->path.len ? ")" : "");
    }
    if (report->tree.known)
        envm_cli_line("tree sha256:%s", envm_sha256_hex(&report->tree).text);
    envm_cli_format_size(report->bytes, size);
    if (report->finding_count > report->damage_count)
        envm_cli_note(cli, "%zu files belong to no package (--verbose lists them)",
                      report->finding_count - report->damage_count);
    note_left_out(cli, report->left_out);
    if (report->script_files.count > 0)
        envm_cli_note(cli, "%zu paths are as link scripts left them%s", report->script_files.count,
                      cli->common.verbose ? ":" : " (--verbose lists them)");
    for (size_t i = 0; cli->common.verbose && i < report->script_files.count; i++)
        envm_cli_note(cli, "  %.*s", ENVM_STR_ARGS(report->script_files.items[i]));
    for (size_t i = 0; i < report->omitted_pip.count; i++)
        envm_cli_note(cli, "left out when it was made (--no-pip): %.*s",
                      ENVM_STR_ARGS(report->omitted_pip.items[i]));
    if (report->damage_count == 0)
        envm_cli_note(cli, "%zu packages, %llu files, %s: every byte is as it was installed%s",
                      report->packages, (unsigned long long)report->files, size,
                      report->locked.known ? " and as the lock says" : "");
}

static enum envm_code run_verify(struct cli *cli, void *values, struct envm_error *err)
{
    const struct target_args *args = values;
    struct envm_target target = target_of(args);
    struct envm_verify_report report = {0};
    enum envm_code code;

    if (args->cache) {
        ENVM_TRY(envm_cli_choose_cache(cli, args->name, args->prefix, err));
        return envm_cli_verify_cache(cli, false, err);
    }
    ENVM_TRY(no_words(cli, err));
    ENVM_TRY(envm_cli_context(cli, err));
    code = envm_verify(cli->context, cli->memory, &target, args->against, &report, err);
    if (code != ENVM_OK && code != ENVM_DAMAGED)
        return code;
    if (cli->common.json)
        verify_json(cli, &report);
    else
        verify_text(cli, &report);
    return code;
}

const struct command envm_cmd_verify = {
    .name = "verify",
    .summary = "read every byte of an environment back and compare",
    .usage = "[-n NAME | -p PATH] [--against LOCK] | --cache [DIR]",
    .text =
        "Hashes every file, names what is missing, altered or belongs to nobody, compares with "
        "the lock\n"
        "that the environment was made from (or --against another one), and prints the tree "
        "digest,\n"
        "which is the same on every machine and at every path. With --cache every file of the "
        "package\n"
        "cache is hashed instead, and the environments that hold damaged files are named. Exit 10 "
        "on\n"
        "damage.",
    .examples =
        "  envm verify -n science\n  envm verify -p ./env --against env.lock\n  envm verify "
        "--cache",
    .rows = verify_rows,
    .args_size = sizeof(struct target_args),
    .run = run_verify,
};

/* --- version ------------------------------------------------------------------------------ */

static enum envm_code run_version(struct cli *cli, void *values, struct envm_error *err)
{
    (void)values;
    (void)err;
    if (cli->common.json)
        envm_json_field_cstr(&cli->json, "version", envm_version_string());
    else
        envm_cli_line("envm %s", envm_version_string());
    return ENVM_OK;
}

const struct command envm_cmd_version = {
    .name = "version",
    .summary = "show the version",
    .usage = "",
    .text = "Shows the version of envm.",
    .examples = "  envm version",
    .rows = no_rows,
    .run = run_version,
};
