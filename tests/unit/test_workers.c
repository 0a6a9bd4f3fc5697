/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "sys/clock.h"
#include "sys/workers.h"

static enum envm_code count_up(void *argument, struct envm_error *failure)
{
    (void)failure;
    atomic_fetch_add((atomic_int *)argument, 1);
    return ENVM_OK;
}

static void all_jobs_run(void **state)
{
    struct envm_workers *workers = NULL;
    atomic_int count = 0;

    (void)state;
    OK(envm_workers_start(4, &workers, &err));
    for (int i = 0; i < 1000; i++)
        envm_workers_add(workers, i % 3, count_up, &count);
    assert_false(envm_workers_failed(workers));
    OK(envm_workers_finish(workers, &err));
    assert_int_equal(atomic_load(&count), 1000);
}

static void no_jobs_at_all(void **state)
{
    struct envm_workers *workers = NULL;

    (void)state;
    OK(envm_workers_start(0, &workers, &err));
    OK(envm_workers_finish(workers, &err));
    OK(envm_workers_start(1000, &workers, &err));
    OK(envm_workers_finish(workers, &err));
    OK(envm_workers_each(0, count_up, NULL, 0, 0, &err));
    assert_true(envm_workers_cpu_count() >= 1 && envm_workers_cpu_count() <= 16);
}

/* One thread, held up by the first job until the others are queued. */
struct order {
    pthread_mutex_t gate;
    char text[32];
    size_t len;
};

struct step {
    struct order *order;
    char letter;
};

static enum envm_code wait_at_gate(void *argument, struct envm_error *failure)
{
    struct order *order = argument;

    (void)failure;
    pthread_mutex_lock(&order->gate);
    pthread_mutex_unlock(&order->gate);
    return ENVM_OK;
}

static enum envm_code note(void *argument, struct envm_error *failure)
{
    struct step *step = argument;

    (void)failure;
    step->order->text[step->order->len++] = step->letter;
    return ENVM_OK;
}

static void priorities_then_arrival(void **state)
{
    static const int priorities[] = {0, 5, 5, -1, 9, 0, 5, 9, -1, 0};
    struct order order = {.gate = PTHREAD_MUTEX_INITIALIZER};
    struct step steps[10];
    struct envm_workers *workers = NULL;

    (void)state;
    pthread_mutex_lock(&order.gate);
    OK(envm_workers_start(1, &workers, &err));
    envm_workers_add(workers, 100, wait_at_gate, &order);
    for (int i = 0; i < 10; i++) {
        steps[i] = (struct step){&order, (char)('a' + i)};
        envm_workers_add(workers, priorities[i], note, &steps[i]);
    }
    pthread_mutex_unlock(&order.gate);
    OK(envm_workers_finish(workers, &err));
    assert_string_equal(order.text, "ehbcgafjdi");
}

struct failing {
    atomic_int run;
    struct envm_workers *workers;
};

static enum envm_code fail_first(void *argument, struct envm_error *failure)
{
    struct failing *failing = argument;
    int number = atomic_fetch_add(&failing->run, 1);

    return number == 0 ? envm_fail(failure, ENVM_NETWORK, "job %d", number) : ENVM_OK;
}

static void the_first_error_stops_the_rest(void **state)
{
    struct failing failing = {.run = 0};
    struct envm_workers *workers = NULL;

    (void)state;
    OK(envm_workers_start(1, &workers, &err));
    for (int i = 0; i < 100; i++)
        envm_workers_add(workers, 0, fail_first, &failing);
    while (!envm_workers_failed(workers))
        envm_clock_sleep_ms(1);
    envm_workers_add(workers, 0, fail_first, &failing);
    FAILS_WITH(ENVM_NETWORK, "job 0", envm_workers_finish(workers, &err));
    assert_int_equal(atomic_load(&failing.run), 1);
}

static enum envm_code fail_always(void *argument, struct envm_error *failure)
{
    (void)argument;
    return envm_fail(failure, ENVM_IO, "always");
}

static void many_errors_give_one(void **state)
{
    struct envm_workers *workers = NULL;

    (void)state;
    for (int round = 0; round < 20; round++) {
        OK(envm_workers_start(4, &workers, &err));
        for (int i = 0; i < 50; i++)
            envm_workers_add(workers, 0, fail_always, NULL);
        FAILS_WITH(ENVM_IO, "always", envm_workers_finish(workers, &err));
    }
    OK(envm_workers_start(2, &workers, &err));
    envm_workers_add(workers, 0, fail_always, NULL);
    assert_int_equal(envm_workers_finish(workers, NULL), ENVM_IO);
}

struct tree {
    struct envm_workers *workers;
    atomic_int nodes;
    atomic_int next;
    struct node {
        struct tree *tree;
        int depth;
    } items[256];
};

static enum envm_code grow(void *argument, struct envm_error *failure)
{
    struct node *node = argument;
    struct tree *tree = node->tree;

    (void)failure;
    atomic_fetch_add(&tree->nodes, 1);
    for (int i = 0; i < 2 && node->depth < 6; i++) {
        struct node *child = &tree->items[atomic_fetch_add(&tree->next, 1)];

        *child = (struct node){tree, node->depth + 1};
        envm_workers_add(tree->workers, child->depth, grow, child);
    }
    return ENVM_OK;
}

static void jobs_add_jobs(void **state)
{
    struct tree *tree = calloc(1, sizeof(*tree));

    (void)state;
    OK(envm_workers_start(4, &tree->workers, &err));
    tree->items[0] = (struct node){tree, 0};
    atomic_store(&tree->next, 1);
    envm_workers_add(tree->workers, 0, grow, &tree->items[0]);
    OK(envm_workers_finish(tree->workers, &err));
    assert_int_equal(atomic_load(&tree->nodes), 127);
    free(tree);
}

struct item {
    int in;
    int out;
};

static enum envm_code square(void *argument, struct envm_error *failure)
{
    struct item *item = argument;

    if (item->in < 0)
        return envm_fail(failure, ENVM_MALFORMED, "negative");
    item->out = item->in * item->in;
    return ENVM_OK;
}

static void each_item_of_an_array(void **state)
{
    struct item items[100];

    (void)state;
    for (int i = 0; i < 100; i++)
        items[i] = (struct item){i, 0};
    OK(envm_workers_each(3, square, items, sizeof(*items), 100, &err));
    for (int i = 0; i < 100; i++)
        assert_int_equal(items[i].out, i * i);
    items[50].in = -1;
    FAILS(ENVM_MALFORMED, envm_workers_each(0, square, items, sizeof(*items), 100, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_jobs_run),
        cmocka_unit_test(no_jobs_at_all),
        cmocka_unit_test(priorities_then_arrival),
        cmocka_unit_test(the_first_error_stops_the_rest),
        cmocka_unit_test(many_errors_give_one),
        cmocka_unit_test(jobs_add_jobs),
        cmocka_unit_test(each_item_of_an_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
