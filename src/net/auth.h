/* SPDX-License-Identifier: MIT
 *
 * Which credential goes with which request. Credentials are bound to an origin (scheme, host and
 * port) and a path below it, so that a redirect can never carry one somewhere else: each hop asks
 * here afresh. Nothing of a credential but the prefix that it is bound to may appear in a text.
 */
#ifndef ENVM_NET_AUTH_H
#define ENVM_NET_AUTH_H

#include "codec/url.h"
#include "net/download.h"
#include "net/netrc.h"

struct envm_auth_rule;

struct envm_auth {
    struct envm_auth_rule *rules;
    size_t rule_count;
    struct envm_netrc netrc;
};

struct envm_auth_choice {
    envm_str user, password; /* basic, when has_basic */
    bool has_basic;
    envm_str token, bearer; /* "" when absent; NUL-terminated */
    envm_str described;     /* "the credential for https://host/path", or "" for none */
};

/* Copies the credentials of `config` into the arena and reads the netrc file, which is looked for
 * in config->netrc_path, else $NETRC, else $HOME/.netrc of config->environment. A file that cannot
 * be read counts as absent unless it was named in the configuration. */
enum envm_code envm_auth_load(struct envm_arena *arena, const struct envm_net_config *config,
                              struct envm_auth *ret_auth, struct envm_error *err);

/* What to send with a request for `url`; the longest prefix wins, netrc comes last. Thread-safe. */
struct envm_auth_choice envm_auth_choose(const struct envm_auth *auth, struct envm_arena *arena,
                                         const struct envm_url *url);

/* True when `token` is one of the configured ones. */
bool envm_auth_is_token(const struct envm_auth *auth, envm_str token);

/* The URL to request: url with /t/TOKEN put after the host when `token` is not empty, and the
 * query. It holds secrets: for the engine only. */
envm_str envm_auth_request_url(struct envm_arena *arena, const struct envm_url *url,
                               envm_str token);

/* True for localhost, 127.0.0.0/8 and ::1. */
bool envm_is_loopback_host(envm_str host);

#endif
