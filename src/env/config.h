/* SPDX-License-Identifier: MIT
 *
 * Configuration: built-in < system < user < ENVM_* < flags. conda's .condarc files are read first
 * (the keys that envm knows, the others are conda's business), envm's own config.yaml after them,
 * where an unknown key is an error. Each value remembers where it came from.
 */
#ifndef ENVM_ENV_CONFIG_H
#define ENVM_ENV_CONFIG_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/sink.h"
#include "conda/channel.h"
#include "net/download.h"
#include "sys/environ.h"

struct envm_config {
    /* one member per key of the table in config.c */
    struct envm_str_list channels;         /* appended after -c and the file's */
    struct envm_str_list default_channels; /* what "defaults" stands for */
    envm_str channel_alias;
    envm_str channel_priority;
    envm_str ssl_verify; /* "true", "false" or a path */
    envm_str client_ssl_cert, client_ssl_cert_key;
    struct envm_str_list link_scripts; /* which link scripts may be run; see conda/link_script.h */
    envm_str link_mode;
    envm_str durability;
    bool offline;
    bool add_pip_as_python_dependency;
    bool use_only_tar_bz2;
    bool always_copy;
    bool require_hashes;
    bool confine;                         /* what the context's option wants may be done */
    bool shared_cache;                    /* others may own the cache and write to it */
    struct envm_str_list cache_layers;    /* caches below the writable one, read only */
    struct envm_str_list archive_folders; /* where other tools keep archives */
    uint64_t remote_max_retries;
    uint64_t remote_connect_timeout_secs;
    uint64_t remote_read_timeout_secs;
    uint64_t fetch_threads;
    uint64_t link_script_timeout_secs;
    uint64_t solver_timeout_secs;
    uint64_t solver_memory_mib;
    struct envm_str_list pinned_packages;
    envm_str exclude_newer;
    envm_str resolution;
    struct envm_str_list virtual_packages; /* "__cuda=12.4": in place of what the machine has */
    /* mappings */
    struct envm_custom_channel *custom_channels;
    size_t custom_channel_count;
    struct envm_proxy *proxies;
    size_t proxy_count;
    /* where the value of each key came from, in the order of envm_config_keys() */
    envm_str *sources;
    struct envm_str_list files; /* that were read */
};

/* Reads the files and the variables. ENVM_USAGE with file:line:column. */
enum envm_code envm_config_load(struct envm_arena *arena, const struct envm_environ *environment,
                                bool no_files, const struct envm_sink *sink,
                                struct envm_config *ret_config, struct envm_error *err);

/* Names of the keys that have a single value or a list, and each value as text. */
size_t envm_config_key_count(void);
const char *envm_config_key_name(size_t index);
envm_str envm_config_value(struct envm_arena *arena, const struct envm_config *config,
                           size_t index);

#endif
