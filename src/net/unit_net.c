/* SPDX-License-Identifier: MIT */
typedef int envm_net_placeholder_unit;
