/* SPDX-License-Identifier: MIT
 *
 * The value of `when` (CEP 43): specs joined with `and`, which binds tighter, and `or`, grouped by
 * parentheses.
 */
#include "base/error.h"
#include "base/utf8.h"
#include "codec/url.h"
#include "conda/match_spec_parts.h"

#define WAITING_MAX 64

/* Operators that wait for what follows; the specs and the operators that are done go out. */
struct reader {
    struct envm_arena *arena;
    envm_str text;
    size_t at;
    struct envm_condition_step out[ENVM_CONDITION_STEPS_MAX];
    size_t out_count;
    char waiting[WAITING_MAX]; /* '(', '&' or '|' */
    size_t waiting_count;
    bool after_spec;
    struct envm_error *err;
};

static enum envm_code refuse(struct reader *r, envm_str text, const char *reason)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    envm_buf_add_escaped(&shown, envm_url_redact(r->arena, text), 80);
    return envm_fail(r->err, ENVM_MALFORMED, "in the condition '%s': %s", envm_buf_str(&shown).ptr,
                     reason);
}

static void skip_space(struct reader *r)
{
    while (r->at < r->text.len && envm_is_space(r->text.ptr[r->at]))
        r->at++;
}

/* True when the word stands at `at`, and nothing that could belong to a name follows. */
static bool is_word_at(envm_str text, size_t at, envm_str word)
{
    char after;

    if (!envm_str_starts_with(envm_str_skip(text, at), word))
        return false;
    after = at + word.len < text.len ? text.ptr[at + word.len] : ' ';
    return envm_is_space(after) || after == '(' || after == ')';
}

/* Where the spec that starts at r->at ends: before an operator, before a parenthesis that it did
 * not open, or at the end. SIZE_MAX: a quote or bracket is not closed. */
static size_t end_of_spec(const struct reader *r)
{
    envm_str text = r->text;
    size_t at = r->at, depth = 0;

    while (at < text.len) {
        char c = text.ptr[at];
        if (c == '[' || c == '\'' || c == '"') {
            at = envm_match_spec_skip_quoted(text, at);
            if (at == SIZE_MAX)
                return SIZE_MAX;
            continue;
        }
        if (c == ')' && depth == 0)
            break;
        if (at > r->at && depth == 0 && envm_is_space(text.ptr[at - 1]) &&
            (is_word_at(text, at, ENVM_STR("and")) || is_word_at(text, at, ENVM_STR("or"))))
            break;
        depth += c == '(';
        depth -= c == ')';
        at++;
    }
    return at;
}

static bool put(struct reader *r, enum envm_condition_op op, const struct envm_match_spec *spec)
{
    if (r->out_count == ENVM_CONDITION_STEPS_MAX)
        return false;
    r->out[r->out_count++] = (struct envm_condition_step){op, spec};
    return true;
}

/* Lets what binds at least as tightly as `operator` go. */
static bool release_waiting(struct reader *r, char operator)
{
    while (r->waiting_count > 0) {
        char top = r->waiting[r->waiting_count - 1];
        if (top == '(' || (operator== '&' && top == '|'))
            return true;
        r->waiting_count--;
        if (!put(r, top == '&' ? ENVM_CONDITION_AND : ENVM_CONDITION_OR, NULL))
            return false;
    }
    return true;
}

static enum envm_code wait_for(struct reader *r, char operator, size_t len)
{
    if (operator!= '(' && !release_waiting(r, operator))
        return refuse(r, r->text, "it is too long");
    if (r->waiting_count == WAITING_MAX)
        return refuse(r, r->text, "it is nested too deeply");
    r->waiting[r->waiting_count++] = operator;
    r->after_spec = false;
    r->at += len;
    return ENVM_OK;
}

static enum envm_code read_spec(struct reader *r)
{
    const struct envm_match_spec *spec = NULL;
    size_t end = end_of_spec(r);
    envm_str text;

    if (end == SIZE_MAX)
        return refuse(r, envm_str_skip(r->text, r->at), "a quote or bracket is not closed");
    text = envm_str_trim(envm_str_slice(r->text, r->at, end));
    if (is_word_at(text, 0, ENVM_STR("not")))
        return refuse(r, text, "there is no 'not' in conditions");
    ENVM_TRY_WRAP(envm_match_spec_parse_inside(r->arena, text, &spec, r->err), r->err,
                  "in a condition");
    if (!put(r, ENVM_CONDITION_SPEC, spec))
        return refuse(r, r->text, "it is too long");
    r->after_spec = true;
    r->at = end;
    return ENVM_OK;
}

/* After a spec or a closed group. */
static enum envm_code read_operator(struct reader *r)
{
    if (r->text.ptr[r->at] == ')') {
        if (!release_waiting(r, '|'))
            return refuse(r, r->text, "it is too long");
        if (r->waiting_count == 0)
            return refuse(r, r->text, "a ')' has no '('");
        r->waiting_count--;
        r->at++;
        return ENVM_OK;
    }
    if (is_word_at(r->text, r->at, ENVM_STR("and")))
        return wait_for(r, '&', 3);
    if (is_word_at(r->text, r->at, ENVM_STR("or")))
        return wait_for(r, '|', 2);
    return refuse(r, envm_str_skip(r->text, r->at), "'and' or 'or' is missing");
}

static enum envm_code read_operand(struct reader *r)
{
    if (r->text.ptr[r->at] == '(')
        return wait_for(r, '(', 1);
    if (r->text.ptr[r->at] == ')' || is_word_at(r->text, r->at, ENVM_STR("and")) ||
        is_word_at(r->text, r->at, ENVM_STR("or")))
        return refuse(r, r->text, "a spec is missing");
    return read_spec(r);
}

enum envm_code envm_match_spec_set_when(struct envm_arena *arena, envm_str text,
                                        struct envm_match_spec *spec, struct envm_error *err)
{
    struct reader r = {.arena = arena, .text = text, .err = err};
    struct envm_condition *condition;

    if (spec->inside_condition)
        return refuse(&r, text, "a condition cannot have a condition of its own");
    for (skip_space(&r); r.at < text.len; skip_space(&r))
        ENVM_TRY(r.after_spec ? read_operator(&r) : read_operand(&r));
    if (!r.after_spec)
        return refuse(&r, text, "a spec is missing");
    if (!release_waiting(&r, '|'))
        return refuse(&r, text, "it is too long");
    if (r.waiting_count > 0)
        return refuse(&r, text, "a '(' has no ')'");
    condition = envm_arena_new(arena, struct envm_condition);
    condition->steps = envm_arena_copy(arena, r.out, r.out_count * sizeof(*r.out));
    condition->count = r.out_count;
    spec->when = text;
    spec->condition = condition;
    return ENVM_OK;
}
