/* SPDX-License-Identifier: MIT */
#include "prefix/kept_metadata.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "prefix/kept_lock.h"
#include "prefix/kept_revisions.h"
#include "prefix/prefix_history.h"
#include "prefix/sealed_text.h"
#include "sys/fs_atomic.h"

/* A longer history is conda's business alone. */
#define COPY_SIZE_MAX ((size_t)16 << 20)
#define LOCK_SIZE_MAX ((size_t)64 << 20)
#define MTIME "# mtime "
#define SAVED_TRIES 1000

/* --- reading ------------------------------------------------------------------------------ */

struct file {
    bool there;
    bool too_long; /* and so not read */
    struct stat status;
    struct envm_buf text;
};

static void file_release(struct file *file)
{
    envm_buf_release(&file->text);
}
ENVM_DEFINE_CLEANUP(file, struct file, file_release)

static enum envm_code read_file(int prefix_fd, struct envm_relpath path, size_t limit,
                                struct file *file, struct envm_error *err)
{
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    file->text = envm_buf_limit(limit);
    ENVM_TRY(envm_fs_stat(prefix_fd, path, &kind, &file->status, err));
    file->too_long = kind == ENVM_FS_FILE && (uint64_t)file->status.st_size > limit;
    file->there = kind == ENVM_FS_FILE && !file->too_long;
    return file->there ? envm_fs_read_at(prefix_fd, path, &file->text, err) : ENVM_OK;
}

/* --- the history -------------------------------------------------------------------------- */

void envm_history_copy_text(envm_str history, struct envm_buf *out)
{
    envm_seal(history, out);
}

static envm_str next_line(envm_str *rest)
{
    size_t end = envm_str_find_char(*rest, '\n');
    envm_str line = envm_str_slice(*rest, 0, end == SIZE_MAX ? rest->len : end + 1);

    *rest = envm_str_skip(*rest, line.len);
    return line;
}

/* Whether all lines of the copy stand in the history, in their order. Others may stand in between:
 * what another tool appended before an interrupted change was completed. */
static bool has_all_lines(envm_str history, envm_str copy)
{
    while (copy.len > 0) {
        envm_str wanted = next_line(&copy);

        do {
            if (history.len == 0)
                return false;
        } while (!envm_str_equal(next_line(&history), wanted));
    }
    return true;
}

/* What other tools have appended; false when the history has another length than the copy and it.
 */
static bool tail_of(envm_str history, envm_str copy, envm_str *ret_tail)
{
    *ret_tail = envm_str_skip(history, copy.len < history.len ? copy.len : history.len);
    return history.len >= copy.len &&
           (ret_tail->len == 0 || envm_str_starts_with(*ret_tail, ENVM_STR("==> ")));
}

struct history {
    struct file file, copy;
    envm_str kept; /* text of the copy */
    bool copy_is_good, is_good;
};

static void history_release(struct history *history)
{
    file_release(&history->file);
    file_release(&history->copy);
}
ENVM_DEFINE_CLEANUP(history, struct history, history_release)

static enum envm_code read_history(int prefix_fd, struct history *history, struct envm_error *err)
{
    ENVM_TRY(read_file(prefix_fd, ENVM_HISTORY_COPY, COPY_SIZE_MAX + 4096, &history->copy, err));
    ENVM_TRY(read_file(prefix_fd, ENVM_HISTORY, ENVM_HISTORY_SIZE_MAX, &history->file, err));
    if (history->file.too_long) /* conda's business alone, from some length on */
        history->copy.there = false;
    history->copy_is_good =
        history->copy.there && envm_unseal(envm_buf_str(&history->copy.text), &history->kept);
    history->is_good =
        !history->copy_is_good || has_all_lines(envm_buf_str(&history->file.text), history->kept);
    return ENVM_OK;
}

enum envm_code envm_history_as_kept(int prefix_fd, struct envm_buf *ret_text,
                                    struct envm_error *err)
{
    ENVM_CLEANUP(history) struct history history = {0};
    envm_str tail;

    ENVM_TRY(read_history(prefix_fd, &history, err));
    if (history.is_good)
        tail = envm_buf_str(&history.file.text);
    else if (!tail_of(envm_buf_str(&history.file.text), history.kept, &tail))
        tail = (envm_str){0};
    if (!history.is_good)
        envm_buf_add_str(ret_text, history.kept);
    envm_buf_add_str(ret_text, tail);
    return ret_text->len <= COPY_SIZE_MAX
               ? ENVM_OK
               : envm_fail(err, ENVM_MALFORMED, "the history is too long for a copy");
}

/* --- the state ---------------------------------------------------------------------------- */

static envm_str time_line(const struct stat *status, struct envm_buf *out)
{
    envm_buf_printf(out, MTIME "%" PRId64 ".%09ld\n", (int64_t)status->st_mtim.tv_sec,
                    status->st_mtim.tv_nsec);
    return envm_buf_str(out);
}

void envm_state_copy_text(envm_str state, const struct stat *status, struct envm_buf *out)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf time = envm_buf_text();

    envm_buf_add_str(&text, time_line(status, &time));
    envm_buf_add_str(&text, state);
    envm_seal(envm_buf_str(&text), out);
}

struct state {
    struct file file, copy;
    envm_str kept; /* text of the state that the copy is of */
    bool copy_is_good;
    const char *wrong; /* with the state; NULL: nothing */
};

static void state_release(struct state *state)
{
    file_release(&state->file);
    file_release(&state->copy);
}
ENVM_DEFINE_CLEANUP(state, struct state, state_release)

static bool can_be_read(envm_str text)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    const struct envm_environment_variable *variables;
    size_t count;

    return envm_state_read(&arena, text, &variables, &count, &failure) == ENVM_OK;
}

static const char *judge_state(const struct state *state, envm_str time)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf now = envm_buf_text();
    envm_str text = envm_buf_str(&state->file.text);

    if (state->file.too_long)
        return NULL;
    if (!state->file.there)
        return state->copy_is_good ? "is not there" : NULL;
    if (!can_be_read(text))
        return "cannot be read";
    if (!state->copy_is_good || !envm_str_equal(time_line(&state->file.status, &now), time) ||
        envm_str_equal(text, state->kept))
        return NULL;
    return "sha256 differs";
}

static enum envm_code read_state(int prefix_fd, struct state *state, struct envm_error *err)
{
    envm_str text = {0};
    envm_str time = {0};

    ENVM_TRY(read_file(prefix_fd, ENVM_STATE_COPY, COPY_SIZE_MAX, &state->copy, err));
    ENVM_TRY(read_file(prefix_fd, ENVM_STATE, COPY_SIZE_MAX, &state->file, err));
    if (state->copy.there && envm_unseal(envm_buf_str(&state->copy.text), &text)) {
        time = next_line(&text);
        state->copy_is_good = envm_str_starts_with(time, ENVM_STR(MTIME));
        state->kept = text;
    }
    state->wrong = judge_state(state, time);
    return ENVM_OK;
}

/* --- verifying ---------------------------------------------------------------------------- */

struct findings {
    struct envm_arena *arena;
    ENVM_VEC(struct envm_finding) items;
};

static void findings_release(struct findings *findings)
{
    envm_vec_release(&findings->items);
}
ENVM_DEFINE_CLEANUP(findings, struct findings, findings_release)

static void add(struct findings *findings, struct envm_relpath path, bool missing,
                const char *detail)
{
    envm_vec_push(
        &findings->items,
        ((struct envm_finding){.kind = missing ? ENVM_FINDING_MISSING : ENVM_FINDING_ALTERED,
                               .path = envm_arena_str(findings->arena, path.s),
                               .package = ENVM_STR(""),
                               .detail = envm_str_from(detail)}));
}

static enum envm_code verify_revisions(struct findings *findings, int prefix_fd,
                                       struct envm_error *err)
{
    struct envm_revision_numbers numbers = {0};

    ENVM_TRY(envm_revisions_list(findings->arena, prefix_fd, &numbers, err));
    for (size_t i = 0; i < numbers.count; i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
        envm_str lock;
        enum envm_code code =
            envm_revision_read(&arena, prefix_fd, numbers.items[i], &lock, &failure);

        if (code == ENVM_IO) {
            if (err)
                envm_error_move(err, &failure);
            return code;
        }
        if (code != ENVM_OK)
            add(findings, envm_revision_path(findings->arena, numbers.items[i]), false,
                "is not what its last line says");
    }
    return ENVM_OK;
}

enum envm_code envm_metadata_verify(struct envm_arena *arena, int prefix_fd,
                                    struct envm_finding **ret_findings, size_t *ret_count,
                                    struct envm_error *err)
{
    ENVM_CLEANUP(findings) struct findings findings = {.arena = arena};
    ENVM_CLEANUP(history) struct history history = {0};
    ENVM_CLEANUP(state) struct state state = {0};

    ENVM_TRY(read_history(prefix_fd, &history, err));
    if (history.copy.there && !history.copy_is_good)
        add(&findings, ENVM_HISTORY_COPY, false, "is not what its last line says");
    if (!history.is_good)
        add(&findings, ENVM_HISTORY, !history.file.there, "is not what envm has written");
    ENVM_TRY(verify_revisions(&findings, prefix_fd, err));
    ENVM_TRY(read_state(prefix_fd, &state, err));
    if (state.copy.there && !state.copy_is_good)
        add(&findings, ENVM_STATE_COPY, false, "is not what its last line says");
    if (state.wrong)
        add(&findings, ENVM_STATE, !state.file.there, state.wrong);
    *ret_count = findings.items.count;
    *ret_findings = envm_arena_copy(arena, findings.items.items,
                                    findings.items.count * sizeof(struct envm_finding));
    return ENVM_OK;
}

/* --- mending ------------------------------------------------------------------------------ */

void envm_metadata_repair_release(struct envm_metadata_repair *repair)
{
    envm_vec_release(&repair->repaired);
    envm_vec_release(&repair->saved);
    envm_vec_release(&repair->failures);
}

static enum envm_code put(struct envm_metadata_repair *repair, struct envm_relpath path,
                          envm_str text, struct envm_error *err)
{
    ENVM_TRY(envm_fs_write_atomic(repair->prefix_fd, path, text, 0644, true, err));
    envm_vec_push(&repair->repaired, envm_arena_str(repair->arena, path.s));
    return ENVM_OK;
}

/* The name PATH.envm-saved, or with a number, that is not taken. */
static enum envm_code free_name(struct envm_metadata_repair *repair, struct envm_relpath path,
                                struct envm_relpath *ret_name, struct envm_error *err)
{
    enum envm_fs_kind kind = ENVM_FS_FILE;

    for (int i = 0; kind != ENVM_FS_ABSENT && i < SAVED_TRIES; i++) {
        envm_str name = i == 0
                            ? envm_arena_printf(repair->arena, "%s.envm-saved", path.s.ptr)
                            : envm_arena_printf(repair->arena, "%s.envm-saved.%d", path.s.ptr, i);

        ENVM_TRY(envm_relpath_parse(repair->arena, name, ret_name, err));
        ENVM_TRY(envm_fs_stat(repair->prefix_fd, *ret_name, &kind, NULL, err));
    }
    if (kind != ENVM_FS_ABSENT)
        return envm_fail(err, ENVM_IO, "keeping '%s': too many kept files of that name",
                         path.s.ptr);
    envm_vec_push(&repair->saved, ret_name->s);
    return ENVM_OK;
}

/* Of lock and sum one may be damaged: the newest revision tells which, since it is the same text.
 */
static enum envm_code mend_lock(struct envm_metadata_repair *repair, envm_str newest,
                                struct envm_error *err)
{
    ENVM_CLEANUP(file) struct file lock = {0};
    ENVM_CLEANUP(file) struct file sum = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf wanted = envm_buf_text();
    envm_str text;

    ENVM_TRY(read_file(repair->prefix_fd, ENVM_KEPT_LOCK, LOCK_SIZE_MAX, &lock, err));
    ENVM_TRY(read_file(repair->prefix_fd, ENVM_KEPT_LOCK_SUM, 4096, &sum, err));
    if (!lock.there || !sum.there)
        return ENVM_OK;
    text = envm_buf_str(&lock.text);
    envm_kept_lock_sum(newest, &wanted);
    if (envm_str_equal(envm_buf_str(&sum.text), envm_buf_str(&wanted)))
        return envm_str_equal(text, newest) ? ENVM_OK : put(repair, ENVM_KEPT_LOCK, newest, err);
    return envm_str_equal(text, newest)
               ? put(repair, ENVM_KEPT_LOCK_SUM, envm_buf_str(&wanted), err)
               : ENVM_OK;
}

static enum envm_code mend_revision(struct envm_metadata_repair *repair, uint64_t number,
                                    bool is_newest, struct envm_error *err)
{
    struct envm_relpath path = envm_revision_path(repair->arena, number);
    ENVM_CLEANUP(file) struct file file = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(LOCK_SIZE_MAX);
    struct envm_relpath aside;
    envm_str lock = {0};
    bool exists = false;

    ENVM_TRY(read_file(repair->prefix_fd, path, LOCK_SIZE_MAX, &file, err));
    if (is_newest &&
        envm_kept_lock_read(repair->arena, repair->prefix_fd, &lock, &exists, NULL) == ENVM_OK &&
        lock.len > 0 && envm_seal_means(envm_buf_str(&file.text), lock)) {
        envm_revision_text(lock, &text);
        return put(repair, path, envm_buf_str(&text), err);
    }
    envm_vec_push(
        &repair->failures,
        envm_arena_printf(repair->arena,
                          "%s: it is damaged and known nowhere else, so that state %" PRIu64
                          " cannot be gone back to",
                          path.s.ptr, number));
    ENVM_TRY(free_name(repair, path, &aside, err));
    return envm_fs_rename(repair->prefix_fd, path, repair->prefix_fd, aside, err);
}

static enum envm_code mend_revisions(struct envm_metadata_repair *repair, struct envm_error *err)
{
    struct envm_revision_numbers numbers = {0};

    ENVM_TRY(envm_revisions_list(repair->arena, repair->prefix_fd, &numbers, err));
    for (size_t i = numbers.count; i-- > 0;) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
        envm_str lock = {0};
        enum envm_code code =
            envm_revision_read(&arena, repair->prefix_fd, numbers.items[i], &lock, &failure);
        bool is_newest = i + 1 == numbers.count;

        if (code == ENVM_OK && is_newest)
            ENVM_TRY(mend_lock(repair, lock, err));
        if (code == ENVM_IO) {
            if (err)
                envm_error_move(err, &failure);
            return code;
        }
        if (code != ENVM_OK)
            ENVM_TRY(mend_revision(repair, numbers.items[i], is_newest, err));
    }
    return ENVM_OK;
}

static enum envm_code mend_history(struct envm_metadata_repair *repair, struct envm_error *err)
{
    ENVM_CLEANUP(history) struct history history = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(ENVM_HISTORY_SIZE_MAX);
    struct envm_relpath aside;
    envm_str tail;

    ENVM_TRY(read_history(repair->prefix_fd, &history, err));
    if (history.copy.there && !history.copy_is_good) {
        envm_history_copy_text(envm_buf_str(&history.file.text), &text);
        return put(repair, ENVM_HISTORY_COPY, envm_buf_str(&text), err);
    }
    if (history.is_good)
        return ENVM_OK;
    /* A copy: without a history it would not be an environment for a moment. */
    if (history.file.there && !tail_of(envm_buf_str(&history.file.text), history.kept, &tail)) {
        ENVM_TRY(free_name(repair, ENVM_HISTORY, &aside, err));
        ENVM_TRY(envm_fs_write_atomic(repair->prefix_fd, aside, envm_buf_str(&history.file.text),
                                      0644, false, err));
    }
    ENVM_TRY(envm_history_as_kept(repair->prefix_fd, &text, err));
    return put(repair, ENVM_HISTORY, envm_buf_str(&text), err);
}

static enum envm_code write_state_copy(struct envm_metadata_repair *repair, struct envm_error *err)
{
    ENVM_CLEANUP(file) struct file file = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(COPY_SIZE_MAX);

    ENVM_TRY(read_file(repair->prefix_fd, ENVM_STATE, COPY_SIZE_MAX, &file, err));
    if (!file.there)
        return envm_fs_unlink(repair->prefix_fd, ENVM_STATE_COPY, err);
    envm_state_copy_text(envm_buf_str(&file.text), &file.status, &text);
    return envm_fs_write_atomic(repair->prefix_fd, ENVM_STATE_COPY, envm_buf_str(&text), 0644, true,
                                err);
}

static enum envm_code mend_state(struct envm_metadata_repair *repair, struct envm_error *err)
{
    ENVM_CLEANUP(state) struct state state = {0};

    ENVM_TRY(read_state(repair->prefix_fd, &state, err));
    if (state.wrong && state.copy_is_good) {
        ENVM_TRY(put(repair, ENVM_STATE, state.kept, err));
        return write_state_copy(repair, err); /* with the new time */
    }
    if (state.wrong || !state.copy.there || state.copy_is_good)
        return ENVM_OK;
    ENVM_TRY(write_state_copy(repair, err));
    envm_vec_push(&repair->repaired, ENVM_STATE_COPY.s);
    return ENVM_OK;
}

enum envm_code envm_metadata_mend(struct envm_metadata_repair *repair, struct envm_error *err)
{
    ENVM_TRY(mend_revisions(repair, err));
    ENVM_TRY(mend_history(repair, err));
    return mend_state(repair, err);
}
