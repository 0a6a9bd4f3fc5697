/* SPDX-License-Identifier: MIT
 *
 * Linking, recording and reading back, on a package made by hand.
 */
#include "../support/scratch.h"

#include "prefix/prefix_verify.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/hex.h"
#include "codec/digest.h"
#include "prefix/environment_digest.h"
#include "prefix/link_file.h"

#define PH "/opt/placeholder_placeholder_placeholder"

static struct envm_relpath rel(const char *path)
{
    return (struct envm_relpath){envm_str_from(path)};
}

struct source_file {
    const char *path;
    envm_str bytes;
    enum envm_file_mode mode;
    bool executable;
    const char *link;
};

static const struct source_file source_files[] = {
    {"bin/tool", ENVM_STR_INIT("#!" PH "/bin/python3\nx = '" PH "'\n"), ENVM_MODE_TEXT, true, NULL},
    {"etc/tool.conf", ENVM_STR_INIT("plain\n"), ENVM_MODE_NONE, false, NULL},
    {"lib/blob", ENVM_STR_INIT("a\0" PH "/share\0b"), ENVM_MODE_BINARY, false, NULL},
    {"lib/link", ENVM_STR_INIT(""), ENVM_MODE_NONE, false, "blob"},
    {"lib/plain", ENVM_STR_INIT("the same everywhere"), ENVM_MODE_NONE, false, NULL},
    {"site-packages/demo.py", ENVM_STR_INIT("def main(): pass\n"), ENVM_MODE_NONE, false, NULL},
};
#define FILES (sizeof(source_files) / sizeof(source_files[0]))

struct fixture {
    struct scratch dir;
    struct envm_arena arena;
    int package_fd, prefix_fd;
    envm_str prefix;
    struct envm_package_record record;
    struct envm_package_contents contents;
    struct envm_sha256 tree;
    bool hardlinked;
};

static void fill_path(struct fixture *f, const struct source_file *file,
                      struct envm_package_path *path)
{
    char full[256];

    *path = (struct envm_package_path){.path = rel(file->path),
                                       .file_mode = file->mode,
                                       .executable = file->executable,
                                       .size = file->bytes.len,
                                       .sha256 = envm_sha256_of(file->bytes),
                                       .mtime_s = 1577836800};
    snprintf(full, sizeof(full), "pkg/%s", file->path);
    if (file->mode != ENVM_MODE_NONE)
        path->placeholder = ENVM_STR(PH);
    if (file->link) {
        path->type = ENVM_PATH_SYMLINK;
        path->link_target = envm_str_from(file->link);
        assert_int_equal(symlinkat(file->link, f->dir.fd, full), 0);
        return;
    }
    scratch_write(&f->dir, full, "");
    int fd = openat(f->dir.fd, full, O_WRONLY);
    assert_int_equal(write(fd, file->bytes.ptr, file->bytes.len), file->bytes.len);
    assert_int_equal(fchmod(fd, file->executable ? 0555 : 0444), 0);
    close(fd);
}

static void make_package(struct fixture *f)
{
    static envm_str entry_point = ENVM_STR_INIT("demo = demo:main");

    OK(envm_fs_make_dirs(f->dir.fd, rel("pkg/bin"), 0755, &err));
    OK(envm_fs_make_dirs(f->dir.fd, rel("pkg/etc"), 0755, &err));
    OK(envm_fs_make_dirs(f->dir.fd, rel("pkg/lib"), 0755, &err));
    OK(envm_fs_make_dirs(f->dir.fd, rel("pkg/site-packages"), 0755, &err));
    f->contents.paths = envm_arena_new_array(&f->arena, struct envm_package_path, FILES);
    for (size_t i = 0; i < FILES; i++)
        fill_path(f, &source_files[i], &f->contents.paths[i]);
    f->contents.path_count = FILES;
    f->contents.noarch = ENVM_NOARCH_PYTHON;
    f->contents.entry_points = (struct envm_str_list){&entry_point, 1};
    f->record = (struct envm_package_record){
        .name = ENVM_STR("demo"),
        .version = ENVM_STR("1.0"),
        .build = ENVM_STR("0"),
        .subdir = ENVM_STR("noarch"),
        .noarch = ENVM_NOARCH_PYTHON,
        .channel = ENVM_STR("chan"),
        .file_name = ENVM_STR("demo-1.0-0.conda"),
        .url = ENVM_STR("https://example.com/chan/noarch/demo-1.0-0.conda")};
    OK(envm_fs_open_dir(f->dir.fd, rel("pkg"), &f->package_fd, &err));
}

/* Links into scratch/env, records as for `prefix`. */
static void install(struct fixture *f, enum envm_link_mode mode)
{
    struct envm_package_record python_record = {.version = ENVM_STR("3.11.2")};
    struct envm_python python;
    struct envm_link_plan plan;
    struct envm_link_request request = {&f->contents, &f->record, &python, ENVM_STR("linux-64")};
    struct envm_link_context context = {.from_fd = f->package_fd,
                                        .to_fd = f->prefix_fd,
                                        .prefix = f->prefix,
                                        .link_mode = mode,
                                        .plain_mode = 0644,
                                        .exec_mode = 0755};
    struct envm_prefix_record record = {.record = &f->record, .link_type = 1};
    struct envm_package_root root = {ENVM_STR("demo"), ENVM_STR("demo-1.0-0"), {0}};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    static const char *const dirs[] = {"bin", "etc", "lib/python3.11/site-packages", "conda-meta"};

    for (size_t i = 0; i < 4; i++)
        OK(envm_fs_make_dirs(f->prefix_fd, rel(dirs[i]), 0755, &err));
    OK(envm_python_from_record(&f->arena, &python_record, ENVM_STR("linux-64"), &python, &err));
    OK(envm_link_plan_make(&f->arena, &request, &plan, &err));
    assert_int_equal(plan.count, FILES + 1);
    OK(envm_link_package(&f->arena, &context, &plan, &f->hardlinked, &err));

    record.path_count = plan.count;
    record.paths = envm_arena_new_array(&f->arena, struct envm_prefix_path, plan.count);
    for (size_t i = 0; i < plan.count; i++)
        record.paths[i] = plan.items[i].target;
    root.root = envm_installed_package_digest(record.paths, record.path_count);
    f->tree = envm_environment_digest(&root, 1);
    record.package_digest =
        envm_arena_printf(&f->arena, "sha256:%s", envm_sha256_hex(&root.root).text);
    envm_prefix_record_write(&record, &text);
    scratch_write(&f->dir, "env/conda-meta/demo-1.0-0.json", envm_buf_str(&text).ptr);
    scratch_write(&f->dir, "env/conda-meta/history", "");
}

static void set_up(struct fixture *f, const char *prefix, enum envm_link_mode mode)
{
    *f = (struct fixture){.dir = scratch_make(), .package_fd = -1, .prefix_fd = -1};
    f->prefix = envm_str_from(prefix);
    make_package(f);
    OK(envm_fs_mkdir(f->dir.fd, rel("env"), 0755, &err));
    OK(envm_fs_open_dir(f->dir.fd, rel("env"), &f->prefix_fd, &err));
    install(f, mode);
}

static void tear_down(struct fixture *f)
{
    close(f->package_fd);
    close(f->prefix_fd);
    envm_arena_release(&f->arena);
    scratch_drop(&f->dir);
}

static struct envm_verify_result verify(struct fixture *f)
{
    struct envm_verify_result result;

    OK(envm_prefix_verify(&f->arena, f->prefix_fd, f->prefix, 2, &result, &err));
    return result;
}

static void test_sound(void **state)
{
    struct fixture f;
    struct envm_verify_result result;
    struct stat status;

    (void)state;
    set_up(&f, "/env", ENVM_LINK_AUTO);
    scratch_holds(&f.dir, "env/bin/tool", "#!/env/bin/python3\nx = '/env'\n");
    scratch_holds(&f.dir, "env/lib/plain", "the same everywhere");
    assert_true(f.hardlinked);
    assert_int_equal(fstatat(f.dir.fd, "env/lib/plain", &status, 0), 0);
    assert_int_equal(status.st_nlink, 2);
    assert_int_equal(fstatat(f.dir.fd, "env/etc/tool.conf", &status, 0), 0);
    assert_int_equal(status.st_nlink, 1); /* people edit what lies in etc */
    assert_int_equal(fstatat(f.dir.fd, "env/bin/tool", &status, 0), 0);
    assert_int_equal(status.st_nlink, 1);
    assert_int_equal(status.st_mode & 07777, 0755);
    assert_int_equal(status.st_mtime, 1577836800);
    assert_true(scratch_has(&f.dir, "env/lib/python3.11/site-packages/demo.py"));
    assert_true(scratch_has(&f.dir, "env/bin/demo"));

    result = verify(&f);
    assert_int_equal(result.finding_count, 0);
    assert_int_equal(result.packages, 1);
    assert_int_equal(result.files, FILES);
    assert_true(envm_sha256_equal(&result.tree, &f.tree));
    assert_int_equal(result.left_out.count, 1);
    assert_str(result.left_out.items[0], "conda-meta/…");
    tear_down(&f);
}

/* The digest does not know the path, nor how the files were linked. */
static void test_independence(void **state)
{
    static const char *const prefixes[] = {"/e", "/a path/with spaces",
                                           "/opt/placeholder_placeholder"};
    struct envm_sha256 first = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct fixture f;
        struct envm_verify_result result;

        set_up(&f, prefixes[i], i == 1 ? ENVM_LINK_COPY : ENVM_LINK_AUTO);
        result = verify(&f);
        assert_int_equal(result.finding_count, 0);
        assert_true(envm_sha256_equal(&result.tree, &f.tree));
        if (i == 0)
            first = f.tree;
        assert_true(envm_sha256_equal(&f.tree, &first));
        tear_down(&f);
    }
}

static void alter(struct fixture *f, const char *path, size_t at)
{
    int fd = openat(f->prefix_fd, path, O_RDWR);
    char byte = 0;

    assert_int_equal(fchmod(fd, 0644), 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

static void drop(struct fixture *f, const char *path)
{
    assert_int_equal(unlinkat(f->prefix_fd, path, 0), 0);
}

static void damage(struct fixture *f, int which)
{
    switch (which) {
    case 0:
        drop(f, "lib/plain");
        break;
    case 1:
        alter(f, "etc/tool.conf", 2);
        break;
    case 2: /* in the prefix itself */
        alter(f, "bin/tool", 3);
        break;
    case 3: /* in the padding */
        alter(f, "lib/blob", 20);
        break;
    case 4:
        drop(f, "lib/link");
        assert_int_equal(symlinkat("plain", f->prefix_fd, "lib/link"), 0);
        break;
    case 5:
        drop(f, "lib/plain");
        assert_int_equal(mkdirat(f->prefix_fd, "lib/plain", 0755), 0);
        break;
    case 6:
        assert_int_equal(fchmodat(f->prefix_fd, "etc/tool.conf", 0755, 0), 0);
        break;
    case 7:
        assert_int_equal(renameat(f->prefix_fd, "etc", f->prefix_fd, "etc2"), 0);
        assert_int_equal(symlinkat("etc2", f->prefix_fd, "etc"), 0);
        break;
    case 8:
        drop(f, "lib/plain");
        assert_int_equal(symlinkat("/etc/passwd", f->prefix_fd, "lib/plain"), 0);
        break;
    default: /* the generated script */
        alter(f, "bin/demo", 60);
        break;
    }
}

static void test_damage(void **state)
{
    static const struct {
        enum envm_finding_kind kind;
        const char *path, *detail;
    } rows[] = {
        {ENVM_FINDING_MISSING, "lib/plain", "is not there"},
        {ENVM_FINDING_ALTERED, "etc/tool.conf", "sha256 differs"},
        {ENVM_FINDING_ALTERED, "bin/tool", "the prefix is not where it was written"},
        {ENVM_FINDING_ALTERED, "lib/blob", "the prefix is not where it was written"},
        {ENVM_FINDING_ALTERED, "lib/link", "the link leads elsewhere"},
        {ENVM_FINDING_ALTERED, "lib/plain", "is a directory"},
        {ENVM_FINDING_ALTERED, "etc/tool.conf", "is executable"},
        {ENVM_FINDING_ALTERED, "etc/tool.conf", "a directory above it is a symbolic link"},
        {ENVM_FINDING_ALTERED, "lib/plain", "is a symbolic link"},
        {ENVM_FINDING_ALTERED, "bin/demo", "sha256 differs"},
    };

    (void)state;
    for (int i = 0; i < (int)(sizeof(rows) / sizeof(rows[0])); i++) {
        struct fixture f;
        struct envm_verify_result result;
        const struct envm_finding *finding = NULL;

        set_up(&f, "/env", ENVM_LINK_COPY);
        damage(&f, i);
        result = verify(&f);
        for (size_t j = 0; j < result.finding_count && !finding; j++) {
            if (result.findings[j].kind != ENVM_FINDING_EXTRA)
                finding = &result.findings[j];
        }
        if (!finding) {
            fail_msg("row %zu: nothing was found", i);
            continue;
        }
        assert_int_equal(finding->kind, rows[i].kind);
        assert_str(finding->path, rows[i].path);
        assert_str(finding->detail, rows[i].detail);
        assert_str(finding->package, "demo-1.0-0");
        assert_false(envm_sha256_equal(&result.tree, &f.tree));
        tear_down(&f);
    }
}

static void test_extra(void **state)
{
    struct fixture f;
    struct envm_verify_result result;

    (void)state;
    set_up(&f, "/env", ENVM_LINK_AUTO);
    OK(envm_fs_make_dirs(f.prefix_fd, rel("lib/python3.11/site-packages/__pycache__"), 0755, &err));
    scratch_write(&f.dir, "env/lib/python3.11/site-packages/__pycache__/demo.pyc", "x");
    scratch_write(&f.dir, "env/lib/python3.11/site-packages/__pycache__/more.pyc", "x");
    /* Only folders with something that no package lists are named, each once. */
    OK(envm_fs_make_dirs(f.prefix_fd, rel("lib/__pycache__"), 0755, &err));
    scratch_write(&f.dir, "env/lib/mine", "x");
    assert_int_equal(symlinkat("/", f.prefix_fd, "root"), 0);
    scratch_write(&f.dir, "env/conda-meta/broken-1.0-0.json", "{\"name\": ");
    scratch_write(&f.dir, "env/conda-meta/other-1.0-0.json",
                  "{\"name\":\"demo\",\"version\":\"1.0\",\"build\":\"0\",\"build_number\":0,"
                  "\"depends\":[]}");
    result = verify(&f);
    assert_int_equal(result.finding_count, 4);
    assert_str(result.findings[0].path, "conda-meta/broken-1.0-0.json");
    assert_int_equal(result.findings[0].kind, ENVM_FINDING_RECORD);
    assert_str(result.findings[1].path, "conda-meta/other-1.0-0.json");
    assert_str(result.findings[2].path, "lib/mine");
    assert_int_equal(result.findings[2].kind, ENVM_FINDING_EXTRA);
    assert_str(result.findings[3].path, "root");
    assert_true(envm_sha256_equal(&result.tree, &f.tree));
    assert_int_equal(result.left_out.count, 2);
    assert_str(result.left_out.items[1], "lib/python3.11/site-packages/__pycache__/…");
    tear_down(&f);
}

static void test_no_environment(void **state)
{
    struct scratch dir = scratch_make();
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_verify_result result;

    (void)state;
    FAILS_WITH(ENVM_USAGE, "conda-meta",
               envm_prefix_verify(&arena, dir.fd, ENVM_STR("/x"), 1, &result, &err));
    scratch_drop(&dir);
}

/* A binary that the prefix does not fit into stops linking with the file's name. */
static void test_too_long(void **state)
{
    struct fixture f;
    struct envm_python python = {.known = false};
    struct envm_link_plan plan;
    struct envm_link_request request;
    struct envm_link_context context;
    bool hardlinked;

    (void)state;
    set_up(&f, "/env", ENVM_LINK_AUTO);
    f.contents.noarch = ENVM_NOARCH_NO;
    request = (struct envm_link_request){&f.contents, &f.record, &python, ENVM_STR("linux-64")};
    context = (struct envm_link_context){.from_fd = f.package_fd,
                                         .to_fd = f.prefix_fd,
                                         .prefix = ENVM_STR(PH "/and/some/more"),
                                         .plain_mode = 0644,
                                         .exec_mode = 0755};
    assert_int_equal(unlinkat(f.prefix_fd, "bin/tool", 0), 0);
    assert_int_equal(unlinkat(f.prefix_fd, "etc/tool.conf", 0), 0);
    OK(envm_link_plan_make(&f.arena, &request, &plan, &err));
    FAILS_WITH(ENVM_IO, "linking 'lib/blob': the prefix is 54 bytes long",
               envm_link_package(&f.arena, &context, &plan, &hardlinked, &err));
    /* Binaries for Windows are left alone, as conda does. */
    request.platform = ENVM_STR("win-64");
    OK(envm_link_plan_make(&f.arena, &request, &plan, &err));
    assert_int_equal(plan.items[2].target.file_mode, ENVM_MODE_NONE);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),          cmocka_unit_test(test_independence),
        cmocka_unit_test(test_damage),         cmocka_unit_test(test_extra),
        cmocka_unit_test(test_no_environment), cmocka_unit_test(test_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
