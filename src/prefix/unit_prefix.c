/* SPDX-License-Identifier: MIT */
typedef int envm_prefix_placeholder_unit;
