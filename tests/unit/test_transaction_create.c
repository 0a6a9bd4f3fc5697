/* SPDX-License-Identifier: MIT
 *
 * Environments from packages that tests/support/mkchannel.py makes: what has to be there after a
 * success, and that nothing is there after a failure.
 */
#include "../support/scratch.h"

#include "txn/transaction_create.h"

#include <stdatomic.h>

#include "base/error.h"
#include "base/hex.h"
#include "conda/package_record.h"
#include "prefix/prefix_verify.h"

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

struct fixture {
    struct scratch dir;
    struct envm_arena arena;
    struct envm_downloader *downloader;
    struct envm_store *store;
    int cache_fd;
    struct envm_sink sink;
    bool cancel;
    atomic_uint linked;
    struct envm_transaction_package packages[8];
    size_t package_count;
    struct envm_create_target target;
    struct envm_transaction_plan plan;
    struct envm_transaction_result result;
    enum envm_code finish_code;
};

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
    char command[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    assert_int_equal(system(command), 0);
}

static const char *source_dir(void)
{
    const char *dir = getenv("ENVM_SOURCE_DIR");

    return dir ? dir : ".";
}

static bool cancelled(void *user)
{
    return ((struct fixture *)user)->cancel;
}

static void count_progress(void *user, const struct envm_progress *event)
{
    struct fixture *f = user;

    if (event->kind == ENVM_PROGRESS_LINKED)
        atomic_fetch_add(&f->linked, 1);
}

static void write_spec(struct fixture *f)
{
    char text[sizeof(channel_spec)];

    memcpy(text, channel_spec, sizeof(text));
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == '\'')
            text[i] = '"';
    }
    scratch_write(&f->dir, "spec.json", text);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct envm_net_config net = {.sink = &f->sink, .offline = true};
    struct envm_store_config config = {.sink = &f->sink};

    *f = (struct fixture){.dir = scratch_make()};
    f->sink = (struct envm_sink){.user = f, .progress = count_progress, .cancelled = cancelled};
    write_spec(f);
    run("python3 '%s/tests/support/mkchannel.py' '%s/channel' '%s/spec.json' > '%s/built'",
        source_dir(), f->dir.path, f->dir.path, f->dir.path);
    OK(envm_fs_mkdir(f->dir.fd, ENVM_RELPATH("cache"), 0700, &err));
    OK(envm_fs_mkdir(f->dir.fd, ENVM_RELPATH("envs"), 0755, &err));
    OK(envm_fs_open_dir(f->dir.fd, ENVM_RELPATH("cache"), &f->cache_fd, &err));
    OK(envm_downloader_new(&net, &f->downloader, &err));
    config.cache_fd = f->cache_fd;
    config.downloader = f->downloader;
    OK(envm_store_new(&config, &f->store, &err));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    envm_store_free(f->store);
    envm_downloader_free(f->downloader);
    close(f->cache_fd);
    envm_arena_release(&f->arena);
    scratch_drop(&f->dir);
    free(f);
    return 0;
}

/* The record of a package as mkchannel reported it. */
static void add(struct fixture *f, const char *name)
{
    struct envm_package_record *record = envm_arena_new(&f->arena, struct envm_package_record);
    char line[1024];
    char file[512];
    char sha256[65];
    char md5[33];
    unsigned long size = 0;
    char wanted[64];
    static const envm_str license = ENVM_STR_INIT("MIT");
    FILE *built;

    snprintf(line, sizeof(line), "%s/built", f->dir.path);
    snprintf(wanted, sizeof(wanted), "/%s-", name);
    built = fopen(line, "r");
    assert_non_null(built);
    while (fgets(line, sizeof(line), built) && !strstr(line, wanted))
        ;
    fclose(built);
    assert_int_equal(sscanf(line, "%511s %64s %32s %lu", file, sha256, md5, &size), 4);
    OK(envm_package_record_from_url(
        &f->arena, envm_arena_printf(&f->arena, "file://%s/channel/%s", f->dir.path, file), record,
        &err));
    assert_true(envm_sha256_parse(envm_str_from(sha256), &record->sha256));
    record->subdir = strncmp(file, "noarch", 6) ? ENVM_STR("linux-64") : ENVM_STR("noarch");
    record->channel = ENVM_STR("channel");
    record->license = license;
    record->has_size = true;
    record->size = size;
    f->packages[f->package_count++] = (struct envm_transaction_package){.record = record};
}

static enum envm_code finish(void *user, const struct envm_transaction_result *result,
                             envm_str *ret_lock_text, struct envm_error *failure)
{
    struct fixture *f = user;

    assert_true(result->tree.known);
    *ret_lock_text = ENVM_STR("the lock\n");
    return f->finish_code ? envm_fail(failure, f->finish_code, "the digest differs") : ENVM_OK;
}

static enum envm_code create(struct fixture *f, const char *prefix)
{
    f->target.prefix = prefix[0] == '/'
                           ? envm_str_from(prefix)
                           : envm_arena_printf(&f->arena, "%s/envs/%s", f->dir.path, prefix);
    f->plan.platform = ENVM_STR("linux-64");
    f->plan.packages = f->packages;
    f->plan.package_count = f->package_count;
    f->plan.command_line =
        envm_arena_printf(&f->arena, "envm create -p '%.*s'", ENVM_STR_ARGS(f->target.prefix));
    f->plan.durability = ENVM_DURABILITY_NONE;
    f->plan.threads = 2;
    f->plan.sink = &f->sink;
    return envm_transaction_create(&f->arena, f->store, &f->target, &f->plan, finish, f, &f->result,
                                   &err);
}

static size_t entries(struct fixture *f, const char *folder)
{
    char command[1024];
    char text[32] = "";
    FILE *pipe;

    snprintf(command, sizeof(command), "ls -A '%s/%s' | wc -l", f->dir.path, folder);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(text, sizeof(text), pipe));
    pclose(pipe);
    return (size_t)atoi(text);
}

static void add_good(struct fixture *f)
{
    add(f, "python");
    add(f, "tools");
    add(f, "demo");
    add(f, "old");
}

static void assert_sound(struct fixture *f)
{
    struct envm_verify_result found;
    ENVM_CLEANUP(envm_fd) int fd = -1;

    OK(envm_fs_open_root(envm_cstr(&f->arena, f->target.prefix), &fd, &err));
    OK(envm_prefix_verify(&f->arena, fd, f->target.prefix, 2, &found, &err));
    for (size_t i = 0; i < found.finding_count; i++)
        fail_msg("%s: %s", found.findings[i].path.ptr, found.findings[i].detail.ptr);
    assert_true(envm_sha256_equal(&found.tree, &f->result.tree));
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
    assert_int_equal(f->result.skipped_scripts.count, 1);
    assert_str(f->result.skipped_scripts.items[0], "tools: bin/.tools-post-link.sh");
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
        {"gone", ENVM_NETWORK, "gone-1.0-0"},
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_create),           TEST(test_rebuild),          TEST(test_failures),
        TEST(test_existing),         TEST(test_refused_prefixes), TEST(test_sweep),
        TEST(test_unhashed_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
