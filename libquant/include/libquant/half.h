/* 16-bit floats, bit for bit the same everywhere. */
#ifndef LIBQUANT_HALF_H
#define LIBQUANT_HALF_H

#include <stdint.h>

float quant_f16_to_f32(uint16_t h);   /* exact; a NaN is made quiet, its payload kept */
uint16_t quant_f32_to_f16(float f);   /* round to nearest even, subnormals made, overflow to infinity */
float quant_bf16_to_f32(uint16_t h);  /* exact */
uint16_t quant_f32_to_bf16(float f);  /* round to nearest even; a NaN stays a quiet NaN */

#endif
