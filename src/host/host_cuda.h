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

/* The functions of NVIDIA's driver interface that are asked; 0 means success. */
struct envm_cuda_driver {
    int (*init)(unsigned flags);
    int (*version)(int *ret_version);
    int (*device_count)(int *ret_count);
    int (*device)(int *ret_device, int index);
    int (*attribute)(int *ret_value, int attribute, int device);
    int (*device_name)(char *ret_name, int size, int device);
};

/* Asks a driver and puts its answer, in the form that envm_host_cuda_parse reads, into `answer`;
 * returns the length, 0 when the driver does not work. */
size_t envm_host_cuda_ask(const struct envm_cuda_driver *driver, char *answer, size_t size);

struct envm_host_cuda envm_host_cuda_detect(struct envm_arena *arena);

/* The answer of the child, "VERSION\nCAPABILITY\nDEVICE\n", as it is sent: the driver's number
 * (12040) and major * 100 + minor of the capability, 0 for none. Anything else gives no CUDA. */
struct envm_host_cuda envm_host_cuda_parse(struct envm_arena *arena, envm_str answer);

#endif
