/* SPDX-License-Identifier: MIT
 *
 * Changes of environments: the result is what a fresh environment would be, what is the user's
 * survives, and a failure or a crash leaves the old state or leads to the new one.
 */
#include "../support/deny_syscall.h"
#include "../support/transaction_world.h"

#include <errno.h>

#include "sys/fs_lock.h"
#include "txn/transaction_change.h"
#include "txn/transaction_recover.h"

/* clang-format off */
static const char channel_spec[] =
"[{'name':'python','version':'3.11.2','files':{"
"   'bin/python3.11':{'text':'#!/bin/sh\\n','exec':true},'bin/python':{'symlink':'python3.11'}}},"
" {'name':'python','version':'3.12.0','files':{"
"   'bin/python3.12':{'text':'#!/bin/sh\\n','exec':true},'bin/python':{'symlink':'python3.12'}}},"
" {'name':'demo','noarch':'python','entry_points':['demo = demo.cli:main'],'files':{"
"   'site-packages/demo/__init__.py':'','site-packages/demo/cli.py':'def main():\\n    pass\\n'}},"
" {'name':'demo','version':'2.0','noarch':'python','files':{"
"   'site-packages/demo/__init__.py':'new'}},"
" {'name':'lib','version':'1.0','files':{'lib/lib.txt':'one','lib/old/deep/x.txt':'old',"
"   'etc/lib.conf':'default','bin/lib':{'text':'#!@PREFIX@/bin/sh\\n','exec':true},"
"   'share/flip':'a file','share/flop/x':'in a folder','share/link':{'symlink':'flip'}}},"
" {'name':'lib','version':'2.0','files':{'lib/lib.txt':'two','lib/new/deep/y.txt':'new',"
"   'etc/lib.conf':'default 2','bin/lib':{'text':'#!@PREFIX@/bin/sh\\necho\\n','exec':true},"
"   'share/flip/x':'in a folder','share/flop':'a file','share/none':{'dir':true}}},"
" {'name':'twin-a','files':{'share/twin.txt':'both have this','share/a':'a'}},"
" {'name':'twin-b','files':{'share/twin.txt':'both have this','share/b':'b'}},"
" {'name':'rival','files':{'lib/lib.txt':'rival','share/rival':'r'}},"
" {'name':'third','files':{'lib/lib.txt':'third'}},"
" {'name':'folder','files':{'lib/lib.txt/x':'a folder'}},"
" {'name':'damaged','files':{'share/d':{'random':100000}},'damage':'flip'}]";
/* clang-format on */

static struct envm_change_result changed;

static int set_up(void **state)
{
    changed = (struct envm_change_result){0};
    return set_up_world(state, channel_spec);
}

static void set(struct fixture *f, const char *const *names)
{
    f->package_count = 0;
    for (; *names; names++)
        add(f, *names);
    f->plan.packages = f->packages;
    f->plan.package_count = f->package_count;
}
#define SET(...) set(f, (const char *const[]){__VA_ARGS__, NULL})

static enum envm_code change_with(struct fixture *f, const struct envm_change_settings *settings)
{
    ENVM_CLEANUP(envm_change) struct envm_change *change = NULL;
    enum envm_code code =
        envm_change_open(&f->arena, f->store, f->target.prefix, settings, &change, &err);

    if (code == ENVM_OK)
        code = envm_change_apply(change, &f->plan, finish, f, &changed, &err);
    if (code == ENVM_OK)
        f->result = changed.common;
    return code;
}

static enum envm_code change(struct fixture *f)
{
    const struct envm_change_settings settings = {.sink = &f->sink,
                                                  .durability = ENVM_DURABILITY_NONE};

    return change_with(f, &settings);
}

/* The environment is sound and nothing of the change is left. */
static void assert_changed(struct fixture *f, const char *name)
{
    char path[512];

    assert_sound(f);
    snprintf(path, sizeof(path), "envs/%s/.envm/txn", name);
    assert_false(scratch_has(&f->dir, path));
}

/* A fresh environment of the same packages has the same digest. */
static void assert_like_new(struct fixture *f)
{
    struct envm_sha256 tree = f->result.tree;
    envm_str prefix = f->target.prefix;

    OK(create(f, "fresh"));
    assert_true(envm_sha256_equal(&tree, &f->result.tree));
    f->target.replace = true;
    f->target.prefix = prefix;
}

static ino_t inode(struct fixture *f, const char *path)
{
    struct stat status;

    assert_int_equal(fstatat(f->dir.fd, path, &status, AT_SYMLINK_NOFOLLOW), 0);
    return status.st_ino;
}

static void test_install_update_remove(void **state)
{
    struct fixture *f = *state;
    static const envm_str spec = ENVM_STR_INIT("twin-a");
    ino_t kept;

    SET("python-3.11.2", "lib-1.0");
    OK(create(f, "one"));
    scratch_write(&f->dir, "envs/one/lib/old/mine.txt", "mine");
    kept = inode(f, "envs/one/bin/python3.11");

    SET("python-3.11.2", "lib-1.0", "twin-a");
    OK(change(f));
    assert_int_equal(changed.steps.count, 1);
    assert_str(changed.steps.items[0].name, "twin-a");
    assert_null(changed.steps.items[0].from);
    assert_int_equal(changed.common.downloaded, 1);

    SET("python-3.11.2", "lib-2.0", "twin-a");
    OK(change(f));
    assert_int_equal(changed.steps.count, 1);
    assert_str(changed.steps.items[0].from->version, "1.0");
    assert_str(changed.steps.items[0].to->version, "2.0");
    assert_false(changed.steps.items[0].relink);
    assert_int_equal(changed.saved.count, 0);
    scratch_holds(&f->dir, "envs/one/lib/lib.txt", "two");
    scratch_holds(&f->dir, "envs/one/share/flip/x", "in a folder");
    scratch_holds(&f->dir, "envs/one/share/flop", "a file");
    scratch_holds(&f->dir, "envs/one/lib/old/mine.txt", "mine");
    assert_false(scratch_has(&f->dir, "envs/one/lib/old/deep"));
    assert_false(scratch_has(&f->dir, "envs/one/share/link"));
    assert_false(scratch_has(&f->dir, "envs/one/conda-meta/lib-1.0-0.json"));
    assert_true(scratch_has(&f->dir, "envs/one/share/none"));
    assert_int_equal(inode(f, "envs/one/bin/python3.11"), kept);
    run("cd '%s/envs/one/conda-meta' && grep -q '^-channel/linux-64::lib-1.0-0' history && "
        "grep -q '^+channel/linux-64::lib-2.0-0' history && test $(grep -c '^==>' history) = 3",
        f->dir.path);
    unlinkat(f->dir.fd, "envs/one/lib/old/mine.txt", 0);
    rmdir(envm_arena_printf(&f->arena, "%s/envs/one/lib/old", f->dir.path).ptr);
    assert_changed(f, "one");

    /* Only the reason for which it is there. */
    kept = inode(f, "envs/one/share/a");
    f->packages[2].requested_specs = (struct envm_str_list){&spec, 1};
    OK(change(f));
    assert_int_equal(changed.steps.count, 0);
    assert_false(changed.unchanged);
    assert_int_equal(inode(f, "envs/one/share/a"), kept);
    run("grep -q '\"requested_specs\": \\[ *$' '%s/envs/one/conda-meta/twin-a-1.0-0.json'",
        f->dir.path);
    OK(change(f));
    assert_true(changed.unchanged);
    assert_changed(f, "one");
    assert_like_new(f);

    SET("lib-2.0");
    OK(change(f));
    assert_int_equal(changed.steps.count, 2);
    assert_false(scratch_has(&f->dir, "envs/one/share/a"));
    assert_false(scratch_has(&f->dir, "envs/one/bin/python"));
    assert_changed(f, "one");
    assert_like_new(f);
}

static void test_python_moves(void **state)
{
    struct fixture *f = *state;
    const struct envm_change_settings settings = {.sink = &f->sink};
    const struct envm_package_record *records[2];
    struct envm_change_steps steps = {0};
    struct envm_change *opened = NULL;

    SET("python-3.11.2", "demo-1.0");
    OK(create(f, "one"));
    run("mkdir '%s/envs/one/lib/python3.11/site-packages/demo/__pycache__'", f->dir.path);
    scratch_write(
        &f->dir, "envs/one/lib/python3.11/site-packages/demo/__pycache__/cli.cpython-311.pyc", "x");
    SET("python-3.12.0", "demo-1.0");
    records[0] = f->packages[0].record;
    records[1] = f->packages[1].record;
    OK(envm_change_open(&f->arena, f->store, f->target.prefix, &settings, &opened, &err));
    OK(envm_change_preview(&f->arena, opened, records, 2, f->plan.platform, &steps, &err));
    envm_change_release(opened);
    assert_int_equal(steps.count, 2);
    assert_str(steps.items[0].name, "demo");
    assert_true(steps.items[0].relink);
    assert_false(steps.items[1].relink);
    OK(change(f));
    assert_int_equal(changed.steps.count, 2);
    assert_true(changed.steps.items[0].relink);
    assert_true(scratch_has(&f->dir, "envs/one/lib/python3.12/site-packages/demo/cli.py"));
    assert_false(scratch_has(&f->dir, "envs/one/lib/python3.11"));
    run("grep -q python3.12 '%s/envs/one/bin/demo'", f->dir.path);
    assert_changed(f, "one");
    assert_like_new(f);
}

/* What Python compiled of modules that go or change goes too; other modules' files stay. */
static void test_compiled_python(void **state)
{
    struct fixture *f = *state;
    const char *cache = "envs/one/lib/python3.11/site-packages/demo/__pycache__";
    char path[256];

    SET("python-3.11.2", "demo-1.0");
    OK(create(f, "one"));
    run("mkdir '%s/%s'; cd '%s/%s' && touch __init__.cpython-311.pyc cli.cpython-311.opt-1.pyc "
        "cli.pypy39.pyc mine.cpython-311.pyc",
        f->dir.path, cache, f->dir.path, cache);
    SET("python-3.11.2", "demo-2.0");
    OK(change(f));
    assert_int_equal(entries(f, cache), 1);
    snprintf(path, sizeof(path), "%s/mine.cpython-311.pyc", cache);
    assert_true(scratch_has(&f->dir, path));
    assert_changed(f, "one");
}

static void test_clobber(void **state)
{
    struct fixture *f = *state;
    struct envm_sha256 before;

    SET("lib-1.0");
    OK(create(f, "one"));
    before = f->result.tree;
    SET("lib-1.0", "rival");
    FAILS_WITH(ENVM_CLOBBER,
               "'lib/lib.txt' comes from both lib-1.0-0 and rival-1.0-0, with different contents",
               change(f));
    assert_changed(f, "one");
    SET("lib-1.0", "folder");
    f->plan.clobber = ENVM_CLOBBER_LAST;
    FAILS_WITH(ENVM_CLOBBER, "one has a folder where the other has none", change(f));
    assert_changed(f, "one");

    SET("lib-1.0", "rival");
    OK(change(f));
    assert_int_equal(changed.steps.count, 2); /* lib is linked anew: it lost a file */
    scratch_holds(&f->dir, "envs/one/lib/lib.txt", "rival");
    assert_changed(f, "one");
    assert_like_new(f);
    f->plan.clobber = ENVM_CLOBBER_REFUSE;
    SET("lib-1.0", "rival", "twin-a"); /* agreed to once */
    OK(change(f));
    scratch_holds(&f->dir, "envs/one/lib/lib.txt", "rival");
    SET("lib-1.0", "rival", "third");
    f->plan.clobber = ENVM_CLOBBER_LAST;
    OK(change(f));
    scratch_holds(&f->dir, "envs/one/lib/lib.txt", "third");
    assert_changed(f, "one");
    f->plan.clobber = ENVM_CLOBBER_REFUSE;
    SET("lib-1.0", "rival");
    OK(change(f));
    scratch_holds(&f->dir, "envs/one/lib/lib.txt", "rival");
    assert_changed(f, "one");
    /* Last wins, whatever came first into the environment. */
    SET("rival", "lib-2.0");
    OK(change(f));
    scratch_holds(&f->dir, "envs/one/lib/lib.txt", "two");
    assert_changed(f, "one");
    SET("rival");
    OK(change(f));
    scratch_holds(&f->dir, "envs/one/lib/lib.txt", "rival");
    assert_changed(f, "one");
    SET("lib-1.0");
    OK(change(f));
    scratch_holds(&f->dir, "envs/one/lib/lib.txt", "one");
    assert_changed(f, "one");
    assert_true(envm_sha256_equal(&before, &f->result.tree));
}

static void test_shared_files(void **state)
{
    struct fixture *f = *state;
    ino_t first;

    SET("twin-a");
    OK(create(f, "one"));
    first = inode(f, "envs/one/share/twin.txt");
    SET("twin-b", "twin-a");
    OK(change(f));
    assert_int_equal(changed.steps.count, 1);
    assert_int_equal(inode(f, "envs/one/share/twin.txt"), first);
    assert_changed(f, "one");
    SET("twin-b");
    OK(change(f));
    assert_int_equal(inode(f, "envs/one/share/twin.txt"), first);
    assert_false(scratch_has(&f->dir, "envs/one/share/a"));
    assert_changed(f, "one");
    SET("lib-1.0");
    OK(change(f));
    assert_false(scratch_has(&f->dir, "envs/one/share/twin.txt"));
    assert_changed(f, "one");
}

static void test_files_of_the_user(void **state)
{
    struct fixture *f = *state;

    SET("lib-1.0");
    OK(create(f, "one"));
    run("cd '%s/envs/one' && echo mine > etc/lib.conf && rm lib/lib.txt && mkdir lib/lib.txt && "
        "touch lib/lib.txt/mine share/flop/mine && ln -sfn elsewhere share/link && touch "
        "share/none",
        f->dir.path);
    SET("lib-2.0");
    FAILS_WITH(ENVM_CLOBBER, "'share/none' is in the way", change(f));
    scratch_holds(&f->dir, "envs/one/etc/lib.conf", "mine\n");
    assert_false(scratch_has(&f->dir, "envs/one/.envm/txn"));
    f->plan.clobber = ENVM_CLOBBER_LAST;
    OK(change(f));
    assert_int_equal(changed.saved.count, 5);
    scratch_holds(&f->dir, "envs/one/etc/lib.conf.envm-saved", "mine\n");
    scratch_holds(&f->dir, "envs/one/etc/lib.conf", "default 2");
    scratch_holds(&f->dir, "envs/one/lib/lib.txt.envm-saved/mine", "");
    scratch_holds(&f->dir, "envs/one/share/flop.envm-saved/mine", "");
    assert_true(scratch_has(&f->dir, "envs/one/share/link.envm-saved"));
    assert_true(scratch_has(&f->dir, "envs/one/share/none.envm-saved"));
    scratch_holds(&f->dir, "envs/one/lib/lib.txt", "two");
    run("echo again > '%s/envs/one/etc/lib.conf'", f->dir.path);
    SET("twin-a");
    OK(change(f));
    assert_int_equal(changed.saved.count, 1);
    assert_str(changed.saved.items[0].path, "etc/lib.conf");
    assert_str(changed.saved.items[0].saved, "etc/lib.conf.envm-saved.1");
    scratch_holds(&f->dir, "envs/one/etc/lib.conf.envm-saved.1", "again\n");
    assert_false(scratch_has(&f->dir, "envs/one/etc/lib.conf"));
}

/* A folder that the user has put elsewhere: what is behind the link is not touched. */
static void test_folder_became_link(void **state)
{
    struct fixture *f = *state;

    SET("lib-1.0");
    OK(create(f, "one"));
    run("cd '%s' && mv envs/one/lib elsewhere && ln -s ../../elsewhere envs/one/lib", f->dir.path);
    SET("lib-2.0");
    FAILS_WITH(ENVM_CLOBBER, "'lib' is in the way", change(f));
    SET("twin-a");
    OK(change(f));
    scratch_holds(&f->dir, "elsewhere/lib.txt", "one");
    SET("lib-2.0");
    f->plan.clobber = ENVM_CLOBBER_LAST;
    OK(change(f));
    scratch_holds(&f->dir, "elsewhere/lib.txt", "one");
    scratch_holds(&f->dir, "envs/one/lib/lib.txt", "two");
    assert_true(scratch_has(&f->dir, "envs/one/lib.envm-saved"));
}

/* Prefixes that conda or micromamba made have no keys of envm in their records. */
static void test_records_of_other_tools(void **state)
{
    struct fixture *f = *state;

    SET("python-3.11.2", "lib-1.0", "twin-a");
    OK(create(f, "one"));
    run("cd '%s/envs/one/conda-meta' && python3 -c 'import glob, json\n"
        "for name in glob.glob(\"*.json\"):\n"
        "    record = json.load(open(name))\n"
        "    del record[\"envm\"]\n"
        "    record[\"link\"][\"source\"] = \"/home/x/pkgs/\" + name[:-5]\n"
        "    for entry in record[\"paths_data\"][\"paths\"]: entry.pop(\"envm\", None)\n"
        "    record[\"theirs\"] = {\"x\": [1, 2]}\n"
        "    json.dump(record, open(name, \"w\"))' && rm envm.lock",
        f->dir.path);
    SET("python-3.11.2", "lib-2.0", "twin-a", "twin-b");
    f->packages[2].requested_specs = (struct envm_str_list){&f->packages[2].record->name, 1};
    f->unknown_tree = true;
    OK(change(f));
    assert_false(changed.common.tree.known);
    assert_int_equal(changed.steps.count, 2);
    assert_int_equal(changed.saved.count, 0);
    run("grep -q '\"theirs\": {\"x\": \\[1, 2\\]}' '%s/envs/one/conda-meta/twin-a-1.0-0.json'",
        f->dir.path);
    f->unknown_tree = false;
    SET("lib-2.0", "twin-b");
    OK(change(f));
    assert_changed(f, "one");
    assert_like_new(f);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    struct envm_change_settings settings = {.sink = &f->sink};
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_change *opened = NULL;

    SET("lib-1.0");
    OK(create(f, "one"));
    scratch_write(&f->dir, "envs/one/conda-meta/frozen", "{\"message\": \"ask \\u001b me\"}");
    FAILS_WITH(ENVM_UNSAFE, "is frozen: ask \\x1B me", change(f));
    settings.allow_frozen = true;
    OK(envm_change_open(&f->arena, f->store, f->target.prefix, &settings, &opened, &err));
    FAILS_WITH(ENVM_LOCKED, "held by process", change_with(f, &settings));
    envm_change_release(opened);
    unlinkat(f->dir.fd, "envs/one/conda-meta/frozen", 0);

    OK(envm_fs_open_root(envm_cstr(&f->arena, f->target.prefix), &fd, &err));
    OK(envm_fs_lock_take(fd, ENVM_RELPATH(".envm/lock"), true, 0, NULL, &lock, &err));
    settings.lock_timeout_ms = 100;
    FAILS(ENVM_LOCKED, change_with(f, &settings));
    envm_fs_lock_drop(&lock);

    scratch_write(&f->dir, "envs/one/conda-meta/bad-1-0.json", "{");
    FAILS_WITH(ENVM_DAMAGED, "bad-1-0.json", change(f));
    unlinkat(f->dir.fd, "envs/one/conda-meta/bad-1-0.json", 0);
    f->target.prefix = envm_arena_printf(&f->arena, "%s/envs", f->dir.path);
    FAILS_WITH(ENVM_USAGE, "is not an environment", change(f));
}

/* Every failure before the commit leaves what was there, byte for byte. */
static void test_failures_before_the_commit(void **state)
{
    struct fixture *f = *state;

    SET("lib-1.0");
    OK(create(f, "one"));
    run("cp -a '%s/envs/one' '%s/before'", f->dir.path, f->dir.path);
    SET("lib-2.0", "damaged");
    FAILS_WITH(ENVM_INTEGRITY, "damaged-1.0-0", change(f));
    SET("lib-2.0", "demo-1.0");
    FAILS(ENVM_UNSATISFIABLE, change(f));
    SET("lib-2.0");
    f->finish_code = ENVM_INTEGRITY;
    FAILS_WITH(ENVM_INTEGRITY, "the digest differs", change(f));
    f->finish_code = ENVM_OK;
    f->cancel = true;
    FAILS(ENVM_INTERRUPTED, change(f));
    f->cancel = false;
    run("cd '%s' && diff -r -x .envm before envs/one && test \"$(ls envs/one/.envm)\" = lock",
        f->dir.path);
    if (geteuid() != 0) {
        run("chmod a-w '%s/envs/one/etc'", f->dir.path);
        FAILS_WITH(ENVM_IO, "'etc'", change(f));
        run("chmod u+w '%s/envs/one/etc'", f->dir.path);
        run("diff -r -x .envm '%s/before' '%s/envs/one'", f->dir.path, f->dir.path);
    }
    f->plan.verify = true;
    OK(change(f));
    assert_changed(f, "one");
}

static bool change_is_stopped(void *user)
{
    struct fixture *f = user;
    enum envm_code code = change(f);
    bool told = code == ENVM_IO && strstr(err.text, "committed, but not completed") != NULL;

    envm_error_release(&err);
    return told;
}

/* An environment "one" whose change to lib-2.0 has stopped behind its commit. */
static void stop_a_change(struct fixture *f)
{
    SET("lib-2.0");
    OK(create(f, "cached")); /* the cache needs no removals later */
    SET("lib-1.0", "twin-a");
    OK(create(f, "one"));
    SET("lib-2.0");
    without_syscall(SYS_unlinkat, EIO, change_is_stopped, f);
}

/* Nothing can be removed any more: the change stops behind its commit, and recovery completes it.
 */
static void test_recovery(void **state)
{
    struct fixture *f = *state;
    struct envm_recover_settings settings = {
        .sink = &f->sink, .durability = ENVM_DURABILITY_BATCH, .dry_run = true};
    struct envm_recover_result recovered = {0};
    ENVM_CLEANUP(envm_fd) int fd = -1;

    stop_a_change(f);
    OK(envm_fs_open_root(envm_cstr(&f->arena, f->target.prefix), &fd, &err));
    assert_int_equal(envm_transaction_pending(fd), ENVM_PENDING_INTERRUPTED);

    OK(envm_transaction_recover(&f->arena, f->target.prefix, &settings, &recovered, &err));
    assert_int_equal(recovered.completed, 1);
    assert_int_equal(envm_transaction_pending(fd), ENVM_PENDING_INTERRUPTED);
    settings.dry_run = false;
    /* Meanwhile the user has changed what is to be replaced and removed. */
    run("echo mine > '%s/envs/one/etc/lib.conf'; echo mine > '%s/envs/one/share/a'", f->dir.path,
        f->dir.path);
    OK(envm_transaction_recover(&f->arena, f->target.prefix, &settings, &recovered, &err));
    assert_int_equal(recovered.completed, 1);
    assert_int_equal(recovered.saved.count, 2);
    scratch_holds(&f->dir, "envs/one/etc/lib.conf.envm-saved", "mine\n");
    scratch_holds(&f->dir, "envs/one/share/a.envm-saved", "mine\n");
    scratch_holds(&f->dir, "envs/one/etc/lib.conf", "default 2");
    assert_int_equal(envm_transaction_pending(fd), ENVM_PENDING_NOTHING);
    run("rm '%s/envs/one/etc/lib.conf.envm-saved' '%s/envs/one/share/a.envm-saved'", f->dir.path,
        f->dir.path);
    f->result.tree = recovered.tree;
    assert_changed(f, "one");
    run("test $(grep -c '^==>' '%s/envs/one/conda-meta/history') = 2", f->dir.path);
    assert_like_new(f);
}

/* The next change completes the one before first. */
static void test_recovery_by_a_change(void **state)
{
    struct fixture *f = *state;

    stop_a_change(f);
    run("mkdir -p '%s/envs/one/.envm/txn/change-x/new'", f->dir.path); /* never committed */
    SET("lib-2.0", "twin-b");
    OK(change(f));
    assert_int_equal(changed.steps.count, 1);
    assert_changed(f, "one");
    assert_like_new(f);
}

static void test_damaged_journal(void **state)
{
    struct fixture *f = *state;

    stop_a_change(f);
    run("cd '%s/envs/one/.envm/txn' && sed -i '7s/ 0/ 1/' */journal.commit", f->dir.path);
    FAILS_WITH(ENVM_DAMAGED, "line 7", change(f));
    run("cd '%s/envs/one/.envm/txn' && : > $(ls -d */journal.commit)", f->dir.path);
    FAILS_WITH(ENVM_DAMAGED, "line 1", change(f));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_install_update_remove),
        TEST(test_python_moves),
        TEST(test_compiled_python),
        TEST(test_clobber),
        TEST(test_shared_files),
        TEST(test_files_of_the_user),
        TEST(test_folder_became_link),
        TEST(test_records_of_other_tools),
        TEST(test_refusals),
        TEST(test_failures_before_the_commit),
        TEST(test_recovery),
        TEST(test_recovery_by_a_change),
        TEST(test_damaged_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
