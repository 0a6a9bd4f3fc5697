/* SPDX-License-Identifier: MIT */
/* links: codec */
/* Redacting is stable. A canary that is put where secrets stand, in a URL made of the input, is in
 * nothing that is shown. */
#include <stdlib.h>

#include "base/buf.h"
#include "codec/url.h"

#define CANARY "S3CRET"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_shown(envm_str text)
{
    if (envm_str_contains(text, ENVM_STR(CANARY)))
        abort();
}

/* What a person may have put around a secret, escaped where it would end the secret. */
static void add_junk(struct envm_buf *out, envm_str junk)
{
    for (size_t i = 0; i < junk.len; i++) {
        char c = junk.ptr[i];

        if (envm_is_alnum(c) || (c && strchr("-._~!$'()*+,:=", c)))
            envm_buf_add_byte(out, c);
        else
            envm_buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

static void check_canary(struct envm_arena *arena, unsigned place, envm_str junk, envm_str tail)
{
    static const struct {
        const char *before, *after;
    } places[] = {
        {"https://user:", "@host/"},    {"https://", ":pw@host/x"},  {"http://host/t/", "/ch/"},
        {"https://u:", "@host/t/x/c?"}, {"https://host/x?key=", ""}, {"https://h:80/p/t/", ""},
    };
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    struct envm_error err = {0};
    struct envm_url url;

    place %= sizeof(places) / sizeof(*places);
    envm_buf_add_cstr(&text, places[place].before);
    add_junk(&text, junk);
    envm_buf_add_cstr(&text, CANARY);
    add_junk(&text, junk);
    envm_buf_add_cstr(&text, places[place].after);
    envm_buf_add_str(&text, tail);
    check_shown(envm_url_redact(arena, envm_buf_str(&text)));
    check_shown(envm_url_redact_one(arena, envm_buf_str(&text)));
    if (envm_url_parse(arena, envm_buf_str(&text), &url, &err) == ENVM_OK)
        check_shown(url.clean);
    else
        check_shown(envm_str_from(err.text));
    envm_error_release(&err);
}

static void check_parsed(struct envm_arena *arena, envm_str text)
{
    struct envm_url url;
    struct envm_url again;
    envm_str resolved;

    if (envm_url_parse(arena, text, &url, NULL) != ENVM_OK)
        return;
    if (envm_url_parse(arena, url.clean, &again, NULL) != ENVM_OK ||
        !envm_str_equal(url.clean, again.clean) || again.has_userinfo || again.token.len ||
        url.path.ptr[0] != '/')
        abort();
    if (envm_url_resolve(arena, url.clean, ENVM_STR(""), &resolved, NULL) != ENVM_OK ||
        !envm_str_equal(resolved, url.clean))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str text = envm_str_n((const char *)data, size);
    envm_str junk = envm_str_slice(text, 1, 1 + size / 2);
    envm_str once;
    envm_str ignored;

    once = envm_url_redact(&arena, text);
    if (!envm_str_equal(envm_url_redact(&arena, once), once))
        abort();
    envm_url_redact_one(&arena, text);
    check_parsed(&arena, text);
    envm_url_resolve(&arena, ENVM_STR("https://host/a/b?c"), text, &ignored, NULL);
    if (size > 0 && !envm_str_contains(text, ENVM_STR(CANARY)))
        check_canary(&arena, data[0], junk, envm_str_skip(text, 1 + size / 2));
    return 0;
}
