/* SPDX-License-Identifier: MIT */
#include "conda/channel.h"

#include "base/error.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "codec/url.h"
#include "conda/platform.h"

#define CHANNEL_LENGTH_MAX 1024
#define DEFAULT_ALIAS "https://conda.anaconda.org"
#define ANACONDA "https://repo.anaconda.com"

/* Names that live on Anaconda's own host, whatever the alias (conda's built-in multichannels). */
static const envm_str anaconda_names[] = {
    ENVM_STR_INIT("pkgs/main"), ENVM_STR_INIT("pkgs/r"),   ENVM_STR_INIT("pkgs/msys2"),
    ENVM_STR_INIT("pkgs/free"), ENVM_STR_INIT("pkgs/pro"),
};
#define ANACONDA_DEFAULT_COUNT 3 /* the first ones are "defaults" */

static enum envm_code refuse(struct envm_error *err, envm_str text, const char *reason)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    envm_buf_add_escaped(&shown, envm_url_redact(&arena, text), 120);
    return envm_fail(err, ENVM_USAGE, "'%s' is not a channel: %s", envm_buf_str(&shown).ptr,
                     reason);
}

static envm_str trim_slashes(envm_str text)
{
    while (text.len > 0 && text.ptr[text.len - 1] == '/')
        text = envm_str_slice(text, 0, text.len - 1);
    return text;
}

static bool is_url(envm_str text)
{
    return envm_str_find(text, ENVM_STR("://")) != SIZE_MAX;
}

static bool is_windows_path(envm_str text)
{
    return envm_str_find_char(text, '\\') != SIZE_MAX ||
           (text.len >= 2 && envm_is_alpha(text.ptr[0]) && text.ptr[1] == ':' &&
            (text.len == 2 || text.ptr[2] == '/'));
}

static bool is_path(envm_str text)
{
    return text.ptr[0] == '/' || text.ptr[0] == '~' || envm_str_equal_c(text, ".") ||
           envm_str_equal_c(text, "..") || envm_str_starts_with(text, ENVM_STR("./")) ||
           envm_str_starts_with(text, ENVM_STR("../"));
}

static void copy_credentials(struct envm_channel *channel, const struct envm_url *url)
{
    channel->user = url->user;
    channel->password = url->password;
    channel->token = url->token;
}

/* Takes "[linux-64,noarch]" off the end. */
static enum envm_code take_platforms(struct envm_arena *arena, envm_str *text,
                                     struct envm_channel *channel, struct envm_error *err)
{
    size_t open = envm_str_find_char(*text, '[');
    ENVM_VEC(envm_str) list = {0};
    envm_str inside, item;
    bool valid = true;

    if (open == SIZE_MAX)
        return ENVM_OK;
    if (text->ptr[text->len - 1] != ']')
        return refuse(err, *text, "the '[' is not closed at the end");
    inside = envm_str_slice(*text, open + 1, text->len - 1);
    while (valid && envm_str_split_next(&inside, ',', &item)) {
        item = envm_str_trim(item);
        valid = envm_subdir_is_valid(item);
        envm_vec_push(&list, envm_arena_str(arena, item));
    }
    if (valid && list.count > 0)
        channel->platforms = (struct envm_str_list){
            envm_arena_copy(arena, list.items, list.count * sizeof(*list.items)), list.count};
    envm_vec_release(&list);
    if (!valid || channel->platforms.count == 0)
        return refuse(err, *text, "the brackets hold platforms, as in [linux-64,noarch]");
    *text = envm_str_trim(envm_str_slice(*text, 0, open));
    return ENVM_OK;
}

/* "conda-forge/linux-64" is conda-forge, for one platform. */
static void take_subdir(struct envm_arena *arena, envm_str *text, struct envm_channel *channel)
{
    size_t slash = envm_str_find_last_char(*text, '/');
    envm_str leaf, *items;

    if (slash == SIZE_MAX || slash == 0)
        return;
    leaf = envm_str_skip(*text, slash + 1);
    if (!envm_subdir_is_known(leaf))
        return;
    *text = trim_slashes(envm_str_slice(*text, 0, slash));
    if (channel->platforms.count > 0)
        return;
    items = envm_arena_new(arena, envm_str);
    items[0] = envm_arena_str(arena, leaf);
    channel->platforms = (struct envm_str_list){items, 1};
}

/* Lexical: "." and ".." are resolved, as a channel is named before it is looked at. */
static envm_str normalise_path(struct envm_arena *arena, envm_str directory, envm_str path)
{
    envm_str rest = path;
    envm_str part;
    char *out;
    size_t len = 0;

    if (path.ptr[0] != '/')
        rest = envm_arena_printf(arena, "%.*s/%.*s", ENVM_STR_ARGS(directory), ENVM_STR_ARGS(path));
    out = envm_arena_alloc(arena, rest.len + 2);
    while (envm_str_split_next(&rest, '/', &part)) {
        if (part.len == 0 || envm_str_equal_c(part, "."))
            continue;
        if (envm_str_equal_c(part, "..")) {
            while (len > 0 && out[--len] != '/')
                continue;
            continue;
        }
        out[len++] = '/';
        memcpy(out + len, part.ptr, part.len);
        len += part.len;
    }
    if (len == 0)
        out[len++] = '/';
    out[len] = '\0';
    return envm_str_n(out, len);
}

static enum envm_code parse_path(struct envm_arena *arena, envm_str text,
                                 const struct envm_channel_config *config,
                                 struct envm_channel *channel, struct envm_error *err)
{
    envm_str path = text;

    if (text.ptr[0] == '~') {
        if (text.len > 1 && text.ptr[1] != '/')
            return refuse(err, text, "only '~/' is expanded, not the home of another user");
        if (config->home.len == 0)
            return refuse(err, text, "the home directory is not known");
        path = envm_arena_printf(arena, "%.*s/%.*s", ENVM_STR_ARGS(config->home),
                                 ENVM_STR_ARGS(envm_str_skip(text, 1)));
    }
    if (path.ptr[0] != '/' && config->current_directory.len == 0)
        return refuse(err, text, "the current directory is not known");
    path = normalise_path(arena, config->current_directory, path);
    take_subdir(arena, &path, channel);
    channel->base_url = envm_url_from_path(arena, envm_arena_str(arena, path));
    channel->name = channel->base_url;
    return ENVM_OK;
}

/* The name below `base`, "" when the URL is not below it. */
static envm_str name_below(envm_str url, envm_str base)
{
    base = trim_slashes(base);
    if (!envm_str_starts_with(url, base) || url.len <= base.len + 1 || url.ptr[base.len] != '/')
        return (envm_str){"", 0};
    return envm_str_skip(url, base.len + 1);
}

static envm_str canonical_name(struct envm_arena *arena, envm_str url, envm_str alias,
                               const struct envm_channel_config *config)
{
    envm_str name = name_below(url, alias);
    size_t i;

    for (i = 0; name.len == 0 && i < sizeof(anaconda_names) / sizeof(anaconda_names[0]); i++)
        if (envm_str_equal(name_below(url, ENVM_STR(ANACONDA)), anaconda_names[i]))
            name = anaconda_names[i];
    for (i = 0; name.len == 0 && i < config->custom_channel_count; i++) {
        envm_str below = name_below(url, config->custom_channels[i].base);
        if (envm_str_equal(below, config->custom_channels[i].name))
            name = below;
    }
    return envm_arena_str(arena, name.len > 0 ? name : url);
}

static enum envm_code parse_url(struct envm_arena *arena, envm_str text, envm_str alias,
                                const struct envm_channel_config *config,
                                struct envm_channel *channel, struct envm_error *err)
{
    struct envm_url url;
    envm_str base;

    ENVM_TRY(envm_url_parse(arena, text, &url, err));
    if (url.query.len > 0)
        return refuse(err, text, "the URL of a channel has no '?'");
    base = trim_slashes(url.clean);
    take_subdir(arena, &base, channel);
    channel->base_url = envm_arena_str(arena, base);
    channel->name = canonical_name(arena, channel->base_url, alias, config);
    copy_credentials(channel, &url);
    return ENVM_OK;
}

/* CEP 26: components of letters, digits and _ . -, not starting with . or - */
static bool is_channel_name(envm_str name)
{
    envm_str part;
    size_t i;

    while (envm_str_split_next(&name, '/', &part)) {
        if (part.len == 0 || (!envm_is_alnum(part.ptr[0]) && part.ptr[0] != '_'))
            return false;
        for (i = 1; i < part.len; i++) {
            char c = part.ptr[i];
            if (!envm_is_alnum(c) && c != '_' && c != '.' && c != '-')
                return false;
        }
    }
    return true;
}

/* Where the name lives: a custom channel of this name (or of its beginning), Anaconda, the alias.
 */
static envm_str base_of_name(envm_str name, envm_str alias,
                             const struct envm_channel_config *config)
{
    envm_str best = {0}, base = alias;
    size_t i;

    for (i = 0; i < sizeof(anaconda_names) / sizeof(anaconda_names[0]); i++)
        if (envm_str_equal(name, anaconda_names[i]))
            base = ENVM_STR(ANACONDA);
    for (i = 0; i < config->custom_channel_count; i++) {
        envm_str custom = config->custom_channels[i].name;
        bool fits = envm_str_starts_with(name, custom) &&
                    (name.len == custom.len || name.ptr[custom.len] == '/');
        if (!fits || custom.len <= best.len)
            continue;
        best = custom;
        base = config->custom_channels[i].base;
    }
    return trim_slashes(base);
}

static enum envm_code parse_name(struct envm_arena *arena, envm_str text, envm_str alias,
                                 const struct envm_channel_config *config,
                                 struct envm_channel *channel, struct envm_error *err)
{
    envm_str name = trim_slashes(text);
    struct envm_url url;
    envm_str base;

    take_subdir(arena, &name, channel);
    if (envm_str_equal_c(name, "defaults") || envm_str_equal_c(name, "nodefaults"))
        return refuse(err, text, "the word stands for the configured channels");
    if (!is_channel_name(name))
        return refuse(err, text,
                      "a name has letters, digits, '_', '-' and '.', a path starts "
                      "with '/' or './', a URL with https://, http:// or file://");
    base = base_of_name(name, alias, config);
    ENVM_TRY(envm_url_parse(
        arena, envm_arena_printf(arena, "%.*s/%.*s", ENVM_STR_ARGS(base), ENVM_STR_ARGS(name)),
        &url, err));
    channel->base_url = url.clean;
    channel->name = envm_arena_str(arena, name);
    copy_credentials(channel, &url);
    return ENVM_OK;
}

enum envm_code envm_channel_parse(struct envm_arena *arena, envm_str text,
                                  const struct envm_channel_config *config,
                                  struct envm_channel *ret_channel, struct envm_error *err)
{
    struct envm_channel channel = {0};
    envm_str alias = config->alias.len > 0 ? trim_slashes(config->alias) : ENVM_STR(DEFAULT_ALIAS);

    text = envm_str_trim(text);
    if (text.len == 0)
        return refuse(err, text, "it is empty");
    if (text.len > CHANNEL_LENGTH_MAX)
        return refuse(err, text, "it is too long");
    if (is_windows_path(text))
        return refuse(err, text, "Windows paths are not supported");
    ENVM_TRY(take_platforms(arena, &text, &channel, err));
    if (text.len == 0)
        return refuse(err, text, "it is empty");
    if (is_url(text))
        ENVM_TRY(parse_url(arena, text, alias, config, &channel, err));
    else if (is_path(text))
        ENVM_TRY(parse_path(arena, text, config, &channel, err));
    else
        ENVM_TRY(parse_name(arena, text, alias, config, &channel, err));
    *ret_channel = channel;
    return ENVM_OK;
}

static bool is_known(const struct envm_channel *channels, size_t count,
                     const struct envm_channel *channel)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (envm_str_equal(channels[i].base_url, channel->base_url))
            return true;
    return false;
}

enum envm_code envm_channels_expand(struct envm_arena *arena, struct envm_str_list texts,
                                    const struct envm_channel_config *config,
                                    struct envm_channel **ret_channels, size_t *ret_count,
                                    struct envm_error *err)
{
    struct envm_str_list defaults = {anaconda_names, 2};
    struct envm_channel *channels;
    size_t count = 0, i, j;

    if (config->default_channels.count > 0)
        defaults = config->default_channels;
    channels = envm_arena_new_array(arena, struct envm_channel, texts.count + defaults.count);
    for (i = 0; i < texts.count; i++) {
        bool expand = envm_str_equal_c(envm_str_trim(texts.items[i]), "defaults");
        struct envm_str_list list = expand ? defaults : (struct envm_str_list){&texts.items[i], 1};
        for (j = 0; j < list.count; j++) {
            struct envm_channel channel;
            ENVM_TRY(envm_channel_parse(arena, list.items[j], config, &channel, err));
            if (!is_known(channels, count, &channel))
                channels[count++] = channel;
        }
    }
    *ret_channels = channels;
    *ret_count = count;
    return ENVM_OK;
}

envm_str envm_channel_subdir_url(struct envm_arena *arena, const struct envm_channel *channel,
                                 envm_str subdir)
{
    return envm_arena_printf(arena, "%.*s/%.*s", ENVM_STR_ARGS(channel->base_url),
                             ENVM_STR_ARGS(subdir));
}

envm_str envm_channel_short_name(envm_str text)
{
    envm_str below;
    size_t i;

    text = trim_slashes(text);
    if (!is_url(text))
        return text;
    below = name_below(text, ENVM_STR(DEFAULT_ALIAS));
    if (below.len > 0)
        return below;
    below = name_below(text, ENVM_STR(ANACONDA));
    for (i = 0; i < sizeof(anaconda_names) / sizeof(anaconda_names[0]); i++)
        if (envm_str_equal(below, anaconda_names[i]))
            return below;
    return text;
}

bool envm_channel_name_matches(envm_str wanted, envm_str channel)
{
    size_t i;

    wanted = envm_channel_short_name(wanted);
    channel = envm_channel_short_name(channel);
    if (is_url(wanted) || is_url(channel))
        return envm_str_equal(wanted, channel);
    if (envm_str_equal_nocase(wanted, channel))
        return true;
    for (i = 0; envm_str_equal_c(wanted, "defaults") && i < ANACONDA_DEFAULT_COUNT; i++)
        if (envm_str_equal(channel, anaconda_names[i]))
            return true;
    return false;
}
