/* Rows that many descriptions have. */
#include "arch_shared.h"

/* A fused matrix is a few times as wide as the model. */
#define MAX_FUSED (4 * ARCH_MAX_WIDTH)

static const struct arch_word silu[] = { { "silu", 0 }, { "swish", 0 }, { NULL, 0 } };

const struct arch_param_row arch_silu[] = {
	{ P_ACT, KIND_WORD, "hidden_act", { ELSE_FIXED, .fixed = 0 }, .words = silu },
	{ P_NONE },
};

const struct arch_param_row arch_norm_topk[] = {
	{ P_NORM_TOPK, KIND_FLAG, "norm_topk_prob", { ELSE_FIXED, .fixed = 0 } },
	{ P_NONE },
};

const struct arch_note arch_note_normalises[] = {
	{ { P_NORM_TOPK, 0 }, "llama.cpp will differ: it makes the weights of a token's experts add up to 1, config.json says "
	                      "norm_topk_prob false" },
	{ { P_NONE }, NULL },
};

const struct arch_note arch_note_no_normalising[] = {
	{ { P_NORM_TOPK, 1 }, "llama.cpp will differ: it takes the weights of a token's experts as they are, config.json says "
	                      "norm_topk_prob true" },
	{ { P_NONE }, NULL },
};

static const struct arch_word gelu_tanh[] = {
	{ "gelu_pytorch_tanh", 0 }, { "gelu_new", 0 }, { "gelu_fast", 0 }, { NULL, 0 },
};

const struct arch_param_row arch_gelu_tanh[] = {
	{ P_ACT, KIND_WORD, "hidden_activation activation_function hidden_act", { ELSE_FIXED, .fixed = 0 }, .words = gelu_tanh },
	{ P_NONE },
};

const struct arch_param_row arch_widths[] = {
	{ P_HEAD_DIM, KIND_COUNT, "head_dim", { ELSE_QUOTIENT, P_MODEL, P_HEADS }, .max = ARCH_MAX_WIDTH },
	{ P_HEAD_GIVEN, KIND_COUNT, "head_dim", { ELSE_UNSET }, { ELSE_UNSET }, .max = ARCH_MAX_WIDTH },
	{ P_Q_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_KV_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS_KV, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_QKV_WIDTH, KIND_COUNT, NULL, { ELSE_SUM, P_Q_WIDTH, P_KV_WIDTH, 2 }, .max = MAX_FUSED },
	{ P_FF_TWICE, KIND_COUNT, NULL, { ELSE_PRODUCT, P_FF, .fixed = 2 }, .max = MAX_FUSED },
	{ P_NONE },
};

const struct arch_tensor arch_model_globals[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "model.norm.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

const struct arch_key arch_no_keys[] = { { NULL } };

const struct arch_key arch_window_keys[] = {
	{ "attention.sliding_window", FMT_KV_U32, P_WINDOW },
	{ "attention.sliding_window_pattern", FMT_KV_ARR, P_WINDOW },
	{ NULL },
};
