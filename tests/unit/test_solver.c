/* SPDX-License-Identifier: MIT
 *
 * What the readable cases under tests/solver cannot say: limits, interruption, failing sources,
 * the JSON of a problem, and repetition.
 */
#include "solve/solver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "codec/json_reader.h"
#include "sys/clock.h"

struct world {
    struct envm_arena arena;
    struct envm_solve_channel channel;
    const struct envm_package_source *source;
    struct envm_solve_request request;
    const struct envm_match_spec *specs[8];
    struct envm_solution solution;
    struct envm_problem problem;
    struct envm_error err;
};

static struct envm_package_record *new_record(struct world *world, const char *name,
                                              const char *version, const char *depends)
{
    struct envm_package_record *record = envm_arena_new(&world->arena, struct envm_package_record);
    envm_str *texts = envm_arena_new_array(&world->arena, envm_str, 1);

    texts[0] = envm_arena_str(&world->arena, envm_str_from(depends));
    record->name = envm_arena_str(&world->arena, envm_str_from(name));
    record->version = envm_arena_str(&world->arena, envm_str_from(version));
    record->build = ENVM_STR("0");
    record->subdir = ENVM_STR("noarch");
    record->depends = (struct envm_str_list){texts, depends[0] ? 1 : 0};
    return record;
}

static void set_records(struct world *world, const struct envm_package_record *const *records,
                        size_t count)
{
    world->source = envm_package_source_from_records(&world->arena, records, count);
    world->channel = (struct envm_solve_channel){ENVM_STR("main"), &world->source, 1};
    world->request.channels = &world->channel;
    world->request.channel_count = 1;
    world->request.specs = world->specs;
}

static void ask(struct world *world, const char *spec)
{
    assert_int_equal(envm_match_spec_parse(&world->arena, envm_str_from(spec),
                                           &world->specs[world->request.spec_count], NULL),
                     ENVM_OK);
    world->request.spec_count++;
}

static enum envm_code run(struct world *world)
{
    envm_error_release(&world->err);
    return envm_solve(&world->arena, &world->request, &world->solution, &world->problem,
                      &world->err);
}

static void release(struct world *world)
{
    envm_error_release(&world->err);
    envm_arena_release(&world->arena);
}

static void gives_dependencies_first(void **state)
{
    struct world world = {0};
    const struct envm_package_record *records[] = {
        new_record(&world, "a", "1", "c"),
        new_record(&world, "b", "1", ""),
        new_record(&world, "c", "1", "b"),
    };

    (void)state;
    set_records(&world, records, 3);
    ask(&world, "a");
    assert_int_equal(run(&world), ENVM_OK);
    assert_int_equal(world.solution.records.count, 3);
    assert_ptr_equal(world.solution.records.items[0], records[1]);
    assert_ptr_equal(world.solution.records.items[1], records[2]);
    assert_ptr_equal(world.solution.records.items[2], records[0]);
    release(&world);
}

static void an_empty_request_is_solved(void **state)
{
    struct world world = {0};

    (void)state;
    set_records(&world, NULL, 0);
    assert_int_equal(run(&world), ENVM_OK);
    assert_int_equal(world.solution.records.count, 0);
    release(&world);
}

/* Many records, each with a spec of its own on another name with as many: quadratic. */
static void make_hostile(struct world *world, size_t count)
{
    const struct envm_package_record **records =
        envm_arena_new_array(&world->arena, const struct envm_package_record *, 2 * count);
    char version[32], depends[32];

    for (size_t i = 0; i < count; i++) {
        snprintf(version, sizeof(version), "%zu", i);
        snprintf(depends, sizeof(depends), "b %zu", i);
        records[2 * i] = new_record(world, "a", version, depends);
        records[2 * i + 1] = new_record(world, "b", version, "");
    }
    set_records(world, records, 2 * count);
    ask(world, "a");
}

static void time_is_limited_before_libsolv_too(void **state)
{
    struct world world = {0};

    (void)state;
    make_hostile(&world, 6000);
    world.request.timeout_ms = 50;
    assert_int_equal(run(&world), ENVM_GAVE_UP);
    assert_string_equal(world.err.text, "solving took longer than the limit of 50 ms");
    assert_non_null(world.err.hint);
    release(&world);
}

static void memory_is_limited(void **state)
{
    struct world world = {0};

    (void)state;
    make_hostile(&world, 3000);
    world.request.memory_bytes = (uint64_t)1 << 20;
    assert_int_equal(run(&world), ENVM_GAVE_UP);
    assert_string_equal(world.err.text, "solving needed more memory than the limit of 1 MiB");
    release(&world);
}

/* Two names that take one version after the other away from each other, with many terms each: what
 * follows from needed names is drawn again for every version. */
static void make_ping_pong(struct world *world, size_t count)
{
    const struct envm_package_record **records =
        envm_arena_new_array(&world->arena, const struct envm_package_record *, 3 * count);
    char version[32], depends[32];

    for (size_t i = 0; i < count; i++) {
        snprintf(version, sizeof(version), "%zu", i);
        snprintf(depends, sizeof(depends), "b >=%zu", i);
        records[2 * i] = new_record(world, "a", version, depends);
        snprintf(depends, sizeof(depends), "a >=%zu", i + 1);
        records[2 * i + 1] = new_record(world, "b", version, depends);
    }
    set_records(world, records, 2 * count);
    ask(world, "a");
    ask(world, "b");
}

static void time_is_limited_while_pruning(void **state)
{
    struct world world = {0};

    (void)state;
    make_ping_pong(&world, 1200);
    world.request.timeout_ms = 600;
    uint64_t start = envm_clock_monotonic_ms();
    enum envm_code code = run(&world);
    /* a fast machine may find out that there is no solution */
    assert_true(code == ENVM_GAVE_UP || code == ENVM_UNSATISFIABLE);
    assert_true(envm_clock_monotonic_ms() - start < 5000);
    release(&world);
}

static bool yes(void *user)
{
    (void)user;
    return true;
}

static void can_be_interrupted(void **state)
{
    struct world world = {0};
    struct envm_sink sink = {.cancelled = yes};
    const struct envm_package_record *records[] = {new_record(&world, "a", "1", "")};

    (void)state;
    set_records(&world, records, 1);
    ask(&world, "a");
    world.request.sink = &sink;
    assert_int_equal(run(&world), ENVM_INTERRUPTED);
    release(&world);
}

static enum envm_code broken_records(void *self, envm_str name, struct envm_arena *arena,
                                     struct envm_record_list *ret_records, struct envm_error *err)
{
    (void)self;
    (void)arena;
    (void)ret_records;
    return envm_fail(err, ENVM_IO, "reading %.*s: disk on fire", ENVM_STR_ARGS(name));
}

static void a_failing_source_is_an_error_and_no_answer(void **state)
{
    struct world world = {0};
    struct envm_package_source source = {.records = broken_records};

    (void)state;
    set_records(&world, NULL, 0);
    world.source = &source;
    ask(&world, "a");
    assert_int_equal(run(&world), ENVM_IO);
    assert_string_equal(world.err.text, "reading a: disk on fire");
    release(&world);
}

static void a_problem_is_one_json_object(void **state)
{
    struct world world = {0};
    const struct envm_package_record *records[] = {
        new_record(&world, "a", "1", "c >=2"), new_record(&world, "b", "1", "c <2"),
        new_record(&world, "c", "1", ""),      new_record(&world, "c", "2", "d\x1b[31m"),
        new_record(&world, "c", "3", ""),
    };
    struct envm_json_reader r;
    envm_str key, message = {0}, kind = {0};

    (void)state;
    set_records(&world, records, 5);
    ask(&world, "a");
    ask(&world, "b");
    assert_int_equal(run(&world), ENVM_UNSATISFIABLE);
    assert_string_equal(world.err.text, "the requests \"a\" and \"b\" are in conflict");
    assert_string_equal(world.err.hint, "leave out \"a\"");
    envm_json_init(&r, world.problem.json);
    envm_json_begin_object(&r);
    while (envm_json_next_key(&r, &world.arena, &key)) {
        if (envm_str_equal_c(key, "message"))
            envm_json_string(&r, &world.arena, &message);
        else if (envm_str_equal_c(key, "kind"))
            envm_json_string(&r, &world.arena, &kind);
        else
            envm_json_skip(&r, NULL);
    }
    assert_int_equal(envm_json_end(&r, &world.err), ENVM_OK);
    assert_true(envm_str_equal_c(message, "the requests \"a\" and \"b\" are in conflict"));
    assert_true(envm_str_equal_c(kind, "conflict"));
    assert_true(envm_str_contains(world.problem.json, ENVM_STR("\"kind\":\"leave-out\"")));
    assert_false(envm_str_contains(world.problem.text, ENVM_STR("\x1b")));
    release(&world);
}

static void repetition_changes_nothing(void **state)
{
    struct world world = {0};
    char name[16], depends[32];
    const struct envm_package_record *records[400];
    size_t count = 0;

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        for (unsigned version = 0; version < 20; version++) {
            snprintf(name, sizeof(name), "p%u", i);
            snprintf(depends, sizeof(depends), "p%u >=%u", (i + 1) % 20, version / 2);
            char text[16];
            snprintf(text, sizeof(text), "%u", version);
            records[count++] = new_record(&world, name, text, depends);
        }
    }
    set_records(&world, records, count);
    ask(&world, "p0");
    ask(&world, "p7 <9");
    assert_int_equal(run(&world), ENVM_OK);
    struct envm_record_list first = world.solution.records;
    for (int i = 0; i < 5; i++) {
        /* and neither does the order in the channel */
        const struct envm_package_record *moved = records[0];
        memmove(records, records + 1, (count - 1) * sizeof(*records));
        records[count - 1] = moved;
        set_records(&world, records, count);
        world.request.in_process = i % 2;
        assert_int_equal(run(&world), ENVM_OK);
        assert_int_equal(world.solution.records.count, first.count);
        for (size_t j = 0; j < first.count; j++)
            assert_ptr_equal(world.solution.records.items[j], first.items[j]);
    }
    release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_dependencies_first),
        cmocka_unit_test(an_empty_request_is_solved),
        cmocka_unit_test(time_is_limited_before_libsolv_too),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(time_is_limited_while_pruning),
        cmocka_unit_test(can_be_interrupted),
        cmocka_unit_test(a_failing_source_is_an_error_and_no_answer),
        cmocka_unit_test(a_problem_is_one_json_object),
        cmocka_unit_test(repetition_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
