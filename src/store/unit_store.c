/* SPDX-License-Identifier: MIT */
typedef int envm_store_placeholder_unit;
