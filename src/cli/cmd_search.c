/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/command.h"

#define LIMIT_DEFAULT 20
#define VERSIONS_SHOWN 12

struct search_args {
    const char *platform, *limit, *needs;
    struct text_list channels;
    bool override_channels;
};

#define AT(member) offsetof(struct search_args, member)

static const struct option_row rows[] = {
    {'c', "channel", OPTION_LIST, AT(channels), "CHANNEL",
     "channel to search, before the configured ones; may be repeated"},
    {0, "override-channels", OPTION_FLAG, AT(override_channels), NULL,
     "do not search the configured default channels"},
    {0, "platform", OPTION_TEXT, AT(platform), "PLATFORM", "search for another platform"},
    {0, "needs", OPTION_TEXT, AT(needs), "NAME", "show the packages that depend on NAME"},
    {0, "limit", OPTION_TEXT, AT(limit), "N", "show at most N packages (default 20; 0: all)"},
    {0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static const char *outcome_name(enum envm_search_outcome outcome)
{
    switch (outcome) {
    case ENVM_SEARCH_FOUND:
        return "found";
    case ENVM_SEARCH_NO_NAME:
        return "no-name";
    case ENVM_SEARCH_OTHER_PLATFORM:
        return "other-platform";
    case ENVM_SEARCH_NO_VERSION:
        return "no-version";
    case ENVM_SEARCH_NO_BUILD:
        return "no-build";
    case ENVM_SEARCH_NO_DEPENDENT:
        return "no-dependent";
    }
    return "found";
}

static void package_json(struct envm_json_writer *w, const struct envm_package_record *record,
                         const envm_str *needs)
{
    envm_json_open_object(w);
    envm_cli_json_package_fields(w, record);
    envm_json_field_list(w, "depends", record->depends);
    envm_json_field_list(w, "constrains", record->constrains);
    if (record->extra_depends_count > 0)
        envm_json_field_groups(w, "extra_depends", record->extra_depends,
                               record->extra_depends_count);
    if (record->flags.count > 0)
        envm_json_field_list(w, "flags", record->flags);
    envm_json_field_str(w, "license", record->license);
    envm_json_field_u64(w, "timestamp", record->timestamp);
    if (needs)
        envm_json_field_str(w, "needs", *needs);
    envm_json_close_object(w);
}

static void report_json(struct cli *cli, const struct envm_search_report *report)
{
    struct envm_json_writer *w = &cli->json;

    envm_json_field_cstr(w, "outcome", outcome_name(report->outcome));
    envm_json_field_str(w, "platform", report->platform);
    envm_json_field_list(w, "channels", report->channels);
    envm_json_field_u64(w, "total", report->total);
    envm_json_key(w, "packages");
    envm_json_open_array(w);
    for (size_t i = 0; i < report->packages.count; i++)
        package_json(w, report->packages.items[i], report->needs ? &report->needs[i] : NULL);
    envm_json_close_array(w);
    envm_json_key(w, "names");
    envm_json_open_array(w);
    for (size_t i = 0; i < report->name_count; i++) {
        envm_json_open_object(w);
        envm_json_field_str(w, "name", report->names[i].name);
        envm_json_field_u64(w, "count", report->names[i].count);
        envm_json_field_list(w, "versions", report->names[i].versions);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
    envm_json_field_list(w, "close_names", report->close_names);
    envm_json_field_list(w, "platforms", report->platforms);
}

static void print_packages(const struct envm_search_report *report)
{
    struct envm_record_view packages = report->packages;
    int name = 4, version = 7, build = 5, channel = 7;

    for (size_t i = 0; i < packages.count; i++) {
        name = envm_cli_widest(name, packages.items[i]->name);
        version = envm_cli_widest(version, packages.items[i]->version);
        build = envm_cli_widest(build, packages.items[i]->build);
        channel = envm_cli_widest(channel, packages.items[i]->channel);
    }
    for (size_t i = 0; i < packages.count; i++) {
        const struct envm_package_record *record = packages.items[i];
        char size[16] = "-";
        envm_str last = {0};

        if (record->has_size)
            envm_cli_format_size(record->size, size);
        last = report->needs ? report->needs[i] : envm_str_from(size);
        envm_cli_line("%-*.*s  %-*.*s  %-*.*s  %-*.*s  %*.*s", name, ENVM_STR_ARGS(record->name),
                      version, ENVM_STR_ARGS(record->version), build, ENVM_STR_ARGS(record->build),
                      channel, ENVM_STR_ARGS(record->channel), report->needs ? 0 : 8,
                      ENVM_STR_ARGS(last));
    }
}

static void note_versions(struct cli *cli, const struct envm_search_report *report)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    const struct envm_search_name *name = report->names;

    for (size_t i = 0; i < name->versions.count && i < VERSIONS_SHOWN; i++) {
        envm_buf_add_cstr(&text, i ? ", " : "");
        envm_buf_add_str(&text, name->versions.items[i]);
    }
    if (name->versions.count > VERSIONS_SHOWN)
        envm_buf_printf(&text, " and %zu older", name->versions.count - VERSIONS_SHOWN);
    envm_cli_note(cli, "versions of %.*s for %.*s%s: %s", ENVM_STR_ARGS(name->name),
                  ENVM_STR_ARGS(report->platform), report->needs ? " that need it" : "",
                  envm_buf_str(&text).ptr);
}

static void report_text(struct cli *cli, const struct envm_search_report *report)
{
    envm_cli_start_output(cli);
    print_packages(report);
    if (report->name_count == 1)
        note_versions(cli, report);
    if (report->total > report->packages.count)
        envm_cli_note(cli, "%zu of %zu packages%s; --limit 0 shows all", report->packages.count,
                      report->total, report->name_count > 1 ? ", the newest of each name" : "");
}

static enum envm_code read_limit(const char *text, size_t *ret_limit, struct envm_error *err)
{
    uint64_t limit = LIMIT_DEFAULT;

    if (text && (!envm_str_parse_u64(envm_str_from(text), &limit) || limit > SIZE_MAX))
        return envm_fail(err, ENVM_USAGE, "--limit takes a whole number, not \"%s\"", text);
    *ret_limit = (size_t)limit;
    return ENVM_OK;
}

static enum envm_code run_search(struct cli *cli, void *values, struct envm_error *err)
{
    const struct search_args *args = values;
    struct envm_search_options options = {.channels = args->channels.items,
                                          .channel_count = args->channels.count,
                                          .override_channels = args->override_channels,
                                          .platform = args->platform,
                                          .needs = args->needs};
    struct envm_search_report report = {0};
    enum envm_code code;

    if (cli->words.count != 1 && !(args->needs && cli->words.count == 0)) {
        (void)envm_fail(err, ENVM_USAGE, "search takes one spec");
        return envm_error_hint(err, ENVM_USAGE, "quote it: envm search 'numpy >=2'");
    }
    options.spec = cli->words.count > 0 ? cli->words.items[0] : NULL;
    ENVM_TRY(read_limit(args->limit, &options.limit, err));
    ENVM_TRY(envm_cli_context(cli, err));
    code = envm_search(cli->context, cli->memory, &options, &report, err);
    if (code != ENVM_OK && code != ENVM_UNSATISFIABLE)
        return code;
    if (cli->common.json)
        report_json(cli, &report);
    else
        report_text(cli, &report);
    return code;
}

const struct command envm_cmd_search = {
    .name = "search",
    .summary = "search the channels for packages",
    .usage = "SPEC | [SPEC] --needs NAME [-c CHANNEL]… [--platform PLATFORM] [--limit N]",
    .text = "Shows the packages that a spec matches, channels in the order of their priority,\n"
            "newest first: name, version, build, channel and size. A pattern that fits several\n"
            "names shows the newest of each, unless --limit 0 asks for all. A spec may name its\n"
            "channel (conda-forge::numpy). With --needs it shows who depends on NAME, and by\n"
            "which spec. When nothing matches, it tells whether the name, the version or only\n"
            "this platform is the reason, and exits 3.",
    .examples = "  envm search numpy\n"
                "  envm search 'numpy >=2,<2.2' --limit 0\n"
                "  envm search 'libgcc*' -c conda-forge --override-channels --json\n"
                "  envm search bioconda::samtools --platform osx-64\n"
                "  envm search --needs libprotobuf 'py*'",
    .rows = rows,
    .args_size = sizeof(struct search_args),
    .run = run_search,
};
