/* SPDX-License-Identifier: MIT */
#ifndef ENVM_NET_DOWNLOAD_FILE_H
#define ENVM_NET_DOWNLOAD_FILE_H

#include "net/body.h"
#include "net/download.h"

/* Copies the file of a file:// URL into the body, on the caller's thread. A file that is not there
 * sets *ret_not_found. ENVM_IO, ENVM_INTERRUPTED; a file longer than the body's limit is left for
 * the caller to see in body->fault. */
enum envm_code envm_download_file(struct envm_arena *arena, envm_str url, struct envm_body *body,
                                  bool *ret_not_found, struct envm_error *err);

#endif
