/* SPDX-License-Identifier: MIT */
#include "cli/request_rows.h"

void envm_cli_fill_request(const struct request_args *args, struct envm_request *request)
{
    request->channels = args->channels.items;
    request->channel_count = args->channels.count;
    request->override_channels = args->override_channels;
    request->channel_priority = args->channel_priority;
    request->add_pip = args->add_pip;
    request->pins = args->pins.items;
    request->pin_count = args->pins.count;
    request->exclude_newer = args->exclude_newer;
    request->resolution = args->resolution;
    request->no_deps = args->no_deps;
    request->only_deps = args->only_deps;
}
