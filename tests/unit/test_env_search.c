/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include <envm/look.h>

#include "../support/scratch.h"
#include "base/str.h"

static unsigned questions; /* how often it was asked whether to stop */
static unsigned stop_at;   /* the question from which on the answer is yes; 0: never */

static bool cancelled(void *user)
{
    unsigned *asked = user;

    ++*asked;
    return stop_at > 0 && *asked >= stop_at;
}

static void write_subdir(const struct scratch *dir, const char *subdir, const char *repodata)
{
    char path[64];

    assert_int_equal(mkdirat(dir->fd, subdir, 0755), 0);
    snprintf(path, sizeof(path), "%s/repodata.json", subdir);
    scratch_write(dir, path, repodata);
}

static enum envm_code search(const char *channel, const char *spec,
                             struct envm_search_report *report, struct envm_memory *memory)
{
    const char *const environment[] = {"HOME=/nonexistent", NULL};
    const struct envm_context_options options = {
        .environment = environment,
        .no_config = true,
        .offline = true,
        .threads = 1,
        .cache = "/dev/null/none",
        .sink = {.user = &questions, .cancelled = cancelled}};
    const struct envm_search_options search_options = {.spec = spec,
                                                       .channels = &channel,
                                                       .channel_count = 1,
                                                       .override_channels = true,
                                                       .platform = "linux-64"};
    struct envm_context *context = NULL;
    enum envm_code code;

    questions = 0;
    OK(envm_context_new(&options, &context, &err));
    code = envm_search(context, memory, &search_options, report, &err);
    envm_context_free(context);
    return code;
}

/* Wherever it is stopped, the answer is not "there is none". */
static void an_interrupted_search_says_so(void **state)
{
    static const char empty[] = "{\"packages\": {}}";
    struct scratch dir = scratch_make();
    struct envm_memory *memory = envm_memory_new();
    struct envm_search_report report = {0};
    unsigned all;

    (void)state;
    write_subdir(&dir, "noarch", empty);
    write_subdir(&dir, "linux-64", empty);
    write_subdir(
        &dir, "osx-64",
        "{\"packages\": {\"a-1-0.tar.bz2\": {\"name\": \"a\", \"version\": \"1\", \"build\": "
        "\"0\", \"build_number\": 0, \"depends\": [], \"subdir\": \"osx-64\"}}}");
    stop_at = 0;
    FAILS(ENVM_UNSATISFIABLE, search(dir.path, "a", &report, memory));
    assert_int_equal(report.outcome, ENVM_SEARCH_OTHER_PLATFORM);
    all = questions;
    assert_true(all > 10);
    for (stop_at = 1; stop_at <= all; stop_at++)
        FAILS(ENVM_INTERRUPTED, search(dir.path, "a", &report, memory));
    envm_memory_free(memory);
    scratch_drop(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interrupted_search_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
