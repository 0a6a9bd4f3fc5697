/* SPDX-License-Identifier: MIT
 *
 * What commands that plan a change print: the plan before it and the report behind it.
 */
#include "base/arena.h"
#include "base/str.h"
#include "cli/script_rows.h"

static const char *const kind_names[] = {
    [ENVM_MODIFY_ADDED] = "install",    [ENVM_MODIFY_REMOVED] = "remove",
    [ENVM_MODIFY_UPGRADED] = "upgrade", [ENVM_MODIFY_DOWNGRADED] = "downgrade",
    [ENVM_MODIFY_REBUILT] = "replace",  [ENVM_MODIFY_RELINKED] = "relink",
};

/* "1.26.4", or with the build where the version alone would not show the difference, or with the
 * channel where only that differs. */
static envm_str describe(struct envm_arena *arena, const struct envm_package_record *record,
                         const struct envm_package_record *other)
{
    if (!record)
        return ENVM_STR("");
    if (!other || !envm_str_equal(record->version, other->version))
        return record->version;
    if (!envm_str_equal(record->build, other->build))
        return envm_arena_printf(arena, "%.*s %.*s", ENVM_STR_ARGS(record->version),
                                 ENVM_STR_ARGS(record->build));
    if (!envm_str_equal(record->channel, other->channel))
        return envm_arena_printf(arena, "%.*s of %.*s", ENVM_STR_ARGS(record->version),
                                 ENVM_STR_ARGS(record->channel));
    return record->version;
}

static envm_str name_of(const struct envm_modify_entry *entry)
{
    return entry->to ? entry->to->name : entry->from->name;
}

/* "1.26.4 -> 2.1.0"; one side only where nothing was, or is, there. */
static envm_str movement(struct envm_arena *arena, const struct envm_modify_entry *entry)
{
    envm_str from = describe(arena, entry->from, entry->to);
    envm_str to = describe(arena, entry->to, entry->from);

    if (!entry->from || entry->kind == ENVM_MODIFY_RELINKED)
        return to;
    if (!entry->to)
        return from;
    return envm_arena_printf(arena, "%.*s -> %.*s", ENVM_STR_ARGS(from), ENVM_STR_ARGS(to));
}

static void draw_entries(const struct envm_modify_report *report)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    int name = 4, moves = 4;

    for (size_t i = 0; i < report->entry_count; i++) {
        name = envm_cli_widest(name, name_of(&report->entries[i]));
        moves = envm_cli_widest(moves, movement(&arena, &report->entries[i]));
    }
    for (size_t i = 0; i < report->entry_count; i++) {
        const struct envm_modify_entry *entry = &report->entries[i];

        envm_cli_line("  %-9s  %-*.*s  %-*.*s  %.*s", kind_names[entry->kind], name,
                      ENVM_STR_ARGS(name_of(entry)), moves, ENVM_STR_ARGS(movement(&arena, entry)),
                      ENVM_STR_ARGS(entry->why));
    }
}

void envm_cli_show_plan(void *user, const struct envm_modify_report *report)
{
    const struct envm_cli_plan_view *view = user;
    struct cli *cli = view->cli;

    if (cli->common.json)
        return;
    if (report->entry_count > 0) {
        envm_cli_note(cli, view->dry_run ? "what would change in %.*s:" : "what changes in %.*s:",
                      ENVM_STR_ARGS(report->prefix));
        draw_entries(report);
        fflush(stdout);
    }
    for (size_t i = 0; i < report->held_back.count; i++)
        envm_cli_note(cli, "%.*s", ENVM_STR_ARGS(report->held_back.items[i]));
}

static void report_json(struct cli *cli, bool dry_run, const struct envm_modify_report *report)
{
    struct envm_json_writer *w = &cli->json;

    envm_json_field_bool(w, "dry_run", dry_run);
    envm_json_field_str(w, "prefix", report->prefix);
    envm_json_field_str(w, "platform", report->platform);
    envm_json_field_bool(w, "nothing_to_do", report->nothing_to_do);
    envm_json_key(w, "changes");
    envm_json_open_array(w);
    for (size_t i = 0; i < report->entry_count; i++) {
        const struct envm_modify_entry *entry = &report->entries[i];

        envm_json_open_object(w);
        envm_json_field_cstr(w, "action", kind_names[entry->kind]);
        envm_json_field_str(w, "name", name_of(entry));
        envm_cli_json_package_or_null(w, "from", entry->from);
        envm_cli_json_package_or_null(w, "to", entry->to);
        envm_json_field_str(w, "why", entry->why);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
    envm_json_key(w, "tree");
    if (report->tree.known)
        envm_json_put_cstr(w, envm_cli_sha256_text(&report->tree).text);
    else
        envm_json_put_null(w);
    envm_json_field_u64(w, "downloaded", report->downloaded);
    envm_json_field_list(w, "requests", report->requests);
    envm_json_field_list(w, "held_back", report->held_back);
    envm_json_field_list(w, "needs_yes", report->along);
    envm_json_field_list(w, "kept_files", report->kept_files);
    envm_cli_json_scripts(w, &report->scripts);
    envm_cli_json_packages(w, "packages", report->packages);
}

static void report_text(struct cli *cli, bool dry_run, const struct envm_modify_report *report)
{
    if (report->nothing_to_do) {
        envm_cli_note(cli, "%.*s already is what was asked for: nothing to do",
                      ENVM_STR_ARGS(report->prefix));
        return;
    }
    if (dry_run) {
        envm_cli_note_list(
            cli, "asked for by themselves, so that --yes is needed to remove:", report->along);
        envm_cli_note(cli, report->entry_count > 0
                               ? "nothing was changed"
                               : "no package would change, only what is asked for; nothing was "
                                 "changed");
        return;
    }
    envm_cli_note_scripts(cli, &report->scripts);
    envm_cli_note_list(
        cli, "files that were not as a package had brought them, moved aside:", report->kept_files);
    if (report->entry_count == 0)
        envm_cli_note(cli, "no package changed; what was asked for is recorded");
    else
        envm_cli_note(cli, "%zu package%s changed, %zu in %.*s", report->entry_count,
                      report->entry_count == 1 ? "" : "s", report->packages.count,
                      ENVM_STR_ARGS(report->prefix));
}

void envm_cli_report_modification(struct cli *cli, bool dry_run,
                                  const struct envm_modify_report *report)
{
    if (cli->common.json)
        report_json(cli, dry_run, report);
    else
        report_text(cli, dry_run, report);
}
