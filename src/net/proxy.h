/* SPDX-License-Identifier: MIT
 *
 * Which proxy a request goes through: conda's proxy_servers first, then the usual variables.
 * libcurl would read the process environment by itself; envm always tells it explicitly.
 */
#ifndef ENVM_NET_PROXY_H
#define ENVM_NET_PROXY_H

#include "codec/url.h"
#include "net/download.h"

struct envm_proxy_table {
    const struct envm_proxy *entries; /* from the configuration */
    size_t count;
    envm_str http, https, all; /* from the environment; NUL-terminated */
    envm_str no_proxy[2];      /* configuration, environment */
};

/* Copies into the arena. http_proxy may also be written HTTP_PROXY, except where REQUEST_METHOD
 * says that this is a CGI program, in which a client could set that one by a header. */
struct envm_proxy_table envm_proxy_load(struct envm_arena *arena,
                                        const struct envm_net_config *config);

/* The proxy's URL (it may hold a password) or "" for a direct connection; NUL-terminated. */
envm_str envm_proxy_choose(const struct envm_proxy_table *table, const struct envm_url *url);

/* True when the comma- or space-separated list names the host: "*", a name (with everything below
 * it), ".name", an address, a CIDR block, each with an optional ":port". */
bool envm_no_proxy_matches(envm_str list, envm_str host, uint16_t port);

#endif
