/* SPDX-License-Identifier: MIT
 *
 * install, update, remove: the same plan, drawn and reported in one way.
 */
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/request_rows.h"
#include "cli/script_rows.h"

struct modify_args {
    const char *name, *prefix, *file, *on_clobber;
    struct request_args request;
    struct script_args scripts;
    bool no_pip, freeze_installed, update_deps, prune, all;
    bool no_prune, dry_run, verify, override_frozen, yes;
};

#define AT(member) offsetof(struct modify_args, member)
#define END_ROW                                                                                    \
    {                                                                                              \
        0, NULL, OPTION_FLAG, 0, NULL, NULL                                                        \
    }
#define TARGET_ROWS                                                                                \
    {'n', "name", OPTION_TEXT, AT(name), "NAME", "name of the environment"},                       \
    {                                                                                              \
        'p', "prefix", OPTION_TEXT, AT(prefix), "PATH", "path of the environment"                  \
    }
#define CHANGE_ROWS                                                                                \
    SCRIPT_ROWS(struct modify_args, scripts),                                                      \
        {0, "dry-run", OPTION_FLAG, AT(dry_run), NULL, "only show what would change"},             \
        {0, "verify", OPTION_FLAG, AT(verify), NULL, "read every byte back at the end"},           \
    {                                                                                              \
        0, "override-frozen", OPTION_FLAG, AT(override_frozen), NULL,                              \
            "change an environment that is marked as frozen"                                       \
    }
#define SOLVE_ROWS                                                                                 \
    REQUEST_ROWS(struct modify_args, request),                                                     \
        {'f',      "file", OPTION_TEXT,                                                            \
         AT(file), "FILE", "environment file or list of specs to take requests from"},             \
        {0,           "update-deps",                                                               \
         OPTION_FLAG, AT(update_deps),                                                             \
         NULL,        "bring what the named packages depend on up to date, too"},                  \
        {0,                                                                                        \
         "clobber",                                                                                \
         OPTION_TEXT,                                                                              \
         AT(on_clobber),                                                                           \
         "POLICY",                                                                                 \
         "two packages own one path: refuse (default), or warn and let the later one win"},        \
    {                                                                                              \
        0, "no-pip", OPTION_FLAG, AT(no_pip), NULL,                                                \
            "leave a pip: section out instead of refusing it"                                      \
    }

static const struct option_row install_rows[] = {
    TARGET_ROWS,
    SOLVE_ROWS,
    {0, "freeze-installed", OPTION_FLAG, AT(freeze_installed), NULL,
     "what is installed must not move at all"},
    CHANGE_ROWS,
    {'y', "yes", OPTION_FLAG, AT(yes), NULL, "accepted for scripts; envm does not ask"},
    END_ROW,
};
static const struct option_row update_rows[] = {
    TARGET_ROWS,
    SOLVE_ROWS,
    {0, "all", OPTION_FLAG, AT(all), NULL, "update everything, as without names"},
    {0, "prune", OPTION_FLAG, AT(prune), NULL,
     "with -f: from now on the file is all that is asked for"},
    CHANGE_ROWS,
    {'y', "yes", OPTION_FLAG, AT(yes), NULL, "accepted for scripts; envm does not ask"},
    END_ROW,
};
static const struct option_row remove_rows[] = {
    TARGET_ROWS,
    {0, "no-prune", OPTION_FLAG, AT(no_prune), NULL, "keep what is not needed any more"},
    {0, "all", OPTION_FLAG, AT(all), NULL, "remove the environment itself"},
    CHANGE_ROWS,
    {'y', "yes", OPTION_FLAG, AT(yes), NULL,
     "packages that were asked for by themselves may go along"},
    END_ROW,
};

/* --- running ------------------------------------------------------------------------------ */

static enum envm_code modify(struct cli *cli, const struct modify_args *args,
                             enum envm_modify_mode mode, struct envm_error *err)
{
    struct envm_cli_plan_view view = {cli, args->dry_run};
    struct envm_modify_report report = {0};
    struct envm_modify_options options = {
        .mode = mode,
        .target = {.name = args->name, .prefix = args->prefix},
        .request = {.file = args->file,
                    .specs = cli->words.items,
                    .spec_count = cli->words.count,
                    .no_pip = args->no_pip},
        .freeze_installed = args->freeze_installed,
        .update_deps = args->update_deps,
        .prune = args->prune,
        .keep_orphans = args->no_prune,
        .cascade = args->yes,
        .dry_run = args->dry_run,
        .verify = args->verify,
        .override_frozen = args->override_frozen,
        .on_clobber = args->on_clobber,
        .command_line = envm_cli_command_line(cli),
        .scripts = envm_cli_script_options(&args->scripts),
        .show_plan = envm_cli_show_plan,
        .user = &view,
    };

    envm_cli_fill_request(&args->request, &options.request);
    ENVM_TRY(envm_cli_context(cli, err));
    enum envm_code code = envm_modify(cli->context, cli->memory, &options, &report, err);
    envm_cli_explain(cli, code, &report.explanation, err);
    ENVM_TRY(code);
    envm_cli_report_modification(cli, args->dry_run, &report);
    return ENVM_OK;
}

static enum envm_code run_install(struct cli *cli, void *values, struct envm_error *err)
{
    return modify(cli, values, ENVM_MODIFY_INSTALL, err);
}

static enum envm_code run_update(struct cli *cli, void *values, struct envm_error *err)
{
    const struct modify_args *args = values;

    if (args->all && cli->words.count > 0)
        return envm_fail(err, ENVM_USAGE, "--all and names of packages exclude each other");
    if (args->prune && !args->file)
        return envm_fail(err, ENVM_USAGE, "--prune goes with -f FILE");
    return modify(cli, values, ENVM_MODIFY_UPDATE, err);
}

/* `conda remove --all` takes the environment away. */
static enum envm_code remove_all(struct cli *cli, const struct modify_args *args,
                                 struct envm_error *err)
{
    struct envm_target target = {.name = args->name, .prefix = args->prefix};
    envm_str prefix = {0};

    if (cli->words.count > 0)
        return envm_fail(err, ENVM_USAGE, "--all and names of packages exclude each other");
    if (!target.name && !target.prefix)
        return envm_fail(err, ENVM_USAGE, "--all removes an environment: say which (-n or -p)");
    ENVM_TRY(envm_cli_context(cli, err));
    ENVM_TRY(
        envm_remove_environment(cli->context, cli->memory, &target, args->dry_run, &prefix, err));
    if (cli->common.json) {
        envm_json_field_bool(&cli->json, "dry_run", args->dry_run);
        envm_json_field_str(&cli->json, "prefix", prefix);
    } else {
        envm_cli_note(cli, args->dry_run ? "%.*s would be removed" : "%.*s removed",
                      ENVM_STR_ARGS(prefix));
    }
    return ENVM_OK;
}

static enum envm_code run_remove(struct cli *cli, void *values, struct envm_error *err)
{
    const struct modify_args *args = values;

    return args->all ? remove_all(cli, args, err) : modify(cli, args, ENVM_MODIFY_REMOVE, err);
}

const struct command envm_cmd_install = {
    .name = "install",
    .summary = "add packages to an environment",
    .usage = "[-n NAME | -p PATH] [-f FILE] [SPEC…]",
    .text =
        "Adds packages to an environment (default: the active one). The specs are requests from "
        "then\n"
        "on; a request on the same name is replaced. What is installed stays as it is unless "
        "it must\n"
        "move, and the plan says what moves because of what. Channels are those that the "
        "environment\n"
        "was made from. A SPEC may be the URL or path of a package.",
    .examples = "  envm install -n science scipy 'pandas>=2.2'\n"
                "  envm install -c bioconda samtools --dry-run\n"
                "  envm install ./mine-1.0-0.conda",
    .rows = install_rows,
    .args_size = sizeof(struct modify_args),
    .run = run_install,
};

const struct command envm_cmd_update = {
    .name = "update",
    .summary = "bring packages up to date",
    .usage = "[-n NAME | -p PATH] [-f FILE [--prune]] [NAME… | --all]",
    .text = "Brings the named packages (without names: all) to the newest versions that the "
            "requests allow;\n"
            "everything else moves only where it must. A NAME with a version ('python=3.13') is a "
            "new\n"
            "request. What is held back is named together with what holds it. With -f the "
            "requests of an\n"
            "environment file take the place of those on the same names.",
    .examples = "  envm update -n science numpy\n"
                "  envm update --all --dry-run\n"
                "  envm update -f env.yaml --prune",
    .rows = update_rows,
    .args_size = sizeof(struct modify_args),
    .run = run_update,
};

const struct command envm_cmd_remove = {
    .name = "remove",
    .summary = "remove packages from an environment",
    .usage = "[-n NAME | -p PATH] NAME…",
    .text = "Removes packages, those that need them, and those that only they needed. It needs "
            "neither\n"
            "channels nor network. When that takes along something that was asked for by itself, "
            "nothing is\n"
            "done without --yes. NAME may be a pattern, quoted.",
    .examples = "  envm remove -n science scipy\n"
                "  envm remove 'jupyter*' --dry-run\n"
                "  envm remove -n science --all          the environment itself",
    .rows = remove_rows,
    .args_size = sizeof(struct modify_args),
    .run = run_remove,
};
