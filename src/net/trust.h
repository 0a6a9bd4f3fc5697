/* SPDX-License-Identifier: MIT
 *
 * Which certificates are trusted: the configuration, else SSL_CERT_FILE, SSL_CERT_DIR,
 * REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE (in this order), else the system's.
 */
#ifndef ENVM_NET_TRUST_H
#define ENVM_NET_TRUST_H

#include "net/download.h"

struct envm_trust {
    const char *ca_file, *ca_directory; /* both NULL: the system's */
    const char *source;                 /* what named it, for messages; "" for the system's */
};

/* Texts in the arena. A path that is not there counts as a file, so that the failure names it. */
struct envm_trust envm_trust_load(struct envm_arena *arena, const struct envm_net_config *config);

#endif
