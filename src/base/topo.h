/* SPDX-License-Identifier: MIT
 *
 * Dependency order with cycles: dependencies first, ties by index, cycles broken at the lowest
 * index, so the order is a function of the input alone.
 */
#ifndef ENVM_BASE_TOPO_H
#define ENVM_BASE_TOPO_H

#include <envm/api.h>

/* edges[i] lists the indices that i depends on (out-of-range and self edges are ignored); writes
 * the order into ret_order[count]. Not recursive. */
struct envm_topo_edges {
    const size_t *items;
    size_t count;
};
void envm_topo_sort(const struct envm_topo_edges *edges, size_t count, size_t *ret_order);

#endif
