/* SPDX-License-Identifier: MIT
 *
 * What commands that change an environment print.
 */
#include "base/str.h"
#include "cli/command.h"

static const char *action_of(const struct envm_change_step *step)
{
    if (!step->from)
        return "install";
    if (!step->to)
        return "remove";
    return step->relink ? "relink" : "change";
}

void envm_cli_json_steps(struct envm_json_writer *w, const struct envm_change_steps *steps)
{
    envm_json_key(w, "steps");
    envm_json_open_array(w);
    for (size_t i = 0; i < steps->count; i++) {
        const struct envm_change_step *step = &steps->items[i];

        envm_json_open_object(w);
        envm_json_field_str(w, "name", step->name);
        envm_json_field_cstr(w, "action", action_of(step));
        envm_cli_json_package_or_null(w, "from", step->from);
        envm_cli_json_package_or_null(w, "to", step->to);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
}

void envm_cli_json_saved(struct envm_json_writer *w, const struct envm_saved_files *saved)
{
    envm_json_key(w, "saved");
    envm_json_open_array(w);
    for (size_t i = 0; i < saved->count; i++) {
        envm_json_open_object(w);
        envm_json_field_str(w, "path", saved->items[i].path);
        envm_json_field_str(w, "saved", saved->items[i].saved);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
}

void envm_cli_note_saved(struct cli *cli, const struct envm_saved_files *saved)
{
    if (saved->count > 0)
        envm_cli_note(cli, "your own changes to packages' files were kept under another name:");
    for (size_t i = 0; i < saved->count; i++)
        envm_cli_note(cli, "  %.*s", ENVM_STR_ARGS(saved->items[i].saved));
}

void envm_cli_note_steps(struct cli *cli, const struct envm_change_steps *steps)
{
    for (size_t i = 0; i < steps->count; i++) {
        const struct envm_package_record *from = steps->items[i].from;
        const struct envm_package_record *to = steps->items[i].to;
        envm_str name = steps->items[i].name;

        if (!from)
            envm_cli_note(cli, "  + %.*s %.*s %.*s", ENVM_STR_ARGS(name),
                          ENVM_STR_ARGS(to->version), ENVM_STR_ARGS(to->build));
        else if (!to)
            envm_cli_note(cli, "  - %.*s %.*s %.*s", ENVM_STR_ARGS(name),
                          ENVM_STR_ARGS(from->version), ENVM_STR_ARGS(from->build));
        else if (steps->items[i].relink)
            envm_cli_note(cli, "  ~ %.*s %.*s %.*s (linked anew)", ENVM_STR_ARGS(name),
                          ENVM_STR_ARGS(to->version), ENVM_STR_ARGS(to->build));
        else
            envm_cli_note(cli, "  ~ %.*s %.*s %.*s → %.*s %.*s", ENVM_STR_ARGS(name),
                          ENVM_STR_ARGS(from->version), ENVM_STR_ARGS(from->build),
                          ENVM_STR_ARGS(to->version), ENVM_STR_ARGS(to->build));
    }
}
