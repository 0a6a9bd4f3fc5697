/* SPDX-License-Identifier: MIT
 *
 * The orders of versions and of the records of one name are orders: on random triples, drawn from a
 * seed that is printed and may be given in ENVM_TEST_SEED.
 */
#include "../support/check.h"

#include "base/str.h"
#include "conda/package_rank.h"

#define POOL 300
#define DEFAULT_SEED 20261127
#define TRIPLES 300000

static uint64_t seed;

static uint32_t next_random(uint32_t below)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(seed >> 33) % below;
}

static void choose_seed(void)
{
    const char *given = getenv("ENVM_TEST_SEED");

    if (seed)
        return;
    seed = given ? strtoull(given, NULL, 10) : DEFAULT_SEED;
    print_message("ENVM_TEST_SEED=%llu\n", (unsigned long long)seed);
}

/* Few pieces, so that equal and nearly equal versions are frequent. */
static envm_str random_version(struct envm_arena *arena)
{
    static const char *const pieces[] = {
        "0",  "1",   "2",    "10",    "007", "a",  "b",
        "rc", "dev", "post", "alpha", "1a",  "1_", "20240101120000"};
    static const char *const joints[] = {".", ".", ".", "_", "-", ""};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    uint32_t count = 1 + next_random(4);

    if (next_random(8) == 0)
        envm_buf_printf(&text, "%u!", next_random(3));
    envm_buf_printf(&text, "%u", next_random(3));
    for (uint32_t i = 1; i < count; i++) {
        envm_buf_add_cstr(&text, joints[next_random(6)]);
        envm_buf_add_cstr(&text, pieces[next_random(14)]);
    }
    if (next_random(6) == 0)
        envm_buf_printf(&text, "+%s", pieces[next_random(14)]);
    return envm_arena_str(arena, envm_buf_str(&text));
}

static size_t make_versions(struct envm_arena *arena, const struct envm_version **versions,
                            envm_str *texts)
{
    size_t count = 0;

    while (count < POOL) {
        texts[count] = random_version(arena);
        if (envm_version_parse(arena, texts[count], &versions[count], NULL) == ENVM_OK)
            count++;
    }
    return count;
}

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

/* x before y before z means x before z, and equal ones stand in the same place. */
static bool is_ordered(int xy, int yz, int xz)
{
    if (xy <= 0 && yz <= 0 && (xz > 0 || (xz == 0) != (xy == 0 && yz == 0)))
        return false;
    return !(xy >= 0 && yz >= 0 && (xz < 0 || (xz == 0) != (xy == 0 && yz == 0)));
}

static void versions_are_in_an_order(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const struct envm_version *v[POOL];
    envm_str texts[POOL];
    size_t equal = 0;

    (void)state;
    choose_seed();
    (void)make_versions(&arena, v, texts);
    for (size_t i = 0; i < TRIPLES; i++) {
        uint32_t x = next_random(POOL), y = next_random(POOL), z = next_random(POOL);
        int xy = sign(envm_version_compare(v[x], v[y]));

        equal += xy == 0 && !envm_str_equal(texts[x], texts[y]);
        if (xy != -sign(envm_version_compare(v[y], v[x])) ||
            !is_ordered(xy, sign(envm_version_compare(v[y], v[z])),
                        sign(envm_version_compare(v[x], v[z]))))
            fail_msg("%s, %s, %s", texts[x].ptr, texts[y].ptr, texts[z].ptr);
        assert_int_equal(envm_version_compare(v[x], v[x]), 0);
    }
    assert_true(equal > 0); /* "1.0" and "1" were among them */
}

static void make_records(struct envm_arena *arena, struct envm_ranked_record *ranked)
{
    static const envm_str features[] = {ENVM_STR_INIT("a"), ENVM_STR_INIT("b")};
    const struct envm_version *versions[POOL];
    envm_str texts[POOL];

    (void)make_versions(arena, versions, texts);
    for (size_t i = 0; i < POOL; i++) {
        struct envm_package_record *record = envm_arena_new(arena, struct envm_package_record);
        const char *suffix = next_random(2) ? ".conda" : ".tar.bz2";
        uint32_t version = next_random(8); /* the rest has to decide often */

        record->version = texts[version];
        record->build = envm_arena_printf(arena, "b_%u", next_random(3));
        record->build_number = next_random(3);
        record->timestamp = next_random(3);
        record->track_features = (struct envm_str_list){features, next_random(8) ? 0 : 1};
        record->file_name = envm_arena_printf(arena, "a-1-0%s", suffix);
        record->sha256.known = next_random(2);
        record->sha256.bytes[0] = (uint8_t)next_random(3);
        record->url = envm_arena_printf(arena, "https://h/%zu", i);
        ranked[i] = (struct envm_ranked_record){record, versions[version]};
    }
}

static void records_are_in_a_total_order(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_ranked_record r[POOL];

    (void)state;
    choose_seed();
    make_records(&arena, r);
    for (size_t i = 0; i < TRIPLES; i++) {
        uint32_t x = next_random(POOL), y = next_random(POOL), z = next_random(POOL);
        int xy = sign(envm_package_rank_compare(&r[x], &r[y]));

        assert_int_equal(xy, -sign(envm_package_rank_compare(&r[y], &r[x])));
        assert_true(is_ordered(xy, sign(envm_package_rank_compare(&r[y], &r[z])),
                               sign(envm_package_rank_compare(&r[x], &r[z]))));
        /* Every record has a URL of its own. */
        assert_int_equal(xy == 0, x == y);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_in_an_order),
        cmocka_unit_test(records_are_in_a_total_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
