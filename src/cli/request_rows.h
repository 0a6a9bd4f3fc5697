/* SPDX-License-Identifier: MIT
 *
 * The options that every command with a solve has: the rows, where their values go, and how these
 * become a request. A command embeds a struct request_args in its own and names it in the rows:
 *
 *     struct install_args { …; struct request_args request; };
 *     static const struct option_row rows[] = { …, REQUEST_ROWS(struct install_args, request), … };
 */
#ifndef ENVM_CLI_REQUEST_ROWS_H
#define ENVM_CLI_REQUEST_ROWS_H

#include <stddef.h>

#include <envm/environment.h>

#include "cli/options.h"

struct request_args {
    struct text_list channels, pins;
    bool override_channels, add_pip, no_deps, only_deps;
    const char *channel_priority, *exclude_newer, *resolution;
};

/* clang-format off */
#define REQUEST_ROWS(type, member)                                                                 \
    {'c', "channel", OPTION_LIST, offsetof(type, member.channels), "CHANNEL",                      \
     "channel to take packages from, before the file's; may be repeated"},                         \
    {0, "override-channels", OPTION_FLAG, offsetof(type, member.override_channels), NULL,          \
     "do not append the configured default channels"},                                             \
    {0, "channel-priority", OPTION_TEXT, offsetof(type, member.channel_priority), "PRIORITY",      \
     "strict (default), flexible or disabled"},                                                    \
    {0, "pin", OPTION_LIST, offsetof(type, member.pins), "SPEC",                                   \
     "holds for the package when it is needed; may be repeated"},                                  \
    {0, "exclude-newer", OPTION_TEXT, offsetof(type, member.exclude_newer), "DATE",                \
     "take no package newer than a date, or than a duration ago: 2024-01-31, 7d"},                 \
    {0, "resolution", OPTION_TEXT, offsetof(type, member.resolution), "MODE",                      \
     "highest (default), lowest-direct or lowest versions"},                                       \
    {0, "no-deps", OPTION_FLAG, offsetof(type, member.no_deps), NULL,                              \
     "leave out what the requested packages need"},                                                \
    {0, "only-deps", OPTION_FLAG, offsetof(type, member.only_deps), NULL,                          \
     "only what the requested packages need"},                                                     \
    {0, "add-pip", OPTION_FLAG, offsetof(type, member.add_pip), NULL,                              \
     "make python depend on pip, as conda does"}
/* clang-format on */

/* Sets the fields of the request that these options are about. The texts stay where they are. */
void envm_cli_fill_request(const struct request_args *args, struct envm_request *request);

#endif
