/* SPDX-License-Identifier: MIT
 *
 * Solves on repodata.json files directly, without index or cache: a bench for the solver and a
 * source of solutions for check_solution.py.
 *
 *     solve_repodata [-v NAME=VERSION[=BUILD]]… [-p PRIORITY] [-o FILE] [-k OLD] [--pip]
 * [--in-process] -c NAME=REPODATA.json[,REPODATA.json…]… SPEC…
 *
 * `-k OLD` prefers the records whose "name version build" lines stand in OLD. Times go to stderr,
 * the packages to stdout, JSON to FILE.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/map.h"
#include "base/vec.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "conda/package_record.h"
#include "conda/package_source.h"
#include "solve/solver.h"
#include "sys/fs.h"

struct bench {
    struct envm_arena arena;
    ENVM_VEC(struct envm_solve_channel) channels;
    ENVM_VEC(const struct envm_match_spec *) specs;
    ENVM_VEC(const struct envm_package_record *) virtuals;
    ENVM_VEC(const struct envm_package_record *) all;
    ENVM_VEC(const struct envm_package_record *) preferred;
    ENVM_VEC(struct envm_buf) texts;
    struct envm_solve_request request;
    const char *json;
    const char *old;
};

static double now_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static _Noreturn void die(const char *what, const struct envm_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(err->code == ENVM_GAVE_UP ? 13 : 1);
}

static void read_section(struct bench *bench, struct envm_json_reader *r, envm_str channel,
                         envm_str subdir)
{
    envm_str file;

    envm_json_begin_object(r);
    while (envm_json_next_key(r, &bench->arena, &file)) {
        struct envm_package_record *record =
            envm_arena_new(&bench->arena, struct envm_package_record);
        const char *fault = NULL;
        envm_package_record_read(r, &bench->arena, record, &fault);
        if (fault)
            continue;
        record->channel = channel;
        record->file_name = file;
        if (subdir.len)
            record->subdir = subdir;
        record->url =
            envm_arena_printf(&bench->arena, "file:///%.*s/%.*s/%.*s", ENVM_STR_ARGS(channel),
                              ENVM_STR_ARGS(record->subdir), ENVM_STR_ARGS(file));
        envm_vec_push(&bench->all, record);
    }
}

static struct envm_package_source *read_repodata(struct bench *bench, const char *path,
                                                 envm_str channel)
{
    struct envm_buf text = envm_buf_limit((size_t)1 << 31);
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    struct envm_json_reader r;
    size_t from = bench->all.count;
    envm_str key, subdir = {0};

    if (envm_fs_read_user_file(path, &text, &err) != ENVM_OK)
        die(path, &err);
    envm_vec_push(&bench->texts, text); /* the records point into it */
    /* CHANNEL/SUBDIR/repodata.json */
    envm_str place = envm_str_from(path);
    size_t slash = envm_str_find_last_char(place, '/');
    if (slash != SIZE_MAX) {
        place = envm_str_slice(place, 0, slash);
        slash = envm_str_find_last_char(place, '/');
        subdir = slash == SIZE_MAX ? place : envm_str_skip(place, slash + 1);
    }
    envm_json_init(&r, envm_buf_str(&text));
    envm_json_begin_object(&r);
    while (envm_json_next_key(&r, &bench->arena, &key)) {
        if (envm_str_equal_c(key, "packages") || envm_str_equal_c(key, "packages.conda"))
            read_section(bench, &r, channel, subdir);
        else
            envm_json_skip(&r, NULL);
    }
    if (envm_json_end(&r, &err) != ENVM_OK)
        die(path, &err);
    return envm_package_source_from_records(&bench->arena, bench->all.items + from,
                                            bench->all.count - from);
}

static void add_channel(struct bench *bench, const char *argument)
{
    envm_str rest = envm_str_from(argument), name, path;
    ENVM_VEC(const struct envm_package_source *) sources = {0};

    envm_str_split_next(&rest, '=', &name);
    while (rest.ptr && envm_str_split_next(&rest, ',', &path))
        envm_vec_push(&sources, read_repodata(bench, envm_cstr(&bench->arena, path), name));
    struct envm_solve_channel channel = {
        name, envm_arena_copy(&bench->arena, sources.items, sources.count * sizeof(*sources.items)),
        sources.count};
    envm_vec_push(&bench->channels, channel);
    envm_vec_release(&sources);
}

static void add_virtual(struct bench *bench, const char *argument)
{
    struct envm_package_record *record = envm_arena_new(&bench->arena, struct envm_package_record);
    envm_str rest = envm_str_from(argument);

    envm_str_split_next(&rest, '=', &record->name);
    envm_str_split_next(&rest, '=', &record->version);
    if (!rest.ptr || !envm_str_split_next(&rest, '=', &record->build))
        record->build = ENVM_STR("0");
    envm_vec_push(&bench->virtuals, record);
}

static void add_spec(struct bench *bench, const char *text)
{
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    const struct envm_match_spec *spec = NULL;

    if (envm_match_spec_parse(&bench->arena, envm_str_from(text), &spec, &err) != ENVM_OK)
        die(text, &err);
    envm_vec_push(&bench->specs, spec);
}

static void prefer_old(struct bench *bench)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit((size_t)16 << 20);
    ENVM_CLEANUP(envm_map) struct envm_map wanted = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    envm_str line;

    if (!bench->old)
        return;
    if (envm_fs_read_user_file(bench->old, &text, &err) != ENVM_OK)
        die(bench->old, &err);
    envm_str rest = envm_buf_str(&text);
    while (rest.ptr && envm_str_split_next(&rest, '\n', &line))
        if (line.len)
            envm_map_set(&wanted, line, 1);
    for (size_t i = 0; i < bench->all.count; i++) {
        const struct envm_package_record *record = bench->all.items[i];
        envm_str key =
            envm_arena_printf(&bench->arena, "%.*s %.*s %.*s", ENVM_STR_ARGS(record->name),
                              ENVM_STR_ARGS(record->version), ENVM_STR_ARGS(record->build));
        if (envm_map_find(&wanted, key))
            envm_vec_push(&bench->preferred, record);
    }
}

static void write_json(const struct bench *bench, const struct envm_solution *solution)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit((size_t)64 << 20);
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    struct envm_json_writer w;

    envm_json_writer_init(&w, &text, 1);
    envm_json_open_object(&w);
    envm_json_key(&w, "packages");
    envm_json_open_array(&w);
    for (size_t i = 0; i < solution->records.count; i++) {
        const struct envm_package_record *record = solution->records.items[i];
        envm_json_open_object(&w);
        envm_json_field_str(&w, "name", record->name);
        envm_json_field_str(&w, "version", record->version);
        envm_json_field_str(&w, "build", record->build);
        envm_json_field_u64(&w, "build_number", record->build_number);
        envm_json_field_str(&w, "channel", record->channel);
        envm_json_field_str(&w, "subdir", record->subdir);
        envm_json_field_str(&w, "url", record->url);
        envm_json_close_object(&w);
    }
    envm_json_close_array(&w);
    envm_json_close_object(&w);
    if (envm_fs_write_user_file(bench->json, envm_buf_str(&text), &err) != ENVM_OK)
        die(bench->json, &err);
}

static void log_line(void *user, enum envm_log_level level, const char *text)
{
    (void)user;
    (void)level;
    fprintf(stderr, "%s\n", text);
}

static enum envm_channel_priority priority_of(const char *text)
{
    return strcmp(text, "flexible") == 0   ? ENVM_PRIORITY_FLEXIBLE
           : strcmp(text, "disabled") == 0 ? ENVM_PRIORITY_DISABLED
                                           : ENVM_PRIORITY_STRICT;
}

static void read_arguments(struct bench *bench, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--pip") == 0)
            bench->request.add_pip = true;
        else if (strcmp(argv[i], "--in-process") == 0)
            bench->request.in_process = true;
        else if (argv[i][0] != '-')
            add_spec(bench, argv[i]);
        else if (i++, argv[i - 1][1] == 'c')
            add_channel(bench, value);
        else if (argv[i - 1][1] == 'v')
            add_virtual(bench, value);
        else if (argv[i - 1][1] == 'p')
            bench->request.priority = priority_of(value);
        else if (argv[i - 1][1] == 'o')
            bench->json = value;
        else if (argv[i - 1][1] == 'k')
            bench->old = value;
    }
}

static void show(const struct envm_solution *solution)
{
    for (size_t i = 0; i < solution->records.count; i++) {
        const struct envm_package_record *record = solution->records.items[i];
        printf("%.*s %.*s %.*s\n", ENVM_STR_ARGS(record->name), ENVM_STR_ARGS(record->version),
               ENVM_STR_ARGS(record->build));
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    struct envm_sink sink = {.log = log_line};
    struct envm_solution solution = {0};
    struct envm_problem problem = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    double start = now_ms();

    read_arguments(&bench, argc, argv);
    prefer_old(&bench);
    bench.request.channels = bench.channels.items;
    bench.request.channel_count = bench.channels.count;
    bench.request.specs = bench.specs.items;
    bench.request.spec_count = bench.specs.count;
    bench.request.virtual_packages =
        (struct envm_record_list){bench.virtuals.items, bench.virtuals.count};
    bench.request.preferred =
        (struct envm_record_list){bench.preferred.items, bench.preferred.count};
    bench.request.sink = &sink;
    double loaded = now_ms();
    enum envm_code code = envm_solve(&bench.arena, &bench.request, &solution, &problem, &err);
    double solved = now_ms();
    if (code == ENVM_OK) {
        show(&solution);
        if (bench.json)
            write_json(&bench, &solution);
    } else if (code == ENVM_UNSATISFIABLE) {
        printf("%.*s\n", ENVM_STR_ARGS(problem.text));
    } else {
        fprintf(stderr, "%s\n", err.text);
    }
    fprintf(stderr,
            "load %.0f ms, solve %.1f ms, %zu packages of %zu candidates out of %zu records\n",
            loaded - start, solved - loaded, solution.records.count, solution.candidates,
            bench.all.count);
    for (size_t i = 0; i < bench.texts.count; i++)
        envm_buf_release(&bench.texts.items[i]);
    envm_vec_release(&bench.texts);
    envm_vec_release(&bench.channels);
    envm_vec_release(&bench.specs);
    envm_vec_release(&bench.virtuals);
    envm_vec_release(&bench.all);
    envm_vec_release(&bench.preferred);
    envm_arena_release(&bench.arena);
    return envm_code_exit_status(code);
}
