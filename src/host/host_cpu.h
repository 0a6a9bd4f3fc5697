/* SPDX-License-Identifier: MIT
 *
 * The processor as archspec names it.
 */
#ifndef ENVM_HOST_HOST_CPU_H
#define ENVM_HOST_HOST_CPU_H

#include "base/str.h"

/* The generic level of the running processor ("x86_64_v3", "aarch64"), which is in the archspec
 * database and never more than the processor can do; "" when the database has no name for it. */
envm_str envm_host_microarchitecture(void);
/* The same for any processor of a platform (CEP 30, Appendix A); "" when there is none. */
envm_str envm_platform_microarchitecture(envm_str platform);

#endif
