/* SPDX-License-Identifier: MIT */
#include "codec/url.h"

#include <arpa/inet.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/utf8.h"

#define URL_MAX ((size_t)8192)

/* The five components of RFC 3986, as slices; the fragment is not kept. */
struct parts {
    envm_str scheme, authority, path, query;
    bool has_scheme, has_authority, has_query;
};

static int hex_value(char c)
{
    if (envm_is_digit(c))
        return c - '0';
    c = envm_to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of the escape at text[at] ('%'), or -1. */
static int escaped_byte(envm_str text, size_t at)
{
    int high = at + 1 < text.len ? hex_value(text.ptr[at + 1]) : -1;
    int low = at + 2 < text.len ? hex_value(text.ptr[at + 2]) : -1;

    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool is_unreserved(char c)
{
    return envm_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static void add_escape(struct envm_buf *out, char c)
{
    envm_buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
}

static struct parts split(envm_str text)
{
    struct parts p = {0};
    size_t colon;
    size_t at = envm_str_find_char(text, '#');

    if (at != SIZE_MAX)
        text = envm_str_slice(text, 0, at);
    at = envm_str_find_char(text, '?');
    if (at != SIZE_MAX) {
        p.has_query = true;
        p.query = envm_str_skip(text, at + 1);
        text = envm_str_slice(text, 0, at);
    }
    colon = envm_str_find_char(text, ':');
    for (at = 0; at < text.len && (envm_is_alnum(text.ptr[at]) || text.ptr[at] == '+' ||
                                   text.ptr[at] == '-' || text.ptr[at] == '.');)
        at++;
    if (at == colon && at > 0 && envm_is_alpha(text.ptr[0])) {
        p.has_scheme = true;
        p.scheme = envm_str_slice(text, 0, colon);
        text = envm_str_skip(text, colon + 1);
    }
    if (envm_str_starts_with(text, ENVM_STR("//"))) {
        p.has_authority = true;
        text = envm_str_skip(text, 2);
        at = envm_str_find_char(text, '/');
        p.authority = envm_str_slice(text, 0, at);
        text = envm_str_skip(text, at);
    }
    p.path = text;
    return p;
}

static envm_str lower(struct envm_arena *arena, envm_str s)
{
    char *copy = envm_cstr(arena, s);

    for (size_t i = 0; i < s.len; i++)
        copy[i] = envm_to_lower(copy[i]);
    return envm_str_n(copy, s.len);
}

envm_str envm_url_decode(struct envm_arena *arena, envm_str text)
{
    char *out = envm_arena_alloc(arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        int byte = text.ptr[i] == '%' ? escaped_byte(text, i) : -1;

        out[len++] = byte < 0 ? text.ptr[i] : (char)byte;
        i += byte < 0 ? 0 : 2;
    }
    return envm_str_n(out, len);
}

/* What is wrong with the characters of the whole text, or NULL. */
static const char *check_characters(envm_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == ' ')
            return "it holds a space (write %20)";
        if (c < ' ' || c == 0x7f)
            return "it holds a control character";
        if (c == '\\')
            return "it holds a backslash";
        if (c == '%' && escaped_byte(text, i) < 0)
            return "'%' is not followed by two hexadecimal digits (write %25 for a percent sign)";
        if (c == '%' && escaped_byte(text, i) == 0)
            return "it holds %00";
    }
    return envm_utf8_is_valid(text) ? NULL : "it is not valid UTF-8";
}

/* Appends a segment with every character written in the one way of `path`. */
static void add_normal(struct envm_buf *out, envm_str segment)
{
    for (size_t i = 0; i < segment.len; i++) {
        char c = segment.ptr[i];
        int byte = c == '%' ? escaped_byte(segment, i) : -1;

        if (byte >= 0) {
            c = (char)byte;
            i += 2;
        }
        if (is_unreserved(c) || (byte < 0 && c && strchr("!$&'()*+,;=:@", c)))
            envm_buf_add_byte(out, c);
        else
            add_escape(out, c);
    }
}

/* One spelling for one path: see struct envm_url. */
static envm_str normalise_path(struct envm_arena *arena, envm_str path)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf segment = envm_buf_text();
    envm_str rest = path;
    envm_str part;

    if (envm_str_starts_with(rest, ENVM_STR("/")))
        rest = envm_str_skip(rest, 1);
    rest.ptr = rest.ptr ? rest.ptr : "";
    while (envm_str_split_next(&rest, '/', &part)) {
        bool last = rest.ptr == NULL;
        envm_str normal;

        envm_buf_clear(&segment);
        add_normal(&segment, part);
        normal = envm_buf_str(&segment);
        if (envm_str_equal_c(normal, "..")) {
            size_t slash = envm_str_find_last_char(envm_buf_str(&out), '/');

            out.len = slash == SIZE_MAX ? 0 : slash;
        } else if (!envm_str_equal_c(normal, ".")) {
            envm_buf_add_byte(&out, '/');
            envm_buf_add_str(&out, normal);
            continue;
        }
        if (last)
            envm_buf_add_byte(&out, '/');
    }
    if (out.len == 0)
        envm_buf_add_byte(&out, '/');
    return envm_arena_str(arena, envm_buf_str(&out));
}

/* Takes every "/t/TOKEN" out of the path; the first one is the token. */
static void take_token(struct envm_arena *arena, struct envm_url *url)
{
    size_t at;

    while ((at = envm_str_find(url->path, ENVM_STR("/t/"))) != SIZE_MAX) {
        envm_str after = envm_str_skip(url->path, at + 3);
        size_t len = envm_str_find_char(after, '/');
        envm_str token = envm_str_slice(after, 0, len);

        after = envm_str_skip(after, len);
        if (url->token.len == 0)
            url->token = envm_url_decode(arena, token);
        url->path = envm_arena_concat(arena, envm_str_slice(url->path, 0, at), after);
    }
    if (url->path.len == 0)
        url->path = ENVM_STR("/");
}

static const char *check_ipv6(struct envm_arena *arena, envm_str host)
{
    struct in6_addr address;
    const char *text = envm_cstr(arena, envm_str_slice(host, 1, host.len - 1));

    return inet_pton(AF_INET6, text, &address) == 1 ? NULL : "its IPv6 address is malformed";
}

static const char *check_host(struct envm_arena *arena, envm_str host)
{
    if (host.len == 0)
        return "it has no host";
    if (host.len > 253)
        return "its host is too long";
    if (host.ptr[0] == '[')
        return check_ipv6(arena, host);
    if (host.ptr[0] == '.' || envm_str_contains(host, ENVM_STR("..")))
        return "its host has an empty label";
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];

        if ((unsigned char)c >= 0x80)
            return "its host is not ASCII (write the \"xn--\" form)";
        if (!envm_is_alnum(c) && c != '.' && c != '-' && c != '_')
            return "its host holds a character that no host name has";
    }
    return NULL;
}

static const char *parse_port(envm_str text, struct envm_url *url)
{
    bool secure = envm_str_equal_c(url->scheme, "https");
    uint64_t port;

    if (text.len == 0)
        return NULL;
    if (text.len > 5 || !envm_str_parse_u64(text, &port) || port == 0 || port > UINT16_MAX)
        return "its port is not a number from 1 to 65535";
    if (port != (secure ? 443 : 80))
        url->port = (uint16_t)port;
    return NULL;
}

static bool has_control(envm_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
            return true;
    return false;
}

static const char *parse_userinfo(struct envm_arena *arena, envm_str text, struct envm_url *url)
{
    size_t colon = envm_str_find_char(text, ':');

    url->has_userinfo = true;
    url->user = envm_url_decode(arena, envm_str_slice(text, 0, colon));
    if (colon != SIZE_MAX)
        url->password = envm_url_decode(arena, envm_str_skip(text, colon + 1));
    if (has_control(url->user) || has_control(url->password))
        return "its user or password holds a control character";
    return NULL;
}

static const char *parse_authority(struct envm_arena *arena, envm_str text, struct envm_url *url)
{
    size_t at_sign = envm_str_find_char(text, '@');
    size_t end_of_host;
    const char *fault = NULL;

    if (at_sign != SIZE_MAX) {
        fault = parse_userinfo(arena, envm_str_slice(text, 0, at_sign), url);
        text = envm_str_skip(text, at_sign + 1);
    }
    if (envm_str_contains(text, ENVM_STR("@")))
        fault = "there is more than one '@' before the path (write %40 in a user or password)";
    if (fault)
        return fault;
    end_of_host = envm_str_find_char(text, ':');
    if (text.len && text.ptr[0] == '[') {
        end_of_host = envm_str_find_char(text, ']');
        if (end_of_host == SIZE_MAX)
            return "its IPv6 address is malformed";
        end_of_host++;
        if (end_of_host < text.len && text.ptr[end_of_host] != ':')
            return "its IPv6 address is malformed";
    }
    url->host = lower(arena, envm_str_slice(text, 0, end_of_host));
    fault = check_host(arena, url->host);
    if (!fault && end_of_host < text.len)
        fault = parse_port(envm_str_skip(text, end_of_host + 1), url);
    return fault;
}

static void compose_clean(struct envm_arena *arena, struct envm_url *url)
{
    envm_str port = url->port ? envm_arena_printf(arena, ":%u", (unsigned)url->port) : ENVM_STR("");

    url->clean =
        envm_arena_printf(arena, "%.*s://%.*s%.*s%.*s", ENVM_STR_ARGS(url->scheme),
                          ENVM_STR_ARGS(url->host), ENVM_STR_ARGS(port), ENVM_STR_ARGS(url->path));
}

/* The reason why the text is no URL for envm, or NULL. */
static const char *parse(struct envm_arena *arena, envm_str text, struct envm_url *url)
{
    struct parts p;
    const char *fault;

    if (text.len > URL_MAX)
        return "it is longer than 8192 bytes";
    fault = check_characters(text);
    if (fault)
        return fault;
    p = split(text);
    if (!p.has_scheme)
        return "it does not begin with https://, http:// or file://";
    url->scheme = lower(arena, p.scheme);
    if (!p.has_authority)
        return "\"//\" must follow the scheme";
    if (envm_str_equal_c(url->scheme, "file")) {
        if (p.authority.len && !envm_str_equal_nocase(p.authority, ENVM_STR("localhost")))
            return "a file URL cannot name a host (write file:///PATH)";
    } else if (envm_str_equal_c(url->scheme, "https") || envm_str_equal_c(url->scheme, "http")) {
        fault = parse_authority(arena, p.authority, url);
        if (fault)
            return fault;
    } else {
        return "its scheme is not https, http or file";
    }
    url->path = normalise_path(arena, p.path);
    if (url->host.len)
        take_token(arena, url);
    url->query = envm_arena_str(arena, p.query);
    compose_clean(arena, url);
    return NULL;
}

enum envm_code envm_url_parse(struct envm_arena *arena, envm_str text, struct envm_url *ret_url,
                              struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();
    struct envm_url url = {0};
    const char *fault = parse(arena, text, &url);

    if (!fault) {
        *ret_url = url;
        return ENVM_OK;
    }
    envm_buf_add_escaped(&shown, envm_url_redact_one(arena, envm_str_slice(text, 0, URL_MAX)), 256);
    return envm_fail(err, ENVM_USAGE, "'%s' is not a usable URL: %s", envm_buf_str(&shown).ptr,
                     fault);
}

static void add_encoded(struct envm_buf *out, envm_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (is_unreserved(c) || c == '/' || c == '+' || c == '!')
            envm_buf_add_byte(out, c);
        else
            add_escape(out, c);
    }
}

envm_str envm_url_join(struct envm_arena *arena, envm_str base, envm_str tail)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();

    while (envm_str_ends_with(base, ENVM_STR("/")))
        base.len--;
    while (envm_str_starts_with(tail, ENVM_STR("/")))
        tail = envm_str_skip(tail, 1);
    envm_buf_add_str(&out, base);
    envm_buf_add_byte(&out, '/');
    add_encoded(&out, tail);
    return envm_arena_str(arena, envm_buf_str(&out));
}

/* The base's authority without its userinfo. */
static envm_str bare_authority(envm_str authority)
{
    size_t at_sign = envm_str_find_last_char(authority, '@');

    return at_sign == SIZE_MAX ? authority : envm_str_skip(authority, at_sign + 1);
}

/* RFC 3986 section 5.2.2. */
static struct parts resolve(struct envm_arena *arena, const struct parts *base,
                            const struct parts *reference)
{
    struct parts p = *reference;
    size_t slash;

    if (p.has_scheme)
        return p;
    p.scheme = base->scheme;
    p.has_scheme = base->has_scheme;
    if (p.has_authority)
        return p;
    p.has_authority = base->has_authority;
    p.authority = bare_authority(base->authority);
    if (p.path.len == 0) {
        p.path = base->path;
        p.query = p.has_query ? p.query : base->query;
        p.has_query |= base->has_query;
    } else if (p.path.ptr[0] != '/') {
        slash = envm_str_find_last_char(base->path, '/');
        p.path = envm_arena_concat(
            arena, slash == SIZE_MAX ? ENVM_STR("/") : envm_str_slice(base->path, 0, slash + 1),
            p.path);
    }
    return p;
}

enum envm_code envm_url_resolve(struct envm_arena *arena, envm_str base, envm_str reference,
                                envm_str *ret_url, struct envm_error *err)
{
    struct parts base_parts = split(base);
    struct parts reference_parts = split(reference);
    struct parts p = resolve(arena, &base_parts, &reference_parts);
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    struct envm_url checked;

    envm_buf_add_str(&out, p.scheme);
    envm_buf_add_cstr(&out, p.has_scheme ? ":" : "");
    envm_buf_add_cstr(&out, p.has_authority ? "//" : "");
    envm_buf_add_str(&out, p.authority);
    envm_buf_add_str(&out, check_characters(p.path) ? p.path : normalise_path(arena, p.path));
    if (p.has_query) {
        envm_buf_add_byte(&out, '?');
        envm_buf_add_str(&out, p.query);
    }
    ENVM_TRY(envm_url_parse(arena, envm_buf_str(&out), &checked, err));
    *ret_url = envm_arena_str(arena, envm_buf_str(&out));
    return ENVM_OK;
}

envm_str envm_url_origin(struct envm_arena *arena, const struct envm_url *url)
{
    unsigned port = url->port;

    if (url->host.len == 0)
        return ENVM_STR("file://");
    if (port == 0)
        port = envm_str_equal_c(url->scheme, "https") ? 443 : 80;
    return envm_arena_printf(arena, "%.*s://%.*s:%u", ENVM_STR_ARGS(url->scheme),
                             ENVM_STR_ARGS(url->host), port);
}

envm_str envm_url_from_path(struct envm_arena *arena, envm_str absolute_path)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();

    envm_buf_add_cstr(&out, "file://");
    add_encoded(&out, absolute_path);
    return envm_arena_str(arena, envm_buf_str(&out));
}

enum envm_code envm_url_to_path(struct envm_arena *arena, envm_str url, envm_str *ret_path,
                                struct envm_error *err)
{
    struct envm_url parsed = {0};

    ENVM_TRY(envm_url_parse(arena, url, &parsed, err));
    if (!envm_str_equal_c(parsed.scheme, "file"))
        return envm_fail(err, ENVM_USAGE, "'%s' is not a file:// URL", parsed.clean.ptr);
    *ret_path = envm_url_decode(arena, parsed.path);
    return ENVM_OK;
}
