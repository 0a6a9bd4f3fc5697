/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "env/wishes.h"

static struct envm_arena arena;

static const struct envm_package_record *record(const char *name, const char *depends)
{
    struct envm_package_record *made = envm_arena_new(&arena, struct envm_package_record);
    envm_str rest = envm_str_from(depends), part;
    envm_str *items = envm_arena_new_array(&arena, envm_str, 8);
    size_t count = 0;

    while (depends[0] && envm_str_split_next(&rest, ',', &part))
        items[count++] = part;
    made->name = envm_str_from(name);
    made->version = ENVM_STR("1");
    made->build = ENVM_STR("0");
    made->depends = (struct envm_str_list){items, count};
    return made;
}

/* app -> lib -> base; pip <-> python; alone; loop1 <-> loop2 */
static void make(struct envm_need_graph *graph)
{
    const struct envm_package_record **items =
        envm_arena_new_array(&arena, const struct envm_package_record *, 8);
    size_t count = 0;

    items[count++] = record("alone", "");
    items[count++] = record("app", "lib >=1,missing");
    items[count++] = record("base", "");
    items[count++] = record("lib", "base 1.*,__glibc >=2");
    items[count++] = record("loop1", "loop2");
    items[count++] = record("loop2", "loop1");
    items[count++] = record("pip", "python");
    items[count++] = record("python", "pip,base");
    envm_need_graph_init(graph, &arena, (struct envm_record_list){items, count});
}

static envm_str names_of(const struct envm_need_graph *graph, const bool *marked)
{
    envm_str text = ENVM_STR("");

    for (size_t i = 0; i < graph->records.count; i++)
        if (marked[i])
            text = envm_arena_printf(&arena, "%.*s%s%.*s", ENVM_STR_ARGS(text), text.len ? " " : "",
                                     ENVM_STR_ARGS(graph->records.items[i]->name));
    return text;
}

static void test_what_a_package_leads_to(void **state)
{
    ENVM_CLEANUP(envm_need_graph) struct envm_need_graph graph = {0};
    bool marked[8] = {false};

    (void)state;
    make(&graph);
    marked[envm_need_graph_find(&graph, ENVM_STR("app"))] = true;
    envm_need_graph_spread(&graph, marked);
    assert_str(names_of(&graph, marked), "app base lib");
    assert_true(envm_need_graph_find(&graph, ENVM_STR("missing")) == SIZE_MAX);
}

static void test_what_leads_to_a_package(void **state)
{
    ENVM_CLEANUP(envm_need_graph) struct envm_need_graph graph = {0};
    bool marked[8] = {false};

    (void)state;
    make(&graph);
    marked[envm_need_graph_find(&graph, ENVM_STR("base"))] = true;
    envm_need_graph_spread_back(&graph, marked);
    assert_str(names_of(&graph, marked), "app base lib pip python");
}

static envm_str orphans_of(const struct envm_need_graph *graph, const char *request)
{
    struct envm_wish_list wishes = {0};
    envm_str text = ENVM_STR("");

    if (request)
        OK(envm_wish_add(&arena, &wishes, envm_str_from(request), &err));
    struct envm_record_list orphans = envm_orphans(graph, wishes);
    for (size_t i = 0; i < orphans.count; i++)
        text = envm_arena_printf(&arena, "%.*s%s%.*s", ENVM_STR_ARGS(text), i ? " " : "",
                                 ENVM_STR_ARGS(orphans.items[i]->name));
    return text;
}

static void test_what_no_request_leads_to(void **state)
{
    ENVM_CLEANUP(envm_need_graph) struct envm_need_graph graph = {0};

    (void)state;
    make(&graph);
    /* of a circle its first by name; what is below another orphan is not one */
    assert_str(orphans_of(&graph, NULL), "alone app loop1 pip");
    assert_str(orphans_of(&graph, "pip"), "alone app loop1");
    assert_str(orphans_of(&graph, "a*"), "loop1 pip");
}

static void test_a_wish_on_a_name_replaces_the_one_before(void **state)
{
    struct envm_wish_list wishes = {0};

    (void)state;
    OK(envm_wish_add(&arena, &wishes, ENVM_STR("numpy 1.*"), &err));
    OK(envm_wish_add(&arena, &wishes, ENVM_STR("jupyter*"), &err));
    OK(envm_wish_add(&arena, &wishes, ENVM_STR("NumPy >=2"), &err));
    OK(envm_wish_add(&arena, &wishes, ENVM_STR("jupyter*"), &err));
    assert_int_equal(wishes.count, 2);
    assert_str(wishes.items[0].text, "NumPy >=2");
    FAILS(ENVM_MALFORMED, envm_wish_add(&arena, &wishes, ENVM_STR("a b c d e"), &err));
    assert_int_equal(wishes.count, 2);
}

static int release(void **state)
{
    (void)state;
    envm_arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_package_leads_to),
        cmocka_unit_test(test_what_leads_to_a_package),
        cmocka_unit_test(test_what_no_request_leads_to),
        cmocka_unit_test(test_a_wish_on_a_name_replaces_the_one_before),
    };

    return cmocka_run_group_tests(tests, NULL, release);
}
