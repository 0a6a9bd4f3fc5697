/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/str.h"
#include "env/look_graph.h"

#define MANY 400

struct world {
    struct envm_arena arena;
    const struct envm_package_record *records[8];
    struct envm_look_packages packages;
    struct envm_look_graph graph;
    struct envm_look_roots roots;
};

static struct envm_str_list list_of(struct envm_arena *arena, const char *texts)
{
    envm_str *items = envm_arena_new_array(arena, envm_str, 8);
    envm_str rest = envm_str_from(texts);
    size_t count = 0;

    while (rest.len > 0 && envm_str_split_next(&rest, ';', &items[count]))
        count++;
    return (struct envm_str_list){items, count};
}

/* "name;dependency;dependency": version 1. */
static const struct envm_package_record *record_of(struct envm_arena *arena, const char *text)
{
    struct envm_package_record *record = envm_arena_new(arena, struct envm_package_record);
    struct envm_str_list parts = list_of(arena, text);

    record->name = parts.items[0];
    record->version = ENVM_STR("1");
    record->build = ENVM_STR("0");
    record->depends = (struct envm_str_list){parts.items + 1, parts.count - 1};
    return record;
}

static void make(struct world *w, const char *const *texts, const char *specs)
{
    size_t count = 0;

    for (; texts[count]; count++)
        w->records[count] = record_of(&w->arena, texts[count]);
    w->packages.records = (struct envm_record_list){w->records, count};
    w->packages.specs = list_of(&w->arena, specs);
    envm_look_graph_make(&w->arena, &w->packages, &w->graph);
}

static void expect_roots(struct world *w, bool invert, const char *names)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();

    envm_look_graph_roots(&w->arena, &w->graph, invert, false, &w->roots);
    for (size_t i = 0; i < w->roots.count; i++)
        envm_buf_printf(&text, "%s%.*s", i ? " " : "",
                        ENVM_STR_ARGS(w->graph.nodes[w->roots.items[i]].record->name));
    assert_string_equal(envm_buf_str(&text).ptr, names);
}

static void what_was_asked_for_and_what_nothing_needs_are_roots(void **state)
{
    const char *const texts[] = {"lib", "app;lib >=1", "tool;lib", NULL};
    struct world w = {0};

    (void)state;
    make(&w, texts, "lib;app");
    expect_roots(&w, false, "app lib tool");
    expect_roots(&w, true, "lib");
    assert_int_equal(w.graph.nodes[1].needed_by.count, 2);
    assert_str(w.graph.nodes[1].requested.items[0], "lib");
    envm_arena_release(&w.arena);
}

static void a_cycle_that_nothing_leads_to_has_one_root(void **state)
{
    const char *const texts[] = {"a", "pip;python", "python;pip;a", NULL};
    const char *const self[] = {"a;a;b", "b", NULL};
    struct world w = {0};

    (void)state;
    make(&w, texts, "");
    envm_look_graph_roots(&w.arena, &w.graph, false, false, &w.roots);
    assert_int_equal(w.roots.count, 1);
    assert_int_not_equal(w.roots.items[0], 0);
    make(&w, texts, "python");
    expect_roots(&w, false, "python");
    make(&w, self, "");
    expect_roots(&w, false, "a");
    assert_int_equal(w.graph.nodes[0].needs.count, 1);
    envm_arena_release(&w.arena);
}

static void dependencies_on_one_name_are_one_edge(void **state)
{
    const char *const texts[] = {"app;lib >=0.5;gone 2;lib <1;gone >=3;lib[when='x >=1'];"
                                 "lib[when='app']",
                                 "lib", NULL};
    struct world w = {0};
    const struct envm_look_edges *needs;

    (void)state;
    make(&w, texts, "");
    needs = &w.graph.nodes[0].needs;
    assert_int_equal(needs->count, 2);
    assert_int_equal(needs->items[0].node, 1);
    assert_int_equal(needs->items[0].specs.count, 3);
    assert_str(needs->items[0].specs.items[0], "lib >=0.5");
    assert_str(needs->items[0].specs.items[1], "lib <1");
    /* the condition that does not hold asks for nothing */
    assert_str(needs->items[0].specs.items[2], "lib[when='app']");
    assert_true(needs->items[0].unmet);
    assert_true(needs->items[1].node == ENVM_LOOK_MISSING);
    assert_int_equal(needs->items[1].specs.count, 2);
    assert_int_equal(w.graph.nodes[1].needed_by.count, 1);
    assert_int_equal(w.graph.nodes[1].needed_by.items[0].node, 0);
    envm_arena_release(&w.arena);
}

static void a_condition_is_not_missed_and_credentials_are_not_shown(void **state)
{
    const char *const texts[] = {"app;gone[when='x >=1'];https://u:secret@h/c::lib;not a spec ][",
                                 "lib", NULL};
    struct world w = {0};
    const struct envm_look_edges *needs;

    (void)state;
    make(&w, texts, "https://u:secret@h/c::app");
    needs = &w.graph.nodes[0].needs;
    assert_int_equal(needs->count, 1);
    assert_int_equal(needs->items[0].node, 1);
    assert_false(envm_str_contains(needs->items[0].specs.items[0], ENVM_STR("secret")));
    envm_arena_release(&w.arena);
}

static void python_needs_pip_where_the_request_says_so(void **state)
{
    const char *const texts[] = {"pip;python", "python", NULL};
    struct world w = {0};

    (void)state;
    make(&w, texts, "python");
    expect_roots(&w, false, "pip python");
    w.packages.add_pip = true;
    make(&w, texts, "python");
    expect_roots(&w, false, "python");
    envm_arena_release(&w.arena);
}

/* Everything needs everything before it: 80,000 dependencies. */
static void many_packages_and_all_their_dependencies(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const struct envm_package_record *records[MANY];
    struct envm_look_packages packages = {.records = {records, MANY}};
    struct envm_look_graph graph;
    struct envm_look_roots roots;

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        struct envm_package_record *record = envm_arena_new(&arena, struct envm_package_record);
        envm_str *depends = envm_arena_new_array(&arena, envm_str, i);

        for (size_t k = 0; k < i; k++)
            depends[k] = envm_arena_printf(&arena, "p%03zu >=0", k);
        record->name = envm_arena_printf(&arena, "p%03zu", i);
        record->version = ENVM_STR("1");
        record->depends = (struct envm_str_list){depends, i};
        records[i] = record;
    }
    envm_look_graph_make(&arena, &packages, &graph);
    envm_look_graph_roots(&arena, &graph, false, false, &roots);
    assert_int_equal(roots.count, 1);
    assert_int_equal(roots.items[0], MANY - 1);
    assert_int_equal(graph.nodes[0].needed_by.count, MANY - 1);
}

static void names_are_found_as_patterns_and_specs(void **state)
{
    const char *const texts[] = {"app;lib", "lib", "libx", NULL};
    struct world w = {0};
    struct envm_look_view view = {.kind = ENVM_LOOK_SOLUTION};
    struct envm_look_roots found = {0};

    (void)state;
    make(&w, texts, "");
    OK(envm_look_graph_find(&w.arena, &w.graph, "lib*", &view, &found, &err));
    OK(envm_look_graph_find(&w.arena, &w.graph, "APP >=1", &view, &found, &err));
    assert_int_equal(found.count, 3);
    assert_int_equal(found.items[2], 0);
    FAILS_WITH(ENVM_UNSATISFIABLE, "lib 1, which is not",
               envm_look_graph_find(&w.arena, &w.graph, "lib >=2", &view, &found, &err));
    FAILS_WITH(ENVM_UNSATISFIABLE, "no package \"lbi\"",
               envm_look_graph_find(&w.arena, &w.graph, "lbi", &view, &found, &err));
    assert_str(view.close_names.items[0], "lib");
    FAILS(ENVM_USAGE, envm_look_graph_find(&w.arena, &w.graph, "lib >=", &view, &found, &err));
    envm_arena_release(&w.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_asked_for_and_what_nothing_needs_are_roots),
        cmocka_unit_test(a_cycle_that_nothing_leads_to_has_one_root),
        cmocka_unit_test(dependencies_on_one_name_are_one_edge),
        cmocka_unit_test(a_condition_is_not_missed_and_credentials_are_not_shown),
        cmocka_unit_test(python_needs_pip_where_the_request_says_so),
        cmocka_unit_test(many_packages_and_all_their_dependencies),
        cmocka_unit_test(names_are_found_as_patterns_and_specs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
