/* SPDX-License-Identifier: MIT */
#include "conda/environment_spec.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "codec/yaml_reader.h"
#include "conda/match_spec.h"
#include "conda/platform.h"
#include "conda/selector.h"

#define NAME_LENGTH_MAX 64

struct parser {
    struct envm_arena *arena;
    const char *file;
    envm_str platform;
    const struct envm_sink *sink;
    struct envm_str_list comments;
    struct envm_environment_spec spec;
    struct envm_error *err;
    ENVM_VEC(envm_str) channels;
    ENVM_VEC(envm_str) specs;
    ENVM_VEC(unsigned) spec_lines;
    ENVM_VEC(envm_str) pip;
    ENVM_VEC(envm_str) platforms;
    ENVM_VEC(struct envm_environment_variable) variables;
};

static enum envm_code at_node(struct parser *p, const struct envm_yaml_node *node,
                              enum envm_code code)
{
    if (code == ENVM_OK)
        return ENVM_OK;
    return envm_error_where(p->err, code, "%s:%u:%u", p->file, node->line, node->column);
}

static enum envm_code refuse(struct parser *p, const struct envm_yaml_node *node,
                             const char *format, ...) ENVM_PRINTF(3, 4);

static enum envm_code refuse(struct parser *p, const struct envm_yaml_node *node,
                             const char *format, ...)
{
    va_list args;
    envm_str text;

    va_start(args, format);
    text = envm_arena_vprintf(p->arena, format, args);
    va_end(args);
    return at_node(p, node, envm_fail(p->err, ENVM_MALFORMED, "%s", text.ptr));
}

/* Foreign text for a message; NUL-terminated. */
static const char *shown(struct parser *p, envm_str text)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();

    envm_buf_add_escaped(&out, text, 100);
    return envm_arena_str(p->arena, envm_buf_str(&out)).ptr;
}

/* What a selector in the comment of the line says; true when there is none. */
static enum envm_code line_applies(struct parser *p, const struct envm_yaml_node *node,
                                   bool *ret_applies)
{
    envm_str comment = {0};

    *ret_applies = true;
    if (node->line > 0 && node->line <= p->comments.count)
        comment = envm_str_trim(p->comments.items[node->line - 1]);
    if (comment.len < 2 || comment.ptr[0] != '[' || comment.ptr[comment.len - 1] != ']')
        return ENVM_OK;
    comment = envm_str_slice(comment, 1, comment.len - 1);
    if (!envm_selector_has_known_words(comment)) {
        envm_sink_warn(p->sink,
                       "%s:%u:%u: the comment [%s] is not a selector and is ignored (the words "
                       "are " ENVM_SELECTOR_WORDS ")",
                       p->file, node->line, node->column, shown(p, comment));
        return ENVM_OK;
    }
    return at_node(p, node, envm_selector_evaluate(comment, p->platform, ret_applies, p->err));
}

/* A scalar that is not null. */
static enum envm_code scalar_text(struct parser *p, const struct envm_yaml_node *node,
                                  const char *what, envm_str *ret_text)
{
    if (node->kind != ENVM_YAML_SCALAR)
        return refuse(p, node, "%s has to be a text, not a list or mapping", what);
    if (envm_yaml_is_null(node))
        return refuse(p, node, "%s is empty", what);
    if (envm_str_find_char(node->scalar, '\0') != SIZE_MAX)
        return refuse(p, node, "%s holds a NUL character", what);
    *ret_text = node->scalar;
    return ENVM_OK;
}

/* ENVM_OK and *ret_list == NULL for null. */
static enum envm_code list_node(struct parser *p, const struct envm_yaml_node *node,
                                const char *what, const struct envm_yaml_node **ret_list)
{
    *ret_list = NULL;
    if (envm_yaml_is_null(node))
        return ENVM_OK;
    if (node->kind != ENVM_YAML_SEQUENCE)
        return refuse(p, node, "%s has to be a list ('- item' on lines of their own)", what);
    *ret_list = node;
    return ENVM_OK;
}

static enum envm_code read_name(struct parser *p, const struct envm_yaml_node *node)
{
    envm_str name;

    if (envm_yaml_is_null(node))
        return ENVM_OK;
    ENVM_TRY(scalar_text(p, node, "'name'", &name));
    if (envm_environment_name_is_valid(name)) {
        p->spec.name = name;
        return ENVM_OK;
    }
    if (envm_str_find_char(name, '/') != SIZE_MAX)
        return refuse(p, node, "'%s' is a path, not the name of an environment", shown(p, name));
    /* It is a suggestion (CEP 24): whoever gives a name or a path does not need it. */
    envm_sink_warn(p->sink, "%s:%u:%u: the name '%s' is not used, %s; give another with -n",
                   p->file, node->line, node->column, shown(p, name),
                   envm_str_equal_c(name, "base") || envm_str_equal_c(name, "root")
                       ? "it is reserved"
                       : "as names have 1 to 64 letters, digits, '_', '-' or '.'");
    return ENVM_OK;
}

static enum envm_code read_prefix(struct parser *p, const struct envm_yaml_node *node)
{
    if (envm_yaml_is_null(node))
        return ENVM_OK;
    return scalar_text(p, node, "'prefix'", &p->spec.prefix);
}

static enum envm_code read_channels(struct parser *p, const struct envm_yaml_node *node)
{
    const struct envm_yaml_node *list;
    size_t i;

    ENVM_TRY(list_node(p, node, "'channels'", &list));
    for (i = 0; list && i < list->count; i++) {
        envm_str text;
        bool applies;
        ENVM_TRY(line_applies(p, list->items[i], &applies));
        if (!applies)
            continue;
        ENVM_TRY(scalar_text(p, list->items[i], "a channel", &text));
        text = envm_str_trim(text);
        if (envm_str_equal_c(text, "nodefaults"))
            p->spec.nodefaults = true;
        else
            envm_vec_push(&p->channels, text);
    }
    return ENVM_OK;
}

static enum envm_code read_platforms(struct parser *p, const struct envm_yaml_node *node)
{
    const struct envm_yaml_node *list;
    size_t i;

    ENVM_TRY(list_node(p, node, "'platforms'", &list));
    for (i = 0; list && i < list->count; i++) {
        envm_str text;
        bool applies;
        ENVM_TRY(line_applies(p, list->items[i], &applies));
        if (!applies)
            continue;
        ENVM_TRY(scalar_text(p, list->items[i], "a platform", &text));
        if (!envm_subdir_is_known(text) || envm_str_equal_c(text, "noarch"))
            return refuse(p, list->items[i],
                          "'%s' is not a platform (linux-64, linux-aarch64, osx-64, osx-arm64, "
                          "win-64, …)",
                          shown(p, text));
        envm_vec_push(&p->platforms, text);
    }
    return ENVM_OK;
}

static enum envm_code add_spec(struct parser *p, const struct envm_yaml_node *node)
{
    const struct envm_match_spec *spec;
    envm_str text;
    enum envm_code code;

    ENVM_TRY(scalar_text(p, node, "a dependency", &text));
    code = envm_match_spec_parse(p->arena, text, &spec, p->err);
    if (code != ENVM_OK)
        return at_node(p, node, code);
    envm_vec_push(&p->specs, envm_match_spec_text(spec));
    envm_vec_push(&p->spec_lines, node->line);
    return ENVM_OK;
}

static enum envm_code read_pip(struct parser *p, const struct envm_yaml_node *key,
                               const struct envm_yaml_node *node)
{
    const struct envm_yaml_node *list;
    size_t i;

    ENVM_TRY(list_node(p, node, "'pip'", &list));
    if (p->spec.pip_line == 0)
        p->spec.pip_line = key->line;
    for (i = 0; list && i < list->count; i++) {
        envm_str text;
        bool applies;
        ENVM_TRY(line_applies(p, list->items[i], &applies));
        if (!applies)
            continue;
        ENVM_TRY(scalar_text(p, list->items[i], "a requirement for pip", &text));
        envm_vec_push(&p->pip, envm_str_trim(text));
    }
    return ENVM_OK;
}

/* "sel(EXPRESSION)": knows the systems and the names of platforms only (CEP 24). */
static enum envm_code read_selected(struct parser *p, const struct envm_yaml_node *key,
                                    const struct envm_yaml_node *node)
{
    static const char *const words[] = {"unix", "linux", "osx", "win"};
    envm_str word = envm_str_trim(envm_str_slice(key->scalar, 4, key->scalar.len - 1));
    bool known = envm_subdir_is_known(word) && !envm_str_equal_c(word, "noarch");
    bool applies = false;
    size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        known = known || envm_str_equal_c(word, words[i]);
    if (!known)
        return refuse(p, key,
                      "'%s' selects nothing: sel() knows unix, linux, osx, win and the "
                      "names of platforms such as linux-64",
                      shown(p, key->scalar));
    ENVM_TRY(at_node(p, key, envm_selector_evaluate(word, p->platform, &applies, p->err)));
    return applies ? add_spec(p, node) : ENVM_OK;
}

static enum envm_code read_subsection(struct parser *p, const struct envm_yaml_node *key,
                                      const struct envm_yaml_node *node)
{
    enum envm_code code;

    if (envm_str_equal_c(key->scalar, "pip"))
        return read_pip(p, key, node);
    if (envm_str_starts_with(key->scalar, ENVM_STR("sel(")) &&
        envm_str_ends_with(key->scalar, ENVM_STR(")")))
        return read_selected(p, key, node);
    code = refuse(p, key, "unknown subsection '%s' of 'dependencies'", shown(p, key->scalar));
    return envm_error_hint(p->err, code,
                           "the items of 'dependencies' are specs (\"numpy >=1.26\"), 'pip:' with "
                           "a list, or 'sel(linux): spec'; put quotes around a spec that has a "
                           "colon followed by a space");
}

static enum envm_code read_dependency(struct parser *p, const struct envm_yaml_node *item)
{
    bool applies;
    size_t i;

    ENVM_TRY(line_applies(p, item, &applies));
    if (!applies)
        return ENVM_OK;
    if (item->kind == ENVM_YAML_SEQUENCE)
        return refuse(p, item, "a list stands inside 'dependencies'");
    if (item->kind == ENVM_YAML_SCALAR)
        return add_spec(p, item);
    for (i = 0; i < item->count; i++) {
        /* The first line was asked above: it is that of the item. */
        if (item->keys[i]->line != item->line)
            ENVM_TRY(line_applies(p, item->keys[i], &applies));
        if (applies)
            ENVM_TRY(read_subsection(p, item->keys[i], item->items[i]));
    }
    return ENVM_OK;
}

static enum envm_code read_dependencies(struct parser *p, const struct envm_yaml_node *node)
{
    const struct envm_yaml_node *list;
    size_t i;

    ENVM_TRY(list_node(p, node, "'dependencies'", &list));
    for (i = 0; list && i < list->count; i++)
        ENVM_TRY(read_dependency(p, list->items[i]));
    return ENVM_OK;
}

static enum envm_code read_value(struct parser *p, const struct envm_yaml_node *node,
                                 envm_str *ret_value)
{
    enum envm_code code = scalar_text(p, node, "the value of a variable", ret_value);

    if (code != ENVM_OK && envm_yaml_is_null(node))
        return envm_error_hint(p->err, code, "write \"\" for an empty value");
    return code;
}

static enum envm_code read_variables(struct parser *p, const struct envm_yaml_node *node)
{
    size_t i;

    if (envm_yaml_is_null(node))
        return ENVM_OK;
    if (node->kind != ENVM_YAML_MAPPING)
        return refuse(p, node, "'variables' has to be a mapping ('NAME: value')");
    for (i = 0; i < node->count; i++) {
        struct envm_environment_variable variable = {.name = node->keys[i]->scalar};
        bool applies;
        ENVM_TRY(line_applies(p, node->keys[i], &applies));
        if (!applies)
            continue;
        if (!envm_variable_name_is_valid(variable.name))
            return refuse(p, node->keys[i],
                          "'%s' cannot be the name of a variable: it has letters, digits and '_', "
                          "and does not start with a digit",
                          shown(p, variable.name));
        ENVM_TRY(read_value(p, node->items[i], &variable.value));
        envm_vec_push(&p->variables, variable);
    }
    return ENVM_OK;
}

/* A label for people; envm has no use for it. */
static enum envm_code read_category(struct parser *p, const struct envm_yaml_node *node)
{
    envm_str text;

    return envm_yaml_is_null(node) ? ENVM_OK : scalar_text(p, node, "'category'", &text);
}

static const struct {
    envm_str key;
    enum envm_code (*read)(struct parser *p, const struct envm_yaml_node *node);
} sections[] = {
    {ENVM_STR_INIT("name"), read_name},
    {ENVM_STR_INIT("prefix"), read_prefix},
    {ENVM_STR_INIT("channels"), read_channels},
    {ENVM_STR_INIT("dependencies"), read_dependencies},
    {ENVM_STR_INIT("variables"), read_variables},
    {ENVM_STR_INIT("platforms"), read_platforms},
    {ENVM_STR_INIT("category"), read_category},
};

static enum envm_code read_section(struct parser *p, const struct envm_yaml_node *key,
                                   const struct envm_yaml_node *node)
{
    bool applies;
    size_t i;

    ENVM_TRY(line_applies(p, key, &applies));
    if (!applies)
        return ENVM_OK;
    for (i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        if (envm_str_equal(key->scalar, sections[i].key))
            return sections[i].read(p, node);
    envm_sink_warn(p->sink,
                   "%s:%u:%u: unknown key '%s' is ignored (known are name, prefix, channels, "
                   "dependencies, variables, platforms and category)",
                   p->file, key->line, key->column, shown(p, key->scalar));
    return ENVM_OK;
}

static enum envm_code read_root(struct parser *p, const struct envm_yaml_node *root)
{
    size_t i;

    if (!root)
        return envm_error_where(p->err, envm_fail(p->err, ENVM_MALFORMED, "the file is empty"),
                                "%s:1:1", p->file);
    if (root->kind != ENVM_YAML_MAPPING)
        return refuse(p, root, "an environment file has keys such as 'dependencies:' at its top");
    if (!envm_yaml_get(root, "dependencies") && !envm_yaml_get(root, "variables"))
        return refuse(p, root, "the key 'dependencies' is missing");
    for (i = 0; i < root->count; i++)
        ENVM_TRY(read_section(p, root->keys[i], root->items[i]));
    return ENVM_OK;
}

int envm_environment_variable_compare(const void *a, const void *b)
{
    const struct envm_environment_variable *x = a, *y = b;

    return envm_str_compare(x->name, y->name);
}

static struct envm_str_list keep_list(struct envm_arena *arena, const envm_str *items, size_t count)
{
    if (count == 0)
        return (struct envm_str_list){0};
    return (struct envm_str_list){envm_arena_copy(arena, items, count * sizeof(*items)), count};
}

static void keep_results(struct parser *p)
{
    struct envm_environment_spec *spec = &p->spec;

    spec->channels = keep_list(p->arena, p->channels.items, p->channels.count);
    spec->specs = keep_list(p->arena, p->specs.items, p->specs.count);
    spec->pip = keep_list(p->arena, p->pip.items, p->pip.count);
    spec->platforms = keep_list(p->arena, p->platforms.items, p->platforms.count);
    if (p->spec_lines.count > 0)
        spec->spec_lines = envm_arena_copy(p->arena, p->spec_lines.items,
                                           p->spec_lines.count * sizeof(*p->spec_lines.items));
    if (p->variables.count > 1)
        qsort(p->variables.items, p->variables.count, sizeof(*p->variables.items),
              envm_environment_variable_compare);
    if (p->variables.count > 0)
        spec->variables = envm_arena_copy(p->arena, p->variables.items,
                                          p->variables.count * sizeof(*p->variables.items));
    spec->variable_count = p->variables.count;
}

static void release(struct parser *p)
{
    envm_vec_release(&p->channels);
    envm_vec_release(&p->specs);
    envm_vec_release(&p->spec_lines);
    envm_vec_release(&p->pip);
    envm_vec_release(&p->platforms);
    envm_vec_release(&p->variables);
}

enum envm_code envm_environment_spec_parse(struct envm_arena *arena, envm_str text,
                                           const char *file, envm_str platform,
                                           const struct envm_sink *sink,
                                           struct envm_environment_spec *ret_spec,
                                           struct envm_error *err)
{
    struct parser p = {
        .arena = arena, .file = file, .platform = platform, .sink = sink, .err = err};
    struct envm_yaml_node *root = NULL;
    enum envm_code code;

    p.spec.file = envm_arena_str(arena, envm_str_from(file));
    ENVM_TRY(envm_yaml_read(arena, text, file, &root, &p.comments, err));
    code = read_root(&p, root);
    if (code == ENVM_OK) {
        keep_results(&p);
        *ret_spec = p.spec;
    }
    release(&p);
    return code;
}

bool envm_environment_name_is_valid(envm_str name)
{
    size_t i;

    if (name.len == 0 || name.len > NAME_LENGTH_MAX || name.ptr[0] == '.' || name.ptr[0] == '-')
        return false;
    if (envm_str_equal_c(name, "base") || envm_str_equal_c(name, "root"))
        return false;
    for (i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!envm_is_alnum(c) && c != '_' && c != '.' && c != '-')
            return false;
    }
    return true;
}

bool envm_variable_name_is_valid(envm_str name)
{
    size_t i;

    if (name.len == 0 || envm_is_digit(name.ptr[0]))
        return false;
    for (i = 0; i < name.len; i++)
        if (!envm_is_alnum(name.ptr[i]) && name.ptr[i] != '_')
            return false;
    return true;
}
