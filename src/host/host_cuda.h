/* SPDX-License-Identifier: MIT
 *
 * What NVIDIA's driver says, asked in a child process with a time limit: a driver that hangs or
 * crashes costs a second and nothing else.
 */
#ifndef ENVM_HOST_HOST_CUDA_H
#define ENVM_HOST_HOST_CUDA_H

#include "base/arena.h"

struct envm_host_cuda {
    envm_str version;      /* "12.4": the newest CUDA the driver supports; "" without a driver */
    envm_str architecture; /* "8.6": the lowest compute capability; "" without a device */
    envm_str device;       /* name of that device, letters and digits only */
};

struct envm_host_cuda envm_host_cuda_detect(struct envm_arena *arena);

/* The answer of the child, "VERSION\nCAPABILITY\nDEVICE\n", as it is sent: the driver's number
 * (12040) and major * 100 + minor of the capability, 0 for none. Anything else gives no CUDA. */
struct envm_host_cuda envm_host_cuda_parse(struct envm_arena *arena, envm_str answer);

#endif
