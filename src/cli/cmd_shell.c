/* SPDX-License-Identifier: MIT
 *
 * activate, deactivate, hook, run.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/command.h"

struct shell_args {
    const char *shell, *name, *prefix;
    bool stack, no_prompt;
};

#define AT(member) offsetof(struct shell_args, member)
#define END_ROW                                                                                    \
    {                                                                                              \
        0, NULL, OPTION_FLAG, 0, NULL, NULL                                                        \
    }
#define SHELL_ROW                                                                                  \
    {                                                                                              \
        's', "shell", OPTION_TEXT, AT(shell), "SHELL",                                             \
            "print code for bash, zsh, sh, dash or posix"                                          \
    }

static const struct option_row activate_rows[] = {
    SHELL_ROW,
    {'n', "name", OPTION_TEXT, AT(name), "NAME", "name of the environment"},
    {'p', "prefix", OPTION_TEXT, AT(prefix), "PATH", "path of the environment"},
    {0, "stack", OPTION_FLAG, AT(stack), NULL, "keep the active environment's programs reachable"},
    {0, "no-prompt", OPTION_FLAG, AT(no_prompt), NULL, "leave the prompt alone"},
    END_ROW};
static const struct option_row deactivate_rows[] = {
    SHELL_ROW,
    {0, "no-prompt", OPTION_FLAG, AT(no_prompt), NULL, "leave the prompt alone"},
    END_ROW};
static const struct option_row hook_rows[] = {END_ROW};
static const struct option_row run_rows[] = {
    {'n', "name", OPTION_TEXT, AT(name), "NAME", "name of the environment"},
    {'p', "prefix", OPTION_TEXT, AT(prefix), "PATH", "path of the environment"},
    END_ROW};

/* The shell that the user most likely sits in. */
static const char *usual_shell(const struct cli *cli)
{
    for (const char *const *variable = cli->environment; *variable; variable++) {
        if (strncmp(*variable, "SHELL=", 6) == 0) {
            const char *slash = strrchr(*variable, '/');
            const char *name = slash ? slash + 1 : *variable + 6;

            if (strcmp(name, "zsh") == 0 || strcmp(name, "bash") == 0)
                return strcmp(name, "zsh") == 0 ? "zsh" : "bash";
        }
    }
    return "bash";
}

/* A program cannot change the shell that started it. */
static enum envm_code needs_hook(struct cli *cli, struct envm_error *err)
{
    const char *shell = usual_shell(cli);

    (void)envm_fail(err, ENVM_USAGE, "envm %s changes the shell, which needs the hook in it",
                    cli->command->name);
    return envm_error_hint(err, ENVM_USAGE,
                           "run  eval \"$(envm hook %s)\"  now, and add that line to ~/.%src to "
                           "have it in every shell; in a script:  eval \"$(envm activate --shell "
                           "%s ENV)\"",
                           shell, shell, shell);
}

/* NAME, or a path when it has a slash or starts with "." or "~". */
static void take_word(const char *word, struct envm_target *target)
{
    if (strchr(word, '/') || word[0] == '.' || word[0] == '~')
        target->prefix = word;
    else
        target->name = word;
}

static enum envm_code print_code(struct cli *cli, envm_str code)
{
    if (cli->common.json)
        envm_json_field_str(&cli->json, "code", code);
    else
        fwrite(code.ptr, 1, code.len, stdout);
    return ENVM_OK;
}

/* `eval` of nothing succeeds, so a script with `eval "$(envm activate …)"` would go on after a
 * failure, even under set -e: it gets code that fails with envm's status. */
static enum envm_code tell_shell(const struct cli *cli, const struct shell_args *args,
                                 enum envm_code code)
{
    if (code != ENVM_OK && args->shell && !cli->common.json)
        printf("(exit %d)\n", envm_code_exit_status(code));
    return code;
}

static enum envm_code activate(struct cli *cli, const struct shell_args *args,
                               struct envm_error *err)
{
    struct envm_activate_options options = {
        .shell = args->shell,
        .target = {.name = args->name, .prefix = args->prefix},
        .stack = args->stack,
        .no_prompt = args->no_prompt,
    };
    envm_str code = {0};

    if (!args->shell)
        return needs_hook(cli, err);
    if (cli->words.count == 1 && !args->name && !args->prefix)
        take_word(cli->words.items[0], &options.target);
    else if (cli->words.count > 0)
        return envm_fail(err, ENVM_USAGE, "activate takes one environment");
    if (!options.target.name && !options.target.prefix) {
        (void)envm_fail(err, ENVM_USAGE, "which environment is to be activated?");
        return envm_error_hint(err, ENVM_USAGE, "`envm env list` shows the environments");
    }
    ENVM_TRY(envm_cli_context(cli, err));
    ENVM_TRY(envm_activate_code(cli->context, cli->memory, &options, &code, err));
    return print_code(cli, code);
}

static enum envm_code run_activate(struct cli *cli, void *values, struct envm_error *err)
{
    return tell_shell(cli, values, activate(cli, values, err));
}

static enum envm_code deactivate(struct cli *cli, const struct shell_args *args,
                                 struct envm_error *err)
{
    const struct envm_activate_options options = {.shell = args->shell,
                                                  .no_prompt = args->no_prompt};
    envm_str code = {0};

    if (!args->shell)
        return needs_hook(cli, err);
    if (cli->words.count > 0)
        return envm_fail(err, ENVM_USAGE, "deactivate takes no argument");
    ENVM_TRY(envm_cli_context(cli, err));
    ENVM_TRY(envm_deactivate_code(cli->context, cli->memory, &options, &code, err));
    return print_code(cli, code);
}

static enum envm_code run_deactivate(struct cli *cli, void *values, struct envm_error *err)
{
    return tell_shell(cli, values, deactivate(cli, values, err));
}

static enum envm_code run_hook(struct cli *cli, void *values, struct envm_error *err)
{
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    envm_str code = {0};

    (void)values;
    if (cli->words.count != 1) {
        (void)envm_fail(err, ENVM_USAGE, "hook needs the name of a shell");
        return envm_error_hint(err, ENVM_USAGE, "for example: eval \"$(envm hook bash)\"");
    }
    if (length > 0)
        program[length] = '\0';
    else if (!realpath(cli->program, program))
        return envm_fail(err, ENVM_IO, "the path of envm itself cannot be found");
    ENVM_TRY(envm_hook_code(cli->memory, cli->words.items[0], program, &code, err));
    return print_code(cli, code);
}

static enum envm_code run_run(struct cli *cli, void *values, struct envm_error *err)
{
    const struct shell_args *args = values;
    const struct envm_target target = {.name = args->name, .prefix = args->prefix};

    if (cli->words.count == 0) {
        (void)envm_fail(err, ENVM_USAGE, "run needs a program");
        return envm_error_hint(err, ENVM_USAGE,
                               "for example: envm run -n science python script.py");
    }
    envm_text_list_add(&cli->words, NULL);
    ENVM_TRY(envm_cli_context(cli, err));
    return envm_run(cli->context, &target, cli->words.items, err);
}

const struct command envm_cmd_activate = {
    .name = "activate",
    .summary = "use an environment in this shell (needs the hook)",
    .usage = "[--stack] NAME | PATH",
    .words = "@environments",
    .text =
        "With the hook (`eval \"$(envm hook bash)\"` in the shell or its rc file) activates an\n"
        "environment in the shell. With --shell it prints the code for a shell to eval, which is "
        "the\n"
        "recipe for scripts and CI, where no rc file is read.",
    .examples = "  envm activate science\n"
                "  envm activate ./env\n"
                "  eval \"$(envm activate --shell bash science)\"     in a script",
    .rows = activate_rows,
    .args_size = sizeof(struct shell_args),
    .run = run_activate,
};

const struct command envm_cmd_deactivate = {
    .name = "deactivate",
    .summary = "leave the active environment (needs the hook)",
    .usage = "",
    .text = "Goes back to the environment that was active before, or to none.",
    .examples = "  envm deactivate\n  eval \"$(envm deactivate --shell bash)\"",
    .rows = deactivate_rows,
    .args_size = sizeof(struct shell_args),
    .run = run_deactivate,
};

const struct command envm_cmd_hook = {
    .name = "hook",
    .summary = "print the code that makes activate work in a shell",
    .usage = "SHELL",
    .words = "bash zsh sh dash posix",
    .text = "Prints a shell function for bash, zsh, sh, dash or posix. Add the line below to the "
            "shell's rc\n"
            "file, or eval it once.",
    .examples = "  eval \"$(envm hook bash)\"\n  eval \"$(envm hook zsh)\"",
    .rows = hook_rows,
    .run = run_hook,
};

const struct command envm_cmd_run = {
    .name = "run",
    .summary = "run a program in an environment, without a shell",
    .usage = "[-n NAME | -p PATH] [--] PROGRAM [ARGUMENT…]",
    .text = "Replaces itself with the program: its exit status is the program's, and signals reach "
            "the\n"
            "program directly. PATH, CONDA_PREFIX and the environment's variables are set; the "
            "scripts of\n"
            "activate.d need a shell and are not run (use activate for those).",
    .examples = "  envm run -n science python script.py\n  envm run -p ./env -- pytest -q",
    .rows = run_rows,
    .args_size = sizeof(struct shell_args),
    .stop_at_word = true,
    .run = run_run,
};
