/* SPDX-License-Identifier: MIT */
#include "base/topo.h"

#include "base/alloc.h"

/* Depth-first with an explicit stack: the graph may be as deep as a hostile channel likes. */
struct frame {
    size_t node;
    size_t next_edge;
};

void envm_topo_sort(const struct envm_topo_edges *edges, size_t count, size_t *ret_order)
{
    bool *seen = envm_alloc_zero(count, sizeof(*seen));
    struct frame *stack = envm_alloc_zero(count, sizeof(*stack));
    size_t placed = 0;

    for (size_t root = 0; root < count; root++) {
        size_t depth = 0;

        if (seen[root])
            continue;
        seen[root] = true;
        stack[depth++] = (struct frame){.node = root};
        while (depth > 0) {
            struct frame *top = &stack[depth - 1];

            if (top->next_edge < edges[top->node].count) {
                size_t next = edges[top->node].items[top->next_edge++];

                if (next < count && !seen[next]) {
                    seen[next] = true;
                    stack[depth++] = (struct frame){.node = next};
                }
            } else {
                ret_order[placed++] = top->node;
                depth--;
            }
        }
    }
    envm_free(stack);
    envm_free(seen);
}
