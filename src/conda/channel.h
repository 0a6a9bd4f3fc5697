/* SPDX-License-Identifier: MIT
 *
 * Channel: from what a person writes ("conda-forge", "file:///x", "./chan", "https://…/t/TOKEN/c",
 * "conda-forge/label/dev") to a base URL and a canonical name without credentials (CEP 26).
 */
#ifndef ENVM_CONDA_CHANNEL_H
#define ENVM_CONDA_CHANNEL_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/str.h"

struct envm_channel {
    envm_str name; /* canonical: "conda-forge", or the clean URL when it is not below the alias */
    envm_str base_url; /* without credentials, no trailing slash, NUL-terminated */
    /* credentials that stood in the text, for the credential store only; "" when absent */
    envm_str user, password, token;
    struct envm_str_list platforms; /* "conda-forge[linux-64]" restricts the subdirs; else empty */
};

struct envm_channel_config {
    envm_str alias;                    /* "https://conda.anaconda.org" when empty */
    envm_str current_directory;        /* absolute; relative paths are taken from here */
    const struct envm_custom_channel { /* condarc custom_channels: name -> base */
        envm_str name, base;
    } * custom_channels;
    size_t custom_channel_count;
    struct envm_str_list default_channels; /* what "defaults" stands for; empty: Anaconda's two */
    envm_str home;                         /* what "~" stands for; "" when not known */
};

/* A plain path or "." counts as a channel when it starts with "/", "./", "../", "~" or is "." or
 * "..". "defaults" stands for several channels: see envm_channels_expand. A known subdir at the end
 * ("conda-forge/linux-64") restricts the platforms. ENVM_USAGE with the redacted text, also for
 * Windows paths. */
enum envm_code envm_channel_parse(struct envm_arena *arena, envm_str text,
                                  const struct envm_channel_config *config,
                                  struct envm_channel *ret_channel, struct envm_error *err);
/* Parses each of `texts`; "defaults" becomes the channels it stands for, and of channels that are
 * named twice (by base URL) the first stays. ENVM_USAGE as envm_channel_parse. */
enum envm_code envm_channels_expand(struct envm_arena *arena, struct envm_str_list texts,
                                    const struct envm_channel_config *config,
                                    struct envm_channel **ret_channels, size_t *ret_count,
                                    struct envm_error *err);
/* base_url/subdir, NUL-terminated */
envm_str envm_channel_subdir_url(struct envm_arena *arena, const struct envm_channel *channel,
                                 envm_str subdir);
/* True when `wanted` (the channel part of a MatchSpec, or a canonical name or URL) names the
 * channel whose canonical name is `channel`: equal names, or equal base URLs. Names are compared
 * without case and stand for what they are by default (conda.anaconda.org, repo.anaconda.com for
 * "pkgs/main"…); "defaults" names each of Anaconda's default channels. */
bool envm_channel_name_matches(envm_str wanted, envm_str channel);
/* The canonical name of the channel that `text` means: what is below the default alias or
 * Anaconda's host, else `text` without a slash at its end. A part of `text`, or static. */
envm_str envm_channel_short_name(envm_str text);

#endif
