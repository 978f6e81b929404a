/* What a quantized checkpoint takes as it is published, from its config.json alone.
 *
 * "quantization_config" names a method and which modules it leaves alone. Each method has one layout of a matrix: packed
 * values, and scales beside them; the rest is stored in the type that config.json names. Layouts: DeepSeek-V3's README_WEIGHTS,
 * compressed-tensors 0.12, gpt-oss' README, AutoGPTQ, AutoAWQ and bitsandbytes, as transformers 5 loads them. */
#ifndef LIBFMT_STORED_H
#define LIBFMT_STORED_H

#include <libfmt/estimate.h>

struct fmt_stored {
	bool quantized;        /* config.json names a quantization; false of a GGUF */
	bool known;            /* its layout; false: what follows but `method` and `why` is 0 */
	bool about;            /* up to some bytes per matrix: a text with a number whose digits are not known stands beside it */
	struct fmt_str method; /* "fp8", of config.json */
	char why[160];         /* it is not known */
	uint64_t bits;         /* of a quantized weight, without its scale */
	uint64_t n_quantized;  /* parameters that are */
	uint64_t scale_bytes;  /* what stands beside them: scales, zero points, orders of columns */
	uint64_t bytes;        /* of all tensors of the language model, multi-token prediction not counted */
};

/* Counts.
 * v       a view with its tensors; plan_only
 * returns false with *err set: malformed settings of a known method, no memory, sums past 64 bits */
bool fmt_stored_init(struct fmt_stored *s, const struct fmt_view *v, const struct fmt_estimate *e, struct fmt_err *err);

#endif
