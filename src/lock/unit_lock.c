/* SPDX-License-Identifier: MIT */
typedef int envm_lock_placeholder_unit;
