/* SPDX-License-Identifier: MIT
 *
 * To be confined is for good, so each test is in a child of its own.
 */
#include "../support/deny_syscall.h"
#include "../support/scratch.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

#include "base/str.h"
#include "env/confine.h"
#include "sys/landlock.h"

struct world {
    struct scratch dir;
    char home[600], root[600], cache[600], prefix[600];
    const char *environment[5];
    struct envm_context *context;
};

static void world_make(struct world *w)
{
    static char home[620], extra[700];

    memset(w, 0, sizeof(*w));
    w->dir = scratch_make();
    snprintf(w->home, sizeof(w->home), "%s/home", w->dir.path);
    snprintf(w->root, sizeof(w->root), "%s/home/data/root", w->dir.path);
    snprintf(w->cache, sizeof(w->cache), "%s/cache", w->dir.path);
    snprintf(w->prefix, sizeof(w->prefix), "%s/envs/env", w->dir.path);
    snprintf(home, sizeof(home), "HOME=%s", w->home);
    snprintf(extra, sizeof(extra), "ENVM_CACHE_LAYERS=%s/layer", w->dir.path);
    w->environment[0] = home;
    w->environment[1] = "CONDA_OVERRIDE_CUDA=";
    w->environment[2] = extra;
    for (const char *const *at = (const char *const[]){"home", "home/.ssh", "cache", "envs",
                                                       "envs/env", "layer", "outside", NULL};
         *at; at++)
        assert_int_equal(mkdirat(w->dir.fd, *at, 0755), 0);
    scratch_write(&w->dir, "outside/file", "outside");
    scratch_write(&w->dir, "cache/file", "cache");
    scratch_write(&w->dir, "layer/file", "layer");
    scratch_write(&w->dir, "envs/env/file", "env");
    assert_int_equal(chdir(w->dir.path), 0);
}

static void world_drop(struct world *w)
{
    assert_int_equal(chdir("/"), 0);
    scratch_drop(&w->dir);
}

static bool open_context(struct world *w, bool confine)
{
    const struct envm_context_options options = {.environment = w->environment,
                                                 .root = w->root,
                                                 .cache = w->cache,
                                                 .no_config = true,
                                                 .confine = confine};

    return envm_context_new(&options, &w->context, &err) == ENVM_OK;
}

static bool confine(struct world *w, const struct envm_confine_plan *plan)
{
    if (!open_context(w, true))
        return false;
    envm_confine(w->context, plan);
    return true;
}

static struct envm_confine_plan change_of(const struct world *w)
{
    return (struct envm_confine_plan){.use = ENVM_CONFINE_CHANGED,
                                      .prefix = envm_str_from(w->prefix)};
}

/* The errno of making the file, 0 when it was made. */
static int make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int error_of(int status)
{
    return status == 0 ? 0 : errno;
}

static bool is_refused(int status)
{
    return status != 0 && (errno == EACCES || errno == EXDEV);
}

/* Runs it in a child; the test fails with the number of the line that the child stopped at. */
static void in_child(int (*body)(struct world *w), struct world *w)
{
    int status = -1;
    pid_t pid;

    if (envm_landlock_abi() < ENVM_CONFINE_ABI_NEEDED) {
        print_message("this kernel has no Landlock of use: skipped\n");
        skip();
    }
    pid = fork();
    if (pid == 0) {
        int line = body(w);

        envm_context_free(w->context);
        if (line != 0)
            print_message("line %d: %s\n", line, err.text ? err.text : strerror(errno));
        _exit(line != 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__;                                                                       \
    } while (0)

static int refused_outside(struct world *w)
{
    struct envm_confine_plan plan = change_of(w);

    HOLDS(confine(w, &plan));
    HOLDS(make_file("outside/new") == EACCES);
    HOLDS(make_file("envs/env/../../outside/new") == EACCES);
    HOLDS(make_file("home/.ssh/authorized_keys") == EACCES);
    HOLDS(symlink("../../outside", "envs/env/way") == 0);
    HOLDS(make_file("envs/env/way/new") == EACCES);
    HOLDS(open("outside/file", O_WRONLY | O_CLOEXEC) < 0 && errno == EACCES);
    HOLDS(is_refused(unlink("outside/file")));
    HOLDS(is_refused(mkdir("outside/folder", 0755)));
    HOLDS(is_refused(mknod("outside/pipe", S_IFIFO | 0644, 0)));
    HOLDS(is_refused(rename("outside/file", "envs/env/stolen")));
    HOLDS(is_refused(link("outside/file", "envs/env/stolen")));
    HOLDS(is_refused(rename("envs/env/file", "outside/gift")));
    HOLDS(is_refused(link("envs/env/file", "outside/gift")));
    HOLDS(is_refused(rename("envs/env", "other")));
    HOLDS(is_refused(rmdir("home/.ssh")));
    if (envm_landlock_abi() >= 3)
        HOLDS(is_refused(truncate("outside/file", 0)));
    HOLDS(open("outside/file", O_RDONLY | O_CLOEXEC) >= 0);
    return 0;
}

static void changes_outside_are_refused(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    in_child(refused_outside, &w);
    scratch_holds(&w.dir, "outside/file", "outside");
    world_drop(&w);
}

static int works_inside(struct world *w)
{
    struct envm_confine_plan plan = change_of(w);

    HOLDS(confine(w, &plan));
    HOLDS(make_file("envs/env/new") == 0);
    HOLDS(make_file("cache/new") == 0);
    HOLDS(error_of(mkdir("envs/env/folder", 0755)) == 0);
    HOLDS(error_of(rename("cache/new", "envs/env/folder/moved")) == 0);
    HOLDS(error_of(link("cache/file", "envs/env/folder/linked")) == 0);
    HOLDS(error_of(link("layer/file", "envs/env/folder/layer")) == 0);
    HOLDS(error_of(truncate("envs/env/folder/moved", 0)) == 0);
    HOLDS(error_of(unlink("envs/env/folder/moved")) == 0);
    HOLDS(open("/dev/null", O_RDWR | O_CLOEXEC) >= 0);
    return 0;
}

static void cache_layers_and_prefix_work_together(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    in_child(works_inside, &w);
    world_drop(&w);
}

static void *make_outside(void *ret_error)
{
    *(int *)ret_error = make_file("outside/thread");
    return NULL;
}

static int threads_too(struct world *w)
{
    struct envm_confine_plan plan = change_of(w);
    int thread_error = -1;
    int status = -1;
    pthread_t thread;
    pid_t pid;

    HOLDS(confine(w, &plan));
    HOLDS(pthread_create(&thread, NULL, make_outside, &thread_error) == 0);
    pthread_join(thread, NULL);
    HOLDS(thread_error == EACCES);
    pid = fork();
    if (pid == 0)
        _exit(make_file("outside/child"));
    HOLDS(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == EACCES);
    return 0;
}

static void threads_and_children_are_confined(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    in_child(threads_too, &w);
    world_drop(&w);
}

static int makes_parents(struct world *w)
{
    char prefix[700];
    struct envm_confine_plan plan = {.use = ENVM_CONFINE_MADE, .fetches = true};

    snprintf(prefix, sizeof(prefix), "%s/envs/new", w->root);
    plan.prefix = envm_str_from(prefix);
    HOLDS(confine(w, &plan));
    HOLDS(error_of(mkdir(prefix, 0755)) == 0);
    HOLDS(make_file("home/.conda/environments.txt") == 0);
    HOLDS(make_file("home/data/root/envs/other") == 0);
    HOLDS(make_file("home/data/root/outside") == EACCES);
    HOLDS(make_file("home/data/outside") == EACCES);
    HOLDS(make_file("home/outside") == EACCES);
    HOLDS(make_file("envs/env/outside") == EACCES);
    HOLDS(error_of(unlink("home/data/root/envs/other")) == 0 && rmdir(prefix) == 0);
    return 0;
}

/* Were the rule about the next folder that is there, it would be the home. */
static void a_first_environment_does_not_open_the_home(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    in_child(makes_parents, &w);
    assert_false(scratch_has(&w.dir, "home/data"));
    assert_true(scratch_has(&w.dir, "home/.conda/environments.txt"));
    world_drop(&w);
}

static int removes(struct world *w)
{
    struct envm_confine_plan plan = {.use = ENVM_CONFINE_REMOVED,
                                     .prefix = envm_str_from("/tmp/envm-none/env")};
    char prefix[700];

    snprintf(prefix, sizeof(prefix), "%s/inner", w->prefix);
    HOLDS(mkdir(prefix, 0755) == 0);
    plan.prefix = envm_str_from(prefix);
    HOLDS(confine(w, &plan));
    HOLDS(error_of(rmdir(prefix)) == 0);
    HOLDS(make_file("outside/new") == EACCES);
    return 0;
}

static void removing_takes_the_folder_above(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    in_child(removes, &w);
    world_drop(&w);
}

static int writes_lock(struct world *w)
{
    struct envm_confine_plan plan = {.lock_path = ENVM_STR("link.lock")};

    HOLDS(symlink("outside/real.lock", "link.lock") == 0);
    HOLDS(confine(w, &plan));
    HOLDS(envm_fs_write_user_file("link.lock", ENVM_STR("lock"), &err) == ENVM_OK);
    HOLDS(envm_fs_write_user_file("link.lock", ENVM_STR("again"), &err) == ENVM_OK);
    HOLDS(make_file("envs/env/new") == EACCES);
    return 0;
}

static void the_lock_is_written_where_its_link_leads(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    in_child(writes_lock, &w);
    scratch_holds(&w.dir, "outside/real.lock", "again");
    world_drop(&w);
}

static int not_wanted(struct world *w)
{
    struct envm_confine_plan plan = change_of(w);

    HOLDS(open_context(w, false));
    envm_confine(w->context, &plan);
    HOLDS(make_file("outside/unasked") == 0);
    envm_context_free(w->context);
    w->environment[3] = "ENVM_CONFINE=false";
    HOLDS(confine(w, &plan));
    HOLDS(make_file("outside/configured") == 0);
    return 0;
}

static void nobody_is_confined_unasked(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    in_child(not_wanted, &w);
    world_drop(&w);
}

static int first_call_counts(struct world *w)
{
    struct envm_confine_plan plan = change_of(w);

    HOLDS(confine(w, &plan));
    plan.prefix = ENVM_STR("/");
    envm_confine(w->context, &plan);
    HOLDS(make_file("outside/new") == EACCES);
    HOLDS(make_file("envs/env/new") == 0);
    return 0;
}

static void only_the_first_call_counts(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    in_child(first_call_counts, &w);
    world_drop(&w);
}

static bool goes_on(void *argument)
{
    struct world *w = argument;
    struct envm_confine_plan plan = change_of(w);
    bool good = confine(w, &plan) && make_file("envs/env/new") == 0 &&
                make_file("outside/new") == 0 && unlink("envs/env/new") == 0 &&
                unlink("outside/new") == 0;

    envm_context_free(w->context);
    return good;
}

static void old_kernels_go_on_without(void **state)
{
    struct world w;

    (void)state;
    world_make(&w);
    without_syscall(444, ENOSYS, goes_on, &w);
    without_syscall(445, EINVAL, goes_on, &w);
    without_syscall(446, EPERM, goes_on, &w);
    world_drop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_outside_are_refused),
        cmocka_unit_test(cache_layers_and_prefix_work_together),
        cmocka_unit_test(threads_and_children_are_confined),
        cmocka_unit_test(a_first_environment_does_not_open_the_home),
        cmocka_unit_test(removing_takes_the_folder_above),
        cmocka_unit_test(the_lock_is_written_where_its_link_leads),
        cmocka_unit_test(nobody_is_confined_unasked),
        cmocka_unit_test(only_the_first_call_counts),
        cmocka_unit_test(old_kernels_go_on_without),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
