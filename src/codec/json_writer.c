/* SPDX-License-Identifier: MIT */
#include "codec/json_writer.h"
