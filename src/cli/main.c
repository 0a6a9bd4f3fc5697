/* SPDX-License-Identifier: MIT
 *
 * The program: finds the command, parses its options, runs it, and turns an error into a message,
 * a JSON object and an exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/progress_ui.h"
#include "cli/suggest.h"
#include "sys/tty.h"

/* clang-format off */
const struct command *const envm_commands[] = {
    &envm_cmd_create,
    &envm_cmd_sync,
    &envm_cmd_install,
    &envm_cmd_update,
    &envm_cmd_remove,
    &envm_cmd_lock,
    &envm_cmd_run,
    &envm_cmd_activate,
    &envm_cmd_deactivate,
    &envm_cmd_hook,
    &envm_cmd_list,
    &envm_cmd_search,
    &envm_cmd_tree,
    &envm_cmd_why,
    &envm_cmd_info,
    &envm_cmd_verify,
    &envm_cmd_repair,
    &envm_cmd_recover,
    &envm_cmd_env,
    &envm_cmd_cache,
    &envm_cmd_clean,
    &envm_cmd_completion,
    &envm_cmd_plumbing,
    &envm_cmd_version,
    NULL,
};
/* clang-format on */

#define AT(member) offsetof(struct common_args, member)

const struct option_row envm_common_rows[] = {
    {'h', "help", OPTION_FLAG, AT(help), NULL, "show this help"},
    {0, "json", OPTION_FLAG, AT(json), NULL, "print one JSON object to stdout"},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "print results and errors only"},
    {'v', "verbose", OPTION_FLAG, AT(verbose), NULL, "say more about what is done"},
    {0, "offline", OPTION_FLAG, AT(offline), NULL,
     "use no network: caches and local channels only"},
    {0, "root", OPTION_TEXT, AT(root), "DIR", "folder of the named environments ($ENVM_ROOT)"},
    {0, "cache", OPTION_TEXT, AT(cache), "DIR", "cache of packages and indexes ($ENVM_CACHE)"},
    {0, "no-config", OPTION_FLAG, AT(no_config), NULL, "read no configuration files"},
    {0, "ca-bundle", OPTION_TEXT, AT(ca_bundle), "PATH", "file or folder of trusted certificates"},
    {0, "insecure", OPTION_FLAG, AT(insecure), NULL, "do not check TLS certificates"},
    {0, "require-hashes", OPTION_FLAG, AT(require_hashes), NULL,
     "refuse packages without a sha256"},
    {0, "shared-cache", OPTION_FLAG, AT(shared_cache), NULL,
     "use a cache that belongs to others or that others may write to"},
    {0, "link-mode", OPTION_TEXT, AT(link_mode), "MODE", "auto, hardlink, reflink or copy"},
    {0, "durability", OPTION_TEXT, AT(durability), "MODE",
     "batch, none or full: when to sync to disk"},
    {0, "threads", OPTION_NUMBER, AT(threads), "N", "worker threads (default: the CPUs)"},
    {0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static void out_of_memory(size_t size)
{
    static const char message[] = "envm: error[io] out of memory; nothing was changed that a rerun "
                                  "cannot complete\n";
    ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);

    (void)size;
    (void)ignored;
    _exit(8);
}

/* True once the program ends by its own will. Written by main alone. */
static bool is_ending;

/* Short of memory, libarchive ends the process itself when it cannot even say so in a message. */
static void at_exit(void)
{
    if (!is_ending)
        out_of_memory(0);
}

/* A file that is opened later must not become stdout by accident. */
static void open_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", O_RDWR);
    }
}

static const struct command *find_command(const char *name)
{
    for (const struct command *const *command = envm_commands; *command; command++) {
        if (strcmp((*command)->name, name) == 0)
            return *command;
    }
    return NULL;
}

enum envm_code envm_cli_context(struct cli *cli, struct envm_error *err)
{
    const struct common_args *common = &cli->common;
    const struct envm_context_options options = {
        .environment = cli->environment,
        .root = common->root,
        .cache = common->cache,
        .link_mode = common->link_mode,
        .durability = common->durability,
        .ca_bundle = common->ca_bundle,
        .no_config = common->no_config,
        .offline = common->offline,
        .insecure = common->insecure,
        .require_hashes = common->require_hashes,
        .shared_cache = common->shared_cache,
        .confine = true,
        .threads = common->threads,
        .sink = {.user = cli->progress,
                 .log = envm_progress_ui_log,
                 .progress = envm_progress_ui_event,
                 .cancelled = envm_interrupt_cancelled},
    };

    return cli->context ? ENVM_OK : envm_context_new(&options, &cli->context, err);
}

static void add_word(struct envm_buf *line, envm_str word)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_-./:=,+@%^";

    size_t plain = 0;

    while (plain < word.len && memchr(safe, word.ptr[plain], sizeof(safe) - 1))
        plain++;
    if (word.len > 0 && plain == word.len) {
        envm_buf_add_str(line, word);
        return;
    }
    envm_buf_add_byte(line, '\'');
    for (size_t i = 0; i < word.len; i++)
        envm_buf_add_cstr(line, word.ptr[i] == '\'' ? "'\\''" : (char[]){word.ptr[i], 0});
    envm_buf_add_byte(line, '\'');
}

const char *envm_cli_word(struct cli *cli, envm_str word)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit((size_t)1 << 20);

    add_word(&text, word);
    return envm_redact(cli->memory, envm_buf_str(&text)).ptr;
}

const char *envm_cli_command_line(struct cli *cli)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf line = envm_buf_limit((size_t)1 << 20);

    envm_buf_add_cstr(&line, "envm");
    for (int i = 1; i < cli->argc; i++) {
        envm_buf_add_byte(&line, ' ');
        add_word(&line, envm_str_from(cli->argv[i]));
    }
    return envm_redact(cli->memory, envm_buf_str(&line)).ptr;
}

/* --- the way out -------------------------------------------------------------------------- */

static int exit_status(enum envm_code code)
{
    if (code == ENVM_INTERRUPTED)
        return envm_interrupt_signal() == SIGTERM ? 143 : 130;
    return envm_code_exit_status(code);
}

static void json_error(struct cli *cli, enum envm_code code, const struct envm_error *err)
{
    struct envm_json_writer *w = &cli->json;
    envm_str text = envm_redact(cli->memory, envm_str_from(err->text ? err->text : "failed"));
    const char *where = err->where ? envm_redact(cli->memory, envm_str_from(err->where)).ptr : NULL;
    const char *hint = err->hint ? envm_redact(cli->memory, envm_str_from(err->hint)).ptr : NULL;

    envm_json_key(w, "error");
    envm_json_open_object(w);
    envm_json_field_cstr(w, "kind", envm_code_name(code));
    envm_json_field_u64(w, "exit", (uint64_t)exit_status(code));
    envm_json_field_str(w, "message", text);
    envm_json_field_cstr(w, "where", where);
    envm_json_field_cstr(w, "hint", hint);
    envm_json_close_object(w);
}

static void text_error(struct cli *cli, enum envm_code code, const struct envm_error *err)
{
    bool color = envm_tty_wants_color(STDERR_FILENO);
    const char *text = err->text ? err->text : "failed";

    /* Whoever stopped it does not want to know where it stood. */
    if (code == ENVM_INTERRUPTED && !cli->common.verbose) {
        fputs("envm: interrupted\n", stderr);
        return;
    }
    fprintf(stderr, "%senvm: error[%s]%s ", color ? "\033[1;31m" : "", envm_code_name(code),
            color ? "\033[0m" : "");
    /* Many texts begin with their place already. */
    if (err->where && !strstr(text, err->where)) {
        envm_cli_put(stderr, envm_redact(cli->memory, envm_str_from(err->where)));
        fputs(": ", stderr);
    }
    envm_cli_put(stderr, envm_redact(cli->memory, envm_str_from(text)));
    fputc('\n', stderr);
    /* An explanation may end with the very hint. */
    if (err->hint && !strstr(text, err->hint)) {
        fprintf(stderr, "%shint:%s ", color ? "\033[1m" : "", color ? "\033[0m" : "");
        envm_cli_put(stderr, envm_redact(cli->memory, envm_str_from(err->hint)));
        fputc('\n', stderr);
    }
}

static void begin_json(struct cli *cli)
{
    envm_json_writer_init(&cli->json, &cli->json_text, 2);
    envm_json_open_object(&cli->json);
}

/* When the options cannot be parsed, whoever asked for JSON still gets it. */
static bool asks_for_json(const struct cli *cli)
{
    for (int i = 1; i < cli->argc && strcmp(cli->argv[i], "--") != 0; i++) {
        if (strcmp(cli->argv[i], "--json") == 0)
            return true;
        if (i > 1 && cli->argv[i][0] != '-' && cli->command && cli->command->stop_at_word)
            return false;
    }
    return false;
}

static int finish(struct cli *cli, enum envm_code code, const struct envm_error *err)
{
    if (cli->progress)
        envm_progress_ui_clear(cli->progress);
    if (code != ENVM_OK && !cli->common.json)
        text_error(cli, code, err);
    if (cli->common.json) {
        if (code != ENVM_OK)
            json_error(cli, code, err);
        envm_json_field_bool(&cli->json, "success", code == ENVM_OK);
        envm_json_close_object(&cli->json);
        puts(envm_buf_str(&cli->json_text).ptr);
    }
    /* A full disk behind stdout is a failure like any other. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == ENVM_OK) {
        if (errno == EPIPE)
            return envm_interrupt_end_of_pipe();
        fprintf(stderr, "envm: error[io] writing to stdout: %s\n", strerror(errno));
        return 8;
    }
    return exit_status(code);
}

static enum envm_code run_command(struct cli *cli, int argc, char **argv, struct envm_error *err)
{
    const struct command *command = cli->command;
    void *args = envm_alloc_zero(1, command->args_size ? command->args_size : 1);
    const struct option_table tables[2] = {{command->rows, args}, {envm_common_rows, &cli->common}};
    enum envm_code code =
        envm_options_parse(tables, argc, argv, command->stop_at_word, &cli->words, err);

    cli->common.json |= code != ENVM_OK && asks_for_json(cli);
    if (cli->common.json)
        begin_json(cli);
    if (code != ENVM_OK)
        (void)envm_error_hint(err, code, "envm %s --help lists the options", command->name);
    if (code == ENVM_OK && cli->common.help) {
        cli->common.json = false;
        envm_cli_help(command);
    } else if (code == ENVM_OK) {
        enum progress_style style =
            cli->common.quiet || cli->common.json ? PROGRESS_NONE
            : envm_tty_is_terminal(STDERR_FILENO) && envm_tty_width(STDERR_FILENO) > 20
                ? PROGRESS_LIVE
                : PROGRESS_LINES;

        cli->progress =
            envm_progress_ui_new(style, cli->common.verbose, envm_tty_wants_color(STDERR_FILENO));
        code = command->run(cli, args, err);
    }
    envm_options_release(&tables[0]);
    envm_free(args);
    return code;
}

/* What other programs call it. */
static const char *known_elsewhere(const char *name)
{
    static const char *const rows[][2] = {
        {"uninstall", "remove"},
        {"rm", "remove"},
        {"delete", "env remove"},
        {"upgrade", "update"},
        {"ls", "list"},
        {"freeze", "lock"},
        {"exec", "run"},
        {"depends", "tree"},
        {"deps", "tree"},
        {"repoquery", "search"},
        {"whoneeds", "why"},
        {"envs", "env list"},
        {"new", "create"},
        {"shell", "activate"},
        {"init", "hook"},
        {"check", "verify"},
        {"cache-clean", "clean"},
        {"doctor", "verify"},
        {"history", "env history"},
        {"rollback", "env rollback"},
        {"undo", "env rollback"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char first[16];

        if (strcmp(rows[i][0], name) != 0)
            continue;
        snprintf(first, sizeof(first), "%.*s", (int)strcspn(rows[i][1], " "), rows[i][1]);
        return find_command(first) ? rows[i][1] : NULL;
    }
    return NULL;
}

static enum envm_code no_command(struct cli *cli, const char *name, struct envm_error *err)
{
    struct suggestion suggestion = {.word = name, .nearest = known_elsewhere(name)};

    cli->common.json = asks_for_json(cli);
    if (cli->common.json)
        begin_json(cli);
    if (name[0] == '-') {
        (void)envm_fail(err, ENVM_USAGE, "the command comes first, not %s", name);
        return envm_error_hint(err, ENVM_USAGE, "for example: envm list --json");
    }
    for (const struct command *const *command = envm_commands; *command; command++)
        envm_cli_suggest(&suggestion, (*command)->name);
    (void)envm_fail(err, ENVM_USAGE, "there is no command \"%s\"", name);
    if (suggestion.nearest)
        return envm_error_hint(err, ENVM_USAGE, "did you mean `envm %s`?", suggestion.nearest);
    return envm_error_hint(err, ENVM_USAGE, "`envm --help` lists the commands");
}

/* conda's `env create` is a command of its own here. */
static bool is_env_create(const struct cli *cli)
{
    return cli->argc > 2 && strcmp(cli->argv[1], "env") == 0 && strcmp(cli->argv[2], "create") == 0;
}

static enum envm_code dispatch(struct cli *cli, struct envm_error *err)
{
    const char *name = cli->argc > 1 ? cli->argv[1] : "--help";
    int shift = is_env_create(cli) ? 2 : 1;

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        const char *about = cli->argc > 2 && cli->argv[2][0] != '-' ? cli->argv[2] : NULL;
        const struct command *command = about ? find_command(about) : NULL;

        if (about && !command)
            return no_command(cli, about, err);
        envm_cli_help(command);
        return ENVM_OK;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    cli->command = find_command(shift == 2 ? cli->argv[2] : name);
    if (!cli->command)
        return no_command(cli, name, err);
    return run_command(cli, cli->argc - shift, cli->argv + shift, err);
}

int main(int argc, char **argv)
{
    struct cli cli = {.argc = argc,
                      .argv = argv,
                      .environment = (const char *const *)environ,
                      .json_text = {.limit = (size_t)1 << 30}};
    struct envm_error err = {0};
    enum envm_code code;
    int status;

    open_standard_descriptors();
    envm_on_out_of_memory(out_of_memory);
    envm_set_out_of_memory_handler(out_of_memory); /* the program has a base floor of its own */
    (void)atexit(at_exit);
    envm_interrupt_install();
    cli.program = argc > 0 ? argv[0] : "envm";
    cli.memory = envm_memory_new();
    code = dispatch(&cli, &err);
    status = finish(&cli, code, &err);
    envm_error_release(&err);
    envm_context_free(cli.context);
    envm_progress_ui_free(cli.progress);
    envm_free(cli.words.items);
    envm_buf_release(&cli.json_text);
    envm_memory_free(cli.memory);
    is_ending = true;
    return status;
}
