/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "prefix/link_plan.h"

#include "base/error.h"
#include "base/str.h"
#include "codec/digest.h"

struct setting {
    struct envm_arena arena;
    struct envm_package_path paths[8];
    struct envm_package_contents contents;
    struct envm_package_record record;
    struct envm_python python;
    struct envm_link_plan plan;
};

static void release(struct setting *s)
{
    envm_arena_release(&s->arena);
}
ENVM_DEFINE_CLEANUP(setting, struct setting, release)

static void add(struct setting *s, const char *path, const char *content)
{
    s->paths[s->contents.path_count++] = (struct envm_package_path){
        .path = {envm_str_from(path)}, .sha256 = envm_sha256_of(envm_str_from(content))};
    s->contents.paths = s->paths;
}

static enum envm_code plan(struct setting *s)
{
    struct envm_package_record python = {.version = ENVM_STR("3.12.1")};
    struct envm_link_request request = {&s->contents, &s->record, &s->python, ENVM_STR("linux-64")};

    s->record.name = ENVM_STR("demo");
    if (s->python.known)
        OK(envm_python_from_record(&s->arena, &python, ENVM_STR("linux-64"), &s->python, &err));
    return envm_link_plan_make(&s->arena, &request, &s->plan, &err);
}

static void test_no_python(void **state)
{
    ENVM_CLEANUP(setting) struct setting s = {0};

    (void)state;
    add(&s, "site-packages/x.py", "");
    OK(plan(&s)); /* nothing special while the package is not noarch: python */
    assert_str(s.plan.items[0].target.path.s, "site-packages/x.py");
    s.contents.noarch = ENVM_NOARCH_PYTHON;
    FAILS_WITH(ENVM_UNSATISFIABLE, "has no python", plan(&s));
}

static void test_reserved(void **state)
{
    static const char *const paths[] = {"conda-meta/history", "conda-meta", ".envm/journal"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        ENVM_CLEANUP(setting) struct setting s = {0};

        add(&s, paths[i], "");
        FAILS(ENVM_UNSAFE, plan(&s));
    }
}

static void test_duplicates(void **state)
{
    ENVM_CLEANUP(setting) struct setting s = {.python = {.known = true}};
    ENVM_CLEANUP(setting) struct setting t = {.python = {.known = true}};
    ENVM_CLEANUP(setting) struct setting u = {.python = {.known = true}};
    envm_str point = ENVM_STR("run = demo:main");

    (void)state;
    s.contents.noarch = t.contents.noarch = u.contents.noarch = ENVM_NOARCH_PYTHON;
    add(&s, "lib/python3.12/site-packages/x.py", "one");
    add(&s, "site-packages/x.py", "two");
    FAILS_WITH(ENVM_CLOBBER, "lib/python3.12/site-packages/x.py", plan(&s));
    add(&t, "lib/python3.12/site-packages/x.py", "one");
    add(&t, "site-packages/x.py", "one");
    OK(plan(&t));
    assert_int_equal(t.plan.count, 1);
    /* The generated script wins over one of the same name. */
    add(&u, "python-scripts/run", "shipped");
    u.contents.entry_points = (struct envm_str_list){&point, 1};
    OK(plan(&u));
    assert_int_equal(u.plan.count, 1);
    assert_true(u.plan.items[0].target.generated);
}

static void test_never_shared_with_the_cache(void **state)
{
    static const struct {
        const char *path;
        bool copy;
    } rows[] = {{"etc/x", true}, {"lib/x", false}, {"lib/x.pth", true}, {"var/x", true}};
    ENVM_CLEANUP(setting) struct setting s = {0};
    envm_str script = ENVM_STR("bin/.demo-post-link.sh");

    (void)state;
    for (size_t i = 0; i < 4; i++)
        add(&s, rows[i].path, "");
    OK(plan(&s));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(s.plan.items[i].copy, rows[i].copy);
    s.paths[1].no_link = true;
    OK(plan(&s));
    assert_true(s.plan.items[1].copy);
    s.paths[1].no_link = false;
    s.contents.link_scripts = (struct envm_str_list){&script, 1};
    OK(plan(&s));
    assert_true(s.plan.items[1].copy);
}

static void test_hostile_entry_point(void **state)
{
    ENVM_CLEANUP(setting) struct setting s = {.python = {.known = true}};
    envm_str point = ENVM_STR("../../run = demo:main");

    (void)state;
    s.contents.noarch = ENVM_NOARCH_PYTHON;
    s.contents.entry_points = (struct envm_str_list){&point, 1};
    FAILS(ENVM_UNSAFE, plan(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_python),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_never_shared_with_the_cache),
        cmocka_unit_test(test_hostile_entry_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
