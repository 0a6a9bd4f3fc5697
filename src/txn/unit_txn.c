/* SPDX-License-Identifier: MIT */
typedef int envm_txn_placeholder_unit;
