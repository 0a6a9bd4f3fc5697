/* SPDX-License-Identifier: MIT */
typedef int envm_shell_placeholder_unit;
