/* One row per type that can be computed with. */
#include "kernels.h"

static const struct quant_type *const registry[FMT_TYPE_COUNT] = {
	[FMT_F32] = &quant_f32,
	[FMT_F16] = &quant_f16,
	[FMT_BF16] = &quant_bf16,
	[FMT_F64] = &quant_f64,
	[FMT_BOOL] = &quant_bool,
	[FMT_I8] = &quant_i8,
	[FMT_I16] = &quant_i16,
	[FMT_I32] = &quant_i32,
	[FMT_I64] = &quant_i64,
	[FMT_U8] = &quant_u8,
	[FMT_U16] = &quant_u16,
	[FMT_U32] = &quant_u32,
	[FMT_U64] = &quant_u64,
	[FMT_Q8_0] = &quant_q8_0,
};

const struct quant_type *quant_type_scalar(enum fmt_type t)
{
	return (unsigned)t < FMT_TYPE_COUNT ? registry[t] : NULL;
}
