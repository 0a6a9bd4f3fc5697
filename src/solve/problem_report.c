/* SPDX-License-Identifier: MIT */
#include "solve/problem_report.h"

#include <stdlib.h>

#include "base/moment.h"
#include "base/utf8.h"
#include "codec/json_writer.h"
#include "solve/problem_words.h"

#define TEXT_LIMIT ((size_t)1 << 20)
#define LINES_MAX 80u
#define INDENT_MAX 256
#define TEXT_SHOWN_MAX 200u
#define SYSTEMS_MAX 4u

struct printer {
    struct envm_buf *out;
    struct envm_solve_space *space;
    struct envm_buf indent;
    unsigned lines;
    uint32_t systems[SYSTEMS_MAX]; /* names of virtual packages that were spoken of */
    unsigned system_count;
};

static void note_system(struct printer *printer, const struct envm_problem_node *reason)
{
    uint32_t name;

    if (reason->reason != ENVM_REASON_SYSTEM)
        return;
    name = printer->space->specs.items[reason->spec].name;
    for (unsigned i = 0; i < printer->system_count; i++)
        if (printer->systems[i] == name)
            return;
    if (printer->system_count < SYSTEMS_MAX)
        printer->systems[printer->system_count++] = name;
}

static bool all_reasons(const struct envm_problem_node *node)
{
    for (size_t i = 0; i < node->child_count; i++)
        if (node->children[i]->kind != ENVM_PROBLEM_REASON)
            return false;
    return node->child_count > 0;
}

static uint32_t order_key(const struct envm_problem_node *node)
{
    if (node->kind == ENVM_PROBLEM_PACKAGES)
        return node->candidates.items[0];
    return node->kind == ENVM_PROBLEM_DEPENDS ? node->specs.items[0] : node->spec;
}

/* Best version first, then dependencies in the order they were met. */
static int compare_shown(const void *a, const void *b)
{
    const struct envm_problem_node *x = *(struct envm_problem_node *const *)a;
    const struct envm_problem_node *y = *(struct envm_problem_node *const *)b;
    uint32_t x_key = order_key(x), y_key = order_key(y);

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->reason != y->reason)
        return x->reason < y->reason ? -1 : 1;
    return x_key < y_key ? -1 : x_key > y_key;
}

static struct envm_problem_node **shown_children(struct envm_solve_space *space,
                                                 const struct envm_problem_node *node)
{
    struct envm_problem_node **children =
        envm_arena_copy(space->arena, node->children, node->child_count * sizeof(*node->children));

    if (node->child_count > 1)
        qsort(children, node->child_count, sizeof(*children), compare_shown);
    return children;
}

static void say_reasons(struct printer *printer, const struct envm_problem_node *node)
{
    struct envm_problem_node **children = shown_children(printer->space, node);

    for (size_t i = 0; i < node->child_count; i++) {
        envm_buf_add_cstr(printer->out, i ? "; " : ": ");
        envm_problem_say_reason(printer->out, printer->space, children[i], node);
        note_system(printer, children[i]);
    }
}

static void say_label(struct printer *printer, const struct envm_problem_node *node)
{
    struct envm_id_list one = {&node->spec, 1};

    switch (node->kind) {
    case ENVM_PROBLEM_REQUEST:
        envm_problem_say_requests(printer->out, printer->space, one);
        if (node->child_count == 0 && node->candidates.count &&
            printer->space->specs.items[node->spec].role == ENVM_ROLE_REQUEST) {
            envm_buf_add_cstr(printer->out, ": ");
            envm_problem_say_packages(printer->out, printer->space, node->candidates);
        }
        break;
    case ENVM_PROBLEM_PACKAGES:
        envm_problem_say_packages(printer->out, printer->space, node->candidates);
        break;
    case ENVM_PROBLEM_DEPENDS:
        envm_buf_add_cstr(printer->out,
                          envm_problem_verb(printer->space, node->specs, node->is_constraint));
        envm_problem_say_specs(printer->out, printer->space, node->specs);
        break;
    case ENVM_PROBLEM_REASON:
        envm_problem_say_reason(printer->out, printer->space, node, node);
        note_system(printer, node);
        break;
    }
}

/* Puts as much as fits the sense on the line; returns the node whose children go below it. */
static const struct envm_problem_node *say_line(struct printer *printer,
                                                const struct envm_problem_node *node)
{
    say_label(printer, node);
    for (;;) {
        if (node->child_count == 0)
            return NULL;
        if (all_reasons(node)) {
            say_reasons(printer, node);
            return NULL;
        }
        if (node->kind != ENVM_PROBLEM_PACKAGES || node->child_count != 1)
            return node;
        envm_buf_add_byte(printer->out, ' ');
        node = node->children[0];
        say_label(printer, node);
    }
}

static void say_tree(struct printer *printer, struct envm_problem_node *const *nodes, size_t count);

static void say_below(struct printer *printer, const struct envm_problem_node *parent, bool last)
{
    size_t len = printer->indent.len;

    envm_buf_add_cstr(&printer->indent, last ? "   " : "│  ");
    say_tree(printer, shown_children(printer->space, parent), parent->child_count);
    printer->indent.len = len;
}

/* Recursive in the depth of the graph, which is bounded. */
static void say_tree(struct printer *printer, struct envm_problem_node *const *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool last = i + 1 == count;
        if (++printer->lines > LINES_MAX) {
            if (printer->lines == LINES_MAX + 1)
                envm_buf_add_cstr(printer->out, "\n…");
            return;
        }
        envm_buf_add_byte(printer->out, '\n');
        envm_buf_append(printer->out, printer->indent.ptr, printer->indent.len);
        envm_buf_add_cstr(printer->out, last ? "└─ " : "├─ ");
        const struct envm_problem_node *below = say_line(printer, nodes[i]);
        if (below && nodes[i]->is_shown)
            envm_buf_add_cstr(printer->out, " (see above)");
        else if (below)
            say_below(printer, below, last);
        nodes[i]->is_shown = true;
    }
}

/* A single request that fails for a single reason needs no tree. */
static bool fits_headline(const struct envm_problem_graph *graph)
{
    return graph->requests.count == 1 && all_reasons(graph->roots[0]);
}

static bool is_all_frozen(const struct envm_problem_graph *graph)
{
    for (uint32_t i = 0; i < graph->requests.count; i++)
        if (graph->space->specs.items[graph->requests.items[i]].role != ENVM_ROLE_FROZEN)
            return false;
    return true;
}

static void say_headline(struct printer *printer, const struct envm_problem_report *report)
{
    const struct envm_problem_graph *graph = report->graph;

    if (report->is_conflict) {
        envm_problem_say_parties(printer->out, graph->space, graph->requests);
        envm_buf_add_cstr(printer->out, " are in conflict");
        return;
    }
    envm_problem_say_requests(printer->out, graph->space, graph->requests);
    envm_buf_add_cstr(printer->out,
                      is_all_frozen(graph) ? " cannot stay as it is" : " cannot be installed");
    if (fits_headline(graph))
        say_reasons(printer, graph->roots[0]);
}

static void say_gives(struct envm_buf *out, const struct envm_problem_change *change)
{
    if (change->gives.len)
        envm_buf_printf(out, " (it would be %.*s)", ENVM_STR_ARGS(change->gives));
}

static bool is_frozen(const struct envm_solve_space *space,
                      const struct envm_problem_change *change)
{
    return change->request != ENVM_SOLVE_NONE &&
           space->specs.items[change->request].role == ENVM_ROLE_FROZEN;
}

/* A spec of a name and a version: then it is the version that is in the way. */
static bool asks_for_version_only(const struct envm_match_spec *spec)
{
    return envm_match_spec_has_version(spec) && envm_match_spec_build(spec).len == 0 &&
           envm_match_spec_channel(spec).len == 0 && envm_match_spec_subdir(spec).len == 0 &&
           !envm_str_contains(envm_match_spec_text(spec), ENVM_STR("["));
}

static void say_any_version(struct envm_buf *out, const struct envm_solve_space *space,
                            const struct envm_problem_change *change)
{
    const struct envm_solve_spec *spec = &space->specs.items[change->request];
    struct envm_id_list one = {&change->request, 1};

    if (asks_for_version_only(spec->spec)) {
        envm_buf_add_cstr(out, "take ");
        envm_problem_say_requests(out, space, one);
        envm_buf_add_cstr(out, " in any version");
    } else {
        envm_buf_add_cstr(out, "ask for \"");
        envm_buf_add_escaped(out, space->names.items[spec->name].name, TEXT_SHOWN_MAX);
        envm_buf_add_cstr(out, "\" instead of ");
        envm_problem_say_requests(out, space, one);
    }
    say_gives(out, change);
}

static void say_change(struct envm_buf *out, const struct envm_solve_space *space,
                       const struct envm_problem_change *change)
{
    switch (change->kind) {
    case ENVM_CHANGE_ANY_VERSION:
        say_any_version(out, space, change);
        break;
    case ENVM_CHANGE_DATE:
        envm_buf_add_cstr(out, "allow packages up to ");
        /* the limit is the end of the day */
        envm_moment_say_day(out, change->date_ms ? change->date_ms - 1 : 0);
        envm_buf_add_cstr(out, " (exclude-newer)");
        break;
    case ENVM_CHANGE_THAW:
        envm_buf_add_cstr(out, "let ");
        envm_buf_add_escaped(out, space->specs.items[change->request].text, TEXT_SHOWN_MAX);
        envm_buf_add_cstr(out, " change");
        say_gives(out, change);
        break;
    case ENVM_CHANGE_PRIORITY:
        envm_buf_add_cstr(out, "use the channel priority \"flexible\"");
        say_gives(out, change);
        break;
    case ENVM_CHANGE_LEAVE_OUT: /* of a frozen record; the rest is told together */
        envm_buf_add_cstr(out, "remove ");
        envm_buf_add_escaped(out, space->specs.items[change->request].text, TEXT_SHOWN_MAX);
        break;
    case ENVM_CHANGE_UNPIN:
        break;
    }
}

/* How many of the changes from here on are told in one: pins, and requests, to be left out. */
static uint32_t same_kind(const struct envm_solve_space *space,
                          const struct envm_problem_relaxation *item, uint32_t from)
{
    enum envm_change_kind kind = item->changes[from].kind;
    uint32_t to = from + 1;

    if ((kind != ENVM_CHANGE_UNPIN && kind != ENVM_CHANGE_LEAVE_OUT) ||
        is_frozen(space, &item->changes[from]))
        return 1;
    while (to < item->count && item->changes[to].kind == kind &&
           !is_frozen(space, &item->changes[to]))
        to++;
    return to - from;
}

static void say_together(struct envm_buf *out, const struct envm_solve_space *space,
                         const struct envm_problem_change *changes, uint32_t count)
{
    uint32_t requests[ENVM_CHANGES_MAX];

    for (uint32_t i = 0; i < count; i++)
        requests[i] = changes[i].request;
    envm_buf_add_cstr(out, changes->kind == ENVM_CHANGE_UNPIN ? "lift " : "leave out ");
    envm_problem_say_requests(out, space, (struct envm_id_list){requests, count});
}

static void say_relaxation(struct envm_buf *out, const struct envm_solve_space *space,
                           const struct envm_problem_relaxation *item)
{
    for (uint32_t i = 0, count; i < item->count; i += count) {
        const struct envm_problem_change *change = &item->changes[i];
        count = same_kind(space, item, i);
        if (i)
            envm_buf_add_cstr(out, i + count == item->count ? " and " : ", ");
        if ((change->kind == ENVM_CHANGE_UNPIN || change->kind == ENVM_CHANGE_LEAVE_OUT) &&
            !is_frozen(space, change))
            say_together(out, space, change, count);
        else
            say_change(out, space, change);
    }
}

/* That a system is another one altogether is not a thing to pretend: --platform is for that. */
static bool is_overridable(envm_str name, bool present)
{
    static const char *const names[] = {"__cuda", "__cuda_arch", "__glibc", "__archspec"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (envm_str_equal_c(name, names[i]))
            return true;
    return present && (envm_str_equal_c(name, "__linux") || envm_str_equal_c(name, "__osx"));
}

/* An environment may be made on a machine without what it will run on (CEP 30). */
static void say_overrides(struct printer *printer)
{
    for (unsigned i = 0; i < printer->system_count; i++) {
        const struct envm_solve_name *entry = &printer->space->names.items[printer->systems[i]];
        envm_str key = envm_str_skip(entry->name, strlen("__"));

        if (!is_overridable(entry->name, entry->count > 0))
            continue;
        envm_buf_printf(printer->out,
                        "\nTo solve for a machine that has %s%.*s: set CONDA_OVERRIDE_",
                        entry->count > 0 ? "another " : "", ENVM_STR_ARGS(entry->name));
        for (size_t k = 0; k < key.len; k++)
            envm_buf_add_byte(printer->out,
                              key.ptr[k] == '_' ? '_' : (char)(key.ptr[k] - 'a' + 'A'));
    }
}

envm_str envm_problem_headline(const struct envm_problem_report *report)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_limit(TEXT_LIMIT);
    struct printer printer = {.out = &out, .space = report->graph->space};

    say_headline(&printer, report);
    return envm_arena_str(printer.space->arena, envm_buf_str(&out));
}

envm_str envm_problem_text(const struct envm_problem_report *report)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_limit(TEXT_LIMIT);
    struct printer printer = {
        .out = &out, .space = report->graph->space, .indent = envm_buf_limit(INDENT_MAX)};

    say_headline(&printer, report);
    if (report->graph->requests.count > 1)
        say_tree(&printer, report->graph->roots, report->graph->requests.count);
    else if (report->graph->requests.count == 1 && !fits_headline(report->graph))
        say_tree(&printer, shown_children(printer.space, report->graph->roots[0]),
                 report->graph->roots[0]->child_count);
    for (size_t i = 0; i < report->relaxation_count; i++) {
        envm_buf_add_cstr(&out, i == 0 ? "\nThis would solve: " : "\n              or: ");
        say_relaxation(&out, printer.space, &report->relaxations[i]);
    }
    say_overrides(&printer);
    envm_buf_release(&printer.indent);
    return envm_arena_str(printer.space->arena, envm_buf_str(&out));
}

envm_str envm_problem_hint(const struct envm_problem_report *report)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_limit(TEXT_LIMIT);

    if (report->relaxation_count)
        say_relaxation(&out, report->graph->space, &report->relaxations[0]);
    return envm_arena_str(report->graph->space->arena, envm_buf_str(&out));
}

/* --- JSON ----------------------------------------------------------------------------------- */

static void write_node_texts(struct envm_json_writer *w, struct envm_solve_space *space,
                             const struct envm_problem_node *node,
                             const struct envm_problem_node *about)
{
    static const char *const kinds[] = {"request", "packages", "depends", "reason"};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(TEXT_LIMIT);
    struct printer printer = {.out = &text, .space = space};

    envm_json_field_cstr(w, "kind", node->is_constraint ? "constrains" : kinds[node->kind]);
    if (node->kind == ENVM_PROBLEM_REASON) {
        envm_problem_say_reason(&text, space, node, about);
        envm_json_field_cstr(w, "reason", envm_problem_reason_name(node->reason));
    } else {
        say_label(&printer, node);
    }
    envm_json_field_str(w, "text", envm_buf_str(&text));
    if (node->name != ENVM_SOLVE_NONE)
        envm_json_field_str(w, "name", space->names.items[node->name].name);
}

static void write_node_lists(struct envm_json_writer *w, const struct envm_solve_space *space,
                             const struct envm_problem_node *node)
{
    if (node->candidates.count && !envm_solve_is_auxiliary(space, node->candidates.items[0])) {
        envm_json_field_u64(w, "builds", node->candidates.count);
        envm_json_key(w, "versions");
        envm_json_open_array(w);
        /* candidates are sorted by version, so equal ones are neighbours */
        for (uint32_t i = node->candidates.count; i-- > 0;) {
            envm_str version = space->candidates.items[node->candidates.items[i]].record->version;
            if (i + 1 == node->candidates.count ||
                !envm_str_equal(
                    version,
                    space->candidates.items[node->candidates.items[i + 1]].record->version))
                envm_json_put_str(w, version);
        }
        envm_json_close_array(w);
    }
    if (node->specs.count) {
        envm_json_key(w, "specs");
        envm_json_open_array(w);
        for (uint32_t i = 0; i < node->specs.count; i++)
            envm_json_put_str(w, space->specs.items[node->specs.items[i]].text);
        envm_json_close_array(w);
    }
}

/* Recursive in the depth of the graph. A node that was written before keeps its children there. */
static void write_node(struct envm_json_writer *w, struct envm_solve_space *space,
                       struct envm_problem_node *node, const struct envm_problem_node *about)
{
    envm_json_open_object(w);
    write_node_texts(w, space, node, about);
    write_node_lists(w, space, node);
    if (node->child_count && !node->is_written) {
        struct envm_problem_node **children = shown_children(space, node);
        node->is_written = true;
        envm_json_key(w, "children");
        envm_json_open_array(w);
        for (size_t i = 0; i < node->child_count; i++)
            write_node(w, space, children[i], node);
        envm_json_close_array(w);
    }
    envm_json_close_object(w);
}

static void write_change(struct envm_json_writer *w, const struct envm_solve_space *space,
                         const struct envm_problem_change *change)
{
    static const char *const kinds[] = {"any-version", "exclude-newer",    "lift-pin",
                                        "let-change",  "channel-priority", "leave-out"};
    ENVM_CLEANUP(envm_buf) struct envm_buf date = envm_buf_text();

    envm_json_open_object(w);
    envm_json_field_cstr(w, "kind", kinds[change->kind]);
    if (change->request != ENVM_SOLVE_NONE)
        envm_json_field_str(w, "request", space->specs.items[change->request].text);
    if (change->kind == ENVM_CHANGE_DATE) {
        envm_moment_write(&date, change->date_ms);
        envm_json_field_str(w, "date", envm_buf_str(&date));
    }
    if (change->gives.len)
        envm_json_field_str(w, "gives", change->gives);
    envm_json_close_object(w);
}

static void write_suggestions(struct envm_json_writer *w, const struct envm_problem_report *report)
{
    const struct envm_solve_space *space = report->graph->space;

    envm_json_key(w, "suggestions");
    envm_json_open_array(w);
    for (size_t i = 0; i < report->relaxation_count; i++) {
        const struct envm_problem_relaxation *item = &report->relaxations[i];
        ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(TEXT_LIMIT);
        say_relaxation(&text, space, item);
        envm_json_open_object(w);
        envm_json_field_str(w, "text", envm_buf_str(&text));
        envm_json_key(w, "changes");
        envm_json_open_array(w);
        for (uint32_t k = 0; k < item->count; k++)
            write_change(w, space, &item->changes[k]);
        envm_json_close_array(w);
        envm_json_close_object(w);
    }
    envm_json_close_array(w);
}

/* "requests" is always there, "frozen" and "pins" where they have a part in it. */
static void write_requests(struct envm_json_writer *w, const struct envm_problem_graph *graph)
{
    static const char *const keys[] = {"requests", "frozen", "pins"};
    static const enum envm_spec_role roles[] = {ENVM_ROLE_REQUEST, ENVM_ROLE_FROZEN, ENVM_ROLE_PIN};

    for (size_t k = 0; k < 3; k++) {
        bool is_open = k == 0;
        if (is_open) {
            envm_json_key(w, keys[k]);
            envm_json_open_array(w);
        }
        for (uint32_t i = 0; i < graph->requests.count; i++) {
            const struct envm_solve_spec *spec =
                &graph->space->specs.items[graph->requests.items[i]];
            bool is_other = spec->role != ENVM_ROLE_FROZEN && spec->role != ENVM_ROLE_PIN;
            if (k == 0 ? !is_other : spec->role != roles[k])
                continue;
            if (!is_open) {
                envm_json_key(w, keys[k]);
                envm_json_open_array(w);
                is_open = true;
            }
            envm_json_put_str(w, spec->text);
        }
        if (is_open)
            envm_json_close_array(w);
    }
}

envm_str envm_problem_json(const struct envm_problem_report *report)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_limit(TEXT_LIMIT * 16);
    const struct envm_problem_graph *graph = report->graph;
    struct envm_json_writer w;

    envm_json_writer_init(&w, &out, 0);
    envm_json_open_object(&w);
    envm_json_field_cstr(&w, "kind", report->is_conflict ? "conflict" : "unsatisfiable");
    envm_json_field_str(&w, "message", envm_problem_headline(report));
    write_requests(&w, graph);
    envm_json_key(&w, "tree");
    envm_json_open_array(&w);
    for (uint32_t i = 0; i < graph->requests.count; i++)
        write_node(&w, graph->space, graph->roots[i], NULL);
    envm_json_close_array(&w);
    write_suggestions(&w, report);
    envm_json_close_object(&w);
    return envm_arena_str(graph->space->arena, envm_buf_str(&out));
}
