/* SPDX-License-Identifier: MIT
 *
 * completion: scripts with which a shell completes commands, options and their values.
 */
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/completion.h"

#define PLATFORMS "linux-64 linux-aarch64 linux-ppc64le osx-64 osx-arm64 win-64 win-arm64"

struct completion_value envm_completion_of_option(const struct option_row *row)
{
    static const struct {
        const char *option;
        struct completion_value value;
    } by_option[] = {
        {"name", {COMPLETION_ENVIRONMENTS, NULL}},
        {"channel-priority", {COMPLETION_WORDS, "strict flexible disabled"}},
        {"link-mode", {COMPLETION_WORDS, "auto hardlink reflink copy"}},
        {"durability", {COMPLETION_WORDS, "batch none full"}},
        {"shell", {COMPLETION_WORDS, "bash zsh sh dash posix"}},
    };
    static const struct {
        const char *argument;
        struct completion_value value;
    } by_argument[] = {
        {"FILE", {COMPLETION_FILES, NULL}},    {"LOCK", {COMPLETION_FILES, NULL}},
        {"PATH", {COMPLETION_FILES, NULL}},    {"DIR", {COMPLETION_FOLDERS, NULL}},
        {"CHANNEL", {COMPLETION_FILES, NULL}}, {"PLATFORM", {COMPLETION_WORDS, PLATFORMS}},
    };

    if (row->type == OPTION_FLAG || row->type == OPTION_OPTIONAL || !row->argument)
        return (struct completion_value){0};
    for (size_t i = 0; i < sizeof(by_option) / sizeof(by_option[0]); i++)
        if (strcmp(by_option[i].option, row->name) == 0)
            return by_option[i].value;
    for (size_t i = 0; i < sizeof(by_argument) / sizeof(by_argument[0]); i++)
        if (strcmp(by_argument[i].argument, row->argument) == 0)
            return by_argument[i].value;
    return (struct completion_value){0};
}

struct completion_value envm_completion_of_words(const struct command *command)
{
    if (!command->words)
        return (struct completion_value){0};
    if (strcmp(command->words, "@environments") == 0)
        return (struct completion_value){COMPLETION_ENVIRONMENTS, NULL};
    if (strcmp(command->words, "@files") == 0)
        return (struct completion_value){COMPLETION_FILES, NULL};
    return (struct completion_value){COMPLETION_WORDS, command->words};
}

static enum envm_code run_completion(struct cli *cli, void *values, struct envm_error *err)
{
    static const struct {
        const char *shell;
        void (*write)(struct envm_buf *out);
    } shells[] = {
        {"bash", envm_completion_bash},
        {"zsh", envm_completion_zsh},
        {"fish", envm_completion_fish},
    };
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    const char *shell = cli->words.count > 0 ? cli->words.items[0] : "";

    (void)values;
    for (size_t i = 0; cli->words.count == 1 && i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strcmp(shell, shells[i].shell) != 0)
            continue;
        shells[i].write(&out);
        if (cli->common.json)
            envm_json_field_str(&cli->json, "script", envm_buf_str(&out));
        else
            fputs(envm_buf_str(&out).ptr, stdout);
        return ENVM_OK;
    }
    (void)envm_fail(err, ENVM_USAGE, "completion is for bash, zsh and fish, not for \"%s\"", shell);
    return envm_error_hint(err, ENVM_USAGE, "for example: eval \"$(envm completion bash)\"");
}

static const struct option_row rows[] = {{0, NULL, OPTION_FLAG, 0, NULL, NULL}};

const struct command envm_cmd_completion = {
    .name = "completion",
    .summary = "print a completion script for a shell",
    .usage = "bash | zsh | fish",
    .words = "bash zsh fish",
    .text = "Prints the script with which a shell completes commands, options, names of\n"
            "environments, and files. An installed envm has put it where the shells look;\n"
            "otherwise add one of these lines to the start-up file of the shell.",
    .examples = "  eval \"$(envm completion bash)\"                    ~/.bashrc\n"
                "  eval \"$(envm completion zsh)\"                     ~/.zshrc, after compinit\n"
                "  envm completion fish | source                     ~/.config/fish/config.fish",
    .rows = rows,
    .run = run_completion,
};
