/* SPDX-License-Identifier: MIT */
#include "env/input.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "codec/url.h"
#include "conda/package_record.h"
#include "conda/platform.h"
#include "env/input_terms.h"
#include "lock/lockfile_detect.h"
#include "lock/lockfile_explicit.h"
#include "sys/fs.h"

#define INPUT_SIZE_MAX ((size_t)64 << 20)

struct input_reader {
    struct envm_context *context;
    struct envm_arena *arena;
    const struct envm_request *request;
    struct envm_input *input;
    const struct envm_input *known; /* the same request for another platform, or NULL */
    envm_str directory; /* of the file, absolute; of the working directory without one */
    ENVM_VEC(const struct envm_match_spec *) specs;
    struct envm_channel_vec channels;
};

static enum envm_code refuse_pip(const struct envm_environment_spec *spec, struct envm_error *err)
{
    (void)envm_fail(err, ENVM_MALFORMED,
                    "%.*s:%u: the pip: section (%zu requirement%s) cannot be installed: envm "
                    "installs conda packages only",
                    ENVM_STR_ARGS(spec->file), spec->pip_line, spec->pip.count,
                    spec->pip.count == 1 ? "" : "s");
    (void)envm_error_where(err, ENVM_MALFORMED, "%.*s:%u", ENVM_STR_ARGS(spec->file),
                           spec->pip_line);
    return envm_error_hint(err, ENVM_MALFORMED,
                           "name conda packages instead where they exist, or pass --no-pip to "
                           "install the conda part only and run pip in the environment afterwards");
}

/* "./channel::numpy" and "/srv/channel::numpy": the folder means the same as its URL. */
static enum envm_code resolve_channel(struct input_reader *r, envm_str directory, envm_str *text,
                                      struct envm_error *err)
{
    size_t end = envm_str_find(*text, ENVM_STR("::"));
    envm_str path;

    if (end == SIZE_MAX || (!envm_str_starts_with(*text, ENVM_STR("/")) &&
                            !envm_str_starts_with(*text, ENVM_STR("./")) &&
                            !envm_str_starts_with(*text, ENVM_STR("../"))))
        return ENVM_OK;
    path = envm_str_slice(*text, 0, end);
    if (path.ptr[0] != '/')
        path =
            envm_arena_printf(r->arena, "%.*s/%.*s", ENVM_STR_ARGS(directory), ENVM_STR_ARGS(path));
    ENVM_TRY(envm_fs_absolute(r->arena, envm_cstr(r->arena, path), &path, err));
    path = envm_url_from_path(r->arena, path);
    *text = envm_arena_printf(r->arena, "%.*s%.*s", ENVM_STR_ARGS(path),
                              ENVM_STR_ARGS(envm_str_skip(*text, end)));
    return ENVM_OK;
}

/* The path of a package file is taken from `directory`, and means the same as its URL. */
static enum envm_code add_spec(struct input_reader *r, envm_str text, envm_str directory,
                               struct envm_error *err)
{
    const struct envm_match_spec *spec;

    ENVM_TRY(resolve_channel(r, directory, &text, err));
    ENVM_TRY(envm_match_spec_parse(r->arena, text, &spec, err));
    envm_str path = envm_match_spec_url(spec);
    if (path.len > 0 && !envm_str_contains(path, ENVM_STR("://"))) {
        if (path.ptr[0] != '/')
            path = envm_arena_printf(r->arena, "%.*s/%.*s", ENVM_STR_ARGS(directory),
                                     ENVM_STR_ARGS(path));
        ENVM_TRY(envm_fs_absolute(r->arena, envm_cstr(r->arena, path), &path, err));
        ENVM_TRY(envm_match_spec_parse(r->arena, envm_url_from_path(r->arena, path), &spec, err));
    }
    envm_vec_push(&r->specs, spec);
    return ENVM_OK;
}

static enum envm_code add_file_specs(struct input_reader *r,
                                     const struct envm_environment_spec *spec,
                                     struct envm_error *err)
{
    for (size_t i = 0; i < spec->specs.count; i++) {
        enum envm_code code = add_spec(r, spec->specs.items[i], r->directory, err);

        if (code != ENVM_OK) {
            (void)envm_error_where(err, code, "%.*s:%u", ENVM_STR_ARGS(spec->file),
                                   spec->spec_lines[i]);
            return envm_wrap(err, ENVM_MALFORMED, "%.*s:%u", ENVM_STR_ARGS(spec->file),
                             spec->spec_lines[i]);
        }
    }
    return ENVM_OK;
}

static enum envm_code read_environment(struct input_reader *r, envm_str text,
                                       struct envm_error *err)
{
    struct envm_environment_spec *spec = &r->input->environment;

    ENVM_TRY(envm_environment_spec_parse(r->arena, text, r->request->file, r->input->platform,
                                         &r->context->sink, spec, err));
    r->input->from_environment_file = true;
    if (spec->pip_line && spec->pip.count > 0) {
        if (!r->request->no_pip)
            return refuse_pip(spec, err);
        r->input->omitted_pip = spec->pip;
    }
    for (size_t i = 0; i < spec->channels.count; i++)
        ENVM_TRY_WRAP(envm_context_add_channel(r->context, r->arena, spec->channels.items[i],
                                               r->directory, &r->channels, err),
                      err, "%s: channels", r->request->file);
    return add_file_specs(r, spec, err);
}

static enum envm_code read_spec_list(struct input_reader *r, envm_str text, struct envm_error *err)
{
    struct envm_str_list specs = {0};

    ENVM_TRY(envm_spec_list_read(r->arena, text, r->request->file, &specs, err));
    for (size_t i = 0; i < specs.count; i++)
        ENVM_TRY(add_spec(r, specs.items[i], r->directory, err));
    return ENVM_OK;
}

static enum envm_code foreign_lock(const char *file, const char *what, struct envm_error *err)
{
    (void)envm_fail(err, ENVM_MALFORMED,
                    "%s is a %s lock, which this version of envm does not read", file, what);
    return envm_error_hint(err, ENVM_MALFORMED,
                           "create from the environment file that it was made from, or from an "
                           "@EXPLICIT list of its packages");
}

/* Records have clean URLs, so what is secret in the lines is taken from the text itself. */
static void keep_explicit_credentials(struct input_reader *r, envm_str text)
{
    envm_str line;

    while (envm_str_split_next(&text, '\n', &line)) {
        size_t hash = envm_str_find_last_char(line, '#');

        if (hash != SIZE_MAX)
            line.len = hash;
        line = envm_str_trim(line);
        if (envm_str_contains(line, ENVM_STR("://")))
            envm_context_keep_url_credential(r->context, line);
    }
}

/* Standard input can be read only once, and a file may change between two platforms. */
static enum envm_code read_text(struct input_reader *r, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf buf = envm_buf_limit(INPUT_SIZE_MAX);

    if (r->known) {
        r->input->text = r->known->text;
        return ENVM_OK;
    }
    ENVM_TRY(envm_fs_read_user_file(r->request->file, &buf, err));
    r->input->text = envm_arena_str(r->arena, envm_buf_str(&buf));
    return ENVM_OK;
}

static enum envm_code read_file(struct input_reader *r, struct envm_error *err)
{
    const char *file = r->request->file;
    envm_str text;

    ENVM_TRY(read_text(r, err));
    text = r->input->text;
    /* Most likely a command that failed, with its output redirected here. */
    if (envm_str_trim(text).len == 0)
        return envm_fail(err, ENVM_MALFORMED, "%s is empty",
                         strcmp(file, "-") == 0 ? "standard input" : file);
    switch (envm_detect_format(text)) {
    case ENVM_FORMAT_ENVIRONMENT:
        return read_environment(r, text, err);
    case ENVM_FORMAT_SPEC_LIST:
        return read_spec_list(r, text, err);
    case ENVM_FORMAT_EXPLICIT:
        r->input->kind = ENVM_INPUT_EXPLICIT;
        keep_explicit_credentials(r, text);
        return envm_explicit_read(r->arena, text, file, r->directory, r->context->environment,
                                  &r->input->explicit_records, err);
    case ENVM_FORMAT_LOCK:
        r->input->kind = ENVM_INPUT_LOCK;
        r->input->has_lock = true;
        r->input->lock_text = text;
        r->input->lock_path = envm_arena_str(r->arena, envm_str_from(file));
        return envm_lockfile_read(r->arena, text, file, &r->input->lock, err);
    case ENVM_FORMAT_CONDA_LOCK:
        return foreign_lock(file, "conda-lock", err);
    case ENVM_FORMAT_PIXI_LOCK:
        return foreign_lock(file, "pixi", err);
    }
    return ENVM_OK;
}

/* Specs that are package URLs: all of them make an explicit list, some of them are solved for. */
static enum envm_code take_url_specs(struct input_reader *r, struct envm_error *err)
{
    const struct envm_package_record **records =
        envm_arena_new_array(r->arena, const struct envm_package_record *, r->specs.count);
    struct envm_record_list list = {records, 0};

    for (size_t i = 0; i < r->specs.count; i++) {
        struct envm_package_record *record = envm_arena_new(r->arena, struct envm_package_record);
        envm_str url = envm_match_spec_url(r->specs.items[i]);

        if (url.len == 0)
            continue;
        ENVM_TRY(envm_package_record_from_url(r->arena, url, record, err));
        records[list.count++] = record;
    }
    if (list.count == 0)
        return ENVM_OK;
    if (list.count < r->specs.count || r->request->solve_urls) {
        r->input->extra_records = list;
        return ENVM_OK;
    }
    r->input->kind = ENVM_INPUT_EXPLICIT;
    r->input->explicit_records = list;
    r->specs.count = 0;
    return ENVM_OK;
}

static enum envm_code read_command_line(struct input_reader *r, envm_str here,
                                        struct envm_error *err)
{
    for (size_t i = 0; i < r->request->spec_count; i++) {
        enum envm_code code = add_spec(r, envm_str_from(r->request->specs[i]), here, err);

        if (code != ENVM_OK)
            return envm_wrap(err, ENVM_USAGE, "spec \"%s\"", r->request->specs[i]);
        if (envm_match_spec_url(r->specs.items[r->specs.count - 1]).len > 0)
            envm_context_keep_url_credential(r->context, envm_str_from(r->request->specs[i]));
    }
    if (r->request->spec_count > 0 && r->input->kind != ENVM_INPUT_SPECS)
        return envm_fail(err, ENVM_USAGE,
                         "%s already says exactly what to install: no further "
                         "specs are possible",
                         r->request->file);
    return ENVM_OK;
}

/* A spec may name a channel that is not in the list; it then comes last, as in conda. */
static enum envm_code add_spec_channels(struct input_reader *r, struct envm_error *err)
{
    for (size_t i = 0; i < r->specs.count; i++) {
        envm_str channel = envm_match_spec_channel(r->specs.items[i]);
        bool known = channel.len == 0 || envm_str_contains(channel, ENVM_STR("*")) ||
                     envm_match_spec_url(r->specs.items[i]).len > 0;

        for (size_t k = 0; !known && k < r->channels.count; k++)
            known = envm_channel_name_matches(channel, r->channels.items[k].name);
        if (!known)
            ENVM_TRY(envm_context_add_channel(r->context, r->arena, channel, r->directory,
                                              &r->channels, err));
    }
    return ENVM_OK;
}

static enum envm_code add_default_channels(struct input_reader *r, struct envm_error *err)
{
    const struct envm_str_list *defaults = &r->context->config.channels;
    const struct envm_request *request = r->request;

    if (r->input->kind != ENVM_INPUT_SPECS)
        return ENVM_OK;
    if (request->override_channels)
        return ENVM_OK;
    for (size_t i = 0; i < request->base_channel_count; i++)
        ENVM_TRY(envm_context_add_channel(r->context, r->arena,
                                          envm_str_from(request->base_channels[i]), r->directory,
                                          &r->channels, err));
    if (r->input->environment.nodefaults || request->base_channel_count > 0)
        return ENVM_OK;
    for (size_t i = 0; i < defaults->count; i++)
        ENVM_TRY(envm_context_add_channel(r->context, r->arena, defaults->items[i], r->directory,
                                          &r->channels, err));
    return ENVM_OK;
}

/* The channels of an explicit list are those that its URLs lie in. */
static struct envm_str_list explicit_channels(struct input_reader *r)
{
    const struct envm_record_list *records = &r->input->explicit_records;
    envm_str *names = envm_arena_new_array(r->arena, envm_str, records->count);
    size_t count = 0;

    for (size_t i = 0; i < records->count; i++) {
        bool known = false;

        for (size_t k = 0; !known && k < count; k++)
            known = envm_str_equal(names[k], records->items[i]->channel);
        if (!known)
            names[count++] = records->items[i]->channel;
    }
    return (struct envm_str_list){names, count};
}

static void finish_lists(struct input_reader *r)
{
    struct envm_input *input = r->input;
    const struct envm_match_spec **specs =
        envm_arena_new_array(r->arena, const struct envm_match_spec *, r->specs.count);
    envm_str *texts = envm_arena_new_array(r->arena, envm_str, r->specs.count);
    envm_str *names = envm_arena_new_array(r->arena, envm_str, r->channels.count);

    for (size_t i = 0; i < r->specs.count; i++) {
        specs[i] = r->specs.items[i];
        texts[i] = envm_match_spec_format(r->arena, specs[i]);
    }
    if (r->specs.count > 0)
        qsort(texts, r->specs.count, sizeof(*texts), envm_str_compare_qsort);
    input->specs = specs;
    input->spec_count = r->specs.count;
    input->spec_texts = (struct envm_str_list){texts, r->specs.count};
    for (size_t i = 0; i < r->channels.count; i++)
        names[i] = r->channels.items[i].name;
    input->channels = envm_arena_copy(r->arena, r->channels.items,
                                      r->channels.count * sizeof(*r->channels.items));
    input->channel_count = r->channels.count;
    input->channel_names = input->kind == ENVM_INPUT_EXPLICIT
                               ? explicit_channels(r)
                               : (struct envm_str_list){names, r->channels.count};
}

/* FILE's stem + ".lock", beside it. */
static envm_str lock_beside(struct envm_arena *arena, const char *file)
{
    envm_str path = envm_str_from(file);
    size_t slash = envm_str_find_last_char(path, '/');
    size_t dot = envm_str_find_last_char(path, '.');

    if (dot != SIZE_MAX && dot > 0 && (slash == SIZE_MAX || dot > slash + 1))
        path.len = dot;
    return envm_arena_printf(arena, "%.*s.lock", ENVM_STR_ARGS(path));
}

/* There, and not the pipe or terminal that the new lock goes to: that would be waited for. */
static bool is_readable_lock(const struct input_reader *r, envm_str path)
{
    enum envm_fs_kind kind = path.len > 0 ? envm_fs_user_kind(path.ptr) : ENVM_FS_ABSENT;

    return kind != ENVM_FS_ABSENT && !(r->request->lock_is_output && kind == ENVM_FS_OTHER);
}

static enum envm_code read_lock(struct input_reader *r, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf buf = envm_buf_limit(INPUT_SIZE_MAX);
    struct envm_input *input = r->input;

    if (input->kind != ENVM_INPUT_SPECS)
        return ENVM_OK;
    if (r->known) {
        input->lock_path = r->known->lock_path;
        input->has_lock = r->known->has_lock;
        input->lock = r->known->lock;
        input->lock_text = r->known->lock_text;
        return ENVM_OK;
    }
    if (r->request->lock_file)
        input->lock_path = envm_arena_str(r->arena, envm_str_from(r->request->lock_file));
    else if (input->from_environment_file && strcmp(r->request->file, "-") != 0)
        input->lock_path = lock_beside(r->arena, r->request->file);
    if (!is_readable_lock(r, input->lock_path))
        return ENVM_OK;
    ENVM_TRY(envm_fs_read_user_file(input->lock_path.ptr, &buf, err));
    input->lock_text = envm_arena_str(r->arena, envm_buf_str(&buf));
    /* What the shell has just made for the output. */
    if (r->request->lock_is_output && input->lock_text.len == 0)
        return ENVM_OK;
    if (envm_detect_format(input->lock_text) != ENVM_FORMAT_LOCK &&
        !envm_str_contains(input->lock_text, ENVM_STR("<<<<<<< "))) {
        (void)envm_fail(err, ENVM_MALFORMED, "%s is not a lock of envm", input->lock_path.ptr);
        return envm_error_hint(err, ENVM_MALFORMED,
                               "move it away, or name another lock file with --lock");
    }
    ENVM_TRY(
        envm_lockfile_read(r->arena, input->lock_text, input->lock_path.ptr, &input->lock, err));
    input->has_lock = true;
    return ENVM_OK;
}

static enum envm_code find_directory(struct input_reader *r, struct envm_error *err)
{
    const char *file = r->request->file;
    envm_str path;
    size_t slash;

    if (!file || strcmp(file, "-") == 0 || envm_str_find_char(envm_str_from(file), '/') == SIZE_MAX)
        return envm_fs_absolute(r->arena, ".", &r->directory, err);
    ENVM_TRY(envm_fs_absolute(r->arena, file, &path, err));
    slash = envm_str_find_last_char(path, '/');
    r->directory = envm_arena_str(r->arena, envm_str_n(path.ptr, slash ? slash : 1));
    return ENVM_OK;
}

static enum envm_code choose_options(struct input_reader *r, struct envm_error *err)
{
    const struct envm_request *request = r->request;
    envm_str priority = envm_str_from(request->channel_priority);

    if (priority.len == 0)
        priority = r->context->config.channel_priority;
    if (!envm_str_equal_c(priority, "strict") && !envm_str_equal_c(priority, "flexible") &&
        !envm_str_equal_c(priority, "disabled"))
        return envm_fail(err, ENVM_USAGE,
                         "--channel-priority has to be strict, flexible or disabled, not \"%.*s\"",
                         ENVM_STR_ARGS(priority));
    r->input->channel_priority = priority;
    r->input->add_pip = request->add_pip || r->context->config.add_pip_as_python_dependency;
    return envm_input_terms(r->context, r->arena, request, r->input, err);
}

static enum envm_code read_all(struct input_reader *r, struct envm_error *err)
{
    envm_str here;

    ENVM_TRY(find_directory(r, err));
    ENVM_TRY(envm_fs_absolute(r->arena, ".", &here, err));
    ENVM_TRY(choose_options(r, err));
    for (size_t i = 0; i < r->request->channel_count; i++)
        ENVM_TRY(envm_context_add_channel(
            r->context, r->arena, envm_str_from(r->request->channels[i]), here, &r->channels, err));
    if (r->request->file)
        ENVM_TRY(read_file(r, err));
    ENVM_TRY(read_command_line(r, here, err));
    ENVM_TRY(take_url_specs(r, err));
    ENVM_TRY(envm_input_refuse_terms(r->request, r->input, err));
    ENVM_TRY(add_default_channels(r, err));
    ENVM_TRY(add_spec_channels(r, err));
    finish_lists(r);
    return read_lock(r, err);
}

static enum envm_code read_input(struct input_reader r, const char *platform,
                                 struct envm_input *ret_input, struct envm_error *err)
{
    struct envm_input input = {.platform =
                                   platform ? envm_str_from(platform) : envm_platform_host()};
    enum envm_code code;

    r.input = &input;

    if (!envm_subdir_is_valid(input.platform) || envm_str_equal_c(input.platform, "noarch")) {
        (void)envm_fail(err, ENVM_USAGE, "\"%.*s\" is not a platform",
                        ENVM_STR_ARGS(input.platform));
        return envm_error_hint(err, ENVM_USAGE, "examples: linux-64, linux-aarch64, osx-arm64");
    }
    code = read_all(&r, err);
    envm_vec_release(&r.specs);
    envm_vec_release(&r.channels);
    if (code == ENVM_OK)
        *ret_input = input;
    return code;
}

enum envm_code envm_input_read(struct envm_context *context, struct envm_arena *arena,
                               const struct envm_request *request, const char *platform,
                               struct envm_input *ret_input, struct envm_error *err)
{
    return read_input((struct input_reader){.context = context, .arena = arena, .request = request},
                      platform, ret_input, err);
}

enum envm_code envm_input_read_other(struct envm_context *context, struct envm_arena *arena,
                                     const struct envm_request *request,
                                     const struct envm_input *known, const char *platform,
                                     struct envm_input *ret_input, struct envm_error *err)
{
    struct input_reader r = {
        .context = context, .arena = arena, .request = request, .known = known};

    if (envm_str_equal_c(known->platform, platform)) {
        *ret_input = *known;
        return ENVM_OK;
    }
    return read_input(r, platform, ret_input, err);
}

struct envm_lock_question envm_input_question(const struct envm_input *input,
                                              struct envm_record_list virtual_packages)
{
    return (struct envm_lock_question){
        .platform = input->platform,
        .channels = input->channel_names,
        .specs = input->specs,
        .spec_count = input->spec_count,
        .channel_priority = input->channel_priority,
        .add_pip = input->add_pip,
        .terms = input->terms,
        .variables = input->environment.variables,
        .variable_count = input->environment.variable_count,
        .virtual_packages = virtual_packages,
    };
}
