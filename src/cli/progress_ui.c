/* SPDX-License-Identifier: MIT */
#include "cli/progress_ui.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/arena.h"
#include "base/str.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "sys/tty.h"

#define REDRAW_MS 80
#define RATE_MS 1000

struct progress_ui {
    enum progress_style style;
    bool verbose;
    bool color;
    bool drawn; /* the live line is on the screen */
    uint64_t last_draw;
    char phase[32];
    uint64_t downloads_done;
    uint64_t bytes; /* of all downloads */
    struct envm_arena arena;
    struct envm_map files; /* label -> bytes so far */
    uint64_t linked, packages;
    uint64_t rate_time, rate_bytes; /* when the rate was last taken, and the bytes then */
    uint64_t rate;                  /* bytes a second */
};

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct progress_ui *envm_progress_ui_new(enum progress_style style, bool verbose, bool color)
{
    struct progress_ui *ui = envm_alloc_zero(1, sizeof(*ui));

    ui->style = style;
    ui->verbose = verbose;
    ui->color = color;
    return ui;
}

void envm_progress_ui_clear(struct progress_ui *ui)
{
    if (ui->drawn)
        fputs("\r\033[K", stderr);
    ui->drawn = false;
}

void envm_progress_ui_free(struct progress_ui *ui)
{
    if (!ui)
        return;
    envm_progress_ui_clear(ui);
    envm_map_release(&ui->files);
    envm_arena_release(&ui->arena);
    envm_free(ui);
}

void envm_progress_ui_log(void *user, enum envm_log_level level, const char *text)
{
    struct progress_ui *ui = user;
    const char *on = ui->color ? "\033[33m" : "";
    const char *off = ui->color ? "\033[0m" : "";

    if (level == ENVM_LOG_DEBUG && !ui->verbose)
        return;
    if (level == ENVM_LOG_INFO && ui->style == PROGRESS_NONE && !ui->verbose)
        return;
    envm_progress_ui_clear(ui);
    if (level == ENVM_LOG_WARNING)
        fprintf(stderr, "%swarning:%s ", on, off);
    envm_cli_put(stderr, envm_str_from(text));
    fputc('\n', stderr);
}

/* Of the last second or two: an average of the whole run would hide that a server has stalled. */
static void take_rate(struct progress_ui *ui, uint64_t now)
{
    if (now - ui->rate_time < RATE_MS)
        return;
    if (ui->rate_time > 0)
        ui->rate = (ui->bytes - ui->rate_bytes) * 1000 / (now - ui->rate_time);
    ui->rate_time = now;
    ui->rate_bytes = ui->bytes;
}

static void add_bytes(const struct progress_ui *ui, struct envm_buf *line)
{
    char size[16];
    char rate[16];

    envm_cli_format_size(ui->bytes, size);
    envm_cli_format_size(ui->rate, rate);
    envm_buf_add_cstr(line, size);
    if (ui->rate > 0)
        envm_buf_printf(line, " at %s/s", rate);
}

static void describe(const struct progress_ui *ui, struct envm_buf *line)
{
    if (ui->packages > 0) {
        envm_buf_printf(line, "%s: %llu of %llu packages", ui->phase,
                        (unsigned long long)ui->linked, (unsigned long long)ui->packages);
        if (ui->bytes > 0) {
            envm_buf_add_cstr(line, ", downloaded ");
            add_bytes(ui, line);
        }
    } else if (ui->bytes > 0) {
        envm_buf_printf(line, "%s: ", ui->phase);
        add_bytes(ui, line);
    } else {
        envm_buf_printf(line, "%s …", ui->phase);
    }
}

static void draw(struct progress_ui *ui)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf line = envm_buf_text();
    uint64_t now = now_ms();
    unsigned width = envm_tty_width(STDERR_FILENO);
    envm_str text;

    if (ui->drawn && now - ui->last_draw < REDRAW_MS)
        return;
    take_rate(ui, now);
    describe(ui, &line);
    text = envm_buf_str(&line);
    if (text.len + 1 > width)
        text.len = width > 1 ? width - 1 : 0;
    fprintf(stderr, "\r\033[K%.*s", ENVM_STR_ARGS(text));
    fflush(stderr);
    ui->drawn = true;
    ui->last_draw = now;
}

static void count_bytes(struct progress_ui *ui, const struct envm_progress *event)
{
    uint64_t *seen = envm_map_find(&ui->files, event->name);

    if (!seen) {
        envm_map_set(&ui->files, envm_arena_str(&ui->arena, event->name), 0);
        seen = envm_map_find(&ui->files, event->name);
    }
    if (!seen)
        return;
    /* A retry starts over. */
    if (event->done >= *seen)
        ui->bytes += event->done - *seen;
    *seen = event->done;
}

static const char *phase_text(envm_str name)
{
    if (envm_str_equal_c(name, "repodata"))
        return "reading channels";
    if (envm_str_equal_c(name, "solve"))
        return "solving";
    if (envm_str_equal_c(name, "install"))
        return "installing";
    if (envm_str_equal_c(name, "verify"))
        return "verifying";
    return NULL;
}

static void begin_phase(struct progress_ui *ui, envm_str name)
{
    const char *text = phase_text(name);

    if (text)
        snprintf(ui->phase, sizeof(ui->phase), "%s", text);
    else
        snprintf(ui->phase, sizeof(ui->phase), "%.*s", ENVM_STR_ARGS(name));
    ui->bytes = 0;
    ui->rate = ui->rate_time = 0;
    if (ui->style == PROGRESS_LINES)
        fprintf(stderr, "%s\n", ui->phase);
}

void envm_progress_ui_event(void *user, const struct envm_progress *event)
{
    struct progress_ui *ui = user;

    if (ui->style == PROGRESS_NONE)
        return;
    switch (event->kind) {
    case ENVM_PROGRESS_PHASE:
        begin_phase(ui, event->name);
        break;
    case ENVM_PROGRESS_TOTAL:
        ui->packages = event->total;
        break;
    case ENVM_PROGRESS_DOWNLOAD:
        count_bytes(ui, event);
        break;
    case ENVM_PROGRESS_DOWNLOADED:
        ui->downloads_done++;
        break;
    case ENVM_PROGRESS_EXTRACTED:
        break;
    case ENVM_PROGRESS_LINKED:
        ui->linked++;
        ui->packages = event->total;
        break;
    }
    if (ui->style == PROGRESS_LIVE)
        draw(ui);
}
