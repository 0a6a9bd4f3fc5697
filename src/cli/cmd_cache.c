/* SPDX-License-Identifier: MIT
 *
 * clean, cache, and what verify and repair have to say of the cache.
 */
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "cli/command.h"

struct clean_args {
    bool packages, indexes, temporary, all, dry_run, yes;
    const char *older_than;
};

#define AT(member) offsetof(struct clean_args, member)
#define END_ROW                                                                                    \
    {                                                                                              \
        0, NULL, OPTION_FLAG, 0, NULL, NULL                                                        \
    }

static const struct option_row clean_rows[] = {
    {0, "packages", OPTION_FLAG, AT(packages), NULL, "packages that no environment uses"},
    {0, "indexes", OPTION_FLAG, AT(indexes), NULL, "indexes of channels"},
    {0, "temporary", OPTION_FLAG, AT(temporary), NULL, "what killed runs have left"},
    {'a', "all", OPTION_FLAG, AT(all), NULL, "all of these"},
    {0, "older-than", OPTION_TEXT, AT(older_than), "AGE",
     "only packages that were not used for so long: 30d, 12h, 2w"},
    {0, "dry-run", OPTION_FLAG, AT(dry_run), NULL, "only show what would be removed"},
    {'y', "yes", OPTION_FLAG, AT(yes), NULL, "accepted for scripts; envm does not ask"},
    END_ROW};
static const struct option_row no_rows[] = {END_ROW};

static void json_packages(struct envm_json_writer *w, const char *key,
                          const struct envm_cache_package *packages, size_t count)
{
    envm_json_key(w, key);
    envm_json_open_array(w);
    for (size_t i = 0; i < count; i++) {
        envm_json_open_object(w);
        envm_json_field_str(w, "package", packages[i].package);
        envm_json_field_cstr(w, "sha256", envm_sha256_hex(&packages[i].sha256).text);
        envm_json_field_u64(w, "bytes", packages[i].bytes);
        envm_json_field_bool(w, "linked", packages[i].linked);
        envm_json_field_u64(w, "used", packages[i].used > 0 ? (uint64_t)packages[i].used : 0);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
}

/* --- clean ---------------------------------------------------------------------------------- */

static enum envm_code parse_age(const char *text, int64_t *ret_seconds, struct envm_error *err)
{
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    size_t len = strlen(text);
    uint64_t number = 0;

    for (size_t i = 0; len > 1 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (text[len - 1] == units[i].letter &&
            envm_str_parse_u64(envm_str_n(text, len - 1), &number) && number < 1000000) {
            *ret_seconds = (int64_t)(number * units[i].seconds);
            return ENVM_OK;
        }
    }
    (void)envm_fail(err, ENVM_USAGE, "\"%s\" is not an age", text);
    return envm_error_hint(err, ENVM_USAGE, "a number and s, m, h, d or w: --older-than 30d");
}

static void clean_json(struct cli *cli, const struct envm_clean_report *report, bool dry_run)
{
    struct envm_json_writer *w = &cli->json;

    envm_json_field_str(w, "cache", report->path);
    envm_json_field_bool(w, "dry_run", dry_run);
    json_packages(w, "removed", report->removed, report->removed_count);
    envm_json_field_u64(w, "kept_in_use", report->kept_in_use);
    envm_json_field_u64(w, "kept_young", report->kept_young);
    envm_json_field_u64(w, "indexes", report->indexes);
    envm_json_field_u64(w, "temporary", report->temporary);
    envm_json_field_u64(w, "bytes", report->bytes);
}

static void clean_text(struct cli *cli, const struct envm_clean_report *report, bool dry_run)
{
    char size[16];

    envm_cli_start_output(cli);
    if (dry_run || cli->common.verbose) {
        for (size_t i = 0; i < report->removed_count; i++) {
            envm_cli_format_size(report->removed[i].bytes, size);
            envm_cli_line("%10s  %.*s", size, ENVM_STR_ARGS(report->removed[i].package));
        }
    }
    envm_cli_format_size(report->bytes, size);
    envm_cli_note(cli, "%s %zu packages, %zu indexes, %zu temporary: %s",
                  dry_run ? "would remove" : "removed", report->removed_count, report->indexes,
                  report->temporary, size);
    if (report->kept_in_use + report->kept_young > 0)
        envm_cli_note(cli, "kept: %zu packages in use, %zu used lately", report->kept_in_use,
                      report->kept_young);
}

static enum envm_code run_clean(struct cli *cli, void *values, struct envm_error *err)
{
    const struct clean_args *args = values;
    struct envm_clean_options options = {.packages = args->packages || args->all,
                                         .indexes = args->indexes || args->all,
                                         .temporary = args->temporary || args->all,
                                         .dry_run = args->dry_run};
    struct envm_clean_report report = {0};

    if (cli->words.count > 0)
        return envm_fail(err, ENVM_USAGE, "clean takes no argument \"%s\"", cli->words.items[0]);
    if (args->older_than)
        ENVM_TRY(parse_age(args->older_than, &options.older_than_s, err));
    if (args->older_than && !options.packages)
        return envm_fail(err, ENVM_USAGE, "--older-than goes with --packages or --all");
    ENVM_TRY(envm_cli_context(cli, err));
    ENVM_TRY(envm_clean(cli->context, cli->memory, &options, &report, err));
    if (cli->common.json)
        clean_json(cli, &report, args->dry_run);
    else
        clean_text(cli, &report, args->dry_run);
    return ENVM_OK;
}

const struct command envm_cmd_clean = {
    .name = "clean",
    .summary = "remove from the cache what no environment uses",
    .usage = "[--packages] [--indexes] [--temporary] [--all] [--older-than AGE] [--dry-run]",
    .text =
        "Removes from the cache what is asked for: packages that no environment is linked to, "
        "indexes of\n"
        "channels, temporary files of runs that were killed. Safe beside other runs of envm: what "
        "they use\n"
        "is kept. An environment whose files are copies (another file system, --link-mode copy) "
        "does not\n"
        "keep its packages in the cache.",
    .examples = "  envm clean --all --dry-run\n  envm clean --packages --older-than 30d",
    .rows = clean_rows,
    .args_size = sizeof(struct clean_args),
    .run = run_clean,
};

/* --- cache ---------------------------------------------------------------------------------- */

static void cache_json(struct cli *cli, const struct envm_cache_report *report, bool list)
{
    struct envm_json_writer *w = &cli->json;

    envm_json_field_str(w, "cache", report->path);
    envm_json_field_u64(w, "package_count", report->package_count);
    envm_json_field_u64(w, "package_bytes", report->package_bytes);
    envm_json_field_u64(w, "unused_bytes", report->unused_bytes);
    envm_json_field_u64(w, "indexes", report->indexes);
    envm_json_field_u64(w, "index_bytes", report->index_bytes);
    envm_json_field_list(w, "layers", report->layers);
    if (list)
        json_packages(w, "cached", report->packages, report->package_count);
}

static void cache_text(const struct envm_cache_report *report, bool list)
{
    char size[16], unused[16];

    for (size_t i = 0; list && i < report->package_count; i++) {
        envm_cli_format_size(report->packages[i].bytes, size);
        envm_cli_line("%10s %s %.*s", size, report->packages[i].linked ? "*" : " ",
                      ENVM_STR_ARGS(report->packages[i].package));
    }
    if (list)
        return;
    envm_cli_line("cache      %.*s", ENVM_STR_ARGS(report->path));
    envm_cli_format_size(report->package_bytes, size);
    envm_cli_format_size(report->unused_bytes, unused);
    envm_cli_line("packages   %zu, %s; %s in packages that no environment uses",
                  report->package_count, size, unused);
    envm_cli_format_size(report->index_bytes, size);
    envm_cli_line("indexes    %zu files, %s", report->indexes, size);
    for (size_t i = 0; i < report->layers.count; i++)
        envm_cli_line("%-10s %.*s", i ? "" : "layers", ENVM_STR_ARGS(report->layers.items[i]));
}

static enum envm_code run_cache(struct cli *cli, void *values, struct envm_error *err)
{
    const char *verb = cli->words.count > 0 ? cli->words.items[0] : "info";
    bool list = strcmp(verb, "list") == 0;
    struct envm_cache_report report = {0};

    (void)values;
    if (cli->words.count > 1 || (!list && strcmp(verb, "info") != 0 && strcmp(verb, "dir") != 0)) {
        (void)envm_fail(err, ENVM_USAGE, "cache knows info, list and dir, not \"%s\"",
                        cli->words.items[cli->words.count - 1]);
        return envm_error_hint(err, ENVM_USAGE,
                               "for example: envm cache info; `envm clean` removes, `envm verify "
                               "--cache` checks");
    }
    ENVM_TRY(envm_cli_context(cli, err));
    if (strcmp(verb, "dir") == 0) {
        envm_str path = envm_cache_path(cli->context, cli->memory);

        if (cli->common.json)
            envm_json_field_str(&cli->json, "cache", path);
        else
            envm_cli_line("%.*s", ENVM_STR_ARGS(path));
        return ENVM_OK;
    }
    ENVM_TRY(envm_cache_info(cli->context, cli->memory, &report, err));
    if (cli->common.json)
        cache_json(cli, &report, list);
    else
        cache_text(&report, list);
    return ENVM_OK;
}

const struct command envm_cmd_cache = {
    .name = "cache",
    .summary = "show what the cache holds",
    .usage = "[info | list | dir]",
    .words = "info list dir",
    .text =
        "info (the default) shows where the cache is, how much it holds, and how much `envm clean "
        "--packages`\n"
        "would free; list names every package with its size, with a * when an environment uses "
        "it; dir\n"
        "prints the path alone.",
    .examples = "  envm cache\n  envm cache list --json\n  du -sh \"$(envm cache dir)\"",
    .rows = no_rows,
    .run = run_cache,
};

/* --- verify --cache and repair --cache ------------------------------------------------------ */

static void damage_json(struct envm_json_writer *w, const struct envm_cache_damage *damage)
{
    envm_json_open_object(w);
    envm_json_field_str(w, "package", damage->package);
    envm_json_field_cstr(w, "sha256", envm_sha256_hex(&damage->sha256).text);
    envm_json_field_bool(w, "removed", damage->removed);
    envm_json_key(w, "faults");
    envm_json_open_array(w);
    for (size_t i = 0; i < damage->fault_count; i++) {
        envm_json_open_object(w);
        envm_json_field_str(w, "path", damage->faults[i].path);
        envm_json_field_str(w, "detail", damage->faults[i].what);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
    envm_json_key(w, "environments");
    envm_json_open_array(w);
    for (size_t i = 0; i < damage->holder_count; i++) {
        envm_json_open_object(w);
        envm_json_field_str(w, "prefix", damage->holders[i].prefix);
        envm_json_field_list(w, "paths", damage->holders[i].paths);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
    envm_json_field_u64(w, "links_elsewhere", damage->links_elsewhere);
    envm_json_close_object(w);
}

static void damage_text(const struct envm_cache_damage *damage)
{
    for (size_t i = 0; i < damage->fault_count; i++)
        envm_cli_line("damaged  %.*s: %.*s%s%.*s", ENVM_STR_ARGS(damage->package),
                      ENVM_STR_ARGS(damage->faults[i].path), damage->faults[i].path.len ? " " : "",
                      ENVM_STR_ARGS(damage->faults[i].what));
    for (size_t i = 0; i < damage->holder_count; i++)
        for (size_t j = 0; j < damage->holders[i].paths.count; j++)
            envm_cli_line("held by  %.*s (%.*s)", ENVM_STR_ARGS(damage->holders[i].prefix),
                          ENVM_STR_ARGS(damage->holders[i].paths.items[j]));
    if (damage->links_elsewhere > 0)
        envm_cli_line("held by  %llu more links in environments that are not listed",
                      (unsigned long long)damage->links_elsewhere);
}

enum envm_code envm_cli_choose_cache(struct cli *cli, const char *name, const char *prefix,
                                     struct envm_error *err)
{
    if (name || prefix) {
        (void)envm_fail(err, ENVM_USAGE,
                        "%s --cache is about the package cache, not about an "
                        "environment",
                        cli->command->name);
        return envm_error_hint(err, ENVM_USAGE,
                               "leave -n and -p out; another cache is named by $ENVM_CACHE");
    }
    if (cli->words.count > 1)
        return envm_fail(err, ENVM_USAGE, "%s --cache takes one folder", cli->command->name);
    if (cli->words.count == 1)
        cli->common.cache = cli->words.items[0];
    return ENVM_OK;
}

enum envm_code envm_cli_verify_cache(struct cli *cli, bool remove, struct envm_error *err)
{
    struct envm_cache_verify_report report = {0};
    enum envm_code code;
    size_t damaged;
    char size[16];

    ENVM_TRY(envm_cli_context(cli, err));
    code = envm_cache_verify(cli->context, cli->memory, remove, &report, err);
    if (code != ENVM_OK && code != ENVM_DAMAGED)
        return code;
    damaged = report.damage_count + report.damaged_indexes.count;
    if (cli->common.json) {
        envm_json_field_str(&cli->json, "cache", report.path);
        envm_json_field_u64(&cli->json, "packages_checked", report.packages);
        envm_json_field_u64(&cli->json, "files", report.files);
        envm_json_field_u64(&cli->json, "bytes", report.bytes);
        envm_json_key(&cli->json, "damaged");
        envm_json_open_array(&cli->json);
        for (size_t i = 0; i < report.damage_count; i++)
            damage_json(&cli->json, &report.damages[i]);
        envm_json_close_array(&cli->json);
        envm_json_field_u64(&cli->json, "indexes_checked", report.indexes);
        envm_json_field_list(&cli->json, "damaged_indexes", report.damaged_indexes);
        return code;
    }
    for (size_t i = 0; i < report.damage_count; i++)
        damage_text(&report.damages[i]);
    for (size_t i = 0; i < report.damaged_indexes.count; i++)
        envm_cli_line("damaged  %.*s", ENVM_STR_ARGS(report.damaged_indexes.items[i]));
    envm_cli_format_size(report.bytes, size);
    envm_cli_note(cli, "%zu packages, %llu files, %zu files of indexes, %s read; %zu damaged%s",
                  report.packages, (unsigned long long)report.files, report.indexes, size, damaged,
                  remove && damaged > 0 ? " and removed: the next use fetches them anew" : "");
    return code;
}
