/* SPDX-License-Identifier: MIT */
typedef int envm_env_placeholder_unit;
