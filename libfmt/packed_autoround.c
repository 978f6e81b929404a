/* AutoRound has codes in the packing of another method, which packing_format names (in older files backend): "auto_round:auto_gptq"
 * that of GPTQ, "auto_round:auto_awq" that of AWQ. Its own, "auto_round", is GPTQ's with zero points as they are; none has a
 * list of groups. Floats are stored as by compressed-tensors.
 * Source: auto-round, auto_round_extension/torch/qlinear_torch.py and qlinear_torch_zp.py. */
#include "packed.h"

static enum packed_found find(struct packed_search *s)
{
	struct fmt_str format = json_str(json_get(s->settings, "packing_format"));

	if (!packed_look(s, ".qweight"))
		return packed_compressed.find(s);
	if (!format.n)
		format = json_str(json_get(s->settings, "backend"));
	if (fmt_str_has(format, "awq"))
		return packed_awq.find(s);
	return packed_gptq_find(s, fmt_str_has(format, "gptq"));
}

const struct packed_scheme packed_autoround = { .method = "auto-round", .find = find };
