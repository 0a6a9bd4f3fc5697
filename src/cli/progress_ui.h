/* SPDX-License-Identifier: MIT
 *
 * Progress on a terminal: one line that is redrawn; elsewhere plain lines for each phase. Log
 * lines go above it. Everything to stderr.
 */
#ifndef ENVM_CLI_PROGRESS_UI_H
#define ENVM_CLI_PROGRESS_UI_H

#include <envm/progress.h>

struct progress_ui;

enum progress_style {
    PROGRESS_NONE,  /* --quiet, --json: warnings only */
    PROGRESS_LINES, /* not a terminal */
    PROGRESS_LIVE,
};

struct progress_ui *envm_progress_ui_new(enum progress_style style, bool verbose, bool color);
/* Clears the live line. */
void envm_progress_ui_free(struct progress_ui *ui);
/* Callbacks for a sink whose user is the ui. */
void envm_progress_ui_log(void *ui, enum envm_log_level level, const char *text);
void envm_progress_ui_event(void *ui, const struct envm_progress *event);
/* Takes the live line off the screen, so that something else can be printed. */
void envm_progress_ui_clear(struct progress_ui *ui);

#endif
