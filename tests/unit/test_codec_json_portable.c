/* SPDX-License-Identifier: MIT
 *
 * The same tests for the reader as it is compiled where there is no SSE2.
 */
#undef __SSE2__
#include "codec/json_reader.c"

#include "test_json_reader.c"
