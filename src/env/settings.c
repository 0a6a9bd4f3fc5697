/* SPDX-License-Identifier: MIT */
#include "env/settings.h"

#include "base/str.h"

enum envm_link_mode envm_link_mode_from(envm_str text)
{
    if (envm_str_equal_c(text, "hardlink"))
        return ENVM_LINK_HARD;
    if (envm_str_equal_c(text, "reflink"))
        return ENVM_LINK_REFLINK;
    return envm_str_equal_c(text, "copy") ? ENVM_LINK_COPY : ENVM_LINK_AUTO;
}

enum envm_durability envm_durability_from(envm_str text)
{
    if (envm_str_equal_c(text, "none"))
        return ENVM_DURABILITY_NONE;
    return envm_str_equal_c(text, "full") ? ENVM_DURABILITY_FULL : ENVM_DURABILITY_BATCH;
}
