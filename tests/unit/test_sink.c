/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/sink.h"
#include "base/str.h"

struct heard {
    char text[64];
    enum envm_log_level level;
    uint64_t done;
};

static void hear_log(void *user, enum envm_log_level level, const char *text)
{
    struct heard *heard = user;

    heard->level = level;
    snprintf(heard->text, sizeof(heard->text), "%s", text);
}

static void hear_progress(void *user, const struct envm_progress *event)
{
    struct heard *heard = user;

    heard->done = event->done;
}

static bool yes(void *user)
{
    return user != NULL;
}

static void a_full_sink_hears_everything(void **state)
{
    struct heard heard = {.text = ""};
    struct envm_sink sink = {&heard, hear_log, hear_progress, yes};
    struct envm_progress event = {.done = 7};

    (void)state;
    envm_sink_warn(&sink, "%d of %s", 3, "four");
    assert_string_equal(heard.text, "3 of four");
    assert_int_equal(heard.level, ENVM_LOG_WARNING);
    envm_sink_log(&sink, ENVM_LOG_DEBUG, "plain");
    assert_int_equal(heard.level, ENVM_LOG_DEBUG);
    envm_sink_progress(&sink, &event);
    assert_int_equal(heard.done, 7);
    assert_true(envm_sink_cancelled(&sink));
}

static void an_empty_sink_swallows_everything(void **state)
{
    struct envm_sink sink = {0};
    struct envm_progress event = {.done = 7};

    (void)state;
    envm_sink_warn(&sink, "nobody");
    envm_sink_warn(NULL, "nobody");
    envm_sink_progress(&sink, &event);
    envm_sink_progress(NULL, &event);
    assert_false(envm_sink_cancelled(&sink));
    assert_false(envm_sink_cancelled(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_sink_hears_everything),
        cmocka_unit_test(an_empty_sink_swallows_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
