/* SPDX-License-Identifier: MIT */
#include "net/auth.h"

#include "base/error.h"
#include "sys/environ.h"
#include "sys/fs.h"

#define NETRC_SIZE_MAX ((size_t)1 << 20)

struct envm_auth_rule {
    envm_str origin; /* scheme://host:port */
    envm_str path;   /* without a trailing slash; "" for the whole origin */
    struct envm_auth_choice choice;
};

static envm_str without_trailing_slashes(envm_str path)
{
    while (path.len > 0 && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

static enum envm_code load_rule(struct envm_arena *arena, const struct envm_credential *credential,
                                struct envm_auth_rule *ret_rule, struct envm_error *err)
{
    struct envm_url url;
    struct envm_auth_choice *choice = &ret_rule->choice;

    ENVM_TRY_WRAP(envm_url_parse(arena, credential->url_prefix, &url, err), err,
                  "reading the place that a credential is for");
    ret_rule->origin = envm_url_origin(arena, &url);
    ret_rule->path = without_trailing_slashes(envm_arena_str(arena, url.path));
    choice->user = envm_arena_str(arena, credential->user);
    choice->password = envm_arena_str(arena, credential->password);
    choice->has_basic = credential->user.len > 0 || credential->password.len > 0;
    choice->token = envm_arena_str(arena, credential->token);
    choice->bearer = envm_arena_str(arena, credential->bearer);
    choice->described =
        envm_arena_printf(arena, "the credential for %.*s", ENVM_STR_ARGS(url.clean));
    return ENVM_OK;
}

static envm_str netrc_path(struct envm_arena *arena, const struct envm_net_config *config,
                           bool *ret_named)
{
    struct envm_environ *env;
    const char *text;

    *ret_named = config->netrc_path.len > 0;
    if (*ret_named)
        return config->netrc_path;
    if (!config->environment)
        return (envm_str){0};
    env = envm_environ_from(arena, config->environment);
    text = envm_environ_get(env, "NETRC");
    if (text && text[0])
        return envm_str_from(text);
    text = envm_environ_get(env, "HOME");
    return text && text[0] ? envm_arena_printf(arena, "%s/.netrc", text) : (envm_str){0};
}

static enum envm_code load_netrc(struct envm_arena *arena, const struct envm_net_config *config,
                                 struct envm_netrc *ret_netrc, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(NETRC_SIZE_MAX);
    ENVM_CLEANUP(envm_error) struct envm_error ignored = {0};
    bool named;
    envm_str path = netrc_path(arena, config, &named);
    const char *name = envm_cstr(arena, path);
    enum envm_code code;

    if (path.len == 0 || envm_str_equal_c(path, "none"))
        return ENVM_OK;
    if (!named && envm_fs_user_kind(name) != ENVM_FS_FILE)
        return ENVM_OK;
    code = envm_fs_read_user_file(name, &text, named ? err : &ignored);
    if (code != ENVM_OK)
        return named ? code : ENVM_OK;
    *ret_netrc = envm_netrc_parse(arena, envm_buf_str(&text));
    return ENVM_OK;
}

enum envm_code envm_auth_load(struct envm_arena *arena, const struct envm_net_config *config,
                              struct envm_auth *ret_auth, struct envm_error *err)
{
    struct envm_auth auth = {.rule_count = config->credential_count};

    auth.rules = envm_arena_new_array(arena, struct envm_auth_rule, auth.rule_count);
    for (size_t i = 0; i < auth.rule_count; i++)
        ENVM_TRY(load_rule(arena, &config->credentials[i], &auth.rules[i], err));
    ENVM_TRY(load_netrc(arena, config, &auth.netrc, err));
    *ret_auth = auth;
    return ENVM_OK;
}

static bool path_is_below(envm_str path, envm_str prefix)
{
    return envm_str_starts_with(path, prefix) &&
           (path.len == prefix.len || path.ptr[prefix.len] == '/');
}

struct envm_auth_choice envm_auth_choose(const struct envm_auth *auth, struct envm_arena *arena,
                                         const struct envm_url *url)
{
    const struct envm_auth_rule *best = NULL;
    const struct envm_netrc_entry *entry;
    envm_str origin = envm_url_origin(arena, url);

    for (size_t i = 0; i < auth->rule_count; i++) {
        const struct envm_auth_rule *rule = &auth->rules[i];
        if (envm_str_equal(rule->origin, origin) && path_is_below(url->path, rule->path) &&
            (!best || rule->path.len > best->path.len))
            best = rule;
    }
    if (best)
        return best->choice;
    entry = envm_netrc_find(&auth->netrc, url->host);
    if (!entry)
        return (struct envm_auth_choice){0};
    return (struct envm_auth_choice){
        .user = entry->login,
        .password = entry->password,
        .has_basic = true,
        .described = envm_arena_printf(arena, "the netrc entry for %.*s", ENVM_STR_ARGS(url->host)),
    };
}

bool envm_auth_is_token(const struct envm_auth *auth, envm_str token)
{
    for (size_t i = 0; i < auth->rule_count; i++)
        if (token.len > 0 && envm_str_equal(auth->rules[i].choice.token, token))
            return true;
    return false;
}

/* Where the path of a clean URL begins. */
static size_t path_start(envm_str clean)
{
    size_t scheme = envm_str_find(clean, ENVM_STR("://"));
    size_t authority = scheme == SIZE_MAX ? 0 : scheme + 3;
    size_t slash = envm_str_find_char(envm_str_skip(clean, authority), '/');

    return slash == SIZE_MAX ? clean.len : authority + slash;
}

static void add_encoded(struct envm_buf *out, envm_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (envm_is_alnum(c) || c == '-' || c == '_' || c == '.' || c == '~')
            envm_buf_add_byte(out, c);
        else
            envm_buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

envm_str envm_auth_request_url(struct envm_arena *arena, const struct envm_url *url, envm_str token)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    size_t start = path_start(url->clean);

    envm_buf_add_str(&out, envm_str_slice(url->clean, 0, start));
    if (token.len > 0) {
        envm_buf_add_cstr(&out, "/t/");
        add_encoded(&out, token);
    }
    envm_buf_add_str(&out, envm_str_skip(url->clean, start));
    if (url->query.len > 0) {
        envm_buf_add_byte(&out, '?');
        envm_buf_add_str(&out, url->query);
    }
    return envm_arena_str(arena, envm_buf_str(&out));
}

bool envm_is_loopback_host(envm_str host)
{
    if (envm_str_equal_c(host, "localhost") || envm_str_equal_c(host, "::1") ||
        envm_str_equal_c(host, "[::1]"))
        return true;
    for (size_t i = 0; i < host.len; i++)
        if (!envm_is_digit(host.ptr[i]) && host.ptr[i] != '.')
            return false;
    return envm_str_starts_with(host, ENVM_STR("127."));
}
