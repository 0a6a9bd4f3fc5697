/* SPDX-License-Identifier: MIT */
typedef int envm_host_placeholder_unit;
