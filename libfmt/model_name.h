/* What the name of a model says: "meta-llama/Llama-3.2-1B-Instruct" is by meta-llama, a Llama, 3.2, of 1B, tuned to
 * follow instructions. The rules are those of gguf-py's metadata.py, so that the same names come out. */
#ifndef FMT_MODEL_NAME_H
#define FMT_MODEL_NAME_H

#include "arena.h"

/* Parts that were not found have .p NULL. All are in the arena. */
struct model_name {
	struct fmt_str full; /* without the organization */
	struct fmt_str organization, basename, finetune, version, size_label;
};

/* n_params    of the model itself, to tell a size from a context length; 0: not known */
bool model_name_parse(struct fmt_arena *mem, struct fmt_str id, uint64_t n_params, struct model_name *out,
                      struct fmt_err *err);

/* "tiny-llama v2" -> "Tiny Llama v2": dashes to spaces, words in lower case capitalized, versions left alone. */
struct fmt_str model_name_title(struct fmt_arena *mem, struct fmt_str s, struct fmt_err *err);

/* "1.2B", "260K": two digits, or "8x7B" with n_experts experts whose parameters are those of one.
 * Source: gguf-py, utility.py, size_label. */
struct fmt_str model_name_size(struct fmt_arena *mem, uint64_t n_params, uint64_t n_experts, struct fmt_err *err);

#endif
