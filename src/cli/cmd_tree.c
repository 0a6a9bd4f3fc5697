/* SPDX-License-Identifier: MIT
 *
 * tree, why: who needs whom.
 */
#include <stddef.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/str.h"
#include "cli/command.h"

#define CHAINS_DEFAULT 20

struct look_args {
    const char *name, *prefix, *file, *platform, *depth, *limit;
    struct text_list channels, specs;
    bool override_channels, invert, virtual_packages;
};

#define AT(member) offsetof(struct look_args, member)

/* clang-format off */
#define SUBJECT_ROWS                                                                               \
    {'n', "name", OPTION_TEXT, AT(name), "NAME", "name of the environment (default: the active one)"}, \
    {'p', "prefix", OPTION_TEXT, AT(prefix), "PATH", "path of the environment"},                   \
    {'f', "file", OPTION_TEXT, AT(file), "FILE", "look at a lock or an environment file instead"}, \
    {'s', "spec", OPTION_LIST, AT(specs), "SPEC",                                                  \
     "look at what would be installed for SPEC; may be repeated"},                                 \
    {'c', "channel", OPTION_LIST, AT(channels), "CHANNEL",                                         \
     "channel to solve with, before the configured ones; may be repeated"},                        \
    {0, "override-channels", OPTION_FLAG, AT(override_channels), NULL,                             \
     "do not use the configured default channels"},                                                \
    {0, "platform", OPTION_TEXT, AT(platform), "PLATFORM", "which platform of a lock, or to solve for"}
/* clang-format on */

static const struct option_row tree_rows[] = {
    SUBJECT_ROWS,
    {0, "depth", OPTION_TEXT, AT(depth), "N", "show N levels below the roots"},
    {0, "invert", OPTION_FLAG, AT(invert), NULL, "show who needs it instead of what it needs"},
    {0, "virtual", OPTION_FLAG, AT(virtual_packages), NULL,
     "show what is needed of the system too (__glibc, __cuda …)"},
    {0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static const struct option_row why_rows[] = {
    SUBJECT_ROWS,
    {0, "limit", OPTION_TEXT, AT(limit), "N", "show at most N chains (default 20; 0: all)"},
    {0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

/* --- what is looked at ---------------------------------------------------------------------- */

static enum envm_code read_number(const char *option, const char *text, size_t *number,
                                  struct envm_error *err)
{
    uint64_t value = 0;

    if (!text)
        return ENVM_OK;
    if (!envm_str_parse_u64(envm_str_from(text), &value) || value > SIZE_MAX)
        return envm_fail(err, ENVM_USAGE, "--%s takes a whole number, not \"%s\"", option, text);
    *number = (size_t)value;
    return ENVM_OK;
}

/* True when the command line asks for a solution: the words of `tree` are specs then. */
static bool says_where_from(const struct look_args *args)
{
    return args->channels.count > 0 || args->override_channels || args->platform;
}

static enum envm_code choose_subject(const struct look_args *args, const struct text_list *specs,
                                     struct envm_request *request,
                                     struct envm_look_subject *subject, struct envm_error *err)
{
    bool is_environment = args->name || args->prefix;

    subject->target = (struct envm_target){.name = args->name, .prefix = args->prefix};
    if (specs->count == 0 && !args->file) {
        if (is_environment && says_where_from(args))
            return envm_fail(err, ENVM_USAGE,
                             "an environment has its channels and its platform already");
        return ENVM_OK;
    }
    if (is_environment)
        return envm_fail(err, ENVM_USAGE, "look at an environment, or at %s, not at both",
                         args->file ? args->file : "what would be installed");
    *request = (struct envm_request){.file = args->file,
                                     .specs = specs->items,
                                     .spec_count = specs->count,
                                     .channels = args->channels.items,
                                     .channel_count = args->channels.count,
                                     .override_channels = args->override_channels,
                                     .platform = args->platform,
                                     .no_pip = true};
    subject->request = request;
    return ENVM_OK;
}

static const char *kind_name(enum envm_look_kind kind)
{
    switch (kind) {
    case ENVM_LOOK_ENVIRONMENT:
        return "environment";
    case ENVM_LOOK_LOCK:
        return "lock";
    case ENVM_LOOK_SOLUTION:
        return "solution";
    }
    return "environment";
}

static void view_json(struct envm_json_writer *w, const struct envm_look_view *view)
{
    envm_json_field_cstr(w, "kind", kind_name(view->kind));
    envm_json_field_str(w, "subject", view->subject);
    envm_json_field_str(w, "platform", view->platform);
    envm_json_field_u64(w, "package_count", view->package_count);
    envm_json_field_list(w, "close_names", view->close_names);
    envm_json_field_list(w, "bad_records", view->bad_records);
    envm_json_field_list(w, "omitted_pip", view->omitted_pip);
}

static void note_view(struct cli *cli, const struct envm_look_view *view)
{
    for (size_t i = 0; i < view->bad_records.count; i++)
        envm_cli_note(cli, "warning: the record %.*s cannot be read",
                      ENVM_STR_ARGS(view->bad_records.items[i]));
    if (view->omitted_pip.count > 0)
        envm_cli_note(cli, "left out: the pip: section (%zu)", view->omitted_pip.count);
}

/* --- words ---------------------------------------------------------------------------------- */

/* "numpy >=2" below numpy is ">=2"; several are put together. */
static void say_specs(struct envm_buf *out, struct envm_str_list specs, envm_str name)
{
    for (size_t i = 0; i < specs.count; i++) {
        envm_str spec = specs.items[i];

        if (envm_str_starts_with(spec, name) && spec.len > name.len &&
            envm_is_space(spec.ptr[name.len]))
            spec = envm_str_trim(envm_str_skip(spec, name.len));
        envm_buf_add_cstr(out, i ? " and " : "");
        envm_buf_add_str(out, spec);
    }
}

static bool only_names(struct envm_str_list specs, envm_str name)
{
    for (size_t i = 0; i < specs.count; i++)
        if (!envm_str_equal(specs.items[i], name))
            return false;
    return true;
}

/* --- tree ----------------------------------------------------------------------------------- */

/* " [asked for: >=2]", " [asked for]" */
static void say_request(struct envm_buf *out, struct envm_str_list specs, envm_str name)
{
    if (specs.count == 0)
        return;
    envm_buf_add_cstr(out, " [asked for");
    if (!only_names(specs, name)) {
        envm_buf_add_cstr(out, ": ");
        say_specs(out, specs, name);
    }
    envm_buf_add_byte(out, ']');
}

static void say_row(struct envm_buf *out, const struct envm_tree_row *row, envm_str needed)
{
    if (row->package)
        envm_buf_printf(out, "%.*s %.*s", ENVM_STR_ARGS(row->package->name),
                        ENVM_STR_ARGS(row->package->version));
    else
        say_specs(out, row->specs, (envm_str){0});
    if (row->package && row->depth == 0) {
        say_request(out, row->specs, row->package->name);
    } else if (row->package && !only_names(row->specs, needed)) {
        envm_buf_add_cstr(out, " [");
        say_specs(out, row->specs, needed);
        envm_buf_add_byte(out, ']');
    }
    if (!row->package)
        envm_buf_add_cstr(out, " (missing)");
    else if (row->unmet)
        envm_buf_add_cstr(out, " (not met)");
    if (row->repeated)
        envm_buf_add_cstr(out, " (*)");
    if (row->cut)
        envm_buf_add_cstr(out, " …");
}

/* What a row's specs name: itself, or with --invert the row above. */
static envm_str needed_name(const struct envm_tree_row *row, const struct envm_tree_row *above,
                            bool invert)
{
    const struct envm_tree_row *needed = invert ? above : row;

    return needed && needed->package ? needed->package->name : (envm_str){0};
}

static void print_rows(const struct envm_tree_report *report, bool invert)
{
    const struct envm_tree_row **path = NULL; /* the row of each level above */
    size_t levels = 0;

    for (size_t i = 0; i < report->row_count; i++) {
        const struct envm_tree_row *row = &report->rows[i];
        ENVM_CLEANUP(envm_buf) struct envm_buf line = envm_buf_text();

        for (size_t k = 1; k < row->depth; k++)
            envm_buf_add_cstr(&line, path[k]->last ? "   " : "│  ");
        if (row->depth > 0)
            envm_buf_add_cstr(&line, row->last ? "└─ " : "├─ ");
        say_row(&line, row, needed_name(row, row->depth > 0 ? path[row->depth - 1] : NULL, invert));
        envm_cli_line("%s", envm_buf_str(&line).ptr);
        if (row->depth >= levels)
            path = envm_realloc(path, levels = row->depth + 1, sizeof(*path));
        path[row->depth] = row;
    }
    envm_free(path);
}

static void tree_text(struct cli *cli, const struct envm_tree_report *report, bool invert)
{
    size_t repeated = 0;

    envm_cli_start_output(cli);
    print_rows(report, invert);
    for (size_t i = 0; i < report->row_count; i++)
        repeated += report->rows[i].repeated;
    if (repeated > 0)
        envm_cli_note(cli, "(*) what is below it is shown further up");
    if (report->row_count == 0)
        envm_cli_note(cli, "there are no packages");
    note_view(cli, &report->view);
}

static void row_json(struct envm_json_writer *w, const struct envm_tree_row *row)
{
    envm_json_open_object(w);
    envm_json_field_u64(w, "depth", row->depth);
    envm_json_key(w, "package");
    if (row->package)
        envm_cli_json_package(w, row->package);
    else
        envm_json_put_null(w);
    envm_json_field_list(w, "specs", row->specs);
    envm_json_field_bool(w, "virtual", row->is_virtual);
    envm_json_field_bool(w, "unmet", row->unmet);
    envm_json_field_bool(w, "repeated", row->repeated);
    envm_json_field_bool(w, "cut", row->cut);
    envm_json_close_object(w);
}

static void tree_json(struct envm_json_writer *w, const struct envm_tree_report *report)
{
    view_json(w, &report->view);
    envm_json_key(w, "rows");
    envm_json_open_array(w);
    for (size_t i = 0; i < report->row_count; i++)
        row_json(w, &report->rows[i]);
    envm_json_close_array(w);
}

static enum envm_code run_tree(struct cli *cli, void *values, struct envm_error *err)
{
    const struct look_args *args = values;
    bool words_are_specs = says_where_from(args) && args->specs.count == 0 && !args->file &&
                           !args->name && !args->prefix;
    struct envm_tree_options options = {.has_depth = args->depth,
                                        .invert = args->invert,
                                        .virtual_packages = args->virtual_packages};
    struct envm_tree_report report = {0};
    struct envm_request request;
    enum envm_code code;

    if (!words_are_specs) {
        options.names = cli->words.items;
        options.name_count = cli->words.count;
    }
    ENVM_TRY(read_number("depth", args->depth, &options.depth, err));
    ENVM_TRY(choose_subject(args, words_are_specs ? &cli->words : &args->specs, &request,
                            &options.subject, err));
    ENVM_TRY(envm_cli_context(cli, err));
    code = envm_tree(cli->context, cli->memory, &options, &report, err);
    envm_cli_explain(cli, code, &report.view.explanation, err);
    if (code != ENVM_OK && code != ENVM_UNSATISFIABLE)
        return code;
    if (cli->common.json)
        tree_json(&cli->json, &report);
    else if (code == ENVM_OK)
        tree_text(cli, &report, args->invert);
    return code;
}

const struct command envm_cmd_tree = {
    .name = "tree",
    .summary = "show what needs what, as a tree",
    .usage = "[NAME…] [-n NAME | -p PATH | -f FILE | -s SPEC…]",
    .text = "Shows the packages of an environment (default: the active one), of a lock or an\n"
            "environment file (-f), or of what would be installed (-s SPEC, or SPEC… -c CHANNEL).\n"
            "The roots are what was asked for and what nothing needs; below each stands what it\n"
            "needs, with the version that it asks for in brackets. What is below a package is\n"
            "shown once; where it comes again it is marked (*). NAME, which may be a pattern or a\n"
            "MatchSpec, shows only these packages and what is below them.",
    .examples = "  envm tree -n science --depth 1\n"
                "  envm tree -f env.lock --platform osx-arm64 'python*'\n"
                "  envm tree numpy 'python 3.12.*' -c conda-forge\n"
                "  envm tree --invert libffi                      who needs it",
    .rows = tree_rows,
    .args_size = sizeof(struct look_args),
    .run = run_tree,
};

/* --- why ------------------------------------------------------------------------------------ */

static void print_chain(const struct envm_why_chain *chain)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf line = envm_buf_text();

    for (size_t i = 0; i < chain->count; i++) {
        const struct envm_why_link *link = &chain->links[i];

        envm_buf_printf(&line, "%s%.*s", i ? " → " : "", ENVM_STR_ARGS(link->package->name));
        if (i + 1 < chain->count)
            envm_buf_printf(&line, " %.*s", ENVM_STR_ARGS(link->package->version));
        if (i == 0)
            say_request(&line, link->specs, link->package->name);
    }
    envm_cli_line("    %s", envm_buf_str(&line).ptr);
}

static void print_links(const char *title, const struct envm_why_link *links, size_t count)
{
    int width = 0;

    if (count > 0)
        envm_cli_line("  %s", title);
    for (size_t i = 0; i < count; i++) {
        size_t len = links[i].package->name.len + 1 + links[i].package->version.len;

        if (len < 60 && (int)len > width)
            width = (int)len;
    }
    for (size_t i = 0; i < count; i++) {
        ENVM_CLEANUP(envm_buf) struct envm_buf who = envm_buf_text();
        ENVM_CLEANUP(envm_buf) struct envm_buf specs = envm_buf_text();

        envm_buf_printf(&who, "%.*s %.*s", ENVM_STR_ARGS(links[i].package->name),
                        ENVM_STR_ARGS(links[i].package->version));
        say_specs(&specs, links[i].specs, (envm_str){0});
        envm_cli_line("    %-*s  %s%s", width, envm_buf_str(&who).ptr, envm_buf_str(&specs).ptr,
                      links[i].unmet ? " (not met)" : "");
    }
}

static void print_package(const struct envm_why_package *package)
{
    const struct envm_package_record *record = package->package;
    ENVM_CLEANUP(envm_buf) struct envm_buf specs = envm_buf_text();

    envm_cli_line("%.*s %.*s %.*s%s", ENVM_STR_ARGS(record->name), ENVM_STR_ARGS(record->version),
                  ENVM_STR_ARGS(record->build), package->is_virtual ? " (of the system)" : "");
    if (package->requested.count > 0) {
        say_specs(&specs, package->requested, (envm_str){0});
        envm_cli_line("  was asked for: %s", envm_buf_str(&specs).ptr);
    }
    if (package->dependent_count == 0 && package->requested.count == 0)
        envm_cli_line("  is needed by nothing here, and no request for it is recorded");
    if (package->dependent_count > 0)
        envm_cli_line("  is needed through");
    for (size_t i = 0; i < package->chain_count; i++)
        if (package->chains[i].count > 1)
            print_chain(&package->chains[i]);
    if (package->chain_total > package->chain_count)
        envm_cli_line("    … and %llu more of the shortest (--limit 0 shows all)",
                      (unsigned long long)(package->chain_total - package->chain_count));
    print_links("is needed directly by", package->dependents, package->dependent_count);
    print_links("is constrained by", package->constraints, package->constraint_count);
}

static void links_json(struct envm_json_writer *w, const char *key,
                       const struct envm_why_link *links, size_t count)
{
    if (key)
        envm_json_key(w, key);
    envm_json_open_array(w);
    for (size_t i = 0; i < count; i++) {
        envm_json_open_object(w);
        envm_json_field_str(w, "name", links[i].package->name);
        envm_json_field_str(w, "version", links[i].package->version);
        envm_json_field_str(w, "build", links[i].package->build);
        envm_json_field_list(w, "specs", links[i].specs);
        envm_json_field_bool(w, "unmet", links[i].unmet);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
}

static void why_json(struct envm_json_writer *w, const struct envm_why_report *report)
{
    view_json(w, &report->view);
    envm_json_key(w, "packages");
    envm_json_open_array(w);
    for (size_t i = 0; i < report->package_count; i++) {
        const struct envm_why_package *package = &report->packages[i];

        envm_json_open_object(w);
        envm_cli_json_package_fields(w, package->package);
        envm_json_field_bool(w, "virtual", package->is_virtual);
        envm_json_field_list(w, "requested", package->requested);
        envm_json_field_u64(w, "chain_total", package->chain_total);
        envm_json_key(w, "chains");
        envm_json_open_array(w);
        for (size_t k = 0; k < package->chain_count; k++)
            links_json(w, NULL, package->chains[k].links, package->chains[k].count);
        envm_json_close_array(w);
        links_json(w, "needed_by", package->dependents, package->dependent_count);
        links_json(w, "constrained_by", package->constraints, package->constraint_count);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
}

static enum envm_code run_why(struct cli *cli, void *values, struct envm_error *err)
{
    const struct look_args *args = values;
    struct envm_why_options options = {.limit = CHAINS_DEFAULT};
    struct envm_why_report report = {0};
    struct envm_request request;
    enum envm_code code;

    if (cli->words.count != 1) {
        (void)envm_fail(err, ENVM_USAGE, "why takes one name");
        return envm_error_hint(err, ENVM_USAGE, "for example: envm why -n science libffi");
    }
    options.name = cli->words.items[0];
    if (says_where_from(args) && args->specs.count == 0 && !args->file) {
        (void)envm_fail(err, ENVM_USAGE, "what is to be installed from there?");
        return envm_error_hint(err, ENVM_USAGE, "for example: envm why %s -s SPEC -c CHANNEL",
                               options.name);
    }
    ENVM_TRY(read_number("limit", args->limit, &options.limit, err));
    ENVM_TRY(choose_subject(args, &args->specs, &request, &options.subject, err));
    ENVM_TRY(envm_cli_context(cli, err));
    code = envm_why(cli->context, cli->memory, &options, &report, err);
    envm_cli_explain(cli, code, &report.view.explanation, err);
    if (code != ENVM_OK && code != ENVM_UNSATISFIABLE)
        return code;
    if (cli->common.json)
        why_json(&cli->json, &report);
    envm_cli_start_output(cli);
    for (size_t i = 0; i < report.package_count && !cli->common.json; i++)
        print_package(&report.packages[i]);
    if (code == ENVM_OK)
        note_view(cli, &report.view);
    return code;
}

const struct command envm_cmd_why = {
    .name = "why",
    .summary = "show why a package is there",
    .usage = "NAME [-n NAME | -p PATH | -f FILE | -s SPEC…]",
    .text = "Shows the shortest chains that lead from what was asked for to a package, who needs\n"
            "it directly and by which spec, and who constrains its version: in an environment\n"
            "(default: the active one), in a lock or an environment file (-f), or in what would\n"
            "be installed (-s). NAME may be a pattern, a MatchSpec, or a virtual package\n"
            "(__glibc).",
    .examples = "  envm why -n science libffi\n"
                "  envm why 'libgcc*' -f env.lock\n"
                "  envm why openssl -s python=3.12 -s requests -c conda-forge",
    .rows = why_rows,
    .args_size = sizeof(struct look_args),
    .run = run_why,
};
