/* SPDX-License-Identifier: MIT */
#include "conda/regex_program.h"

#include "base/error.h"
#include "base/str.h"

#define STATES_MAX 512
#define GROUP_DEPTH_MAX 32
#define NO_STATE UINT16_MAX

enum state_kind {
    STATE_CHAR,
    STATE_ANY,
    STATE_SET,
    STATE_BEGIN,
    STATE_END,
    STATE_SPLIT,
    STATE_EMPTY,
    STATE_MATCH,
};

struct byte_set {
    uint64_t words[4];
};

struct state {
    uint8_t kind;
    char c;
    uint16_t set;
    uint16_t out[2];
};

struct envm_regex {
    const struct state *states;
    const struct byte_set *sets;
    size_t count;
    uint16_t start;
    bool ignore_case;
};

/* A piece of the automaton whose loose ends form a chain through their own out fields: a link is
 * state * 2 + which. */
struct fragment {
    uint16_t start;
    uint16_t ends;
};

struct group {
    size_t atoms, alternatives;
};

struct compiler {
    struct envm_arena *arena;
    envm_str text;
    size_t at;
    bool ignore_case;
    const char *fault;
    struct state states[STATES_MAX];
    size_t state_count;
    struct byte_set *sets; /* STATES_MAX of them, made when the first is needed */
    size_t set_count;
    struct fragment stack[STATES_MAX];
    size_t depth;
    struct group groups[GROUP_DEPTH_MAX];
    size_t group_depth;
    struct group group;
};

static uint16_t new_state(struct compiler *c, enum state_kind kind)
{
    if (c->state_count == STATES_MAX) {
        c->fault = "the regular expression is too large";
        return 0;
    }
    c->states[c->state_count] = (struct state){.kind = (uint8_t)kind, .out = {NO_STATE, NO_STATE}};
    return (uint16_t)c->state_count++;
}

static void patch(struct compiler *c, uint16_t ends, uint16_t target)
{
    while (ends != NO_STATE) {
        uint16_t *slot = &c->states[ends / 2].out[ends % 2];
        ends = *slot;
        *slot = target;
    }
}

static uint16_t append(struct compiler *c, uint16_t left, uint16_t right)
{
    uint16_t at = left;

    if (left == NO_STATE)
        return right;
    while (c->states[at / 2].out[at % 2] != NO_STATE)
        at = c->states[at / 2].out[at % 2];
    c->states[at / 2].out[at % 2] = right;
    return left;
}

static void push(struct compiler *c, uint16_t start, uint16_t ends)
{
    if (c->depth == STATES_MAX) {
        c->fault = "the regular expression is too large";
        return;
    }
    c->stack[c->depth++] = (struct fragment){start, ends};
}

static void push_state(struct compiler *c, enum state_kind kind, char byte, uint16_t set)
{
    uint16_t state = new_state(c, kind);

    if (c->fault)
        return;
    c->states[state].c = byte;
    c->states[state].set = set;
    push(c, state, (uint16_t)(state * 2));
}

static void join_two(struct compiler *c)
{
    struct fragment right = c->stack[--c->depth];
    struct fragment *left = &c->stack[c->depth - 1];

    patch(c, left->ends, right.start);
    left->ends = right.ends;
}

static void choose_two(struct compiler *c)
{
    struct fragment right, *left;
    uint16_t split = new_state(c, STATE_SPLIT);

    if (c->fault)
        return;
    right = c->stack[--c->depth];
    left = &c->stack[c->depth - 1];
    c->states[split].out[0] = left->start;
    c->states[split].out[1] = right.start;
    *left = (struct fragment){split, append(c, left->ends, right.ends)};
}

static void repeat(struct compiler *c, char sign)
{
    struct fragment *top = &c->stack[c->depth - 1];
    uint16_t split = new_state(c, STATE_SPLIT);
    uint16_t loose = (uint16_t)(split * 2 + 1);

    if (c->fault)
        return;
    c->states[split].out[0] = top->start;
    if (sign == '?') {
        *top = (struct fragment){split, append(c, top->ends, loose)};
        return;
    }
    patch(c, top->ends, split);
    *top = (struct fragment){sign == '+' ? top->start : split, loose};
}

/* Joins the sequence that is open, so that one fragment stands for it. */
static void close_sequence(struct compiler *c)
{
    if (c->group.atoms == 0) {
        push_state(c, STATE_EMPTY, 0, 0);
        c->group.atoms = 1;
    }
    for (; c->group.atoms > 1 && !c->fault; c->group.atoms--)
        join_two(c);
}

static void close_alternatives(struct compiler *c)
{
    close_sequence(c);
    for (; c->group.alternatives > 0 && !c->fault; c->group.alternatives--)
        choose_two(c);
}

static void begin_atom(struct compiler *c)
{
    if (c->group.atoms > 1) {
        c->group.atoms--;
        join_two(c);
    }
    c->group.atoms++;
}

static void open_group(struct compiler *c)
{
    envm_str rest = envm_str_skip(c->text, c->at);

    if (rest.len > 0 && rest.ptr[0] == '?') {
        if (!envm_str_starts_with(rest, ENVM_STR("?:"))) {
            c->fault = "look-around and named groups are not supported";
            return;
        }
        c->at += 2;
    }
    if (c->group_depth == GROUP_DEPTH_MAX) {
        c->fault = "the groups are nested too deeply";
        return;
    }
    begin_atom(c);
    c->group.atoms--; /* counted again when the group is closed */
    c->groups[c->group_depth++] = c->group;
    c->group = (struct group){0};
}

static void close_group(struct compiler *c)
{
    if (c->group_depth == 0) {
        c->fault = "a ')' has no '('";
        return;
    }
    close_alternatives(c);
    c->group = c->groups[--c->group_depth];
    c->group.atoms++;
}

static void set_add(struct byte_set *set, unsigned char byte)
{
    set->words[byte / 64] |= UINT64_C(1) << (byte % 64);
}

static bool set_has(const struct byte_set *set, unsigned char byte)
{
    return (set->words[byte / 64] >> (byte % 64)) & 1;
}

static bool is_class_member(char kind, char c)
{
    if (kind == 'd')
        return envm_is_digit(c);
    if (kind == 'w')
        return envm_is_alnum(c) || c == '_';
    return envm_is_space(c) || c == '\v' || c == '\f';
}

/* \d, \w, \s and their capitals; false when the letter is none of them. */
static bool add_class(struct byte_set *set, char letter)
{
    char kind = envm_to_lower(letter);
    unsigned byte;

    if (kind != 'd' && kind != 'w' && kind != 's')
        return false;
    for (byte = 0; byte < 256; byte++)
        if (is_class_member(kind, (char)byte) == (kind == letter))
            set_add(set, (unsigned char)byte);
    return true;
}

static struct byte_set *new_set(struct compiler *c)
{
    if (!c->sets)
        c->sets = envm_arena_new_array(c->arena, struct byte_set, STATES_MAX);
    return &c->sets[c->set_count++];
}

/* The byte that a class names at this place; escapes of classes are added to the set. */
static bool read_class_byte(struct compiler *c, struct byte_set *set, unsigned char *ret_byte)
{
    char byte = c->text.ptr[c->at++];

    if (byte == '\\') {
        if (c->at >= c->text.len) {
            c->fault = "it ends with a backslash";
            return false;
        }
        byte = c->text.ptr[c->at++];
        if (add_class(set, byte))
            return false;
        if (envm_is_alnum(byte))
            c->fault = "unknown escape in a class";
    }
    *ret_byte = (unsigned char)byte;
    return !c->fault;
}

static void read_class_item(struct compiler *c, struct byte_set *set)
{
    unsigned char first, last;
    unsigned byte;

    if (!read_class_byte(c, set, &first))
        return;
    last = first;
    if (c->at + 1 < c->text.len && c->text.ptr[c->at] == '-' && c->text.ptr[c->at + 1] != ']') {
        c->at++;
        if (!read_class_byte(c, set, &last) || last < first) {
            c->fault = "a range in a class is not in order";
            return;
        }
    }
    for (byte = first; byte <= last; byte++)
        set_add(set, (unsigned char)byte);
}

static void finish_class(struct compiler *c, struct byte_set *set, bool negated)
{
    unsigned byte;

    for (byte = 'a'; c->ignore_case && byte <= 'z'; byte++) {
        unsigned upper = byte - 'a' + 'A';
        if (set_has(set, (unsigned char)byte))
            set_add(set, (unsigned char)upper);
        else if (set_has(set, (unsigned char)upper))
            set_add(set, (unsigned char)byte);
    }
    for (byte = 0; negated && byte < 4; byte++)
        set->words[byte] = ~set->words[byte];
}

static void read_class(struct compiler *c)
{
    struct byte_set *set = new_set(c);
    bool negated = c->at < c->text.len && c->text.ptr[c->at] == '^';
    size_t start;

    if (negated)
        c->at++;
    start = c->at;
    while (!c->fault) {
        if (c->at >= c->text.len) {
            c->fault = "a '[' has no ']'";
            return;
        }
        if (c->text.ptr[c->at] == ']' && c->at > start)
            break;
        read_class_item(c, set);
    }
    c->at++;
    finish_class(c, set, negated);
    push_state(c, STATE_SET, 0, (uint16_t)(set - c->sets));
}

static void read_escape(struct compiler *c)
{
    char byte;
    struct byte_set *set;

    if (c->at >= c->text.len) {
        c->fault = "it ends with a backslash";
        return;
    }
    byte = c->text.ptr[c->at++];
    if (!envm_is_alnum(byte)) {
        push_state(c, STATE_CHAR, byte, 0);
        return;
    }
    set = new_set(c);
    if (add_class(set, byte))
        push_state(c, STATE_SET, 0, (uint16_t)(set - c->sets));
    else
        c->fault = "back-references and this escape are not supported";
}

static void read_repeat(struct compiler *c, char sign)
{
    if (c->group.atoms == 0) {
        c->fault = "there is nothing to repeat";
        return;
    }
    /* A second sign only says "as few as possible", which does not change whether it matches. */
    if (c->at < c->text.len && c->text.ptr[c->at] == '?')
        c->at++;
    repeat(c, sign);
}

static void read_atom(struct compiler *c, char byte)
{
    begin_atom(c);
    switch (byte) {
    case '[':
        read_class(c);
        break;
    case '\\':
        read_escape(c);
        break;
    case '.':
        push_state(c, STATE_ANY, 0, 0);
        break;
    case '^':
        push_state(c, STATE_BEGIN, 0, 0);
        break;
    case '$':
        push_state(c, STATE_END, 0, 0);
        break;
    default:
        push_state(c, STATE_CHAR, c->ignore_case ? envm_to_lower(byte) : byte, 0);
        break;
    }
}

static void read_token(struct compiler *c)
{
    char byte = c->text.ptr[c->at++];

    switch (byte) {
    case '(':
        open_group(c);
        break;
    case ')':
        close_group(c);
        break;
    case '|':
        close_sequence(c);
        c->group.alternatives++;
        c->group.atoms = 0;
        break;
    case '*':
    case '+':
    case '?':
        read_repeat(c, byte);
        break;
    case '{':
        c->fault = "counted repeats are not supported";
        break;
    default:
        read_atom(c, byte);
        break;
    }
}

static void finish(struct compiler *c, struct envm_regex *regex)
{
    uint16_t match;

    if (!c->fault && c->group_depth > 0)
        c->fault = "a '(' has no ')'";
    if (!c->fault)
        close_alternatives(c);
    match = c->fault ? 0 : new_state(c, STATE_MATCH);
    if (c->fault)
        return;
    patch(c, c->stack[0].ends, match);
    regex->start = c->stack[0].start;
    regex->count = c->state_count;
    regex->ignore_case = c->ignore_case;
    regex->sets = c->sets;
    regex->states = envm_arena_copy(c->arena, c->states, c->state_count * sizeof(*c->states));
}

enum envm_code envm_regex_compile(struct envm_arena *arena, envm_str text, bool ignore_case,
                                  const struct envm_regex **ret_regex, struct envm_error *err)
{
    struct compiler c;
    struct envm_regex *regex = envm_arena_new(arena, struct envm_regex);

    memset(&c, 0, offsetof(struct compiler, states));
    c.arena = arena;
    c.text = text;
    c.ignore_case = ignore_case;
    c.state_count = c.set_count = c.depth = c.group_depth = 0;
    c.sets = NULL;
    c.group = (struct group){0};
    while (c.at < text.len && !c.fault && c.set_count + 1 < STATES_MAX)
        read_token(&c);
    if (!c.fault && c.at < text.len)
        c.fault = "the regular expression is too large";
    finish(&c, regex);
    if (c.fault)
        return envm_fail(err, ENVM_MALFORMED, "%s", c.fault);
    *ret_regex = regex;
    return ENVM_OK;
}

struct walk {
    uint16_t now[STATES_MAX];
    uint16_t next[STATES_MAX];
    uint32_t seen[STATES_MAX]; /* the step in which the state was added last */
    uint16_t pending[STATES_MAX + 1];
    size_t now_count, next_count;
    uint32_t step;
    bool matched;
};

/* Adds a state and all that is reached from it without reading a byte. */
static void add_state(const struct envm_regex *regex, struct walk *walk, uint16_t first,
                      bool at_begin, bool at_end)
{
    size_t pending = 0;

    if (walk->seen[first] == walk->step)
        return;
    walk->seen[first] = walk->step;
    walk->pending[pending++] = first;
    while (pending > 0) {
        uint16_t index = walk->pending[--pending];
        const struct state *state = &regex->states[index];
        size_t i, ways = 0;
        if (state->kind == STATE_MATCH)
            walk->matched = true;
        else if (state->kind == STATE_SPLIT)
            ways = 2;
        else if (state->kind == STATE_EMPTY || (state->kind == STATE_BEGIN && at_begin) ||
                 (state->kind == STATE_END && at_end))
            ways = 1;
        else
            walk->next[walk->next_count++] = index;
        for (i = 0; i < ways; i++) {
            if (walk->seen[state->out[i]] == walk->step)
                continue;
            walk->seen[state->out[i]] = walk->step;
            walk->pending[pending++] = state->out[i];
        }
    }
}

static bool accepts(const struct envm_regex *regex, const struct state *state, char byte)
{
    if (state->kind == STATE_CHAR)
        return state->c == (regex->ignore_case ? envm_to_lower(byte) : byte);
    if (state->kind == STATE_SET)
        return set_has(&regex->sets[state->set], (unsigned char)byte);
    return state->kind == STATE_ANY;
}

bool envm_regex_search(const struct envm_regex *regex, envm_str text)
{
    struct walk walk;
    size_t at, i;

    memset(walk.seen, 0, regex->count * sizeof(walk.seen[0]));
    walk.matched = false;
    walk.now_count = walk.next_count = 0;
    walk.step = 1;
    add_state(regex, &walk, regex->start, true, text.len == 0);
    for (at = 0; at < text.len && !walk.matched; at++) {
        memcpy(walk.now, walk.next, walk.next_count * sizeof(walk.now[0]));
        walk.now_count = walk.next_count;
        walk.next_count = 0;
        walk.step++;
        for (i = 0; i < walk.now_count; i++) {
            const struct state *state = &regex->states[walk.now[i]];
            if (accepts(regex, state, text.ptr[at]))
                add_state(regex, &walk, state->out[0], false, at + 1 == text.len);
        }
        add_state(regex, &walk, regex->start, false, at + 1 == text.len);
    }
    return walk.matched;
}
