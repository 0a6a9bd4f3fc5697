/* SPDX-License-Identifier: MIT */
typedef int envm_codec_placeholder_unit;
