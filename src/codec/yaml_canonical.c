/* SPDX-License-Identifier: MIT
 *
 * One walk over a copy of the text. Scalars stay where they are: what ends them becomes their NUL.
 * Nothing here may be cleverer than libyaml: whatever is not certain is declined.
 */
#include "codec/yaml_canonical.h"

#include "base/vec.h"

#define DEPTH_MAX 16
#define NODES_MAX 500000
#define INDENT 2
/* libyaml takes a key for one only within 1024 characters. */
#define KEY_MAX 1000
/* Keys out of order are compared with each other. */
#define UNSORTED_MAX 64

struct entry {
    struct envm_yaml_node *key; /* NULL in a list */
    struct envm_yaml_node *value;
};

/* A mapping or list whose end has not come yet. */
struct level {
    struct envm_yaml_node *node;
    size_t indent;
    size_t first; /* its first entry */
    bool is_sorted;
};

struct walk {
    struct envm_arena *arena;
    char *at;
    const char *line_start;
    unsigned line;
    size_t nodes;
    struct envm_yaml_node *key; /* whose value is a collection that begins on the next line */
    struct level levels[DEPTH_MAX];
    size_t depth;
    ENVM_VEC(struct entry) entries; /* of all open levels */
};

enum { WORD = 1, INNER = 2 };

/* What plain scalars are made of; blanks and ':' have rules of their own. */
static unsigned char class_of(char c)
{
    static const unsigned char classes[128] = {
        ['+'] = WORD,  ['-'] = WORD,  ['.'] = WORD,  ['/'] = WORD,  ['_'] = WORD,  ['0'] = WORD,
        ['1'] = WORD,  ['2'] = WORD,  ['3'] = WORD,  ['4'] = WORD,  ['5'] = WORD,  ['6'] = WORD,
        ['7'] = WORD,  ['8'] = WORD,  ['9'] = WORD,  ['A'] = WORD,  ['B'] = WORD,  ['C'] = WORD,
        ['D'] = WORD,  ['E'] = WORD,  ['F'] = WORD,  ['G'] = WORD,  ['H'] = WORD,  ['I'] = WORD,
        ['J'] = WORD,  ['K'] = WORD,  ['L'] = WORD,  ['M'] = WORD,  ['N'] = WORD,  ['O'] = WORD,
        ['P'] = WORD,  ['Q'] = WORD,  ['R'] = WORD,  ['S'] = WORD,  ['T'] = WORD,  ['U'] = WORD,
        ['V'] = WORD,  ['W'] = WORD,  ['X'] = WORD,  ['Y'] = WORD,  ['Z'] = WORD,  ['a'] = WORD,
        ['b'] = WORD,  ['c'] = WORD,  ['d'] = WORD,  ['e'] = WORD,  ['f'] = WORD,  ['g'] = WORD,
        ['h'] = WORD,  ['i'] = WORD,  ['j'] = WORD,  ['k'] = WORD,  ['l'] = WORD,  ['m'] = WORD,
        ['n'] = WORD,  ['o'] = WORD,  ['p'] = WORD,  ['q'] = WORD,  ['r'] = WORD,  ['s'] = WORD,
        ['t'] = WORD,  ['u'] = WORD,  ['v'] = WORD,  ['w'] = WORD,  ['x'] = WORD,  ['y'] = WORD,
        ['z'] = WORD,  ['!'] = INNER, ['$'] = INNER, ['%'] = INNER, ['('] = INNER, [')'] = INNER,
        ['*'] = INNER, [';'] = INNER, ['?'] = INNER, ['<'] = INNER, ['='] = INNER, ['>'] = INNER,
        ['@'] = INNER, ['^'] = INNER, ['|'] = INNER, ['~'] = INNER,
    };

    return (unsigned char)c < sizeof(classes) ? classes[(unsigned char)c] : 0;
}

static bool is_printable(char c)
{
    return c >= ' ' && c <= '~';
}

static struct envm_yaml_node *new_node(struct walk *w, enum envm_yaml_kind kind)
{
    struct envm_yaml_node *node = envm_arena_new(w->arena, struct envm_yaml_node);

    w->nodes++;
    node->kind = kind;
    node->line = w->line;
    node->column = (unsigned)(w->at - w->line_start) + 1;
    return node;
}

/* Where the plain scalar at `at` ends; NULL when none begins here. */
static char *skip_plain(char *at, bool in_flow)
{
    if (class_of(*at) != WORD ||
        ((*at == '-' || *at == '.' || *at == '+') && !envm_is_alnum(at[1])))
        return NULL;
    for (;;) {
        while (class_of(*at))
            at++;
        if (*at == ' ' && class_of(at[1]))
            at++;
        else if (*at == ':' && class_of(at[1]) == WORD && !in_flow)
            at++;
        else
            return at;
    }
}

/* From after the opening quote to the closing one, with the escapes taken out; *ret_end is where
 * the content then ends. NULL: not closed on this line, or with an escape or byte that is none of
 * ours. */
static char *skip_quoted(char *at, char **ret_end)
{
    char *out = at;

    while (is_printable(*at) && *at != '"') {
        if (*at == '\\' && *++at != '"' && *at != '\\')
            return NULL;
        *out++ = *at++;
    }
    *ret_end = out;
    return *at == '"' ? at : NULL;
}

/* A scalar whose text ends before the byte `w->at` stands on afterwards: that byte is the caller's
 * to check and to overwrite by the NUL of a plain scalar. *ret_end is where the NUL belongs. NULL
 * declines. */
static struct envm_yaml_node *read_scalar(struct walk *w, bool in_flow, char **ret_end)
{
    struct envm_yaml_node *node = new_node(w, ENVM_YAML_SCALAR);
    char *from = w->at;
    char *end;

    node->plain = *from != '"';
    if (node->plain) {
        end = *ret_end = skip_plain(from, in_flow);
    } else {
        end = skip_quoted(++from, ret_end);
        end = end ? end + 1 : NULL;
    }
    if (!end)
        return NULL;
    node->scalar = envm_str_n(from, (size_t)(*ret_end - from));
    w->at = end;
    return node;
}

static void push(struct walk *w, struct envm_yaml_node *key, struct envm_yaml_node *value)
{
    envm_vec_push(&w->entries, ((struct entry){key, value}));
}

/* Moves the entries from `first` on into the node. */
static void fill(struct walk *w, struct envm_yaml_node *node, size_t first)
{
    const struct entry *entries = w->entries.items + first;

    node->count = w->entries.count - first;
    node->items = envm_arena_new_array(w->arena, struct envm_yaml_node *, node->count);
    for (size_t i = 0; i < node->count; i++)
        node->items[i] = entries[i].value;
    if (node->kind == ENVM_YAML_MAPPING) {
        node->keys = envm_arena_new_array(w->arena, struct envm_yaml_node *, node->count);
        for (size_t i = 0; i < node->count; i++)
            node->keys[i] = entries[i].key;
    }
    w->entries.count = first;
}

/* "[a, b]"; on the byte behind it afterwards. */
static struct envm_yaml_node *read_flow_list(struct walk *w)
{
    struct envm_yaml_node *node = new_node(w, ENVM_YAML_SEQUENCE);
    size_t first = w->entries.count;
    bool more = *++w->at != ']';

    while (more) {
        char *end;
        struct envm_yaml_node *item = read_scalar(w, true, &end);

        if (!item || (*w->at != ']' && (*w->at != ',' || w->at[1] != ' ')))
            return NULL;
        more = *w->at == ',';
        w->at += more ? 2 : 0;
        *end = '\0';
        push(w, NULL, item);
    }
    w->at++;
    fill(w, node, first);
    return node;
}

/* What stands on the line of its key, or behind "- "; with the end of the line. */
static struct envm_yaml_node *read_value(struct walk *w)
{
    struct envm_yaml_node *node;
    char *end = NULL;

    if (*w->at == '[') {
        node = read_flow_list(w);
    } else if (*w->at == '{') {
        node = new_node(w, ENVM_YAML_MAPPING);
        if (w->at[1] != '}')
            return NULL;
        w->at += 2;
        fill(w, node, w->entries.count);
    } else {
        node = read_scalar(w, false, &end);
    }
    if (!node || *w->at != '\n')
        return NULL;
    w->at++;
    if (end)
        *end = '\0';
    return node;
}

/* envm writes most keys in order; those of a mapping that is not are few. */
static bool is_new_key(struct walk *w, struct level *level, envm_str key)
{
    const struct entry *entries = w->entries.items + level->first;
    size_t count = w->entries.count - level->first;

    if (level->is_sorted &&
        (count == 0 || envm_str_compare(entries[count - 1].key->scalar, key) < 0))
        return true;
    level->is_sorted = false;
    for (size_t i = 0; i < count; i++)
        if (envm_str_equal(entries[i].key->scalar, key))
            return false;
    return count < UNSORTED_MAX;
}

static bool read_entry(struct walk *w, struct level *level)
{
    const char *from = w->at;
    char *end;
    struct envm_yaml_node *key = read_scalar(w, false, &end);
    struct envm_yaml_node *value;

    if (!key || *w->at != ':' || w->at - from > KEY_MAX || !is_new_key(w, level, key->scalar))
        return false;
    w->at++;
    *end = '\0';
    if (*w->at == '\n') {
        w->at++;
        w->key = key;
        return true;
    }
    if (*w->at++ != ' ')
        return false;
    value = read_value(w);
    if (value)
        push(w, key, value);
    return value != NULL;
}

static bool read_item(struct walk *w)
{
    struct envm_yaml_node *value;

    if (w->at[0] != '-' || w->at[1] != ' ' || w->at[2] == '[' || w->at[2] == '{')
        return false;
    w->at += 2;
    value = read_value(w);
    if (value)
        push(w, NULL, value);
    return value != NULL;
}

static void close_level(struct walk *w)
{
    const struct level *level = &w->levels[--w->depth];

    fill(w, level->node, level->first);
}

/* The line begins a collection: of the key before it, or the document's. */
static bool open_level(struct walk *w, size_t indent)
{
    bool is_list = w->at[0] == '-' && w->at[1] == ' ';

    if (w->depth == DEPTH_MAX ||
        indent != (w->depth ? w->levels[w->depth - 1].indent + INDENT : 0) ||
        (is_list && w->depth == 0))
        return false;
    struct envm_yaml_node *node = new_node(w, is_list ? ENVM_YAML_SEQUENCE : ENVM_YAML_MAPPING);

    if (w->depth)
        push(w, w->key, node);
    w->key = NULL;
    w->levels[w->depth++] = (struct level){node, indent, w->entries.count, true};
    return true;
}

static bool read_line(struct walk *w)
{
    struct level *level;
    size_t indent = 0;

    w->line++;
    w->line_start = w->at;
    while (w->at[indent] == ' ')
        indent++;
    w->at += indent;
    if (w->key || w->depth == 0) {
        if (!open_level(w, indent))
            return false;
    }
    while (w->levels[w->depth - 1].indent > indent)
        close_level(w);
    level = &w->levels[w->depth - 1];
    if (level->indent != indent || w->nodes > NODES_MAX)
        return false;
    return level->node->kind == ENVM_YAML_MAPPING ? read_entry(w, level) : read_item(w);
}

static bool skip_comments(struct walk *w)
{
    while (*w->at == '#') {
        while (is_printable(*w->at))
            w->at++;
        if (*w->at != '\n')
            return false;
        w->at++;
        w->line++;
    }
    return true;
}

static bool read_lines(struct walk *w, const char *end)
{
    bool is_ours = skip_comments(w);

    while (is_ours && w->at < end)
        is_ours = read_line(w);
    if (!is_ours || w->depth == 0 || w->key)
        return false;
    while (w->depth > 1)
        close_level(w);
    return true;
}

bool envm_yaml_read_canonical(struct envm_arena *arena, envm_str text,
                              struct envm_yaml_node **ret_root)
{
    struct walk w = {.arena = arena};
    bool is_ours;

    /* Every loop ends at the last newline, or at the NUL behind it. */
    if (text.len == 0 || text.ptr[text.len - 1] != '\n')
        return false;
    w.at = envm_cstr(arena, text);
    envm_vec_reserve(&w.entries, 64); /* never NULL, so that there is something to point into */
    is_ours = read_lines(&w, w.at + text.len);
    if (is_ours) {
        *ret_root = w.levels[0].node;
        close_level(&w);
    }
    envm_vec_release(&w.entries);
    return is_ours;
}
