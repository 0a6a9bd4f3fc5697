/* SPDX-License-Identifier: MIT */
typedef int envm_repo_placeholder_unit;
