/* SPDX-License-Identifier: MIT */
#include "prefix/sealed_text.h"

#include "base/hex.h"
#include "codec/digest.h"

#define SEAL "# sha256 of the lines above: "
#define SEAL_LEN (sizeof(SEAL) - 1 + 64 + 1)

void envm_seal(envm_str text, struct envm_buf *out)
{
    struct envm_sha256 sum = envm_sha256_of(text);

    envm_buf_add_str(out, text);
    envm_buf_printf(out, SEAL "%s\n", envm_sha256_hex(&sum).text);
}

static envm_str seal_of(envm_str text, struct envm_buf *buf)
{
    struct envm_sha256 sum = envm_sha256_of(text);

    envm_buf_printf(buf, SEAL "%s\n", envm_sha256_hex(&sum).text);
    return envm_buf_str(buf);
}

bool envm_unseal(envm_str sealed, envm_str *ret_text)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf wanted = envm_buf_text();
    envm_str text = envm_str_slice(sealed, 0, sealed.len > SEAL_LEN ? sealed.len - SEAL_LEN : 0);

    if (!envm_str_equal(envm_str_skip(sealed, text.len), seal_of(text, &wanted)))
        return false;
    *ret_text = text;
    return true;
}

bool envm_seal_means(envm_str sealed, envm_str text)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf wanted = envm_buf_text();

    return envm_str_starts_with(sealed, text) || envm_str_ends_with(sealed, seal_of(text, &wanted));
}
