/* SPDX-License-Identifier: MIT
 *
 * env: list, remove, history, rollback.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "cli/script_rows.h"

/* Of one state; --verbose shows all. */
#define CHANGES_SHOWN 10

struct env_args {
    struct script_args scripts;
    const char *name, *prefix, *on_clobber;
    bool dry_run, yes, verify, override_frozen;
};

#define AT(member) offsetof(struct env_args, member)

static const struct option_row rows[] = {
    {'n', "name", OPTION_TEXT, AT(name), "NAME", "name of the environment"},
    {'p', "prefix", OPTION_TEXT, AT(prefix), "PATH", "path of the environment"},
    {0, "dry-run", OPTION_FLAG, AT(dry_run), NULL,
     "remove, rollback: only show what would be done"},
    {0, "verify", OPTION_FLAG, AT(verify), NULL, "rollback: read every byte back at the end"},
    {0, "clobber", OPTION_TEXT, AT(on_clobber), "POLICY",
     "rollback: two packages own one path: refuse (default), or warn and let the later one win"},
    SCRIPT_ROWS(struct env_args, scripts),
    {0, "override-frozen", OPTION_FLAG, AT(override_frozen), NULL,
     "rollback: change an environment that is marked as frozen"},
    {'y', "yes", OPTION_FLAG, AT(yes), NULL, "accepted for scripts; envm does not ask"},
    {0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static struct envm_target target_of(const struct env_args *args)
{
    return (struct envm_target){.name = args->name, .prefix = args->prefix};
}

/* --- list, remove ------------------------------------------------------------------------- */

static enum envm_code env_list(struct cli *cli, struct envm_error *err)
{
    struct envm_environment_list list = {0};

    ENVM_TRY(envm_list_environments(cli->context, cli->memory, &list, err));
    if (cli->common.json) {
        envm_json_key(&cli->json, "environments");
        envm_json_open_array(&cli->json);
        for (size_t i = 0; i < list.count; i++) {
            envm_json_open_object(&cli->json);
            envm_json_field_str(&cli->json, "name", list.items[i].name);
            envm_json_field_str(&cli->json, "prefix", list.items[i].prefix);
            envm_json_field_bool(&cli->json, "active", list.items[i].active);
            envm_json_close_object(&cli->json);
        }
        envm_json_close_array(&cli->json);
        return ENVM_OK;
    }
    for (size_t i = 0; i < list.count; i++)
        envm_cli_line("%-20.*s %s %.*s", ENVM_STR_ARGS(list.items[i].name),
                      list.items[i].active ? "*" : " ", ENVM_STR_ARGS(list.items[i].prefix));
    if (list.count == 0)
        envm_cli_note(cli, "there are no environments yet: envm create -n NAME -f env.yaml");
    return ENVM_OK;
}

static enum envm_code env_remove(struct cli *cli, const struct env_args *args,
                                 struct envm_error *err)
{
    struct envm_target target = target_of(args);
    envm_str prefix = {0};

    if (cli->words.count == 2 && !target.name && !target.prefix)
        target.name = cli->words.items[1];
    else if (cli->words.count > 1)
        return envm_fail(err, ENVM_USAGE, "env remove takes one environment");
    ENVM_TRY(
        envm_remove_environment(cli->context, cli->memory, &target, args->dry_run, &prefix, err));
    if (cli->common.json) {
        envm_json_field_str(&cli->json, "prefix", prefix);
        envm_json_field_bool(&cli->json, "dry_run", args->dry_run);
    }
    envm_cli_note(cli, "%s %.*s", args->dry_run ? "would remove" : "removed",
                  ENVM_STR_ARGS(prefix));
    return ENVM_OK;
}

/* --- history ------------------------------------------------------------------------------ */

static void json_side(struct envm_json_writer *w, const char *key, envm_str side)
{
    envm_json_key(w, key);
    if (side.len > 0)
        envm_json_put_str(w, side);
    else
        envm_json_put_null(w);
}

static void history_json(struct cli *cli, const struct envm_history_report *report)
{
    struct envm_json_writer *w = &cli->json;

    envm_json_field_str(w, "prefix", report->prefix);
    envm_json_key(w, "revisions");
    envm_json_open_array(w);
    for (size_t i = 0; i < report->count; i++) {
        const struct envm_revision *revision = &report->items[i];

        envm_json_open_object(w);
        envm_json_field_u64(w, "revision", revision->number);
        envm_json_field_bool(w, "current", i == 0);
        envm_json_field_bool(w, "has_lock", revision->has_lock);
        envm_json_field_str(w, "time", revision->time);
        envm_json_field_str(w, "command", revision->command_line);
        envm_json_field_u64(w, "added", revision->added);
        envm_json_field_u64(w, "removed", revision->removed);
        envm_json_field_u64(w, "changed", revision->changed);
        envm_json_key(w, "changes");
        envm_json_open_array(w);
        for (size_t k = 0; k < revision->change_count; k++) {
            envm_json_open_object(w);
            envm_json_field_str(w, "name", revision->changes[k].name);
            json_side(w, "from", revision->changes[k].from);
            json_side(w, "to", revision->changes[k].to);
            envm_json_close_object(w);
        }
        envm_json_close_array(w);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
}

/* "2 added, 1 removed" */
static envm_str counts_of(struct envm_arena *arena, const struct envm_revision *revision)
{
    const struct {
        size_t count;
        const char *verb;
    } kinds[] = {
        {revision->added, "added"}, {revision->removed, "removed"}, {revision->changed, "changed"}};
    envm_str text = ENVM_STR("");

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (kinds[i].count > 0)
            text = envm_arena_printf(arena, "%.*s%s%zu %s", ENVM_STR_ARGS(text),
                                     text.len > 0 ? ", " : "", kinds[i].count, kinds[i].verb);
    return text.len > 0 ? text : ENVM_STR("no package changed");
}

static void draw_change(const struct envm_revision_change *change)
{
    if (change->from.len == 0)
        envm_cli_line("     + %.*s %.*s", ENVM_STR_ARGS(change->name), ENVM_STR_ARGS(change->to));
    else if (change->to.len == 0)
        envm_cli_line("     - %.*s %.*s", ENVM_STR_ARGS(change->name), ENVM_STR_ARGS(change->from));
    else if (envm_str_equal(change->from, change->to))
        envm_cli_line("     ~ %.*s %.*s (linked anew)", ENVM_STR_ARGS(change->name),
                      ENVM_STR_ARGS(change->to));
    else
        envm_cli_line("     ~ %.*s %.*s -> %.*s", ENVM_STR_ARGS(change->name),
                      ENVM_STR_ARGS(change->from), ENVM_STR_ARGS(change->to));
}

static void draw_revision(struct cli *cli, const struct envm_revision *revision, bool is_current)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    size_t shown = revision->change_count;
    const char *mark = is_current ? "  (now)" : revision->has_lock ? "" : "  (no lock)";

    if (!cli->common.verbose && shown > CHANGES_SHOWN)
        shown = CHANGES_SHOWN;
    envm_cli_line("%3" PRIu64 "  %.*s  %.*s%s", revision->number, ENVM_STR_ARGS(revision->time),
                  ENVM_STR_ARGS(counts_of(&arena, revision)), mark);
    if (revision->command_line.len > 0)
        envm_cli_line("     %.*s", ENVM_STR_ARGS(revision->command_line));
    for (size_t i = 0; i < shown; i++)
        draw_change(&revision->changes[i]);
    if (shown < revision->change_count)
        envm_cli_line("     and %zu more (-v shows all)", revision->change_count - shown);
}

static enum envm_code env_history(struct cli *cli, const struct env_args *args,
                                  struct envm_error *err)
{
    struct envm_target target = target_of(args);
    struct envm_history_report report = {0};

    if (cli->words.count > 1)
        return envm_fail(err, ENVM_USAGE, "env history takes no words, only -n or -p");
    ENVM_TRY(envm_history(cli->context, cli->memory, &target, &report, err));
    if (cli->common.json) {
        history_json(cli, &report);
        return ENVM_OK;
    }
    envm_cli_note(cli, "states of %.*s, the newest first:", ENVM_STR_ARGS(report.prefix));
    for (size_t i = 0; i < report.count; i++)
        draw_revision(cli, &report.items[i], i == 0);
    return ENVM_OK;
}

/* --- rollback ----------------------------------------------------------------------------- */

static enum envm_code env_rollback(struct cli *cli, const struct env_args *args,
                                   struct envm_error *err)
{
    struct envm_cli_plan_view view = {cli, args->dry_run};
    struct envm_modify_report report = {0};
    const struct envm_rollback_options options = {
        .target = target_of(args),
        .revision = cli->words.count > 1 ? cli->words.items[1] : NULL,
        .dry_run = args->dry_run,
        .verify = args->verify,
        .override_frozen = args->override_frozen,
        .on_clobber = args->on_clobber,
        .command_line = envm_cli_command_line(cli),
        .scripts = envm_cli_script_options(&args->scripts),
        .show_plan = envm_cli_show_plan,
        .user = &view,
    };
    uint64_t number = 0;

    if (cli->words.count > 2)
        return envm_fail(err, ENVM_USAGE, "env rollback takes one revision");
    ENVM_TRY(envm_rollback(cli->context, cli->memory, &options, &number, &report, err));
    if (cli->common.json)
        envm_json_field_u64(&cli->json, "revision", number);
    envm_cli_report_modification(cli, args->dry_run, &report);
    if (!args->dry_run && !report.nothing_to_do)
        envm_cli_note(cli, "the environment is what it was in revision %" PRIu64, number);
    return ENVM_OK;
}

/* --- running ------------------------------------------------------------------------------ */

static enum envm_code run_env(struct cli *cli, void *values, struct envm_error *err)
{
    const char *verb = cli->words.count > 0 ? cli->words.items[0] : "list";

    ENVM_TRY(envm_cli_context(cli, err));
    if (strcmp(verb, "list") == 0 && cli->words.count < 2)
        return env_list(cli, err);
    if (strcmp(verb, "remove") == 0)
        return env_remove(cli, values, err);
    if (strcmp(verb, "history") == 0)
        return env_history(cli, values, err);
    if (strcmp(verb, "rollback") == 0)
        return env_rollback(cli, values, err);
    (void)envm_fail(err, ENVM_USAGE, "env knows list, remove, history and rollback, not \"%s\"",
                    verb);
    for (const struct command *const *command = envm_commands; *command; command++)
        if (strcmp((*command)->name, verb) == 0)
            return envm_error_hint(err, ENVM_USAGE, "there is `envm %s`", verb);
    return envm_error_hint(err, ENVM_USAGE, "for example: envm env list");
}

const struct command envm_cmd_env = {
    .name = "env",
    .summary = "list or remove environments; go back to an earlier state",
    .usage = "list | remove [-n NAME | -p PATH | NAME] | history | rollback [REVISION]",
    .words = "list remove history rollback",
    .text = "Lists the environments of this user, or removes one with all its files. Only a folder "
            "that\n"
            "is an environment is ever removed. history shows the states of an environment "
            "(default: the\n"
            "active one), rollback makes it what it was in one of them (default: the one before "
            "the present):\n"
            "packages, requests and variables. That is a new state, so another rollback undoes it. "
            "Packages\n"
            "come from the cache, else from where they were.",
    .examples = "  envm env list\n"
                "  envm env remove -n science\n"
                "  envm env history -n science\n"
                "  envm env rollback -n science --dry-run\n"
                "  envm env rollback -n science 3",
    .rows = rows,
    .args_size = sizeof(struct env_args),
    .run = run_env,
};
