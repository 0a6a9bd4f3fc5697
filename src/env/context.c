/* SPDX-License-Identifier: MIT */
#include "env/context.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "codec/digest.h"
#include "codec/url.h"
#include "env/confine.h"
#include "env/holders.h"
#include "lock/lockfile_explicit.h"
#include "sys/clock.h"
#include "sys/fs.h"

void envm_on_out_of_memory(void (*handler)(size_t size))
{
    envm_set_out_of_memory_handler(handler);
    envm_digest_share_memory();
}

const char *envm_version_string(void)
{
    return ENVM_VERSION;
}

struct envm_memory *envm_memory_new(void)
{
    return envm_alloc_zero(1, sizeof(struct envm_memory));
}

void envm_memory_free(struct envm_memory *memory)
{
    if (!memory)
        return;
    envm_arena_release(&memory->arena);
    envm_free(memory);
}

envm_str envm_redact(struct envm_memory *memory, envm_str text)
{
    return envm_url_redact(&memory->arena, text);
}

/* --- the serialised sink ------------------------------------------------------------------ */

static void sink_log(void *user, enum envm_log_level level, const char *text)
{
    struct envm_context *context = user;

    pthread_mutex_lock(&context->sink_mutex);
    if (context->caller.log) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

        /* The one place that every message passes on its way out. */
        context->caller.log(context->caller.user, level,
                            envm_cstr(&arena, envm_url_redact(&arena, envm_str_from(text))));
    }
    pthread_mutex_unlock(&context->sink_mutex);
}

static void sink_progress(void *user, const struct envm_progress *event)
{
    struct envm_context *context = user;

    pthread_mutex_lock(&context->sink_mutex);
    if (context->caller.progress)
        context->caller.progress(context->caller.user, event);
    pthread_mutex_unlock(&context->sink_mutex);
}

static bool sink_cancelled(void *user)
{
    struct envm_context *context = user;

    return context->caller.cancelled && context->caller.cancelled(context->caller.user);
}

/* --- making a context --------------------------------------------------------------------- */

static const char *home_directory(struct envm_context *context)
{
    const char *home = envm_environ_get(context->environment, "HOME");
    struct passwd entry;
    struct passwd *found = NULL;
    char *buffer;

    if (home && home[0] == '/')
        return home;
    buffer = envm_arena_alloc(&context->arena, 4096);
    if (getpwuid_r(getuid(), &entry, buffer, 4096, &found) == 0 && found && found->pw_dir &&
        found->pw_dir[0] == '/')
        return found->pw_dir;
    return NULL;
}

/* explicit option, else $VARIABLE, else $XDG/envm, else ~/FALLBACK */
static enum envm_code choose_directory(struct envm_context *context, const char *option,
                                       const char *variable, const char *xdg_variable,
                                       const char *fallback, envm_str *ret_path,
                                       struct envm_error *err)
{
    const char *value = option ? option : envm_environ_get(context->environment, variable);
    const char *xdg = envm_environ_get(context->environment, xdg_variable);
    const char *home;

    if (value && *value)
        return envm_fs_absolute(
            &context->arena,
            envm_expand_variables(&context->arena, envm_str_from(value), context->environment).ptr,
            ret_path, err);
    if (xdg && xdg[0] == '/') {
        *ret_path = envm_arena_printf(&context->arena, "%s/envm", xdg);
        return ENVM_OK;
    }
    home = home_directory(context);
    if (!home) {
        (void)envm_fail(err, ENVM_USAGE, "there is no home directory (HOME is not set)");
        return envm_error_hint(err, ENVM_USAGE, "set HOME, or %s to a directory", variable);
    }
    *ret_path = envm_arena_printf(&context->arena, "%s/%s", home, fallback);
    return ENVM_OK;
}

static envm_str choose_text(struct envm_context *context, const char *option, envm_str configured)
{
    return option && *option ? envm_arena_str(&context->arena, envm_str_from(option)) : configured;
}

static enum envm_code check_choice(const char *option, const char *choices, const char *what,
                                   struct envm_error *err)
{
    envm_str rest = envm_str_from(choices);
    envm_str choice;

    while (option && envm_str_split_next(&rest, '|', &choice)) {
        if (envm_str_equal_c(choice, option))
            return ENVM_OK;
    }
    return option ? envm_fail(err, ENVM_USAGE, "%s has to be one of %s, not \"%s\"", what, choices,
                              option)
                  : ENVM_OK;
}

static enum envm_code setup(struct envm_context *context,
                            const struct envm_context_options *options, struct envm_error *err)
{
    struct envm_config *config = &context->config;

    ENVM_TRY(check_choice(options->link_mode, "auto|hardlink|reflink|copy", "--link-mode", err));
    ENVM_TRY(check_choice(options->durability, "batch|none|full", "--durability", err));
    int64_t now = envm_clock_now();
    context->now_ms = now > 0 ? (uint64_t)now * 1000 : 0;
    context->environment = envm_environ_from(&context->arena, options->environment);
    ENVM_TRY(envm_config_load(&context->arena, context->environment, options->no_config,
                              &context->sink, config, err));
    config->offline |= options->offline;
    config->require_hashes |= options->require_hashes;
    config->shared_cache |= options->shared_cache;
    config->link_mode = choose_text(context, options->link_mode,
                                    config->always_copy ? ENVM_STR("copy") : config->link_mode);
    config->durability = choose_text(context, options->durability, config->durability);
    context->threads = options->threads;
    context->insecure = options->insecure || envm_str_equal_c(config->ssl_verify, "false");
    context->ca_bundle = options->ca_bundle;
    context->confine = options->confine && config->confine;
    ENVM_TRY(choose_directory(context, options->root, "ENVM_ROOT", "XDG_DATA_HOME",
                              ".local/share/envm", &context->root, err));
    return choose_directory(context, options->cache, "ENVM_CACHE", "XDG_CACHE_HOME", ".cache/envm",
                            &context->cache, err);
}

enum envm_code envm_context_new(const struct envm_context_options *options,
                                struct envm_context **ret_context, struct envm_error *err)
{
    struct envm_context *context = envm_alloc_zero(1, sizeof(*context));
    enum envm_code code;

    context->cache_fd = -1;
    context->caller = options->sink;
    context->sink = (struct envm_sink){
        .user = context, .log = sink_log, .progress = sink_progress, .cancelled = sink_cancelled};
    pthread_mutex_init(&context->sink_mutex, NULL);
    pthread_mutex_init(&context->damage_mutex, NULL);
    code = setup(context, options, err);
    if (code != ENVM_OK) {
        envm_context_free(context);
        return code;
    }
    *ret_context = context;
    return ENVM_OK;
}

void envm_context_free(struct envm_context *context)
{
    if (!context)
        return;
    if (context->gateway)
        envm_gateway_free(context->gateway);
    if (context->store)
        envm_store_free(context->store);
    if (context->downloader)
        envm_downloader_free(context->downloader);
    envm_close_fd(&context->cache_fd);
    for (size_t i = 0; i < context->layer_count; i++)
        envm_close_fd(&context->layers[i].cache_fd);
    envm_confine_tidy(context);
    envm_vec_release(&context->credentials);
    pthread_mutex_destroy(&context->damage_mutex);
    pthread_mutex_destroy(&context->sink_mutex);
    envm_arena_release(&context->arena);
    envm_free(context);
}

/* --- parts made at first use -------------------------------------------------------------- */

enum envm_code envm_context_cache(struct envm_context *context, bool needed, struct envm_error *err)
{
    struct envm_error cause = {0};
    enum envm_code code;

    if (context->cache_fd >= 0 || (context->cache_tried && !needed))
        return ENVM_OK;
    context->cache_tried = true;
    code = envm_fs_make_root(context->cache.ptr, 0700, &context->cache_fd, &cause);
    if (code == ENVM_OK)
        return ENVM_OK;
    if (!needed) {
        envm_error_release(&cause);
        return ENVM_OK;
    }
    envm_error_move(err, &cause);
    (void)envm_wrap(err, code, "opening the cache");
    return envm_error_hint(err, code, "set ENVM_CACHE to a directory that can be written");
}

static unsigned retries(uint64_t configured)
{
    if (configured == 0)
        return ENVM_RETRIES_NONE;
    return configured > 50 ? 50 : (unsigned)configured;
}

static struct envm_net_config net_config(struct envm_context *context)
{
    const struct envm_config *config = &context->config;
    bool is_path = config->ssl_verify.len > 0 && !envm_str_equal_c(config->ssl_verify, "true") &&
                   !envm_str_equal_c(config->ssl_verify, "false");

    return (struct envm_net_config){
        .credentials = context->credentials.items,
        .credential_count = context->credentials.count,
        .proxies = config->proxies,
        .proxy_count = config->proxy_count,
        .ca_bundle = context->ca_bundle ? envm_str_from(context->ca_bundle)
                     : is_path          ? config->ssl_verify
                                        : (envm_str){0},
        .client_cert = config->client_ssl_cert,
        .client_key = config->client_ssl_cert_key,
        .insecure = context->insecure,
        .parallel = (unsigned)(config->fetch_threads > 64 ? 64 : config->fetch_threads),
        .retries = retries(config->remote_max_retries),
        .connect_timeout_ms = (unsigned)(config->remote_connect_timeout_secs > 3600
                                             ? 3600000
                                             : config->remote_connect_timeout_secs * 1000),
        .low_speed_seconds =
            (unsigned)(config->remote_read_timeout_secs > 3600 ? 3600
                                                               : config->remote_read_timeout_secs),
        .offline = config->offline,
        .environment = envm_environ_array(context->environment),
        .sink = &context->sink,
    };
}

enum envm_code envm_context_downloader(struct envm_context *context,
                                       struct envm_downloader **ret_downloader,
                                       struct envm_error *err)
{
    if (!context->downloader) {
        struct envm_net_config config = net_config(context);

        ENVM_TRY(envm_downloader_new(&config, &context->downloader, err));
    }
    *ret_downloader = context->downloader;
    return ENVM_OK;
}

enum envm_code envm_context_gateway(struct envm_context *context, struct envm_gateway **ret_gateway,
                                    struct envm_error *err)
{
    if (!context->gateway) {
        struct envm_gateway_config config = {.offline = context->config.offline,
                                             .use_only_tar_bz2 = context->config.use_only_tar_bz2,
                                             .sink = &context->sink};

        ENVM_TRY(envm_context_downloader(context, &config.downloader, err));
        ENVM_TRY(envm_context_cache(context, false, err));
        config.cache_fd = context->cache_fd;
        ENVM_TRY(envm_gateway_new(&config, &context->gateway, err));
    }
    *ret_gateway = context->gateway;
    return ENVM_OK;
}

enum envm_code envm_context_folder(struct envm_context *context, envm_str text, envm_str *ret_path,
                                   struct envm_error *err)
{
    const char *home = home_directory(context);

    text = envm_expand_variables(&context->arena, text, context->environment);
    if (home && envm_str_starts_with(text, ENVM_STR("~/")))
        text = envm_arena_printf(&context->arena, "%s%s", home, text.ptr + 1);
    return envm_fs_absolute(&context->arena, text.ptr, ret_path, err);
}

/* A layer that cannot be opened (a share that is not mounted) is left out, with a warning. */
static enum envm_code open_layers(struct envm_context *context, struct envm_error *err)
{
    const struct envm_str_list *list = &context->config.cache_layers;

    context->layers = envm_arena_new_array(&context->arena, struct envm_store_layer, list->count);
    for (size_t i = 0; i < list->count; i++) {
        struct envm_store_layer *layer = &context->layers[context->layer_count];
        ENVM_CLEANUP(envm_error) struct envm_error failure = {0};

        layer->cache_fd = -1;
        ENVM_TRY_WRAP(envm_context_folder(context, list->items[i], &layer->path, err), err,
                      "cache_layers");
        if (envm_fs_open_root(layer->path.ptr, &layer->cache_fd, &failure) == ENVM_OK)
            context->layer_count++;
        else
            envm_sink_warn(&context->sink, "the cache layer is left out: %s", failure.text);
    }
    return ENVM_OK;
}

static enum envm_code archive_folders(struct envm_context *context,
                                      struct envm_str_list *ret_folders, struct envm_error *err)
{
    const struct envm_str_list *list = &context->config.archive_folders;
    envm_str *items = envm_arena_new_array(&context->arena, envm_str, list->count);

    for (size_t i = 0; i < list->count; i++)
        ENVM_TRY_WRAP(envm_context_folder(context, list->items[i], &items[i], err), err,
                      "archive_folders");
    *ret_folders = (struct envm_str_list){items, list->count};
    return ENVM_OK;
}

enum envm_code envm_context_store(struct envm_context *context, struct envm_store **ret_store,
                                  struct envm_error *err)
{
    if (!context->store) {
        struct envm_store_config config = {.require_hashes = context->config.require_hashes,
                                           .shared = context->config.shared_cache,
                                           .full_sync =
                                               envm_str_equal_c(context->config.durability, "full"),
                                           .verify_all = context->read_cached_packages,
                                           .sink = &context->sink,
                                           .on_damage = envm_tell_holders,
                                           .user = context};

        ENVM_TRY(envm_context_downloader(context, &config.downloader, err));
        ENVM_TRY(envm_context_cache(context, true, err));
        if (!context->layers)
            ENVM_TRY(open_layers(context, err));
        ENVM_TRY(archive_folders(context, &config.archive_folders, err));
        config.cache_fd = context->cache_fd;
        config.layers = context->layers;
        config.layer_count = context->layer_count;
        ENVM_TRY_WRAP(envm_store_new(&config, &context->store, err), err, "%s", context->cache.ptr);
    }
    *ret_store = context->store;
    return ENVM_OK;
}

/* --- channels ----------------------------------------------------------------------------- */

void envm_context_keep_url_credential(struct envm_context *context, envm_str url)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_credential credential = {0};
    struct envm_url parsed;

    if (envm_url_parse(&arena, url, &parsed, NULL) != ENVM_OK ||
        (!parsed.has_userinfo && parsed.token.len == 0))
        return;
    /* The folder of the file: other channels of the host have credentials of their own. */
    credential.url_prefix = envm_arena_str(
        &context->arena, envm_str_n(parsed.clean.ptr, envm_str_find_last_char(parsed.clean, '/')));
    credential.user = envm_arena_str(&context->arena, parsed.user);
    credential.password = envm_arena_str(&context->arena, parsed.password);
    credential.token = envm_arena_str(&context->arena, parsed.token);
    envm_vec_push(&context->credentials, credential);
}

static void keep_credential(struct envm_context *context, const struct envm_channel *channel)
{
    struct envm_credential credential = {0};

    if (channel->user.len == 0 && channel->password.len == 0 && channel->token.len == 0)
        return;
    credential.url_prefix = envm_arena_str(&context->arena, channel->base_url);
    credential.user = envm_arena_str(&context->arena, channel->user);
    credential.password = envm_arena_str(&context->arena, channel->password);
    credential.token = envm_arena_str(&context->arena, channel->token);
    envm_vec_push(&context->credentials, credential);
}

static enum envm_code add_one(struct envm_context *context, struct envm_arena *arena, envm_str text,
                              envm_str directory, struct envm_channel_vec *channels,
                              struct envm_error *err)
{
    struct envm_channel_config config = {
        .alias = context->config.channel_alias,
        .current_directory = directory,
        .custom_channels = context->config.custom_channels,
        .custom_channel_count = context->config.custom_channel_count,
        .default_channels = context->config.default_channels,
    };
    struct envm_channel channel = {0};

    config.home = envm_str_from(envm_environ_get(context->environment, "HOME"));
    ENVM_TRY(envm_channel_parse(arena, text, &config, &channel, err));
    for (size_t i = 0; i < channels->count; i++) {
        if (envm_str_equal(channels->items[i].name, channel.name))
            return ENVM_OK;
    }
    keep_credential(context, &channel);
    envm_vec_push(channels, channel);
    return ENVM_OK;
}

enum envm_code envm_context_add_channel(struct envm_context *context, struct envm_arena *arena,
                                        envm_str text, envm_str directory,
                                        struct envm_channel_vec *channels, struct envm_error *err)
{
    text = envm_expand_variables(arena, text, context->environment);
    if (!envm_str_equal_c(text, "defaults"))
        return add_one(context, arena, text, directory, channels, err);
    for (size_t i = 0; i < context->config.default_channels.count; i++)
        ENVM_TRY(add_one(context, arena, context->config.default_channels.items[i], directory,
                         channels, err));
    return ENVM_OK;
}

enum envm_code envm_context_learn_channels(struct envm_context *context, struct envm_arena *arena,
                                           struct envm_error *err)
{
    struct envm_channel_vec channels = {0};
    enum envm_code code = ENVM_OK;
    envm_str here = {0};

    ENVM_TRY(envm_fs_absolute(arena, ".", &here, err));
    for (size_t i = 0; code == ENVM_OK && i < context->config.channels.count; i++)
        code = envm_context_add_channel(context, arena, context->config.channels.items[i], here,
                                        &channels, err);
    envm_vec_release(&channels);
    return code;
}
