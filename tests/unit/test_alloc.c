/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/arena.h"

/* A request that is too large shall come back as NULL under the sanitizers too. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void blocks(void **state)
{
    char *text = envm_strdup("text");
    char *zeroed = envm_alloc_zero(10, 10);
    void *nothing = envm_alloc(0);
    ENVM_CLEANUP(envm_heap) char *kept = envm_strdup("released at the end");

    (void)state;
    assert_string_equal(text, "text");
    text = envm_realloc(text, 100, 1);
    assert_string_equal(text, "text");
    for (int i = 0; i < 100; i++)
        assert_int_equal(zeroed[i], 0);
    assert_non_null(nothing);
    assert_non_null(kept);
    envm_free(text);
    envm_free(zeroed);
    envm_free(nothing);
    envm_free(NULL);
    envm_free(envm_alloc_zero(0, 5));
    envm_free(envm_realloc(NULL, 0, 0));
}

static void ask_alloc(void)
{
    envm_free(envm_alloc((size_t)PTRDIFF_MAX - 100));
}

static void ask_zero(void)
{
    envm_free(envm_alloc_zero(SIZE_MAX / 2, 4));
}

static void ask_realloc(void)
{
    envm_free(envm_realloc(NULL, SIZE_MAX / 2, 4));
}

static void ask_arena(void)
{
    struct envm_arena arena = {0};

    envm_arena_alloc_array(&arena, SIZE_MAX / 2, 4);
}

static void leave_with_9(size_t size)
{
    (void)size;
    _exit(9);
}

static void come_back(size_t size)
{
    (void)size;
}

static int status_of(void (*ask)(void), void (*handler)(size_t size))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);

        dup2(null, STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        envm_set_out_of_memory_handler(handler);
        ask();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void out_of_memory_ends_in_the_handler(void **state)
{
    static void (*const asks[])(void) = {ask_alloc, ask_zero, ask_realloc, ask_arena};

    (void)state;
    for (size_t i = 0; i < sizeof(asks) / sizeof(*asks); i++) {
        assert_int_equal(status_of(asks[i], NULL), 8);
        assert_int_equal(status_of(asks[i], leave_with_9), 9);
        assert_int_equal(status_of(asks[i], come_back), 128 + SIGABRT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks),
        cmocka_unit_test(out_of_memory_ends_in_the_handler),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
