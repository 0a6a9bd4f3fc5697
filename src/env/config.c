/* SPDX-License-Identifier: MIT */
#include "env/config.h"

#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/vec.h"
#include "codec/yaml_reader.h"
#include "lock/lockfile_explicit.h"
#include "sys/fs.h"

#define CONFIG_SIZE_MAX ((size_t)1 << 20)

enum key_type {
    KEY_TEXT,
    KEY_BOOL,
    KEY_NUMBER,
    KEY_LIST,
    KEY_SPECS,  /* a list whose items hold spaces and commas: in variables & stands between them */
    KEY_CHOICE, /* text, one of `choices` separated by "|" */
};

struct config_key {
    const char *name;
    enum key_type type;
    size_t offset;
    const char *choices;
    const char *initial;
};

#define KEY(key, type, choices, initial)                                                           \
    {                                                                                              \
#key, type, offsetof(struct envm_config, key), choices, initial                            \
    }

/* The one table: files, ENVM_<NAME> variables, `info` and the manual all follow it. */
static const struct config_key keys[] = {
    KEY(channels, KEY_LIST, NULL, "conda-forge"),
    KEY(default_channels, KEY_LIST, NULL,
        "https://repo.anaconda.com/pkgs/main https://repo.anaconda.com/pkgs/r"),
    KEY(channel_alias, KEY_TEXT, NULL, "https://conda.anaconda.org"),
    KEY(channel_priority, KEY_CHOICE, "strict|flexible|disabled", "strict"),
    KEY(ssl_verify, KEY_TEXT, NULL, "true"),
    KEY(client_ssl_cert, KEY_TEXT, NULL, ""),
    KEY(client_ssl_cert_key, KEY_TEXT, NULL, ""),
    KEY(link_scripts, KEY_LIST, NULL, ""),
    KEY(link_mode, KEY_CHOICE, "auto|hardlink|reflink|copy", "auto"),
    KEY(durability, KEY_CHOICE, "batch|none|full", "batch"),
    KEY(offline, KEY_BOOL, NULL, "false"),
    KEY(add_pip_as_python_dependency, KEY_BOOL, NULL, "false"),
    KEY(use_only_tar_bz2, KEY_BOOL, NULL, "false"),
    KEY(always_copy, KEY_BOOL, NULL, "false"),
    KEY(require_hashes, KEY_BOOL, NULL, "false"),
    KEY(shared_cache, KEY_BOOL, NULL, "false"),
    KEY(confine, KEY_BOOL, NULL, "true"),
    KEY(cache_layers, KEY_LIST, NULL, ""),
    KEY(archive_folders, KEY_LIST, NULL, ""),
    KEY(remote_max_retries, KEY_NUMBER, NULL, "5"),
    KEY(remote_connect_timeout_secs, KEY_NUMBER, NULL, "15"),
    KEY(remote_read_timeout_secs, KEY_NUMBER, NULL, "30"),
    KEY(fetch_threads, KEY_NUMBER, NULL, "8"),
    KEY(link_script_timeout_secs, KEY_NUMBER, NULL, "600"),
    KEY(solver_timeout_secs, KEY_NUMBER, NULL, "60"),
    KEY(solver_memory_mib, KEY_NUMBER, NULL, "2048"),
    KEY(pinned_packages, KEY_SPECS, NULL, ""),
    KEY(exclude_newer, KEY_TEXT, NULL, ""),
    KEY(resolution, KEY_CHOICE, "highest|lowest-direct|lowest", "highest"),
    KEY(virtual_packages, KEY_LIST, NULL, ""),
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

/* Keys of .condarc whose meaning in conda differs from envm's key of the same name, or which envm
 * sets by its own means only. */
static bool taken_from_condarc(const struct config_key *key)
{
    static const char *const own[] = {"link_mode",
                                      "durability",
                                      "require_hashes",
                                      "add_pip_as_python_dependency",
                                      "solver_timeout_secs",
                                      "solver_memory_mib",
                                      "fetch_threads",
                                      "shared_cache",
                                      "confine",
                                      "cache_layers",
                                      "archive_folders",
                                      "exclude_newer",
                                      "resolution",
                                      "virtual_packages",
                                      "link_scripts",
                                      "link_script_timeout_secs"};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(own[i], key->name) == 0)
            return false;
    }
    return true;
}

struct loader {
    struct envm_arena *arena;
    const struct envm_environ *environment;
    struct envm_config *config;
    const char *file;
    bool condarc; /* conda's file: unknown keys are ignored, odd values warned about */
    const struct envm_sink *sink;
};

static void *member(struct envm_config *config, const struct config_key *key)
{
    return (char *)config + key->offset;
}

static struct envm_str_list words(struct envm_arena *arena, envm_str text)
{
    envm_str *items = envm_arena_new_array(arena, envm_str, text.len + 1);
    size_t count = 0;
    envm_str rest = text;

    while (rest.len > 0) {
        size_t len = 0;

        while (len < rest.len && !envm_is_space(rest.ptr[len]) && rest.ptr[len] != ',')
            len++;
        if (len > 0)
            items[count++] = envm_arena_str(arena, envm_str_n(rest.ptr, len));
        rest = envm_str_skip(rest, len + 1);
    }
    return (struct envm_str_list){items, count};
}

static struct envm_str_list specs_between(struct envm_arena *arena, envm_str text)
{
    envm_str *items = envm_arena_new_array(arena, envm_str, text.len + 1);
    envm_str part;
    size_t count = 0;

    while (text.ptr && envm_str_split_next(&text, '&', &part))
        if (envm_str_trim(part).len > 0)
            items[count++] = envm_arena_str(arena, envm_str_trim(part));
    return (struct envm_str_list){items, count};
}

static bool parse_bool(envm_str text, bool *ret_value)
{
    struct envm_yaml_node node = {.kind = ENVM_YAML_SCALAR, .plain = true, .scalar = text};

    if (envm_str_equal_c(text, "1") || envm_str_equal_c(text, "0")) {
        *ret_value = text.ptr[0] == '1';
        return true;
    }
    return envm_yaml_bool(&node, ret_value);
}

static bool is_choice(const char *choices, envm_str text)
{
    envm_str rest = envm_str_from(choices);
    envm_str choice;

    while (envm_str_split_next(&rest, '|', &choice)) {
        if (envm_str_equal(choice, text))
            return true;
    }
    return false;
}

/* Returns what is wrong, or NULL. */
static const char *set_scalar(struct loader *l, const struct config_key *key, envm_str text)
{
    void *place = member(l->config, key);

    switch (key->type) {
    case KEY_TEXT:
        *(envm_str *)place = envm_expand_variables(l->arena, text, l->environment);
        return NULL;
    case KEY_CHOICE:
        /* conda allows booleans for channel_priority: true is flexible, false is disabled. */
        if (strcmp(key->name, "channel_priority") == 0) {
            bool value;

            if (parse_bool(text, &value))
                text = value ? ENVM_STR("flexible") : ENVM_STR("disabled");
        }
        if (!is_choice(key->choices, text))
            return key->choices;
        *(envm_str *)place = envm_arena_str(l->arena, text);
        return NULL;
    case KEY_BOOL:
        return parse_bool(text, place) ? NULL : "true|false";
    case KEY_NUMBER:
        return envm_str_parse_u64(text, place) ? NULL : "a whole number";
    case KEY_LIST:
        *(struct envm_str_list *)place = words(l->arena, text);
        return NULL;
    case KEY_SPECS:
        *(struct envm_str_list *)place = specs_between(l->arena, text);
        return NULL;
    }
    return NULL;
}

static enum envm_code wrong(struct loader *l, const struct envm_yaml_node *node, const char *key,
                            const char *wanted, struct envm_error *err)
{
    (void)envm_fail(err, ENVM_USAGE, "%s:%u:%u: configuration key %s has to be %s", l->file,
                    node->line, node->column, key, wanted);
    return envm_error_where(err, ENVM_USAGE, "%s:%u:%u", l->file, node->line, node->column);
}

static bool list_has(const struct envm_str_list *list, envm_str text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (envm_str_equal(list->items[i], text))
            return true;
    }
    return false;
}

/* conda's merge: the list of the file that is nearer to the user comes first, those of the files
 * below it behind; a built-in default is replaced. */
static enum envm_code set_list(struct loader *l, size_t index, const struct envm_yaml_node *node,
                               struct envm_error *err)
{
    const struct config_key *key = &keys[index];
    struct envm_str_list *list = member(l->config, key);
    bool replace = envm_str_equal_c(l->config->sources[index], "default");
    size_t old_count = replace ? 0 : list->count;
    envm_str *items = envm_arena_new_array(l->arena, envm_str, node->count + old_count);
    struct envm_str_list merged = {items, 0};

    for (size_t i = 0; i < node->count; i++) {
        if (node->items[i]->kind != ENVM_YAML_SCALAR)
            return wrong(l, node->items[i], key->name, "a list of texts", err);
        items[merged.count] =
            envm_expand_variables(l->arena, node->items[i]->scalar, l->environment);
        merged.count += !list_has(&merged, items[merged.count]);
    }
    for (size_t i = 0; i < old_count; i++) {
        items[merged.count] = list->items[i];
        merged.count += !list_has(&merged, list->items[i]);
    }
    *list = merged;
    return ENVM_OK;
}

static enum envm_code set_key(struct loader *l, size_t index, const struct envm_yaml_node *node,
                              struct envm_error *err)
{
    const struct config_key *key = &keys[index];
    const char *wanted = NULL;

    if (envm_yaml_is_null(node))
        return ENVM_OK;
    bool is_list = key->type == KEY_LIST || key->type == KEY_SPECS;
    if (is_list && node->kind == ENVM_YAML_SEQUENCE)
        ENVM_TRY(set_list(l, index, node, err));
    else if (node->kind != ENVM_YAML_SCALAR)
        wanted = is_list ? "a list" : "a single value";
    else
        wanted = set_scalar(l, key, node->scalar);
    if (wanted)
        return wrong(l, node, key->name, wanted, err);
    l->config->sources[index] = envm_arena_str(l->arena, envm_str_from(l->file));
    return ENVM_OK;
}

static enum envm_code set_custom_channels(struct loader *l, const struct envm_yaml_node *node,
                                          struct envm_error *err)
{
    struct envm_config *config = l->config;
    struct envm_custom_channel *items;

    if (node->kind != ENVM_YAML_MAPPING)
        return wrong(l, node, "custom_channels", "a mapping from names to URLs", err);
    items = envm_arena_new_array(l->arena, struct envm_custom_channel,
                                 node->count + config->custom_channel_count);
    for (size_t i = 0; i < node->count; i++) {
        items[i].name = node->keys[i]->scalar;
        items[i].base = envm_expand_variables(l->arena, node->items[i]->scalar, l->environment);
    }
    for (size_t i = 0; i < config->custom_channel_count; i++)
        items[node->count + i] = config->custom_channels[i];
    config->custom_channels = items;
    config->custom_channel_count += node->count;
    return ENVM_OK;
}

static enum envm_code set_proxies(struct loader *l, const struct envm_yaml_node *node,
                                  struct envm_error *err)
{
    struct envm_proxy *items;

    if (node->kind != ENVM_YAML_MAPPING)
        return wrong(l, node, "proxy_servers", "a mapping from schemes or hosts to URLs", err);
    items = envm_arena_new_array(l->arena, struct envm_proxy, node->count);
    for (size_t i = 0; i < node->count; i++) {
        items[i].scheme_or_host = node->keys[i]->scalar;
        items[i].url = envm_expand_variables(l->arena, node->items[i]->scalar, l->environment);
    }
    l->config->proxies = items;
    l->config->proxy_count = node->count;
    return ENVM_OK;
}

static size_t find_key(envm_str name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (envm_str_equal_c(name, keys[i].name))
            return i;
    }
    return SIZE_MAX;
}

static enum envm_code apply_entry(struct loader *l, const struct envm_yaml_node *key,
                                  const struct envm_yaml_node *value, struct envm_error *err)
{
    size_t index = find_key(key->scalar);

    if (envm_str_equal_c(key->scalar, "custom_channels"))
        return set_custom_channels(l, value, err);
    if (envm_str_equal_c(key->scalar, "proxy_servers"))
        return set_proxies(l, value, err);
    if (index != SIZE_MAX)
        return l->condarc && !taken_from_condarc(&keys[index]) ? ENVM_OK
                                                               : set_key(l, index, value, err);
    if (l->condarc)
        return ENVM_OK;
    (void)envm_fail(err, ENVM_USAGE, "%s:%u:%u: unknown configuration key \"%.*s\"", l->file,
                    key->line, key->column, ENVM_STR_ARGS(key->scalar));
    (void)envm_error_where(err, ENVM_USAGE, "%s:%u:%u", l->file, key->line, key->column);
    return envm_error_hint(err, ENVM_USAGE, "the keys are listed in envm(1)");
}

/* Who can write a configuration decides where packages come from and who sees the credentials. A
 * group that may write is common among people who share a machine and trust each other; then the
 * file has to be the user's own or the administrator's. */
static enum envm_code check_writers(const char *file, int fd, struct envm_error *err)
{
    struct stat info;

    if (fstat(fd, &info) != 0)
        return envm_fail_errno(err, errno, "reading the configuration %s", file);
    if ((info.st_mode & S_IWOTH) == 0 &&
        ((info.st_mode & S_IWGRP) == 0 || info.st_uid == geteuid() || info.st_uid == 0))
        return ENVM_OK;
    (void)envm_fail(err, ENVM_USAGE, "%s: others may write this configuration", file);
    return envm_error_hint(err, ENVM_USAGE, "chmod go-w it, or pass --no-config");
}

static enum envm_code load_file(struct loader *l, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(CONFIG_SIZE_MAX);
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_yaml_node *root = NULL;
    enum envm_code code;

    ENVM_TRY_WRAP(envm_fs_open_user_file(l->file, &fd, err), err, "reading the configuration");
    ENVM_TRY(check_writers(l->file, fd, err));
    ENVM_TRY_WRAP(envm_fs_read_fd(fd, l->file, &text, err), err, "reading the configuration");
    code = envm_yaml_read(l->arena, envm_arena_str(l->arena, envm_buf_str(&text)), l->file, &root,
                          NULL, err);
    if (code != ENVM_OK)
        return envm_wrap(err, ENVM_USAGE, "reading the configuration");
    if (root && root->kind != ENVM_YAML_MAPPING)
        return envm_fail(err, ENVM_USAGE, "%s: a configuration has to be a mapping", l->file);
    for (size_t i = 0; root && i < root->count; i++)
        ENVM_TRY(apply_entry(l, root->keys[i], root->items[i], err));
    return ENVM_OK;
}

static enum envm_code try_file(struct loader *l, const char *base, const char *rest, bool condarc,
                               struct envm_error *err)
{
    struct envm_str_list *files = &l->config->files;
    envm_str *items;

    if (!base || !*base)
        return ENVM_OK;
    l->file = envm_arena_printf(l->arena, "%s%s", base, rest).ptr;
    l->condarc = condarc;
    if (envm_fs_user_kind(l->file) != ENVM_FS_FILE)
        return ENVM_OK;
    ENVM_TRY(load_file(l, err));
    items = envm_arena_new_array(l->arena, envm_str, files->count + 1);
    for (size_t i = 0; i < files->count; i++)
        items[i] = files->items[i];
    items[files->count] = envm_str_from(l->file);
    *files = (struct envm_str_list){items, files->count + 1};
    return ENVM_OK;
}

static enum envm_code load_files(struct loader *l, struct envm_error *err)
{
    const char *home = envm_environ_get(l->environment, "HOME");
    const char *xdg = envm_environ_get(l->environment, "XDG_CONFIG_HOME");
    const char *config_home = xdg && xdg[0] == '/' ? xdg
                              : home ? envm_arena_printf(l->arena, "%s/.config", home).ptr
                                     : NULL;

    /* conda/base/constants.py SEARCH_PATH, without what belongs to conda's own installation. */
    ENVM_TRY(try_file(l, "/etc/conda", "/.condarc", true, err));
    ENVM_TRY(try_file(l, "/etc/conda", "/condarc", true, err));
    ENVM_TRY(try_file(l, "/var/lib/conda", "/.condarc", true, err));
    ENVM_TRY(try_file(l, config_home, "/conda/.condarc", true, err));
    ENVM_TRY(try_file(l, home, "/.conda/.condarc", true, err));
    ENVM_TRY(try_file(l, home, "/.condarc", true, err));
    ENVM_TRY(try_file(l, envm_environ_get(l->environment, "CONDARC"), "", true, err));
    ENVM_TRY(try_file(l, "/etc/envm", "/config.yaml", false, err));
    return try_file(l, config_home, "/envm/config.yaml", false, err);
}

static enum envm_code load_variables(struct loader *l, struct envm_error *err)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        char name[64] = "ENVM_";
        const char *value;
        const char *wanted;
        size_t len = strlen(name);

        for (const char *c = keys[i].name; *c && len + 1 < sizeof(name); c++)
            name[len++] = *c >= 'a' && *c <= 'z' ? (char)(*c - ('a' - 'A')) : *c;
        value = envm_environ_get(l->environment, name);
        if (!value || !*value)
            continue;
        wanted = set_scalar(l, &keys[i], envm_str_from(value));
        if (wanted)
            return envm_fail(err, ENVM_USAGE, "the variable %s has to be %s", name, wanted);
        l->config->sources[i] = envm_arena_str(l->arena, envm_str_from(name));
    }
    return ENVM_OK;
}

enum envm_code envm_config_load(struct envm_arena *arena, const struct envm_environ *environment,
                                bool no_files, const struct envm_sink *sink,
                                struct envm_config *ret_config, struct envm_error *err)
{
    struct envm_config config = {0};
    struct loader l = {.arena = arena, .environment = environment, .config = &config, .sink = sink};

    config.sources = envm_arena_new_array(arena, envm_str, KEY_COUNT);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        (void)set_scalar(&l, &keys[i], envm_str_from(keys[i].initial));
        config.sources[i] = ENVM_STR("default");
    }
    if (!no_files)
        ENVM_TRY(load_files(&l, err));
    ENVM_TRY(load_variables(&l, err));
    *ret_config = config;
    return ENVM_OK;
}

size_t envm_config_key_count(void)
{
    return KEY_COUNT;
}

const char *envm_config_key_name(size_t index)
{
    return keys[index].name;
}

envm_str envm_config_value(struct envm_arena *arena, const struct envm_config *config, size_t index)
{
    const void *place = (const char *)config + keys[index].offset;
    envm_str text = ENVM_STR("");

    switch (keys[index].type) {
    case KEY_TEXT:
    case KEY_CHOICE:
        return *(const envm_str *)place;
    case KEY_BOOL:
        return *(const bool *)place ? ENVM_STR("true") : ENVM_STR("false");
    case KEY_NUMBER:
        return envm_arena_printf(arena, "%llu", (unsigned long long)*(const uint64_t *)place);
    case KEY_LIST:
    case KEY_SPECS:
        break;
    }
    const char *between = keys[index].type == KEY_SPECS ? " & " : " ";
    const struct envm_str_list *list = place;

    for (size_t i = 0; i < list->count; i++)
        text = envm_arena_printf(arena, "%.*s%s%.*s", ENVM_STR_ARGS(text), i ? between : "",
                                 ENVM_STR_ARGS(list->items[i]));
    return text;
}
