/* SPDX-License-Identifier: MIT */
#include "conda/version_spec.h"

#include "base/error.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "conda/pattern.h"

/* Nested parentheses; with two operators per level the operands that wait fit into 64 bits. */
#define DEPTH_MAX 16

enum clause_kind {
    CLAUSE_ANY,
    CLAUSE_EQUAL,
    CLAUSE_NOT_EQUAL,
    CLAUSE_LESS,
    CLAUSE_LESS_EQUAL,
    CLAUSE_GREATER,
    CLAUSE_GREATER_EQUAL,
    CLAUSE_STARTS,
    CLAUSE_NOT_STARTS,
    CLAUSE_COMPATIBLE, /* >= version, and starts with prefix */
    CLAUSE_STRING,
    CLAUSE_NOT_STRING,
};

struct clause {
    enum clause_kind kind;
    const struct envm_version *version;
    const struct envm_version *prefix; /* CLAUSE_COMPATIBLE; NULL: every version */
    struct envm_pattern pattern;
    envm_str literal;
};

/* The specifier in reverse Polish notation. */
struct step {
    char sign; /* ',' or '|'; 0: push the clause */
    uint32_t clause;
};

struct envm_version_spec {
    envm_str text;
    const struct clause *clauses;
    const struct step *steps;
    size_t step_count;
    enum envm_version_spec_shape shape;
};

struct parser {
    struct envm_arena *arena;
    envm_str text; /* without white space */
    size_t at;
    ENVM_VEC(struct clause) clauses;
    ENVM_VEC(struct step) steps;
    char operators[3 * DEPTH_MAX + 3]; /* the stack of the shunting yard */
    size_t operator_count;
    size_t depth;
    struct envm_error *err;
};

static enum envm_code refuse(struct envm_error *err, envm_str text, const char *reason)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    envm_buf_add_escaped(&shown, text, 80);
    return envm_fail(err, ENVM_MALFORMED, "bad version specifier '%s': %s",
                     envm_buf_str(&shown).ptr, reason);
}

static bool is_operator_char(char c)
{
    return c == '=' || c == '<' || c == '>' || c == '!' || c == '~';
}

static bool is_separator(char c)
{
    return c == ',' || c == '|' || c == '(' || c == ')';
}

/* White space may stand beside operators and separators, not inside a version. */
static enum envm_code strip_spaces(struct envm_arena *arena, envm_str text, envm_str *ret_text,
                                   struct envm_error *err)
{
    char *out = envm_cstr(arena, text);
    size_t len = 0, i;

    for (i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (envm_is_space(c))
            continue;
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return refuse(err, text, "it holds a control character");
        if (len > 0 && envm_is_space(text.ptr[i - 1]) && !is_separator(c) && !is_operator_char(c) &&
            !is_separator(out[len - 1]) && !is_operator_char(out[len - 1]))
            return refuse(err, text, "there is white space inside a version");
        out[len++] = c;
    }
    out[len] = '\0';
    *ret_text = envm_str_n(out, len);
    return ENVM_OK;
}

/* Takes ".*" and "*" off the end, as often as they stand there. */
static envm_str strip_trailing_globs(envm_str text)
{
    size_t len = text.len;

    while (len > 0 && text.ptr[len - 1] == '*') {
        len--;
        if (len > 0 && text.ptr[len - 1] == '.')
            len--;
    }
    return envm_str_slice(text, 0, len);
}

static bool has_star(envm_str text)
{
    return envm_str_find_char(text, '*') != SIZE_MAX;
}

static enum envm_code set_version(struct parser *p, struct clause *clause, enum clause_kind kind,
                                  envm_str literal)
{
    clause->kind = kind;
    clause->literal = literal;
    return envm_version_parse(p->arena, literal, &clause->version, p->err);
}

static enum envm_code set_string(struct parser *p, struct clause *clause, enum clause_kind kind,
                                 envm_str text)
{
    size_t i;

    for (i = 0; text.ptr[0] != '^' && i < text.len; i++) {
        char c = text.ptr[i];
        if (!envm_is_alnum(c) && c != '.' && c != '_' && c != '-' && c != '+' && c != '!' &&
            c != '*')
            return refuse(p->err, text, "only letters, digits and . _ - + ! * may be used");
    }
    clause->kind = kind;
    return envm_pattern_parse(p->arena, text, &clause->pattern, p->err);
}

/* A literal with or without globs: equality, a prefix, or a string match. */
static enum envm_code set_equality(struct parser *p, struct clause *clause, envm_str value,
                                   bool fuzzy, bool negated)
{
    envm_str literal = strip_trailing_globs(value);

    if (literal.len == 0 && !negated) {
        /* "*.*" asks for a point, "*" for nothing. */
        if (envm_str_find_char(value, '.') != SIZE_MAX)
            return set_string(p, clause, CLAUSE_STRING, value);
        clause->kind = CLAUSE_ANY;
        return ENVM_OK;
    }
    if (literal.len == 0)
        return refuse(p->err, value, "'!=' needs a version");
    if (has_star(literal))
        return set_string(p, clause, negated ? CLAUSE_NOT_STRING : CLAUSE_STRING, value);
    if (literal.len < value.len || fuzzy)
        return set_version(p, clause, negated ? CLAUSE_NOT_STARTS : CLAUSE_STARTS, literal);
    return set_version(p, clause, negated ? CLAUSE_NOT_EQUAL : CLAUSE_EQUAL, literal);
}

static enum envm_code set_order(struct parser *p, struct clause *clause, enum clause_kind kind,
                                envm_str value)
{
    envm_str literal = value;

    /* ">=2.*.*" is ">=2"; a star that touches a version is a character that sorts first. */
    while (envm_str_ends_with(literal, ENVM_STR(".*")))
        literal = envm_str_slice(literal, 0, literal.len - 2);
    if (literal.len == 0 || literal.ptr[0] == '*')
        return refuse(p->err, value, "an order needs a version");
    return set_version(p, clause, kind, literal);
}

static enum envm_code set_compatible(struct parser *p, struct clause *clause, envm_str value)
{
    size_t cut = value.len - 1;

    if (has_star(value))
        return refuse(p->err, value, "'~=' takes no '*'");
    ENVM_TRY(set_version(p, clause, CLAUSE_COMPATIBLE, value));
    while (cut > 0 && value.ptr[cut] != '.')
        cut--;
    if (cut == 0)
        return ENVM_OK;
    return envm_version_parse(p->arena, envm_str_slice(value, 0, cut), &clause->prefix, p->err);
}

static const struct {
    envm_str sign;
    enum clause_kind kind;
} operators[] = {
    /* the longer ones first */
    {ENVM_STR_INIT("=="), CLAUSE_EQUAL},      {ENVM_STR_INIT("!="), CLAUSE_NOT_EQUAL},
    {ENVM_STR_INIT("<="), CLAUSE_LESS_EQUAL}, {ENVM_STR_INIT(">="), CLAUSE_GREATER_EQUAL},
    {ENVM_STR_INIT("~="), CLAUSE_COMPATIBLE}, {ENVM_STR_INIT("="), CLAUSE_STARTS},
    {ENVM_STR_INIT("<"), CLAUSE_LESS},        {ENVM_STR_INIT(">"), CLAUSE_GREATER},
};

static enum envm_code parse_operator(struct parser *p, envm_str text, struct clause *clause)
{
    size_t i, count = sizeof(operators) / sizeof(operators[0]);
    enum clause_kind kind;
    envm_str value;

    for (i = 0; i < count && !envm_str_starts_with(text, operators[i].sign); i++)
        continue;
    if (i == count)
        return refuse(p->err, text, "unknown operator (== = != < <= > >= ~= are known)");
    value = envm_str_skip(text, operators[i].sign.len);
    kind = operators[i].kind;
    if (value.len == 0)
        return refuse(p->err, text, "no version follows the operator");
    if (is_operator_char(value.ptr[0]))
        return refuse(p->err, text, "two operators stand side by side");
    if (kind == CLAUSE_COMPATIBLE)
        return set_compatible(p, clause, value);
    if (kind == CLAUSE_EQUAL || kind == CLAUSE_NOT_EQUAL || kind == CLAUSE_STARTS)
        return set_equality(p, clause, value, kind == CLAUSE_STARTS, kind == CLAUSE_NOT_EQUAL);
    return set_order(p, clause, kind, value);
}

static enum envm_code parse_clause(struct parser *p, envm_str text, struct clause *clause)
{
    if (text.ptr[0] == '^' || text.ptr[text.len - 1] == '$')
        return set_string(p, clause, CLAUSE_STRING, text);
    if (is_operator_char(text.ptr[0]))
        return parse_operator(p, text, clause);
    return set_equality(p, clause, text, false, false);
}

/* Up to the next separator; a regular expression goes up to its '$'. */
static envm_str take_clause(struct parser *p)
{
    size_t start = p->at;

    if (p->text.ptr[p->at] == '^')
        while (p->at < p->text.len && p->text.ptr[p->at] != '$')
            p->at++;
    while (p->at < p->text.len && !is_separator(p->text.ptr[p->at]))
        p->at++;
    return envm_str_slice(p->text, start, p->at);
}

static void emit(struct parser *p, char sign, uint32_t clause)
{
    struct step step = {sign, clause};

    envm_vec_push(&p->steps, step);
}

/* Emits the operators that bind at least as tightly as `operator` (0: all up to a parenthesis). */
static void reduce(struct parser *p, char sign)
{
    while (p->operator_count > 0) {
        char top = p->operators[p->operator_count - 1];
        if (top == '(' || (sign == ',' && top == '|'))
            return;
        emit(p, top, 0);
        p->operator_count--;
    }
}

static enum envm_code read_operand(struct parser *p, bool *ret_complete)
{
    struct clause clause = {0};
    envm_str text;

    if (p->text.ptr[p->at] == '(') {
        if (p->depth == DEPTH_MAX)
            return refuse(p->err, p->text, "the parentheses are nested too deeply");
        p->depth++;
        p->operators[p->operator_count++] = '(';
        p->at++;
        *ret_complete = false;
        return ENVM_OK;
    }
    text = take_clause(p);
    if (text.len == 0)
        return refuse(p->err, p->text, "a version is missing between the operators");
    ENVM_TRY(parse_clause(p, text, &clause));
    emit(p, 0, (uint32_t)p->clauses.count);
    envm_vec_push(&p->clauses, clause);
    *ret_complete = true;
    return ENVM_OK;
}

static enum envm_code read_operator(struct parser *p, bool *ret_complete)
{
    char c = p->text.ptr[p->at++];

    if (c == '(')
        return refuse(p->err, p->text, "an operator is missing before '('");
    if (c == ')') {
        reduce(p, 0);
        if (p->depth == 0)
            return refuse(p->err, p->text, "a ')' has no '('");
        p->depth--;
        p->operator_count--;
        return ENVM_OK;
    }
    reduce(p, c);
    p->operators[p->operator_count++] = c;
    *ret_complete = false;
    return ENVM_OK;
}

static enum envm_code parse_all(struct parser *p)
{
    bool complete = false;

    while (p->at < p->text.len) {
        if (!complete)
            ENVM_TRY(read_operand(p, &complete));
        else if (!is_separator(p->text.ptr[p->at]))
            return refuse(p->err, p->text, "an operator is missing after ')' or '$'");
        else
            ENVM_TRY(read_operator(p, &complete));
    }
    if (!complete)
        return refuse(p->err, p->text, "it ends where a version is expected");
    if (p->depth > 0)
        return refuse(p->err, p->text, "a '(' has no ')'");
    reduce(p, 0);
    return ENVM_OK;
}

static enum envm_version_spec_shape shape_of(const struct parser *p)
{
    if (p->clauses.count != 1)
        return ENVM_VERSION_COMPOUND;
    switch (p->clauses.items[0].kind) {
    case CLAUSE_ANY:
        return ENVM_VERSION_ANY;
    case CLAUSE_EQUAL:
        return ENVM_VERSION_EXACT;
    case CLAUSE_STARTS:
        return ENVM_VERSION_FUZZY;
    case CLAUSE_NOT_EQUAL:
    case CLAUSE_NOT_STARTS:
    case CLAUSE_NOT_STRING:
    case CLAUSE_COMPATIBLE:
        return ENVM_VERSION_NEGATED;
    case CLAUSE_LESS:
    case CLAUSE_LESS_EQUAL:
    case CLAUSE_GREATER:
    case CLAUSE_GREATER_EQUAL:
    case CLAUSE_STRING:
        break;
    }
    return ENVM_VERSION_COMPOUND;
}

enum envm_code envm_version_spec_parse(struct envm_arena *arena, envm_str text,
                                       const struct envm_version_spec **ret_spec,
                                       struct envm_error *err)
{
    struct parser p = {.arena = arena, .err = err};
    struct envm_version_spec *spec;
    enum envm_code code;

    if (text.len > ENVM_VERSION_SPEC_LENGTH_MAX)
        return refuse(err, text, "it is too long");
    ENVM_TRY(strip_spaces(arena, text, &p.text, err));
    spec = envm_arena_new(arena, struct envm_version_spec);
    spec->text = p.text;
    if (p.text.len == 0) {
        *ret_spec = spec;
        return ENVM_OK;
    }
    code = parse_all(&p);
    if (code == ENVM_OK) {
        spec->clauses =
            envm_arena_copy(arena, p.clauses.items, p.clauses.count * sizeof(*p.clauses.items));
        spec->steps = envm_arena_copy(arena, p.steps.items, p.steps.count * sizeof(*p.steps.items));
        spec->step_count = p.steps.count;
        spec->shape = shape_of(&p);
        *ret_spec = spec;
    }
    envm_vec_release(&p.clauses);
    envm_vec_release(&p.steps);
    return code;
}

static bool clause_matches(const struct clause *clause, const struct envm_version *version)
{
    switch (clause->kind) {
    case CLAUSE_ANY:
        return true;
    case CLAUSE_EQUAL:
        return envm_version_compare(version, clause->version) == 0;
    case CLAUSE_NOT_EQUAL:
        return envm_version_compare(version, clause->version) != 0;
    case CLAUSE_LESS:
        return envm_version_compare(version, clause->version) < 0;
    case CLAUSE_LESS_EQUAL:
        return envm_version_compare(version, clause->version) <= 0;
    case CLAUSE_GREATER:
        return envm_version_compare(version, clause->version) > 0;
    case CLAUSE_GREATER_EQUAL:
        return envm_version_compare(version, clause->version) >= 0;
    case CLAUSE_STARTS:
        return envm_version_starts_with(version, clause->version);
    case CLAUSE_NOT_STARTS:
        return !envm_version_starts_with(version, clause->version);
    case CLAUSE_COMPATIBLE:
        return envm_version_compare(version, clause->version) >= 0 &&
               (!clause->prefix || envm_version_starts_with(version, clause->prefix));
    case CLAUSE_STRING:
        return envm_pattern_matches(&clause->pattern, envm_version_text(version));
    case CLAUSE_NOT_STRING:
        return !envm_pattern_matches(&clause->pattern, envm_version_text(version));
    }
    return false;
}

bool envm_version_spec_matches(const struct envm_version_spec *spec,
                               const struct envm_version *version)
{
    uint64_t stack = 1; /* one bit per operand, the newest lowest; the empty specifier is true */
    size_t i;

    for (i = 0; i < spec->step_count; i++) {
        const struct step *step = &spec->steps[i];
        if (step->sign == 0)
            stack = stack << 1 | clause_matches(&spec->clauses[step->clause], version);
        else if (step->sign == ',')
            stack = (stack >> 1 & ~UINT64_C(1)) | (stack >> 1 & stack & 1);
        else
            stack = stack >> 1 | (stack & 1);
    }
    return stack & 1;
}

enum envm_version_spec_shape envm_version_spec_shape(const struct envm_version_spec *spec)
{
    return spec->shape;
}

envm_str envm_version_spec_text(const struct envm_version_spec *spec)
{
    return spec->text;
}

envm_str envm_version_spec_literal(const struct envm_version_spec *spec)
{
    if (spec->shape != ENVM_VERSION_EXACT && spec->shape != ENVM_VERSION_FUZZY)
        return (envm_str){"", 0};
    return spec->clauses[0].literal;
}
