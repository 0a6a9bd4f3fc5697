/* SPDX-License-Identifier: MIT */
#include "net/trust.h"

#include "base/str.h"
#include "sys/environ.h"
#include "sys/fs.h"

static struct envm_trust trust_in(struct envm_arena *arena, envm_str path, const char *source)
{
    const char *name = envm_cstr(arena, path);

    if (envm_fs_user_kind(name) == ENVM_FS_DIRECTORY)
        return (struct envm_trust){.ca_directory = name, .source = source};
    return (struct envm_trust){.ca_file = name, .source = source};
}

struct envm_trust envm_trust_load(struct envm_arena *arena, const struct envm_net_config *config)
{
    static const char *const names[] = {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
                                        "CURL_CA_BUNDLE"};
    struct envm_environ *env;

    if (config->ca_bundle.len > 0)
        return trust_in(arena, config->ca_bundle, "the configuration");
    if (!config->environment)
        return (struct envm_trust){.source = ""};
    env = envm_environ_from(arena, config->environment);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = envm_environ_get(env, names[i]);
        if (value && value[0])
            return trust_in(arena, envm_str_from(value), names[i]);
    }
    return (struct envm_trust){.source = ""};
}
