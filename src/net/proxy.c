/* SPDX-License-Identifier: MIT */
#include "net/proxy.h"

#include <arpa/inet.h>

#include "sys/environ.h"

#define ADDRESS_TEXT_MAX 64

static envm_str variable(struct envm_arena *arena, const struct envm_environ *env,
                         const char *lower, const char *upper)
{
    const char *text = envm_environ_get(env, lower);

    if (!text || !text[0])
        text = upper ? envm_environ_get(env, upper) : NULL;
    return envm_arena_str(arena, envm_str_from(text));
}

struct envm_proxy_table envm_proxy_load(struct envm_arena *arena,
                                        const struct envm_net_config *config)
{
    struct envm_proxy_table table = {.count = config->proxy_count};
    struct envm_proxy *entries = envm_arena_new_array(arena, struct envm_proxy, table.count);
    struct envm_environ *env;
    bool cgi;

    for (size_t i = 0; i < table.count; i++) {
        entries[i].scheme_or_host = envm_arena_str(arena, config->proxies[i].scheme_or_host);
        entries[i].url = envm_arena_str(arena, config->proxies[i].url);
    }
    table.entries = entries;
    table.no_proxy[0] = envm_arena_str(arena, config->no_proxy);
    if (!config->environment)
        return table;
    env = envm_environ_from(arena, config->environment);
    cgi = envm_environ_get(env, "REQUEST_METHOD") != NULL;
    table.http = variable(arena, env, "http_proxy", cgi ? NULL : "HTTP_PROXY");
    table.https = variable(arena, env, "https_proxy", "HTTPS_PROXY");
    table.all = variable(arena, env, "all_proxy", "ALL_PROXY");
    table.no_proxy[1] = variable(arena, env, "no_proxy", "NO_PROXY");
    return table;
}

/* Bytes of an address in network order; 0 when the text is none. */
static size_t parse_address(envm_str text, unsigned char bytes[16])
{
    char buffer[ADDRESS_TEXT_MAX];

    if (text.len > 1 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
        text = envm_str_slice(text, 1, text.len - 1);
    if (text.len == 0 || text.len >= sizeof(buffer))
        return 0;
    memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = '\0';
    if (inet_pton(AF_INET, buffer, bytes) == 1)
        return 4;
    return inet_pton(AF_INET6, buffer, bytes) == 1 ? 16 : 0;
}

static bool block_contains(envm_str block, envm_str host)
{
    unsigned char network[16], address[16];
    size_t slash = envm_str_find_char(block, '/');
    size_t len = parse_address(envm_str_slice(block, 0, slash), network);
    uint64_t bits;

    if (len == 0 || len != parse_address(host, address) ||
        !envm_str_parse_u64(envm_str_skip(block, slash + 1), &bits) || bits > len * 8)
        return false;
    for (size_t i = 0; i < bits; i++) {
        unsigned mask = 0x80u >> (i % 8);
        if ((network[i / 8] & mask) != (address[i / 8] & mask))
            return false;
    }
    return true;
}

/* Takes ":port" off; false when the entry is for another port. */
static bool take_port(envm_str *entry, uint16_t port)
{
    size_t colon = envm_str_find_last_char(*entry, ':');
    size_t bracket = envm_str_find_last_char(*entry, ']');
    uint64_t value;

    if (colon == SIZE_MAX || (bracket != SIZE_MAX && colon < bracket) ||
        (bracket == SIZE_MAX && envm_str_find_char(*entry, ':') != colon))
        return true;
    if (!envm_str_parse_u64(envm_str_skip(*entry, colon + 1), &value))
        return true;
    *entry = envm_str_slice(*entry, 0, colon);
    return value == port;
}

static bool entry_matches(envm_str entry, envm_str host, uint16_t port)
{
    unsigned char a[16], b[16];
    size_t len;

    if (envm_str_equal_c(entry, "*"))
        return true;
    if (envm_str_find_char(entry, '/') != SIZE_MAX)
        return block_contains(entry, host);
    if (!take_port(&entry, port))
        return false;
    len = parse_address(entry, a);
    if (len > 0)
        return len == parse_address(host, b) && memcmp(a, b, len) == 0;
    while (entry.len > 0 && (entry.ptr[0] == '.' || entry.ptr[0] == '*'))
        entry = envm_str_skip(entry, 1);
    if (entry.len == 0 || host.len < entry.len ||
        !envm_str_equal_nocase(envm_str_skip(host, host.len - entry.len), entry))
        return false;
    return host.len == entry.len || host.ptr[host.len - entry.len - 1] == '.';
}

bool envm_no_proxy_matches(envm_str list, envm_str host, uint16_t port)
{
    envm_str part, word;

    if (!list.ptr)
        return false;
    while (envm_str_split_next(&list, ',', &part))
        while (envm_str_next_word(&part, &word))
            if (entry_matches(word, host, port))
                return true;
    return false;
}

static const envm_str *find_entry(const struct envm_proxy_table *table, envm_str scheme,
                                  envm_str host)
{
    for (size_t i = 0; i < table->count; i++) {
        envm_str key = table->entries[i].scheme_or_host;
        size_t at = envm_str_find(key, ENVM_STR("://"));
        envm_str key_scheme = at == SIZE_MAX ? key : envm_str_slice(key, 0, at);
        envm_str key_host = at == SIZE_MAX ? (envm_str){0} : envm_str_skip(key, at + 3);

        if (envm_str_equal_nocase(key_scheme, scheme) && envm_str_equal_nocase(key_host, host))
            return &table->entries[i].url;
    }
    return NULL;
}

envm_str envm_proxy_choose(const struct envm_proxy_table *table, const struct envm_url *url)
{
    const envm_str none = {0}, all = ENVM_STR("all");
    bool https = envm_str_equal_c(url->scheme, "https");
    uint16_t port = url->port ? url->port : (https ? 443 : 80);
    const envm_str *found;

    if (envm_no_proxy_matches(table->no_proxy[0], url->host, port) ||
        envm_no_proxy_matches(table->no_proxy[1], url->host, port))
        return ENVM_STR("");
    found = find_entry(table, url->scheme, url->host);
    if (!found)
        found = find_entry(table, url->scheme, none);
    if (!found)
        found = find_entry(table, all, url->host);
    if (!found)
        found = find_entry(table, all, none);
    if (!found)
        found = https ? &table->https : &table->http;
    if (found->len == 0)
        found = &table->all;
    return found->len > 0 ? *found : ENVM_STR("");
}
