/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/size_text.h"

static void test_sizes(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {{0, "0 B"},
                {999, "999 B"},
                {1000, "1.0 kB"},
                {99949, "99.9 kB"},
                {120000, "120 kB"},
                {999499, "999 kB"},
                {999500, "1.0 MB"},
                {(uint64_t)16 << 20, "16.8 MB"},
                {1300000000, "1.3 GB"},
                {UINT64_MAX, "18446744 TB"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(envm_size_text(rows[i].bytes).text, rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
