/* SPDX-License-Identifier: MIT
 *
 * Runs the cases of the files given: each is solved twice, in a forked child and, with the requests
 * in reverse order, in this process; both answers must be exactly the expected one.
 *
 *     run_solver [--json DIRECTORY] [--show] FILE…
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "solver_case.h"
#include "sys/fs.h"

struct options {
    const char *json_directory;
    bool show; /* print answers, to write new cases from */
    unsigned cases, failures;
};

static int compare_records(const void *a, const void *b)
{
    const struct envm_package_record *x = *(const struct envm_package_record *const *)a;
    const struct envm_package_record *y = *(const struct envm_package_record *const *)b;

    return envm_str_compare(x->name, y->name);
}

static envm_str solution_text(struct envm_arena *arena, const struct solver_case *one,
                              const struct envm_solution *solution)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_limit((size_t)1 << 20);
    size_t count = solution->records.count;
    const struct envm_package_record **sorted =
        envm_arena_copy(arena, solution->records.items, count * sizeof(*sorted));

    if (count > 1)
        qsort(sorted, count, sizeof(*sorted), compare_records);
    for (size_t i = 0; i < count; i++) {
        envm_buf_printf(&out, "%s%.*s %.*s %.*s", i ? "\n" : "", ENVM_STR_ARGS(sorted[i]->name),
                        ENVM_STR_ARGS(sorted[i]->version), ENVM_STR_ARGS(sorted[i]->build));
        if (one->channels.count > 1)
            envm_buf_printf(&out, " %.*s", ENVM_STR_ARGS(sorted[i]->channel));
    }
    return envm_arena_str(arena, envm_buf_str(&out));
}

/* Sources, one for each channel and subdir that the case uses. */
static struct envm_solve_channel *make_channels(struct envm_arena *arena,
                                                const struct solver_case *one)
{
    static const envm_str subdirs[] = {ENVM_STR_INIT("linux-64"), ENVM_STR_INIT("noarch")};
    struct envm_solve_channel *channels =
        envm_arena_new_array(arena, struct envm_solve_channel, one->channels.count);

    for (size_t i = 0; i < one->channels.count; i++) {
        const struct envm_package_source **sources =
            envm_arena_new_array(arena, const struct envm_package_source *, 2);
        for (size_t j = 0; j < 2; j++) {
            const struct envm_package_record **records = envm_arena_new_array(
                arena, const struct envm_package_record *, one->records.count + 1);
            size_t count = 0;
            for (size_t k = 0; k < one->records.count; k++)
                if (one->records.items[k].channel == i &&
                    envm_str_equal(one->records.items[k].record.subdir, subdirs[j]))
                    records[count++] = &one->records.items[k].record;
            sources[j] = envm_package_source_from_records(arena, records, count);
        }
        channels[i] = (struct envm_solve_channel){one->channels.items[i], sources, 2};
    }
    return channels;
}

static struct envm_record_list list_of(struct envm_arena *arena,
                                       const struct envm_package_record *records, size_t count)
{
    const struct envm_package_record **items =
        envm_arena_new_array(arena, const struct envm_package_record *, count);

    for (size_t i = 0; i < count; i++)
        items[i] = &records[i];
    return (struct envm_record_list){items, count};
}

static void log_line(void *user, enum envm_log_level level, const char *text)
{
    struct envm_buf *warnings = user;

    if (level == ENVM_LOG_WARNING)
        envm_buf_printf(warnings, "warning: %s\n", text);
}

struct look {
    const struct solver_case *one;
};

static struct envm_str_list look_elsewhere(void *user, struct envm_arena *arena,
                                           const struct envm_match_spec *spec, bool by_name)
{
    const struct solver_case *one = ((const struct look *)user)->one;
    envm_str *matching = envm_arena_new_array(arena, envm_str, one->elsewhere.count + 1);
    envm_str *named = envm_arena_new_array(arena, envm_str, one->elsewhere.count + 1);
    size_t match_count = 0, name_count = 0;

    for (size_t i = 0; i < one->elsewhere.count; i++) {
        const struct envm_package_record *record = &one->elsewhere.items[i];
        if (envm_match_spec_matches(spec, record))
            matching[match_count++] = record->subdir;
        if (envm_match_spec_matches_name(spec, record->name))
            named[name_count++] = record->subdir;
    }
    return match_count || !by_name ? (struct envm_str_list){matching, match_count}
                                   : (struct envm_str_list){named, name_count};
}

/* NULL when one of them cannot be parsed. */
static const struct envm_match_spec **parse_specs(struct envm_arena *arena, const envm_str *texts,
                                                  size_t count, bool reverse,
                                                  struct envm_error *err)
{
    const struct envm_match_spec **specs =
        envm_arena_new_array(arena, const struct envm_match_spec *, count + 1);

    for (size_t i = 0; i < count; i++)
        if (envm_match_spec_parse(arena, texts[i], &specs[reverse ? count - 1 - i : i], err) !=
            ENVM_OK)
            return NULL;
    return specs;
}

/* The answer as text: the solution, the problem, or the error. */
static envm_str solve(struct envm_arena *arena, const struct solver_case *one, bool reverse,
                      struct envm_solution *solution, enum envm_code *ret_code)
{
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_limit((size_t)1 << 20);
    struct envm_sink sink = {.user = &out, .log = log_line};
    struct envm_problem problem = {0};
    const struct envm_match_spec **specs =
        parse_specs(arena, one->specs.items, one->specs.count, reverse, &err);
    const struct envm_match_spec **pins =
        parse_specs(arena, one->pins.items, one->pins.count, reverse, &err);

    *ret_code = ENVM_MALFORMED;
    if (!specs || !pins)
        return envm_arena_str(arena, envm_str_from(err.text));
    struct look look = {one};
    struct envm_solve_request request = {
        .channels = make_channels(arena, one),
        .channel_count = one->channels.count,
        .priority = one->priority,
        .specs = specs,
        .spec_count = one->specs.count,
        .virtual_packages = list_of(arena, one->virtuals.items, one->virtuals.count),
        .pins = pins,
        .pin_count = one->pins.count,
        .preferred = list_of(arena, one->preferred.items, one->preferred.count),
        .installed = list_of(arena, one->installed.items, one->installed.count),
        .update_names = {one->update_names.items, one->update_names.count},
        .frozen = list_of(arena, one->frozen.items, one->frozen.count),
        .exclude_newer_ms = one->exclude_newer_ms,
        .resolution = one->resolution,
        .platform = ENVM_STR("linux-64"),
        .elsewhere = look_elsewhere,
        .elsewhere_user = &look,
        .add_pip = one->add_pip,
        .timeout_ms = one->timeout_ms,
        .memory_bytes = (uint64_t)one->memory_mib << 20,
        .in_process = reverse,
        .sink = &sink,
    };
    *ret_code = envm_solve(arena, &request, solution, &problem, &err);
    if (*ret_code == ENVM_OK)
        envm_buf_add_str(&out, solution_text(arena, one, solution));
    else if (*ret_code == ENVM_UNSATISFIABLE)
        envm_buf_add_str(&out, problem.text);
    else
        envm_buf_printf(&out, "%s", err.text);
    return envm_arena_str(arena, envm_buf_str(&out));
}

static void compare(struct options *options, const struct solver_case *one, const char *how,
                    envm_str answer, enum envm_code code)
{
    bool is_problem = code != ENVM_OK;

    if (options->show)
        printf("==== %.*s (%s)\n%.*s\n", ENVM_STR_ARGS(one->title), how, ENVM_STR_ARGS(answer));
    if (is_problem == one->expects_problem && envm_str_equal(answer, one->expected))
        return;
    options->failures++;
    printf("FAILED: %.*s (%s)\n--- expected\n%.*s\n--- got\n%.*s\n---\n", ENVM_STR_ARGS(one->title),
           how, ENVM_STR_ARGS(one->expected), ENVM_STR_ARGS(answer));
}

static void run_case(struct options *options, const struct solver_case *one, const char *stem)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_solution solution = {0}, reversed = {0};
    enum envm_code code = ENVM_OK;
    char path[4096];

    envm_str answer = solve(&arena, one, false, &solution, &code);
    compare(options, one, "forked", answer, code);
    if (code == ENVM_OK && options->json_directory) {
        snprintf(path, sizeof(path), "%s/%s-%u", options->json_directory, stem, options->cases);
        if (!solver_case_dump(one, &solution, path)) {
            options->failures++;
            printf("FAILED: cannot write %s\n", path);
        }
    }
    /* limits hold only in the child */
    if (one->timeout_ms == 0 && one->memory_mib == 0) {
        answer = solve(&arena, one, true, &reversed, &code);
        compare(options, one, "reversed", answer, code);
    }
    options->cases++;
}

static bool run_file(struct options *options, const char *path)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit((size_t)16 << 20);
    const char *slash = strrchr(path, '/'), *fault = NULL;
    envm_str name = envm_str_from(slash ? slash + 1 : path);
    const char *stem = envm_cstr(&arena, envm_str_slice(name, 0, envm_str_find_char(name, '.')));
    struct solver_case one;

    if (envm_fs_read_user_file(path, &text, &err) != ENVM_OK) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    envm_str rest = envm_buf_str(&text);
    while (solver_case_next(&arena, &rest, &one, &fault)) {
        if (fault) {
            printf("FAILED: %s: %.*s: bad line: %s\n", path, ENVM_STR_ARGS(one.title), fault);
            options->failures++;
        } else {
            run_case(options, &one, stem);
        }
        solver_case_release(&one);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    int at = 1;

    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--show") == 0)
            options.show = true;
        else if (strcmp(argv[at], "--json") == 0 && at + 1 < argc)
            options.json_directory = argv[++at];
        else
            return 2;
    }
    for (; at < argc; at++)
        if (!run_file(&options, argv[at]))
            return 2;
    printf("%u cases, %u failures\n", options.cases, options.failures);
    return options.failures || options.cases == 0;
}
