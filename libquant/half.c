/* IEEE half and bfloat16, by integer arithmetic and exact float operations only. */
#include <libquant/half.h>

#include "half_inline.h"

float quant_f16_to_f32(uint16_t h)
{
	return quant_f16_widen(h);
}

uint16_t quant_f32_to_f16(float f)
{
	return quant_f16_round(f);
}

float quant_bf16_to_f32(uint16_t h)
{
	return quant_bf16_widen(h);
}

uint16_t quant_f32_to_bf16(float f)
{
	return quant_bf16_round(f);
}
