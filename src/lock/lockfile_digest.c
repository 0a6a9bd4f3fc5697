/* SPDX-License-Identifier: MIT */
#include "lock/lockfile_digest.h"

#include "base/hex.h"
#include "base/str.h"

/* Digits alone, or digits around one "e", are a number to YAML. */
static bool is_number(const char *hex)
{
    size_t exponents = 0;

    for (const char *c = hex; *c; c++) {
        exponents += *c == 'e';
        if (!envm_is_digit(*c) && *c != 'e')
            return false;
    }
    return exponents <= 1;
}

void envm_lockfile_add_digest(struct envm_buf *out, unsigned indent, const char *key,
                              const char *prefix, const char *hex)
{
    const char *quote = !*prefix && is_number(hex) ? "\"" : "";

    if (!*hex)
        return;
    envm_buf_add_repeat(out, ' ', indent);
    envm_buf_printf(out, "%s: %s%s%s%s\n", key, quote, prefix, hex, quote);
}

void envm_lockfile_add_sha256(struct envm_buf *out, unsigned indent, const char *key,
                              const char *prefix, const struct envm_sha256 *digest)
{
    envm_lockfile_add_digest(out, indent, key, prefix, envm_sha256_hex(digest).text);
}
