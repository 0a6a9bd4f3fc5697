/* SPDX-License-Identifier: MIT */
#include "codec/yaml_text.h"

#include "base/error.h"
#include "base/utf8.h"
#include "base/vec.h"

/* A walk over the characters; lines end where libyaml ends them. */
struct walk {
    envm_str rest;
    uint32_t c;    /* the current character */
    size_t len;    /* its bytes; a CR LF pair is one character of two bytes */
    size_t index;  /* in code points */
    unsigned line; /* from 1 */
    unsigned column;
    bool at_line_start;
    bool after_break;
};

static bool is_break(uint32_t c)
{
    return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

/* Moves to the next character; false at the end or before bytes that are not UTF-8 (rest.len tells
 * them apart). Start with line 1 and after_break. */
static bool step(struct walk *w)
{
    if (w->len) {
        w->index += w->c == '\r' && w->len == 2 ? 2 : 1;
        w->column++;
        w->rest = envm_str_skip(w->rest, w->len);
        w->after_break = is_break(w->c);
        w->len = 0;
        if (w->after_break) {
            w->line++;
            w->column = 1;
        }
    }
    if (w->rest.len == 0)
        return false;
    w->at_line_start = w->after_break;
    w->len = envm_utf8_decode(w->rest, &w->c);
    if (w->len == 1 && w->c == '\r' && w->rest.len > 1 && w->rest.ptr[1] == '\n')
        w->len = 2;
    return w->len > 0;
}

/* From a plain character to the last one of a run of them: half of the time of a walk. */
static void skip_plain(struct walk *w)
{
    size_t count = 0;

    if (w->len != 1 || w->c < ' ' || w->c > '~')
        return;
    while (count + 1 < w->rest.len && w->rest.ptr[count + 1] >= ' ' &&
           w->rest.ptr[count + 1] <= '~')
        count++;
    w->rest = envm_str_skip(w->rest, count);
    w->index += count;
    w->column += (unsigned)count;
    w->at_line_start = w->at_line_start && count == 0;
    w->c = (unsigned char)w->rest.ptr[0];
}

static struct walk begin(envm_str text)
{
    return (struct walk){.rest = text, .line = 1, .column = 1, .after_break = true};
}

static enum envm_code refuse(struct envm_error *err, const char *file, unsigned line,
                             unsigned column, const char *text)
{
    envm_fail(err, ENVM_MALFORMED, "%s", text);
    return envm_error_where(err, ENVM_MALFORMED, "%s:%u:%u", file, line, column);
}

static bool is_allowed(uint32_t c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= ' ' && c <= '~') || c == 0x85 ||
           (c >= 0xa0 && c <= 0xfffd && c != 0xfeff) || c >= 0x10000;
}

static bool is_line(envm_str rest, envm_str text)
{
    return envm_str_starts_with(rest, text) &&
           (rest.len == text.len || rest.ptr[text.len] == '\n' || rest.ptr[text.len] == '\r');
}

static bool is_conflict_marker(envm_str rest)
{
    return envm_str_starts_with(rest, ENVM_STR("<<<<<<< ")) ||
           envm_str_starts_with(rest, ENVM_STR(">>>>>>> ")) || is_line(rest, ENVM_STR("======="));
}

static enum envm_code check_line_start(const struct walk *w, const char *file,
                                       struct envm_error *err)
{
    if (is_conflict_marker(w->rest)) {
        envm_fail(err, ENVM_MALFORMED, "merge conflict at line %u", w->line);
        envm_error_hint(err, ENVM_MALFORMED,
                        "settle the conflict and remove the lines <<<<<<<, ======= and >>>>>>>");
        return envm_error_where(err, ENVM_MALFORMED, "%s:%u:%u", file, w->line, w->column);
    }
    if (envm_str_starts_with(w->rest, ENVM_STR("%TAG")))
        return refuse(err, file, w->line, w->column, "%TAG directives are not allowed");
    return ENVM_OK;
}

enum envm_code envm_yaml_check_text(envm_str text, const char *file, struct envm_error *err)
{
    struct walk w = begin(text);

    if (envm_str_starts_with(text, ENVM_STR("\xFF\xFE")) ||
        envm_str_starts_with(text, ENVM_STR("\xFE\xFF")))
        return refuse(err, file, 1, 1, "the text is UTF-16; it has to be UTF-8");
    while (step(&w)) {
        if (w.at_line_start)
            ENVM_TRY(check_line_start(&w, file, err));
        if (w.c == 0)
            return refuse(err, file, w.line, w.column, "a NUL byte");
        if (!is_allowed(w.c)) {
            envm_fail(err, ENVM_MALFORMED, "the character U+%04X is not allowed", (unsigned)w.c);
            return envm_error_where(err, ENVM_MALFORMED, "%s:%u:%u", file, w.line, w.column);
        }
        skip_plain(&w);
    }
    if (w.rest.len)
        return refuse(err, file, w.line, w.column, "invalid UTF-8");
    return ENVM_OK;
}

/* From the current '#' to the end of the line, which stays for the next step. */
static envm_str take_comment(struct walk *w)
{
    const char *from = w->rest.ptr + 1;

    while (step(w) && !is_break(w->c))
        ;
    /* Stand before the break, so that the caller's step sees it. */
    w->len = 0;
    return envm_str_n(from, (size_t)(w->rest.ptr - from));
}

struct envm_str_list envm_yaml_comments(struct envm_arena *arena, envm_str text,
                                        const struct envm_yaml_span *scalars, size_t count)
{
    ENVM_VEC(envm_str) lines = {0};
    struct walk w = begin(text);
    bool after_blank = true;
    bool in_header = false;
    size_t next = 0;
    struct envm_str_list list;

    while (step(&w)) {
        while (next < count && w.index >= scalars[next].end)
            next++;
        while (lines.count < w.line)
            envm_vec_push(&lines, (envm_str){0});
        if (next < count && w.index == scalars[next].begin)
            in_header = scalars[next].block;
        if (w.at_line_start)
            after_blank = true;
        if (is_break(w.c))
            in_header = false;
        if (w.c == '#' && after_blank && lines.items &&
            (in_header || next == count || w.index < scalars[next].begin)) {
            envm_str *place = &lines.items[w.line - 1];

            *place = envm_arena_str(arena, take_comment(&w));
            in_header = false;
        }
        after_blank = w.c == ' ' || w.c == '\t';
    }
    /* libyaml puts what is missing at the end, such as an empty value, on a line of its own. */
    while (lines.count < (size_t)w.line + 1)
        envm_vec_push(&lines, (envm_str){0});
    list = envm_arena_str_list(arena, (struct envm_str_list){lines.items, lines.count});
    envm_vec_release(&lines);
    return list;
}
