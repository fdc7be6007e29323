/* convert.h: conversion of arrays in host memory. */
#ifndef GT_CONVERT_H
#define GT_CONVERT_H

#include "core/tensor/dtype.h"

/* Converts n elements, each dtype to each, the same on every device.  Floats to integers truncate
 * towards zero; NaN, infinities and what lies out of range give the lowest i64 or i32, as PyTorch
 * does on x86.  To narrower integers all numbers go through i64 and keep its low bits.  Anything to
 * bool is "not zero". */
void gt_convert(void *to, gt_dtype to_dtype, const void *from, gt_dtype from_dtype, int64_t n);

#endif
