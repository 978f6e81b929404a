/* No architecture: the size of the vocabulary alone, for a GGUF of the tokenizer of any model (--vocab-only). "llama" is what
 * llama.cpp loads a vocabulary by where the model is none that it knows; there are no sizes to contradict it. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_VOCAB, KIND_COUNT, "vocab_size padded_vocab_size", { ELSE_UNSET }, .max = ARCH_MAX_VOCAB },
	{ P_NONE },
};

static const struct arch_key keys[] = { { NULL } };
static const struct arch_tensor none[] = { { FMT_ROLE_NONE } };
static const struct arch_param_row *const params[] = { sizes, NULL };
static const char *const nothing[] = { NULL };

const struct fmt_arch arch_vocabulary = {
	.gguf = "llama",
	.classes = nothing,
	.types = nothing,
	.params = params,
	.keys = keys,
	.own_keys = true,
	.globals = none,
	.layers = none,
	.layer_prefix = "",
};
