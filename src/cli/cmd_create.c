/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/request_rows.h"
#include "cli/script_rows.h"

struct create_args {
    const char *name, *prefix, *file, *platform, *lock_file, *on_clobber;
    struct request_args request;
    struct script_args scripts;
    bool locked, frozen, force, dry_run, verify, no_pip, yes, override_frozen;
};

#define AT(member) offsetof(struct create_args, member)

static const struct option_row rows[] = {
    {'n', "name", OPTION_TEXT, AT(name), "NAME", "name of the environment"},
    {'p', "prefix", OPTION_TEXT, AT(prefix), "PATH", "path of the environment"},
    {'f', "file", OPTION_TEXT, AT(file), "FILE",
     "environment file, lock, @EXPLICIT list or list of specs"},
    REQUEST_ROWS(struct create_args, request),
    {0, "platform", OPTION_TEXT, AT(platform), "PLATFORM", "make it for another platform"},
    {0, "lock", OPTION_TEXT, AT(lock_file), "FILE",
     "the lock (default: beside the environment file)"},
    {0, "locked", OPTION_FLAG, AT(locked), NULL, "fail (12) unless the lock satisfies the file"},
    {0, "frozen", OPTION_FLAG, AT(frozen), NULL, "install the lock as it is"},
    {0, "verify", OPTION_FLAG, AT(verify), NULL, "read every byte back before it appears"},
    {0, "force", OPTION_FLAG, AT(force), NULL, "replace an existing environment"},
    {0, "clobber", OPTION_TEXT, AT(on_clobber), "POLICY",
     "packages that want one path: refuse (default) or warn"},
    SCRIPT_ROWS(struct create_args, scripts),
    {0, "dry-run", OPTION_FLAG, AT(dry_run), NULL, "only show what would be installed"},
    {0, "no-pip", OPTION_FLAG, AT(no_pip), NULL, "leave a pip: section out instead of refusing it"},
    {'y', "yes", OPTION_FLAG, AT(yes), NULL, "accepted for scripts; envm does not ask"},
    {0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static const char *lock_state_name(enum envm_lock_state state)
{
    switch (state) {
    case ENVM_LOCK_NONE:
        return "none";
    case ENVM_LOCK_REUSED:
        return "reused";
    case ENVM_LOCK_WRITTEN:
        return "written";
    case ENVM_LOCK_UNCHANGED:
        return "unchanged";
    }
    return "none";
}

static void report_json(struct cli *cli, const struct create_args *args,
                        const struct envm_create_report *report)
{
    struct envm_json_writer *w = &cli->json;

    envm_json_field_bool(w, "dry_run", args->dry_run);
    envm_json_field_str(w, "prefix", report->prefix);
    envm_json_field_str(w, "platform", report->platform);
    envm_json_field_bool(w, "already_there", report->already_there);
    envm_json_key(w, "tree");
    if (report->tree.known)
        envm_json_put_cstr(w, envm_cli_sha256_text(&report->tree).text);
    else
        envm_json_put_null(w);
    envm_json_field_cstr(w, "lock", lock_state_name(report->lock_state));
    envm_json_field_str(w, "lock_path", report->lock_path);
    envm_json_field_u64(w, "downloaded", report->downloaded);
    envm_json_field_list(w, "stale", report->stale);
    envm_json_field_list(w, "moved", report->moved);
    envm_cli_json_steps(w, &report->steps);
    envm_cli_json_saved(w, &report->saved);
    envm_cli_json_scripts(w, &report->scripts);
    envm_json_field_list(w, "omitted_pip", report->omitted_pip);
    envm_cli_json_packages(w, "packages", report->packages);
    envm_cli_json_packages(w, "virtual_packages", report->virtual_packages);
}

static void note_moves(struct cli *cli, const struct envm_create_report *report)
{
    envm_cli_note_list(
        cli, "the lock did not satisfy the file and was solved again, because:", report->stale);
    if (report->stale.count > 0 && report->moved.count == 0)
        envm_cli_note(cli, "no package moved");
    envm_cli_note_list(cli, "what moved:", report->moved);
}

static void note_change(struct cli *cli, const struct envm_create_report *report)
{
    envm_cli_note_steps(cli, &report->steps);
    envm_cli_note_saved(cli, &report->saved);
    envm_cli_note(cli, "%.*s has the %zu packages of the lock", ENVM_STR_ARGS(report->prefix),
                  report->packages.count);
}

static void report_text(struct cli *cli, const struct create_args *args, bool sync,
                        const struct envm_create_report *report)
{
    note_moves(cli, report);
    if (args->dry_run) {
        envm_cli_start_output(cli);
        envm_cli_print_packages(report->packages);
        envm_cli_note(cli, "%zu package%s would be installed for %.*s; nothing was changed",
                      report->packages.count, report->packages.count == 1 ? "" : "s",
                      ENVM_STR_ARGS(report->platform));
        return;
    }
    envm_cli_note_scripts(cli, &report->scripts);
    envm_cli_note_list(cli, "pip requirements that were left out (--no-pip):", report->omitted_pip);
    if (report->already_there) {
        envm_cli_note(cli, "%.*s already is what was asked for: nothing to do",
                      ENVM_STR_ARGS(report->prefix));
        return;
    }
    if (sync) {
        note_change(cli, report);
        return;
    }
    if (report->lock_state == ENVM_LOCK_WRITTEN)
        envm_cli_note(cli, "lock written to %.*s", ENVM_STR_ARGS(report->lock_path));
    envm_cli_note(cli, "%zu package%s installed into %.*s", report->packages.count,
                  report->packages.count == 1 ? "" : "s", ENVM_STR_ARGS(report->prefix));
    if (report->name.len > 0)
        envm_cli_note(cli, "use it: envm activate %.*s", ENVM_STR_ARGS(report->name));
    else
        envm_cli_note(cli, "use it: envm activate %s", envm_cli_word(cli, report->prefix));
}

static enum envm_code make(struct cli *cli, const struct create_args *args,
                           const struct envm_create_options *options, struct envm_error *err)
{
    struct envm_create_report report = {0};
    enum envm_code code;

    ENVM_TRY(envm_cli_context(cli, err));
    code = envm_create(cli->context, cli->memory, options, &report, err);
    envm_cli_explain(cli, code, &report.explanation, err);
    if (code == ENVM_STALE_LOCK && report.stale.count > 1)
        envm_cli_note_list(cli, "the lock does not satisfy the file:", report.stale);
    ENVM_TRY(code);
    if (cli->common.json)
        report_json(cli, args, &report);
    else
        report_text(cli, args, options->sync, &report);
    return ENVM_OK;
}

static enum envm_code run_create(struct cli *cli, void *values, struct envm_error *err)
{
    const struct create_args *args = values;
    struct envm_create_options options = {
        .target = {.name = args->name, .prefix = args->prefix},
        .request = {.file = args->file,
                    .specs = cli->words.items,
                    .spec_count = cli->words.count,
                    .platform = args->platform,
                    .lock_file = args->lock_file,
                    .no_pip = args->no_pip},
        .locked = args->locked,
        .frozen = args->frozen,
        .force = args->force,
        .on_clobber = args->on_clobber,
        .dry_run = args->dry_run,
        .verify = args->verify,
        .command_line = envm_cli_command_line(cli),
        .scripts = envm_cli_script_options(&args->scripts),
    };

    envm_cli_fill_request(&args->request, &options.request);
    return make(cli, args, &options, err);
}

static enum envm_code run_sync(struct cli *cli, void *values, struct envm_error *err)
{
    const struct create_args *args = values;
    const struct envm_create_options options = {
        .target = {.name = args->name, .prefix = args->prefix},
        .request = {.file = args->file, .lock_file = args->lock_file, .no_pip = true},
        .frozen = true,
        .sync = true,
        .on_clobber = args->on_clobber,
        .override_frozen = args->override_frozen,
        .dry_run = args->dry_run,
        .verify = args->verify,
        .command_line = envm_cli_command_line(cli),
        .scripts = envm_cli_script_options(&args->scripts),
    };

    if (!args->file || cli->words.count > 0) {
        (void)envm_fail(err, ENVM_USAGE, "sync needs a lock, and nothing else to install");
        return envm_error_hint(err, ENVM_USAGE, "for example: envm sync -n science -f env.lock");
    }
    return make(cli, args, &options, err);
}

const struct command envm_cmd_create = {
    .name = "create",
    .summary = "make an environment",
    .usage = "[-n NAME | -p PATH] [-f FILE] [SPEC…]",
    .text = "Makes an environment from an environment file, a lock, an @EXPLICIT list or specs. "
            "From an\n"
            "environment file it reuses the lock beside it (env.yaml: env.lock) while that "
            "satisfies the\n"
            "file; otherwise it solves, starting from the old lock, and writes the lock. An "
            "environment\n"
            "that already is what was asked for is left alone.",
    .examples = "  envm create -n science -f env.yaml\n"
                "  envm create -n tools -c conda-forge python=3.12 'numpy>=2'\n"
                "  envm create -p ./env -f env.lock\n"
                "  envm create -p ./env -f env.yaml --locked      in CI",
    .rows = rows,
    .args_size = sizeof(struct create_args),
    .run = run_create,
};

static const struct option_row sync_rows[] = {
    {'n', "name", OPTION_TEXT, AT(name), "NAME", "name of the environment"},
    {'p', "prefix", OPTION_TEXT, AT(prefix), "PATH", "path of the environment"},
    {'f', "file", OPTION_TEXT, AT(file), "FILE", "the lock, or an environment file with a lock"},
    {0, "lock", OPTION_TEXT, AT(lock_file), "FILE", "the lock, when it is not beside the file"},
    {0, "clobber", OPTION_TEXT, AT(on_clobber), "POLICY",
     "packages that want one path: refuse (default) or warn"},
    {0, "override-frozen", OPTION_FLAG, AT(override_frozen), NULL,
     "change an environment that is frozen"},
    {0, "verify", OPTION_FLAG, AT(verify), NULL, "read every new byte back before the change"},
    SCRIPT_ROWS(struct create_args, scripts),
    {0, "dry-run", OPTION_FLAG, AT(dry_run), NULL, "only show what would be installed"},
    {0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

const struct command envm_cmd_sync = {
    .name = "sync",
    .summary = "make an existing environment equal to a lock",
    .usage = "[-n NAME | -p PATH] -f FILE",
    .text = "Makes the packages and variables of an environment (default: the active one) those of "
            "a lock,\n"
            "in one transaction: after a crash it is the old one, or `envm recover` makes it the "
            "new one.\n"
            "Files that belong to no package stay; files of packages that you changed are kept as\n"
            "NAME.envm-saved when their package goes or changes.",
    .examples = "  envm sync -n science -f env.lock\n"
                "  git pull && envm sync -f env.yaml              in an activated shell",
    .rows = sync_rows,
    .args_size = sizeof(struct create_args),
    .run = run_sync,
};
