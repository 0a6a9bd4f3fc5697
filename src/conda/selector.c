/* SPDX-License-Identifier: MIT */
#include "conda/selector.h"

#include "base/error.h"
#include "base/utf8.h"
#include "conda/platform.h"

#define DEPTH_MAX 32

enum token {
    TOKEN_END,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_TRUE,
    TOKEN_FALSE,
    TOKEN_UNKNOWN,
};

/* Words that ask for the second part of the platform only. */
static const struct {
    envm_str word, arch;
} arch_words[] = {
    {ENVM_STR_INIT("x86_64"), ENVM_STR_INIT("64")},
    {ENVM_STR_INIT("x64"), ENVM_STR_INIT("64")},
    {ENVM_STR_INIT("arm64"), ENVM_STR_INIT("arm64")},
    {ENVM_STR_INIT("aarch64"), ENVM_STR_INIT("aarch64")},
    {ENVM_STR_INIT("armv6l"), ENVM_STR_INIT("armv6l")},
    {ENVM_STR_INIT("armv7l"), ENVM_STR_INIT("armv7l")},
    {ENVM_STR_INIT("ppc64"), ENVM_STR_INIT("ppc64")},
    {ENVM_STR_INIT("ppc64le"), ENVM_STR_INIT("ppc64le")},
    {ENVM_STR_INIT("riscv64"), ENVM_STR_INIT("riscv64")},
    {ENVM_STR_INIT("s390x"), ENVM_STR_INIT("s390x")},
};

static const struct {
    envm_str word, platform;
} platform_words[] = {
    {ENVM_STR_INIT("linux32"), ENVM_STR_INIT("linux-32")},
    {ENVM_STR_INIT("linux64"), ENVM_STR_INIT("linux-64")},
    {ENVM_STR_INIT("osx64"), ENVM_STR_INIT("osx-64")},
    {ENVM_STR_INIT("win32"), ENVM_STR_INIT("win-32")},
    {ENVM_STR_INIT("win64"), ENVM_STR_INIT("win-64")},
};

static enum token truth(bool value)
{
    return value ? TOKEN_TRUE : TOKEN_FALSE;
}

static enum token system_word(envm_str word, envm_str platform)
{
    envm_str arch = envm_subdir_arch(platform);

    if (envm_str_equal_c(word, "unix"))
        return truth(envm_subdir_is_unix(platform));
    if (envm_str_equal_c(word, "linux"))
        return truth(envm_subdir_is_linux(platform));
    if (envm_str_equal_c(word, "osx"))
        return truth(envm_subdir_is_osx(platform));
    if (envm_str_equal_c(word, "win"))
        return truth(envm_subdir_is_win(platform));
    if (envm_str_equal_c(word, "x86"))
        return truth(envm_str_equal_c(arch, "64") || envm_str_equal_c(arch, "32"));
    if (envm_str_equal_c(word, "true") || envm_str_equal_c(word, "True"))
        return TOKEN_TRUE;
    if (envm_str_equal_c(word, "false") || envm_str_equal_c(word, "False"))
        return TOKEN_FALSE;
    return TOKEN_UNKNOWN;
}

static enum token classify(envm_str word, envm_str platform)
{
    size_t i;

    if (envm_str_equal_c(word, "and"))
        return TOKEN_AND;
    if (envm_str_equal_c(word, "or"))
        return TOKEN_OR;
    if (envm_str_equal_c(word, "not"))
        return TOKEN_NOT;
    for (i = 0; i < sizeof(arch_words) / sizeof(arch_words[0]); i++)
        if (envm_str_equal(word, arch_words[i].word))
            return truth(envm_str_equal(envm_subdir_arch(platform), arch_words[i].arch));
    for (i = 0; i < sizeof(platform_words) / sizeof(platform_words[0]); i++)
        if (envm_str_equal(word, platform_words[i].word))
            return truth(envm_str_equal(platform, platform_words[i].platform));
    if (envm_subdir_is_known(word) && !envm_str_equal_c(word, "noarch"))
        return truth(envm_str_equal(platform, word));
    return system_word(word, platform);
}

static enum token next_token(envm_str *rest, envm_str platform, envm_str *ret_word)
{
    size_t len = 0;

    *rest = envm_str_trim(*rest);
    if (rest->len == 0)
        return TOKEN_END;
    if (rest->ptr[0] == '(' || rest->ptr[0] == ')')
        len = 1;
    while (len == 0 || (len < rest->len && rest->ptr[0] != '(' && rest->ptr[0] != ')')) {
        char c = len < rest->len ? rest->ptr[len] : ' ';
        if (len > 0 && (envm_is_space(c) || c == '(' || c == ')'))
            break;
        len++;
    }
    *ret_word = envm_str_slice(*rest, 0, len);
    *rest = envm_str_skip(*rest, len);
    if (envm_str_equal_c(*ret_word, "("))
        return TOKEN_OPEN;
    if (envm_str_equal_c(*ret_word, ")"))
        return TOKEN_CLOSE;
    return classify(*ret_word, platform);
}

bool envm_selector_has_known_words(envm_str text)
{
    envm_str word = {0};
    enum token token;
    bool any = false;

    while ((token = next_token(&text, ENVM_STR("linux-64"), &word)) != TOKEN_END) {
        if (token == TOKEN_UNKNOWN)
            return false;
        any = true;
    }
    return any;
}

/* Two stacks: operators that wait, and the values they wait for. */
struct evaluation {
    uint8_t operators[3 * DEPTH_MAX];
    bool values[3 * DEPTH_MAX];
    size_t operator_count, value_count;
    bool after_value;
};

static void apply_top(struct evaluation *e)
{
    enum token token = e->operators[--e->operator_count];
    bool right = e->values[e->value_count - 1];

    if (token == TOKEN_NOT) {
        e->values[e->value_count - 1] = !right;
        return;
    }
    e->value_count--;
    if (token == TOKEN_AND)
        e->values[e->value_count - 1] = e->values[e->value_count - 1] && right;
    else
        e->values[e->value_count - 1] = e->values[e->value_count - 1] || right;
}

/* Applies what binds at least as tightly as `token`: not, and, or. */
static void reduce(struct evaluation *e, enum token token)
{
    while (e->operator_count > 0) {
        enum token top = e->operators[e->operator_count - 1];
        if (top == TOKEN_OPEN || (token == TOKEN_AND && top == TOKEN_OR))
            return;
        apply_top(e);
    }
}

static const char *step(struct evaluation *e, enum token token)
{
    bool prefix =
        token == TOKEN_NOT || token == TOKEN_OPEN || token == TOKEN_TRUE || token == TOKEN_FALSE;

    if (e->operator_count + 1 >= 3 * DEPTH_MAX || e->value_count + 1 >= 3 * DEPTH_MAX)
        return "it is too long";
    if (prefix && e->after_value)
        return "'and' or 'or' is missing";
    if (!prefix && !e->after_value)
        return "a word is missing";
    if (token == TOKEN_TRUE || token == TOKEN_FALSE) {
        e->values[e->value_count++] = token == TOKEN_TRUE;
        e->after_value = true;
        return NULL;
    }
    if (token == TOKEN_CLOSE) {
        reduce(e, TOKEN_OR);
        if (e->operator_count == 0)
            return "a ')' has no '('";
        e->operator_count--;
        return NULL;
    }
    if (!prefix)
        reduce(e, token);
    e->operators[e->operator_count++] = (uint8_t)token;
    e->after_value = false;
    return NULL;
}

static enum envm_code refuse(struct envm_error *err, envm_str text, const char *reason)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    envm_buf_add_escaped(&shown, text, 80);
    return envm_fail(err, ENVM_MALFORMED, "bad selector '%s': %s", envm_buf_str(&shown).ptr,
                     reason);
}

enum envm_code envm_selector_evaluate(envm_str text, envm_str platform, bool *ret_value,
                                      struct envm_error *err)
{
    struct evaluation e = {0};
    envm_str rest = text, word = {0};
    const char *reason = NULL;
    enum token token;

    while (!reason && (token = next_token(&rest, platform, &word)) != TOKEN_END) {
        if (token == TOKEN_UNKNOWN)
            return envm_error_hint(err, refuse(err, word, "unknown word"),
                                   "the words are " ENVM_SELECTOR_WORDS);
        reason = step(&e, token);
    }
    if (!reason && !e.after_value)
        reason = "a word is missing";
    if (!reason) {
        reduce(&e, TOKEN_OR);
        reason = e.operator_count > 0 ? "a '(' has no ')'" : NULL;
    }
    if (reason)
        return refuse(err, text, reason);
    *ret_value = e.values[0];
    return ENVM_OK;
}
