/* SPDX-License-Identifier: MIT
 *
 * What a cached package takes of the disk, and whether an environment uses it. For the other files
 * of src/store only.
 */
#ifndef ENVM_STORE_PACKAGE_MEASURE_H
#define ENVM_STORE_PACKAGE_MEASURE_H

#include "store/package_upkeep.h"
#include "store/store_layout.h"

/* Fills all but sha256 and package. */
void envm_store_measure(struct envm_store *store, const struct envm_store_place *place,
                        struct envm_store_item *item);

#endif
