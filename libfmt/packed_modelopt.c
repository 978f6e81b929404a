/* NVIDIA ModelOpt: FP8, which packed_fp8.c reads, and NVFP4, under the name that the matrix has anyway.
 * Source: ModelOpt, modelopt/torch/export/quant_utils.py. */
#include "packed.h"

static enum packed_found find(struct packed_search *s)
{
	static const struct packed_nvfp4_names names = { ".weight", ".weight_scale_2", ".input_scale", FMT_JOIN_MUL };
	const struct fmt_tensor *t = packed_look(s, ".weight");
	struct fmt_str algo = json_str(json_get(s->settings, "quant_algo"));

	if (!t || t->type != FMT_U8)
		return PACKED_NOT;
	if (packed_look(s, names.over) && !packed_look(s, ".pre_quant_scale"))
		return packed_nvfp4(s, &names);
	packed_fail(s, FMT_UNSUPPORTED, t, "quantized by ModelOpt's '%.*s', which is not read (FP8 and NVFP4 are)",
	            (int)(algo.n < 40 ? algo.n : 40), algo.n ? algo.p : "");
	return PACKED_FAILED;
}

const struct packed_scheme packed_modelopt = { .method = "modelopt", .find = find };
