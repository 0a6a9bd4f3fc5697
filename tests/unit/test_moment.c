/* SPDX-License-Identifier: MIT */
#include "base/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

#define NOW UINT64_C(1700000000000) /* 2023-11-14T22:13:20Z */
#define DAY UINT64_C(86400000)

static void reads_what_people_write(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
        bool is_duration;
    } rows[] = {
        {"1970-01-01", DAY, false},
        {"2024-02-29", UINT64_C(1709251200000), false},
        {"2000-02-29", UINT64_C(951868800000), false},
        {"9999-12-31", UINT64_C(253402300800000), false},
        {" 2023-11-14T22:13:20Z ", NOW, false},
        {"2023-11-14 22:13:20z", NOW, false},
        {"2023-11-14t22:13:20.5Z", NOW + 500, false},
        {"2023-11-14T22:13:20.123456789Z", NOW + 123, false},
        {"2023-11-15T00:13:20+02:00", NOW, false},
        {"2023-11-14T20:43:20-01:30", NOW, false},
        {"2016-12-31T23:59:60Z", UINT64_C(1483228799000), false},
        {"7d", NOW - 7 * DAY, true},
        {"2w", NOW - 14 * DAY, true},
        {"12h", NOW - DAY / 2, true},
        {"90m", NOW - DAY / 16, true},
        {"1w 2d", NOW - 9 * DAY, true},
        {"P7D", NOW - 7 * DAY, true},
        {"p2w", NOW - 14 * DAY, true},
        {"PT12H", NOW - DAY / 2, true},
        {"P1DT12H", NOW - DAY - DAY / 2, true},
        {"0d", NOW, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint64_t ms = 0;
        bool is_duration = !rows[i].is_duration;
        assert_true(envm_moment_parse(envm_str_from(rows[i].text), NOW, &ms, &is_duration));
        assert_int_equal(ms, rows[i].ms);
        assert_int_equal(is_duration, rows[i].is_duration);
    }
}

static void refuses_the_rest(void **state)
{
    static const char *const texts[] = {
        "",
        "yesterday",
        "7",
        "d",
        "7 d",
        "-7d",
        "P",
        "PT",
        "PT7D",
        "P12H",
        "P1M",
        "P1Y",
        "1y",
        "2023-13-01",
        "2023-00-01",
        "2023-02-29",
        "2100-02-29",
        "2023-04-31",
        "2023-1-1",
        "20230101",
        "1969-12-31",
        "2023-01-01T",
        "2023-01-01T00:00:00",
        "2023-01-01T24:00:00Z",
        "2023-01-01T00:60:00Z",
        "2023-01-01T00:00:61Z",
        "2023-01-01T00:00:00.Z",
        "2023-01-01T00:00:00+2",
        "2023-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+01:00",
        "2023-01-01x",
        "99999999999999999999d",
        "9999999999999999d",
        "30000d",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        uint64_t ms = 1;
        assert_false(envm_moment_parse(envm_str_from(texts[i]), NOW, &ms, NULL));
        assert_int_equal(ms, 1);
    }
}

static void writes_what_it_reads(void **state)
{
    static const uint64_t moments[] = {0, 1, 999, NOW, NOW + 500, UINT64_C(951782400000), DAY};

    (void)state;
    for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
        ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
        uint64_t ms = 7;
        envm_moment_write(&text, moments[i]);
        assert_true(envm_moment_parse(envm_buf_str(&text), 0, &ms, NULL));
        assert_int_equal(ms, moments[i]);
    }
}

static void says_it_for_people(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();

    (void)state;
    envm_moment_say(&text, NOW);
    assert_string_equal(text.ptr, "2023-11-14 22:13 UTC");
    text.len = 0;
    envm_moment_say(&text, 31 * DAY);
    assert_string_equal(text.ptr, "the end of 1970-01-31");
    text.len = 0;
    envm_moment_say_day(&text, NOW);
    assert_string_equal(text.ptr, "2023-11-14");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_people_write),
        cmocka_unit_test(refuses_the_rest),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(says_it_for_people),
    };

    return cmocka_run_group_tests_name("moment", tests, NULL, NULL);
}
