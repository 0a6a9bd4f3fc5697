/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/topo.h"

#define EDGES(...)                                                                                 \
    {                                                                                              \
        (const size_t[]){__VA_ARGS__}, sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t)      \
    }

static void check_order(const struct envm_topo_edges *edges, size_t count, const size_t *expected)
{
    size_t order[16];

    envm_topo_sort(edges, count, order);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(order[i], expected[i]);
}

static void dependencies_come_first(void **state)
{
    const struct envm_topo_edges chain[] = {EDGES(1), EDGES(2), {0}};
    const struct envm_topo_edges diamond[] = {EDGES(1, 2), EDGES(3), EDGES(3), {0}};
    const struct envm_topo_edges none[] = {{0}, {0}, {0}};

    (void)state;
    check_order(chain, 3, (const size_t[]){2, 1, 0});
    check_order(diamond, 4, (const size_t[]){3, 1, 2, 0});
    check_order(none, 3, (const size_t[]){0, 1, 2});
    check_order(NULL, 0, NULL);
}

static void cycles_and_nonsense_do_not_hurt(void **state)
{
    const struct envm_topo_edges pair[] = {EDGES(1), EDGES(0)};
    const struct envm_topo_edges odd[] = {EDGES(0, 99, SIZE_MAX), EDGES(1)};
    const struct envm_topo_edges ring[] = {EDGES(1), EDGES(2), EDGES(0), EDGES(2)};

    (void)state;
    check_order(pair, 2, (const size_t[]){1, 0});
    check_order(odd, 2, (const size_t[]){0, 1});
    check_order(ring, 4, (const size_t[]){2, 1, 0, 3});
}

/* A recursive sort would run out of stack. */
static void a_very_long_chain(void **state)
{
    enum { COUNT = 300000 };
    struct envm_topo_edges *edges = calloc(COUNT, sizeof(*edges));
    size_t *next = calloc(COUNT, sizeof(*next));
    size_t *order = calloc(COUNT, sizeof(*order));

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        next[i] = i + 1;
        edges[i] = (struct envm_topo_edges){&next[i], 1};
    }
    envm_topo_sort(edges, COUNT, order);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(order[i], COUNT - 1 - i);
    free(edges);
    free(next);
    free(order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dependencies_come_first),
        cmocka_unit_test(cycles_and_nonsense_do_not_hurt),
        cmocka_unit_test(a_very_long_chain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
