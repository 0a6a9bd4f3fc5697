/* SPDX-License-Identifier: MIT */
#include "prefix/prefix_verify.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/map.h"
#include "base/vec.h"
#include "codec/digest.h"
#include "conda/package_record.h"
#include "prefix/environment_digest.h"
#include "prefix/script_output.h"
#include "prefix/tree_digest.h"
#include "sys/fs_tree.h"
#include "sys/workers.h"

#define READ_MAX ((size_t)1 << 20)
#define BATCH 64

/* One listed path and what is really there. */
struct check {
    int prefix_fd;
    envm_str prefix;
    const struct envm_prefix_record *record;
    const struct envm_prefix_path *path;
    struct envm_sha256 leaf; /* not known: nothing there that has a digest */
    uint64_t bytes;
    bool is_file;
    bool wrong;
    enum envm_finding_kind kind;
    const char *detail; /* static */
};

/* Checks that one thread does after each other, with one buffer. */
struct batch {
    struct check *checks;
    size_t count;
    struct envm_buf bytes; /* of a file */
};

struct verifier {
    struct envm_arena *arena;
    int prefix_fd;
    envm_str prefix;
    struct envm_prefix_record_list records;
    struct check *checks;
    size_t check_count;
    struct envm_map listed; /* every listed path */
    ENVM_VEC(struct envm_finding) findings;
    ENVM_VEC(envm_str) left_out;
    struct envm_map outputs; /* path -> what link scripts have left there */
    ENVM_VEC(envm_str) script_files;
};

static void verifier_release(struct verifier *verifier)
{
    envm_free(verifier->checks);
    envm_map_release(&verifier->listed);
    envm_vec_release(&verifier->findings);
    envm_vec_release(&verifier->left_out);
    envm_map_release(&verifier->outputs);
    envm_vec_release(&verifier->script_files);
}
ENVM_DEFINE_CLEANUP(verifier, struct verifier, verifier_release)

static void found(struct check *check, enum envm_finding_kind kind, const char *detail)
{
    if (check->wrong) /* the first one says most */
        return;
    check->wrong = true;
    check->kind = kind;
    check->detail = detail;
}

static const char *kind_detail(enum envm_fs_kind kind)
{
    switch (kind) {
    case ENVM_FS_FILE:
        return "is a file";
    case ENVM_FS_DIRECTORY:
        return "is a directory";
    case ENVM_FS_SYMLINK:
        return "is a symbolic link";
    case ENVM_FS_ABSENT:
    case ENVM_FS_OTHER:
        break;
    }
    return "is neither a file nor a directory nor a link";
}

static enum envm_fs_kind wanted_kind(enum envm_path_type type)
{
    return type == ENVM_PATH_SYMLINK     ? ENVM_FS_SYMLINK
           : type == ENVM_PATH_DIRECTORY ? ENVM_FS_DIRECTORY
                                         : ENVM_FS_FILE;
}

/* The leaf of a file from its bytes, through the undo where something was replaced. */
static void check_bytes(struct check *check, envm_str bytes, struct envm_tree_leaf *leaf)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const struct envm_prefix_path *path = check->path;
    struct envm_replace_request request = {.bytes = bytes,
                                           .mode = path->file_mode,
                                           .placeholder = path->placeholder,
                                           .prefix = check->prefix};
    struct envm_edits edits = {0};
    const struct envm_sha256 *wanted = &path->sha256;

    if (!envm_replace_undo(&arena, &request, &path->replaced, &edits)) {
        found(check, ENVM_FINDING_ALTERED, "the prefix is not where it was written");
        edits = (struct envm_edits){0};
    }
    leaf->size = envm_edits_size(bytes, &edits);
    leaf->sha256 = envm_edits_sha256(bytes, &edits);
    /* Records of other tools do not say what was replaced where. */
    if (!check->record->by_envm && path->sha256_in_prefix.known)
        wanted = &path->sha256_in_prefix;
    if (wanted->known && !envm_sha256_equal(wanted, &leaf->sha256))
        found(check, ENVM_FINDING_ALTERED, "sha256 differs");
}

/* Small files are read, large ones mapped: to unmap is to interrupt the other processors, which was
 * half of the time. */
static enum envm_code check_content(struct check *check, int fd, uint64_t size,
                                    struct envm_buf *buffer, struct envm_tree_leaf *leaf,
                                    struct envm_error *err)
{
    const char *name = check->path->path.s.ptr;
    envm_str bytes = {0};
    bool end = false;

    if (size <= READ_MAX) {
        envm_buf_clear(buffer);
        ENVM_TRY(envm_fs_read_part(fd, name, READ_MAX + 1, buffer, &end, err));
        check_bytes(check, envm_buf_str(buffer), leaf);
        check->bytes = buffer->len;
        return ENVM_OK;
    }
    ENVM_TRY(envm_fs_map(fd, name, &bytes, err));
    check_bytes(check, bytes, leaf);
    check->bytes = bytes.len;
    envm_fs_unmap(bytes);
    return ENVM_OK;
}

static enum envm_code check_file(struct check *check, const struct stat *status,
                                 struct envm_buf *buffer, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_tree_leaf leaf = {.type = ENVM_PATH_FILE,
                                  .path = check->path->path.s,
                                  .executable = (status->st_mode & S_IXUSR) != 0};
    enum envm_code code = envm_fs_open_read(check->prefix_fd, check->path->path, &fd, err);

    if (code != ENVM_OK && err->cause == EACCES) {
        envm_error_release(err);
        found(check, ENVM_FINDING_ALTERED, "cannot be read");
        return ENVM_OK;
    }
    ENVM_TRY(code);
    ENVM_TRY(check_content(check, fd, (uint64_t)status->st_size, buffer, &leaf, err));
    check->is_file = true;
    if (check->record->by_envm && leaf.executable != check->path->executable)
        found(check, ENVM_FINDING_ALTERED,
              leaf.executable ? "is executable" : "is not executable any more");
    check->leaf = envm_tree_leaf_hash(&leaf);
    return ENVM_OK;
}

static enum envm_code check_symlink(struct check *check, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_tree_leaf leaf = {.type = ENVM_PATH_SYMLINK, .path = check->path->path.s};

    ENVM_TRY(
        envm_fs_read_link(check->prefix_fd, check->path->path, &arena, &leaf.link_target, err));
    if (check->path->link_target.len > 0 &&
        !envm_str_equal(leaf.link_target, check->path->link_target))
        found(check, ENVM_FINDING_ALTERED, "the link leads elsewhere");
    check->leaf = envm_tree_leaf_hash(&leaf);
    return ENVM_OK;
}

/* A failed look at a path: what stands in the way is damage, a failing disk is an error. */
static enum envm_code judge_failure(struct check *check, enum envm_code code,
                                    struct envm_error *err)
{
    int cause = err->cause;

    if (code == ENVM_UNSAFE)
        found(check, ENVM_FINDING_ALTERED, "a directory above it is a symbolic link");
    else if (cause == ENOTDIR || cause == ENOENT)
        found(check, ENVM_FINDING_MISSING, "is not there");
    else if (cause == EACCES)
        found(check, ENVM_FINDING_ALTERED, "cannot be read");
    else
        return code;
    envm_error_release(err);
    return ENVM_OK;
}

static enum envm_code check_path(struct check *check, struct envm_buf *buffer,
                                 struct envm_error *err)
{
    struct stat status = {0};
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    enum envm_code code = envm_fs_stat(check->prefix_fd, check->path->path, &kind, &status, err);

    if (code != ENVM_OK)
        return judge_failure(check, code, err);
    if (kind == ENVM_FS_ABSENT) {
        found(check, ENVM_FINDING_MISSING, "is not there");
        return ENVM_OK;
    }
    if (kind != wanted_kind(check->path->type))
        found(check, ENVM_FINDING_ALTERED, kind_detail(kind));
    if (kind == ENVM_FS_FILE) {
        code = check_file(check, &status, buffer, err);
    } else if (kind == ENVM_FS_SYMLINK) {
        code = check_symlink(check, err);
    } else if (kind == ENVM_FS_DIRECTORY) {
        struct envm_tree_leaf leaf = {.type = ENVM_PATH_DIRECTORY, .path = check->path->path.s};

        check->leaf = envm_tree_leaf_hash(&leaf);
    }
    return code == ENVM_OK ? ENVM_OK : judge_failure(check, code, err);
}

static enum envm_code check_batch(void *argument, struct envm_error *err)
{
    struct batch *batch = argument;
    enum envm_code code = ENVM_OK;

    batch->bytes = envm_buf_limit(READ_MAX + 1);
    for (size_t i = 0; code == ENVM_OK && i < batch->count; i++)
        code = check_path(&batch->checks[i], &batch->bytes, err);
    envm_buf_release(&batch->bytes);
    return code;
}

static enum envm_code run_checks(struct verifier *verifier, unsigned threads,
                                 struct envm_error *err)
{
    size_t count = (verifier->check_count + BATCH - 1) / BATCH;
    ENVM_CLEANUP(envm_heap) struct batch *batches = envm_alloc_zero(count + 1, sizeof(*batches));

    for (size_t i = 0; i < count; i++) {
        size_t left = verifier->check_count - i * BATCH;

        batches[i].checks = verifier->checks + i * BATCH;
        batches[i].count = left < BATCH ? left : BATCH;
    }
    return envm_workers_each(threads, check_batch, batches, sizeof(*batches), count, err);
}

static void add_finding(struct verifier *verifier, const struct envm_finding *finding)
{
    envm_vec_push(&verifier->findings, *finding);
}

static void collect_checks(struct verifier *verifier)
{
    size_t count = 0;

    for (size_t i = 0; i < verifier->records.count; i++)
        count += verifier->records.items[i]->path_count;
    verifier->checks = envm_alloc_zero(count + 1, sizeof(*verifier->checks));
    for (size_t i = 0; i < verifier->records.count; i++) {
        const struct envm_prefix_record *record = verifier->records.items[i];

        for (size_t j = 0; j < record->path_count; j++) {
            struct check *check = &verifier->checks[verifier->check_count++];

            check->prefix_fd = verifier->prefix_fd;
            check->prefix = verifier->prefix;
            check->record = record;
            check->path = &record->paths[j];
            envm_map_set(&verifier->listed, check->path->path.s, 1);
        }
    }
}

/* A link script that was agreed to has left it so. The digest is of what packages brought: else the
 * same lock would have another one on each machine. */
static void forgive_script(struct verifier *verifier, struct check *check)
{
    const struct envm_prefix_path *path = check->path;

    if (!check->wrong ||
        !envm_script_output_is_there(verifier->prefix_fd, path->path,
                                     envm_script_outputs_find(&verifier->outputs, path->path.s)))
        return;
    check->wrong = false;
    check->leaf = envm_installed_package_digest(path, 1);
    envm_vec_push(&verifier->script_files, path->path.s);
}

/* Findings of the checks, and the digest: one root for each record, whose checks follow each other.
 */
static void judge_checks(struct verifier *verifier, struct envm_verify_result *result)
{
    ENVM_CLEANUP(envm_heap)
    struct envm_sha256 *leaves = envm_alloc_zero(verifier->check_count + 1, sizeof(*leaves));
    ENVM_CLEANUP(envm_heap)
    struct envm_package_root *roots = envm_alloc_zero(verifier->records.count + 1, sizeof(*roots));
    struct check *check = verifier->checks;

    for (size_t i = 0; i < verifier->records.count; i++) {
        const struct envm_prefix_record *record = verifier->records.items[i];
        size_t used = 0;

        roots[i].name = record->record->name;
        roots[i].stem = envm_package_record_stem(verifier->arena, record->record);
        for (size_t j = 0; j < record->path_count; j++, check++) {
            forgive_script(verifier, check);
            if (check->leaf.known)
                leaves[used++] = check->leaf;
            result->files += check->is_file;
            result->bytes += check->bytes;
            if (check->wrong)
                add_finding(verifier,
                            &(struct envm_finding){.kind = check->kind,
                                                   .path = check->path->path.s,
                                                   .package = roots[i].stem,
                                                   .detail = envm_str_from(check->detail)});
        }
        roots[i].root = envm_merkle_root(leaves, used);
    }
    result->tree = envm_environment_digest(roots, verifier->records.count);
}

/* Length of "…/__pycache__" in front of a file's path; 0 when it lies elsewhere. */
static size_t cache_dir_length(envm_str path)
{
    size_t slash = envm_str_find_last_char(path, '/');
    envm_str folder = envm_str_slice(path, 0, slash == SIZE_MAX ? 0 : slash);

    return envm_str_equal_c(folder, "__pycache__") ||
                   envm_str_ends_with(folder, ENVM_STR("/__pycache__"))
               ? folder.len
               : 0;
}

/* Names the folder, once for the files in it, which come one after the other. */
static void leave_out(struct verifier *verifier, envm_str folder)
{
    envm_str text = envm_arena_printf(verifier->arena, "%.*s/…", ENVM_STR_ARGS(folder));
    size_t count = verifier->left_out.count;

    if (count == 0 || !envm_str_equal(verifier->left_out.items[count - 1], text))
        envm_vec_push(&verifier->left_out, text);
}

/* A file that no package lists: made by a link script, or else *ret_detail says what it is. */
static bool is_script_file(struct verifier *verifier, envm_str path, const char **ret_detail)
{
    const struct envm_script_output_entry *entry =
        envm_script_outputs_find(&verifier->outputs, path);

    if (!entry)
        return false;
    *ret_detail = "was made by a link script, and has changed since";
    if (!envm_script_output_is_there(verifier->prefix_fd, entry->output->path, entry))
        return false;
    envm_vec_push(&verifier->script_files, entry->output->path.s);
    return true;
}

static enum envm_code visit(void *user, const struct envm_fs_entry *entry, bool *skip,
                            struct envm_error *err)
{
    struct verifier *verifier = user;
    size_t cache_dir = cache_dir_length(entry->path);
    const char *detail = "belongs to no package";

    (void)err;
    /* envm's own: a lock, a journal. */
    if (envm_str_equal_c(entry->path, ".envm")) {
        *skip = true;
        return ENVM_OK;
    }
    if (envm_str_equal_c(entry->path, "conda-meta")) {
        *skip = true;
        leave_out(verifier, entry->path);
        return ENVM_OK;
    }
    if (entry->kind == ENVM_FS_DIRECTORY || envm_map_find(&verifier->listed, entry->path))
        return ENVM_OK;
    if (cache_dir > 0)
        leave_out(verifier, envm_str_slice(entry->path, 0, cache_dir));
    else if (!is_script_file(verifier, entry->path, &detail))
        add_finding(verifier,
                    &(struct envm_finding){.kind = ENVM_FINDING_EXTRA,
                                           .path = envm_arena_str(verifier->arena, entry->path),
                                           .detail = envm_str_from(detail)});
    return ENVM_OK;
}

static int compare_findings(const void *a, const void *b)
{
    const struct envm_finding *left = a;
    const struct envm_finding *right = b;
    int order = envm_str_compare(left->path, right->path);

    return order ? order : envm_str_compare(left->package, right->package);
}

static void hand_over(struct verifier *verifier, struct envm_verify_result *result)
{
    if (verifier->findings.count > 1)
        qsort(verifier->findings.items, verifier->findings.count, sizeof(struct envm_finding),
              compare_findings);
    result->finding_count = verifier->findings.count;
    result->findings = envm_arena_copy(verifier->arena, verifier->findings.items,
                                       verifier->findings.count * sizeof(struct envm_finding));
    result->left_out.count = verifier->left_out.count;
    result->left_out.items = envm_arena_copy(verifier->arena, verifier->left_out.items,
                                             verifier->left_out.count * sizeof(envm_str));
    if (verifier->script_files.count > 1)
        qsort(verifier->script_files.items, verifier->script_files.count, sizeof(envm_str),
              envm_str_compare_qsort);
    result->script_files.count = verifier->script_files.count;
    result->script_files.items = envm_arena_copy(verifier->arena, verifier->script_files.items,
                                                 verifier->script_files.count * sizeof(envm_str));
    result->packages = verifier->records.count;
}

enum envm_code envm_prefix_verify(struct envm_arena *arena, int prefix_fd, envm_str prefix,
                                  unsigned threads, struct envm_verify_result *ret_result,
                                  struct envm_error *err)
{
    ENVM_CLEANUP(verifier)
    struct verifier verifier = {.arena = arena, .prefix_fd = prefix_fd, .prefix = prefix};
    struct envm_verify_result result = {0};

    ENVM_TRY(envm_prefix_records_load(arena, prefix_fd, true, &verifier.records, err));
    for (size_t i = 0; i < verifier.records.bad_files.count; i++)
        add_finding(&verifier, &(struct envm_finding){
                                   .kind = ENVM_FINDING_RECORD,
                                   .path = envm_arena_concat(arena, ENVM_STR("conda-meta/"),
                                                             verifier.records.bad_files.items[i]),
                                   .detail = ENVM_STR("is not a record that can be used")});
    envm_script_outputs_index(arena,
                              (const struct envm_prefix_record *const *)verifier.records.items,
                              verifier.records.count, &verifier.outputs);
    collect_checks(&verifier);
    ENVM_TRY(run_checks(&verifier, threads, err));
    judge_checks(&verifier, &result);
    ENVM_TRY(envm_fs_walk(prefix_fd, visit, &verifier, err));
    hand_over(&verifier, &result);
    *ret_result = result;
    return ENVM_OK;
}
