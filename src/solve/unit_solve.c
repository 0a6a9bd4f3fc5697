/* SPDX-License-Identifier: MIT */
typedef int envm_solve_placeholder_unit;
