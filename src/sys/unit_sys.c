/* SPDX-License-Identifier: MIT */
typedef int envm_sys_placeholder_unit;
