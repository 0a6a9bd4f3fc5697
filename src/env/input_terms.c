/* SPDX-License-Identifier: MIT */
#include "env/input_terms.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/moment.h"

/* --- reading -------------------------------------------------------------------------------- */

static enum envm_code read_limit(struct envm_context *context, const struct envm_request *request,
                                 struct envm_lock_terms *terms, struct envm_error *err)
{
    envm_str text = envm_str_from(request->exclude_newer);
    const char *where = "--exclude-newer";

    if (!request->exclude_newer) {
        text = context->config.exclude_newer;
        where = "the configuration key exclude_newer";
    }
    if (text.len == 0 || envm_str_equal_c(text, "none"))
        return ENVM_OK;
    if (envm_moment_parse(text, context->now_ms, &terms->exclude_newer_ms,
                          &terms->exclude_newer_is_moving))
        return ENVM_OK;
    (void)envm_fail(err, ENVM_USAGE, "%s is \"%.*s\", which is neither a date nor a duration",
                    where, ENVM_STR_ARGS(text));
    return envm_error_hint(err, ENVM_USAGE,
                           "a date is 2024-01-31 (that day is included) or 2024-01-31T12:00:00Z, a "
                           "duration before now 7d, 2w, 12h or P7D");
}

static enum envm_code read_resolution(struct envm_context *context,
                                      const struct envm_request *request,
                                      struct envm_lock_terms *terms, struct envm_error *err)
{
    envm_str text =
        request->resolution ? envm_str_from(request->resolution) : context->config.resolution;

    if (!envm_str_equal_c(text, "highest") && !envm_str_equal_c(text, "lowest-direct") &&
        !envm_str_equal_c(text, "lowest"))
        return envm_fail(err, ENVM_USAGE,
                         "--resolution has to be highest, lowest-direct or lowest, not \"%.*s\"",
                         ENVM_STR_ARGS(text));
    terms->resolution = text;
    return ENVM_OK;
}

static enum envm_code read_pin(struct envm_arena *arena, envm_str text, const char *where,
                               const struct envm_match_spec **ret_pin, struct envm_error *err)
{
    enum envm_code code = envm_match_spec_parse(arena, text, ret_pin, err);

    if (code != ENVM_OK)
        return envm_wrap(err, ENVM_USAGE, "%s \"%.*s\"", where, ENVM_STR_ARGS(text));
    if (envm_str_starts_with(envm_match_spec_exact_name(*ret_pin), ENVM_STR("__"))) {
        (void)envm_fail(err, ENVM_USAGE, "%s \"%.*s\": a virtual package cannot be pinned", where,
                        ENVM_STR_ARGS(text));
        return envm_error_hint(err, ENVM_USAGE,
                               "say what the machine has with CONDA_OVERRIDE_… or the "
                               "configuration key virtual_packages");
    }
    if (envm_match_spec_url(*ret_pin).len > 0)
        return envm_fail(err, ENVM_USAGE, "%s: a URL cannot be a pin", where);
    return ENVM_OK;
}

static enum envm_code read_pins(struct envm_context *context, struct envm_arena *arena,
                                const struct envm_request *request, struct envm_input *input,
                                struct envm_error *err)
{
    const struct envm_str_list *configured = &context->config.pinned_packages;
    size_t total = request->pin_count + configured->count, kept = 0;
    const struct envm_match_spec **pins =
        envm_arena_new_array(arena, const struct envm_match_spec *, total);
    envm_str *texts = envm_arena_new_array(arena, envm_str, total);

    for (size_t i = 0; i < total; i++) {
        bool is_given = i < request->pin_count;
        envm_str text =
            is_given ? envm_str_from(request->pins[i]) : configured->items[i - request->pin_count];
        ENVM_TRY(read_pin(arena, text, is_given ? "--pin" : "the configured pin", &pins[i], err));
        texts[i] = envm_match_spec_format(arena, pins[i]);
    }
    if (total > 1)
        qsort(texts, total, sizeof(*texts), envm_str_compare_qsort);
    for (size_t i = 0; i < total; i++)
        if (kept == 0 || !envm_str_equal(texts[kept - 1], texts[i]))
            texts[kept++] = texts[i];
    input->pins = pins;
    input->pin_count = total;
    input->terms.pins = (struct envm_str_list){texts, kept};
    return ENVM_OK;
}

enum envm_code envm_input_terms(struct envm_context *context, struct envm_arena *arena,
                                const struct envm_request *request, struct envm_input *input,
                                struct envm_error *err)
{
    struct envm_lock_terms *terms = &input->terms;

    if (request->no_deps && request->only_deps)
        return envm_fail(err, ENVM_USAGE,
                         "--no-deps and --only-deps together leave nothing to install");
    terms->no_deps = request->no_deps;
    terms->only_deps = request->only_deps;
    ENVM_TRY(read_limit(context, request, terms, err));
    ENVM_TRY(read_resolution(context, request, terms, err));
    return read_pins(context, arena, request, input, err);
}

enum envm_code envm_input_refuse_terms(const struct envm_request *request,
                                       const struct envm_input *input, struct envm_error *err)
{
    const char *option = request->no_deps         ? "--no-deps"
                         : request->only_deps     ? "--only-deps"
                         : request->exclude_newer ? "--exclude-newer"
                         : request->resolution    ? "--resolution"
                         : request->pin_count > 0 ? "--pin"
                                                  : NULL;

    if (!option || input->kind == ENVM_INPUT_SPECS)
        return ENVM_OK;
    return envm_fail(
        err, ENVM_USAGE, "%s already say%s exactly what to install: %s would do nothing",
        request->file ? request->file : "package URLs", request->file ? "s" : "", option);
}

/* --- leaving out ---------------------------------------------------------------------------- */

static bool is_requested(const struct envm_input *input, envm_str name)
{
    for (size_t i = 0; i < input->spec_count; i++) {
        envm_str exact = envm_match_spec_exact_name(input->specs[i]);
        if (exact.len ? envm_str_equal(exact, name)
                      : envm_match_spec_matches_name(input->specs[i], name))
            return true;
    }
    return false;
}

static bool depends_on(struct envm_arena *arena, const struct envm_package_record *record,
                       envm_str name)
{
    for (size_t i = 0; i < record->depends.count; i++) {
        const struct envm_match_spec *spec;
        if (envm_match_spec_parse(arena, record->depends.items[i], &spec, NULL) == ENVM_OK &&
            envm_str_equal(envm_match_spec_exact_name(spec), name))
            return true;
    }
    return false;
}

static bool is_needed(struct envm_arena *arena, struct envm_record_list packages, size_t index)
{
    for (size_t i = 0; i < packages.count; i++)
        if (i != index && depends_on(arena, packages.items[i], packages.items[index]->name))
            return true;
    return false;
}

struct envm_record_list envm_input_keep(struct envm_arena *arena, const struct envm_input *input,
                                        struct envm_record_list packages)
{
    const struct envm_package_record **items =
        envm_arena_new_array(arena, const struct envm_package_record *, packages.count);
    struct envm_record_list kept = {items, 0};

    if (!envm_lock_terms_is_partial(&input->terms))
        return packages;
    for (size_t i = 0; i < packages.count; i++) {
        bool requested = is_requested(input, packages.items[i]->name);
        if (input->terms.no_deps ? requested : !requested || is_needed(arena, packages, i))
            kept.items[kept.count++] = packages.items[i];
    }
    return kept;
}
