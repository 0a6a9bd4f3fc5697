/* SPDX-License-Identifier: MIT
 *
 * plumbing: stable line-oriented helpers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/command.h"

static const struct option_row rows[] = {{0, NULL, OPTION_FLAG, 0, NULL, NULL}};

typedef envm_str (*line_function)(struct envm_memory *memory, envm_str line);

static enum envm_code each_line(struct cli *cli, line_function answer, struct envm_error *err)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;

    if (cli->common.json) {
        envm_json_key(&cli->json, "lines");
        envm_json_open_array(&cli->json);
    }
    while ((length = getline(&line, &capacity, stdin)) >= 0) {
        struct envm_memory *memory = envm_memory_new();
        envm_str text;

        if (length > 0 && line[length - 1] == '\n')
            length--;
        text = answer(memory, envm_str_n(line, (size_t)length));
        if (cli->common.json)
            envm_json_put_str(&cli->json, text);
        else
            printf("%.*s\n", ENVM_STR_ARGS(text));
        envm_memory_free(memory);
    }
    free(line);
    if (cli->common.json)
        envm_json_close_array(&cli->json);
    if (ferror(stdin))
        return envm_fail_errno(err, errno, "reading standard input");
    return ENVM_OK;
}

static enum envm_code print_environments(struct cli *cli, struct envm_error *err)
{
    struct envm_environment_list list = {0};

    if (cli->common.json)
        return envm_fail(err, ENVM_USAGE,
                         "plumbing environments prints lines; for JSON there is "
                         "envm env list --json");
    ENVM_TRY(envm_cli_context(cli, err));
    ENVM_TRY(envm_list_environments(cli->context, cli->memory, &list, err));
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].name.len > 0)
            envm_cli_line("%.*s", ENVM_STR_ARGS(list.items[i].name));
    return ENVM_OK;
}

static enum envm_code run(struct cli *cli, void *values, struct envm_error *err)
{
    const char *verb = cli->words.count > 0 ? cli->words.items[0] : "";

    (void)values;
    if (strcmp(verb, "compare-versions") == 0)
        return each_line(cli, envm_plumbing_compare_versions, err);
    if (strcmp(verb, "match") == 0)
        return each_line(cli, envm_plumbing_match, err);
    if (strcmp(verb, "parse-spec") == 0)
        return each_line(cli, envm_plumbing_parse_spec, err);
    if (strcmp(verb, "options") == 0 && cli->common.json)
        return envm_fail(err, ENVM_USAGE, "plumbing options prints a table, not JSON");
    if (strcmp(verb, "options") == 0) {
        envm_cli_print_option_rows();
        return ENVM_OK;
    }
    if (strcmp(verb, "environments") == 0)
        return print_environments(cli, err);
    (void)envm_fail(err, ENVM_USAGE,
                    "plumbing knows compare-versions, match, parse-spec, options and "
                    "environments, not \"%s\"",
                    verb);
    return envm_error_hint(err, ENVM_USAGE, "envm plumbing --help shows an example");
}

const struct command envm_cmd_plumbing = {
    .name = "plumbing",
    .summary = "line-oriented helpers for scripts and tests",
    .usage = "compare-versions | match | parse-spec | options | environments",
    .words = "compare-versions match parse-spec options environments",
    .text = "Reads lines from stdin and prints one line for each:\n"
            "  compare-versions  A<TAB>B                                   -1, 0, 1 or invalid\n"
            "  match             SPEC<TAB>NAME<TAB>VERSION<TAB>BUILD<TAB>BUILD_NUMBER  true, "
            "false, invalid\n"
            "  parse-spec        SPEC                                      canonical form or "
            "invalid: REASON\n"
            "options prints the option table of every command, and environments the names of the\n"
            "named environments, one a line.",
    .examples = "  printf '1.9\\t1.10\\n' | envm plumbing compare-versions\n"
                "  echo 'numpy>=2,<3' | envm plumbing parse-spec",
    .rows = rows,
    .run = run,
};
