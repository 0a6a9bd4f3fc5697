/* SPDX-License-Identifier: MIT */
typedef int envm_conda_placeholder_unit;
