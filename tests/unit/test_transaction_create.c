/* SPDX-License-Identifier: MIT
 *
 * Environments from packages that tests/support/mkchannel.py makes: what has to be there after a
 * success, and that nothing is there after a failure.
 */
#include "../support/transaction_world.h"

/* clang-format off */
static const char channel_spec[] =
"[{'name':'python','version':'3.11.2','build':'h1_0','files':{"
"   'bin/python3.11':{'text':'#!/bin/sh\\nexec python3 \\u0022$@\\u0022\\n','exec':true},"
"   'bin/python':{'symlink':'python3.11'},"
"   'lib/prefix.txt':'@PREFIX@/lib\\n',"
"   'lib/libx.so':{'binary':'ELF@PREFIX@/lib\\u0000@PREFIX@/a:@PREFIX@/b\\u0000end'},"
"   'lib/shared.txt':'both packages have this',"
"   'etc/conf':'edit me','share/empty':{'dir':true}}},"
" {'name':'tools','format':'tar.bz2','depends':['python'],'files':{"
"   'bin/tool':{'text':'#!@PREFIX@/bin/python3.11\\nprint(1)\\n','exec':true},"
"   'bin/perly':{'text':'#!@PREFIX@/bin/perl -w\\n','exec':true},"
"   'lib/shared.txt':'both packages have this'},"
"  'link_scripts':{'post-link':'#!/bin/sh\\ntouch $PREFIX/ran\\n'}},"
" {'name':'demo','noarch':'python','entry_points':['demo = demo.cli:main'],'files':{"
"   'site-packages/demo/__init__.py':'','site-packages/demo/cli.py':'def main():\\n    print(42)\\n',"
"   'python-scripts/demo-script':{'text':'#!@PREFIX@/bin/python\\n','exec':true}}},"
" {'name':'old','paths_json':false,'files':{'share/old':'@PREFIX@','share/old2':'x'},'format':'tar.bz2'},"
" {'name':'rival','files':{'lib/shared.txt':'something else','lib/prefix.txt':'again something else'}},"
" {'name':'rivaldir','files':{'lib/shared.txt/x':'a folder'}},"
" {'name':'rivallink','files':{'lib':{'symlink':'lib64'}}},"
" {'name':'damaged','files':{'share/d':{'random':100000}},'damage':'flip'},"
" {'name':'short','files':{'share/d':{'random':100000}},'damage':'truncate'},"
" {'name':'liar','files':{'share/l':'x'},'paths':{'share/l':{'sha256':'0000000000000000000000000000000000000000000000000000000000000000'}}},"
" {'name':'evil','noarch':'python','entry_points':['../../evil = a:b'],'files':{'site-packages/e.py':''}},"
" {'name':'meta','files':{'conda-meta/history':'mine'}},"
" {'name':'tight','placeholder':'/opt/tight','files':{'lib/tight':{'binary':'@PREFIX@\\u0000'}}},"
" {'name':'gone','files':{'share/g':'x'}}]";
/* clang-format on */

static int set_up(void **state)
{
    return set_up_world(state, channel_spec);
}

static void add_good(struct fixture *f)
{
    add(f, "python");
    add(f, "tools");
    add(f, "demo");
    add(f, "old");
}

static void test_create(void **state)
{
    struct fixture *f = *state;
    static const envm_str spec = ENVM_STR_INIT("python 3.11.*");
    struct envm_environment_variable variable = {ENVM_STR("Key"), ENVM_STR("value")};
    struct stat status;

    add_good(f);
    f->packages[0].requested_specs = (struct envm_str_list){&spec, 1};
    f->plan.variables = &variable;
    f->plan.variable_count = 1;
    f->plan.update_specs = (struct envm_str_list){&spec, 1};
    f->plan.verify = true;
    OK(create(f, "one"));
    assert_sound(f);
    assert_int_equal(f->result.downloaded, 4);
    assert_int_equal(f->linked, 4);
    assert_int_equal(f->result.scripts.count, 1);
    assert_str(f->result.scripts.items[0].package, "tools");
    assert_str(f->result.scripts.items[0].file, "bin/.tools-post-link.sh");
    assert_false(f->result.scripts.items[0].ran);
    assert_int_equal(entries(f, "envs"), 1);
    scratch_holds(&f->dir, "envs/one/conda-meta/envm.lock", "the lock\n");
    scratch_holds(&f->dir, "envs/one/conda-meta/state",
                  "{\n  \"env_vars\": {\n    \"Key\": \"value\"\n  }\n}\n");
    scratch_holds(&f->dir, "envs/one/lib/shared.txt", "both packages have this");
    scratch_holds(&f->dir, "envs/one/lib/python3.11/site-packages/demo/cli.py",
                  "def main():\n    print(42)\n");
    assert_true(scratch_has(&f->dir, "envs/one/share/empty"));
    assert_true(scratch_has(&f->dir, "envs/one/share/old"));
    assert_true(scratch_has(&f->dir, "envs/one/conda-meta/history"));
    assert_true(scratch_has(&f->dir, "envs/one/conda-meta/tools-1.0-0.json"));
    assert_false(scratch_has(&f->dir, "envs/one/ran"));
    assert_int_equal(fstatat(f->dir.fd, "envs/one", &status, 0), 0);
    assert_int_equal(status.st_mode & 0700, 0700);
    assert_true((status.st_mode & 0055) != 0);
}

static const char *long_name(struct fixture *f)
{
    char *name = envm_arena_alloc(&f->arena, 201);

    memset(name, 'y', 200);
    memcpy(name, "with space", 10);
    name[200] = '\0';
    return name;
}

/* Two paths, two ways of linking: one digest, and nothing else differs either. */
static void test_rebuild(void **state)
{
    struct fixture *f = *state;
    struct envm_sha256 first;
    const char *second = long_name(f);

    add_good(f);
    OK(create(f, "one"));
    first = f->result.tree;
    f->result = (struct envm_transaction_result){0};
    OK(create(f, second));
    assert_sound(f);
    assert_int_equal(f->result.downloaded, 0);
    assert_true(envm_sha256_equal(&first, &f->result.tree));
    run("python3 '%s/tests/support/compare_prefixes.py' '%s/envs/one' '%s/envs/%s'", source_dir(),
        f->dir.path, f->dir.path, second);
    /* The scripts run where a plain first line could not. */
    run("test \"$(PYTHONDONTWRITEBYTECODE=1 PYTHONPATH='%s/envs/%s/lib/python3.11/site-packages' "
        "'%s/envs/%s/bin/demo')\" = 42",
        f->dir.path, second, f->dir.path, second);
    run("test \"$('%s/envs/%s/bin/tool')\" = 1", f->dir.path, second);
    /* The comparing script does see a difference. */
    run("echo more >> '%s/envs/one/etc/conf'; ! python3 '%s/tests/support/compare_prefixes.py' "
        "'%s/envs/one' '%s/envs/%s' > '%s/out' && grep -q '^etc/conf' '%s/out'",
        f->dir.path, source_dir(), f->dir.path, f->dir.path, second, f->dir.path, f->dir.path);
    f->plan.link_mode = ENVM_LINK_COPY;
    OK(create(f, "three"));
    assert_true(envm_sha256_equal(&first, &f->result.tree));
}

static void test_failures(void **state)
{
    static const struct {
        const char *package;
        enum envm_code code;
        const char *part;
    } rows[] = {
        {"damaged", ENVM_INTEGRITY, "damaged-1.0-0"},
        {"short", ENVM_INTEGRITY, "short-1.0-0"},
        {"liar", ENVM_INTEGRITY, "share/l"},
        {"gone", ENVM_IO, "gone-1.0-0"},
        {"evil", ENVM_UNSAFE, "../../evil"},
        {"meta", ENVM_UNSAFE, "conda-meta"},
        {"tight", ENVM_IO, "does not fit into the 10 bytes"},
        {"rival", ENVM_CLOBBER,
         "'lib/prefix.txt' comes from both python-3.11.2-h1_0 and rival-1.0-0, with different "
         "contents (2 such paths)"},
        {"rivaldir", ENVM_CLOBBER, "'lib/shared.txt'"},
        {"rivallink", ENVM_CLOBBER, "'lib' comes from both"},
    };
    struct fixture *f = *state;
    size_t good;

    run("rm '%s'/channel/*/gone-*", f->dir.path);
    add_good(f);
    good = f->package_count;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        f->package_count = good;
        add(f, rows[i].package);
        FAILS_WITH(rows[i].code, rows[i].part, create(f, "one"));
        assert_int_equal(entries(f, "envs"), 0);
    }
    f->package_count = 0;
    add(f, "demo");
    FAILS_WITH(ENVM_UNSATISFIABLE, "no python", create(f, "one"));
    /* Parents that were made for the environment go too. */
    FAILS(ENVM_UNSATISFIABLE, create(f, "a/b/c/one"));
    assert_int_equal(entries(f, "envs"), 0);
    f->package_count = 0;
    add_good(f);
    f->finish_code = ENVM_INTEGRITY;
    FAILS_WITH(ENVM_INTEGRITY, "the digest differs", create(f, "one"));
    f->finish_code = ENVM_OK;
    f->cancel = true;
    FAILS(ENVM_INTERRUPTED, create(f, "one"));
    f->cancel = false;
    assert_int_equal(entries(f, "envs"), 0);
    OK(create(f, "a/b/one"));
    assert_sound(f);
}

static void test_existing(void **state)
{
    struct fixture *f = *state;

    add_good(f);
    OK(envm_fs_mkdir(f->dir.fd, ENVM_RELPATH("envs/one"), 0755, &err));
    OK(create(f, "one")); /* an empty folder is as good as none */
    assert_sound(f);
    FAILS_WITH(ENVM_USAGE, "exists already", create(f, "one"));
    scratch_write(&f->dir, "envs/one/mark", "x");
    f->target.replace = true;
    OK(create(f, "one"));
    assert_sound(f);
    assert_false(scratch_has(&f->dir, "envs/one/mark"));
    assert_int_equal(entries(f, "envs"), 1);

    OK(envm_fs_mkdir(f->dir.fd, ENVM_RELPATH("envs/mine"), 0755, &err));
    scratch_write(&f->dir, "envs/mine/thesis", "x");
    FAILS_WITH(ENVM_UNSAFE, "is not an environment", create(f, "mine"));
    f->target.replace = false;
    FAILS_WITH(ENVM_USAGE, "is not an environment", create(f, "mine"));
    scratch_write(&f->dir, "envs/file", "x");
    FAILS_WITH(ENVM_USAGE, "not a folder", create(f, "file"));
    scratch_holds(&f->dir, "envs/mine/thesis", "x");
}

static void test_refused_prefixes(void **state)
{
    struct fixture *f = *state;
    char longer[1100];

    memset(longer, 'x', sizeof(longer));
    longer[0] = '/';
    longer[1099] = '\0';
    FAILS(ENVM_UNSAFE, create(f, "/"));
    FAILS(ENVM_USAGE, create(f, "a:b"));
    FAILS(ENVM_USAGE, create(f, "a\nb"));
    FAILS(ENVM_USAGE, create(f, "a\xff"));
    FAILS(ENVM_USAGE, create(f, longer));
    setenv("HOME", f->dir.path, 1);
    FAILS_WITH(ENVM_UNSAFE, "home", create(f, f->dir.path));
    assert_int_equal(entries(f, "envs"), 0);
    OK(create(f, "nothing in it"));
    assert_true(scratch_has(&f->dir, "envs/nothing in it/conda-meta/history"));
}

/* What a killed run left behind goes; what a running one holds stays. */
static void test_sweep(void **state)
{
    struct fixture *f = *state;

    OK(envm_fs_make_dirs(f->dir.fd, ENVM_RELPATH("envs/.one.envm-abcdefgh234567ij/lib"), 0755,
                         &err));
    OK(envm_fs_make_dirs(f->dir.fd, ENVM_RELPATH("envs/.two.envm-abcdefgh234567ij"), 0755, &err));
    OK(envm_fs_make_dirs(f->dir.fd, ENVM_RELPATH("envs/.one.envm-mine"), 0755, &err));
    OK(create(f, "one"));
    assert_false(scratch_has(&f->dir, "envs/.one.envm-abcdefgh234567ij"));
    assert_true(scratch_has(&f->dir, "envs/.two.envm-abcdefgh234567ij"));
    assert_true(scratch_has(&f->dir, "envs/.one.envm-mine"));
}

/* Channels of old have no hashes and sizes: the archive has. What the record says of dependencies
 * stands, whatever index.json says. */
static void test_unhashed_records(void **state)
{
    struct fixture *f = *state;
    struct envm_package_record *record;

    add_good(f);
    for (size_t i = 0; i < f->package_count; i++) {
        record = envm_package_record_copy(&f->arena, f->packages[i].record);
        record->sha256.known = record->md5.known = record->has_size = false;
        record->depends.count = 0;
        f->packages[i].record = record;
    }
    OK(create(f, "one"));
    assert_sound(f);
    assert_int_equal(f->result.records[1]->depends.count, 0);
    assert_true(f->result.records[1]->sha256.known);
    assert_true(f->result.records[1]->has_size);
}

/* The last one in the plan gets a contested path; a folder and a file are a conflict all the same.
 */
static void test_clobber(void **state)
{
    struct fixture *f = *state;

    add(f, "rival");
    add_good(f);
    f->plan.clobber = ENVM_CLOBBER_LAST;
    OK(create(f, "one"));
    assert_sound(f);
    scratch_holds(&f->dir, "envs/one/lib/shared.txt", "both packages have this");
    run("grep -q '\"lost\"' '%s/envs/one/conda-meta/rival-1.0-0.json'", f->dir.path);
    add(f, "rivaldir");
    FAILS_WITH(ENVM_CLOBBER, "'lib/shared.txt'", create(f, "two"));
    assert_int_equal(entries(f, "envs"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_create),           TEST(test_rebuild),          TEST(test_failures),
        TEST(test_existing),         TEST(test_refused_prefixes), TEST(test_sweep),
        TEST(test_unhashed_records), TEST(test_clobber),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
