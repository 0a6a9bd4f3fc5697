/* SPDX-License-Identifier: MIT
 *
 * URLs: the schemes that channels use (https, http, file). Parsing takes credentials out: userinfo
 * and conda's /t/TOKEN/ path segment live in their own fields and are never part of `clean`.
 */
#ifndef ENVM_CODEC_URL_H
#define ENVM_CODEC_URL_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/str.h"

struct envm_url {
    envm_str scheme;                /* lower case */
    envm_str user, password, token; /* percent-decoded; empty when absent */
    bool has_userinfo;
    envm_str host; /* lower case; IPv6 in brackets; "" for file */
    uint16_t port; /* 0: the scheme's default */
    /* Starts with "/", percent-encoded in one way only (upper-case digits, unreserved characters
     * as themselves), no "." and ".." segments, without the token segment. */
    envm_str path;
    envm_str query; /* without "?", may hold secrets (signed URLs) */
    envm_str clean; /* scheme://host[:port]/path, no credentials, no query, NUL-terminated */
};

/* All slices of *ret_url are copies in the arena. A fragment is dropped; a file URL has no host
 * (or "localhost"), credentials or token. ENVM_USAGE with the redacted text for: other schemes, no
 * host, bad port, spaces, controls, backslashes, bad percent escapes, %00, more than 8 KiB. */
enum envm_code envm_url_parse(struct envm_arena *arena, envm_str text, struct envm_url *ret_url,
                              struct envm_error *err);
/* base + "/" + tail, one slash between; tail is plain text and is percent-encoded as needed
 * ("/" "_" "." "-" "~" "+" "!" stay). */
envm_str envm_url_join(struct envm_arena *arena, envm_str base, envm_str tail);
/* RFC 3986 reference resolution, for redirects and CEP 15's relative base_url. Userinfo of the base
 * is never carried over. The result passes envm_url_parse; else ENVM_USAGE. */
enum envm_code envm_url_resolve(struct envm_arena *arena, envm_str base, envm_str reference,
                                envm_str *ret_url, struct envm_error *err);
/* Any text that may hold URLs (also percent-encoded ones, or with slashes escaped as in JSON), with
 * userinfo, /t/TOKEN and query values replaced by "***"; for everything that is shown or stored.
 * Redacting twice changes nothing more. */
envm_str envm_url_redact(struct envm_arena *arena, envm_str text);
/* The same for a text that is meant to be one URL but may be malformed: blanks and quotes do not
 * end it, and everything before the last "@" goes. */
envm_str envm_url_redact_one(struct envm_arena *arena, envm_str text);
/* scheme://host:port with the default port filled in: what credentials are bound to. */
envm_str envm_url_origin(struct envm_arena *arena, const struct envm_url *url);
/* file:// URL <-> absolute path (percent-coding both ways). */
envm_str envm_url_from_path(struct envm_arena *arena, envm_str absolute_path);
enum envm_code envm_url_to_path(struct envm_arena *arena, envm_str url, envm_str *ret_path,
                                struct envm_error *err);
/* Percent-decoding; what is not an escape stays. The result may hold any byte. */
envm_str envm_url_decode(struct envm_arena *arena, envm_str text);

#endif
