/* The settings of rotary positions, which are spelled alike in the configs of all architectures.
 *
 * transformers 4 has rope_theta and rope_scaling, 5 has rope_parameters; "type" is the older spelling of "rope_type".
 * Defaults: modeling_rope_utils.py of transformers 5. */
#include "arch_shared.h"

static const struct arch_word rope_types[] = {
	{ "default", ROPE_PLAIN }, { "linear", ROPE_LINEAR }, { "dynamic", ROPE_DYNAMIC }, { "yarn", ROPE_YARN },
	{ "llama3", ROPE_LLAMA3 }, { NULL, 0 },
};

const struct arch_param_row arch_rope_widths[] = {
	{ P_ROPE_DIM, KIND_COUNT, NULL, { ELSE_SAME, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_ROPE_PAIRS, KIND_COUNT, NULL, { ELSE_QUOTIENT, P_ROPE_DIM, .fixed = 2 }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

#define ROPE_ROWS                                                                                                      \
	{ P_ROPE_TYPE, KIND_WORD, IN_ROPE("rope_type") " " IN_ROPE("type"), { ELSE_FIXED, .fixed = ROPE_PLAIN },       \
	  .words = rope_types },                                                                                       \
	{ P_ROPE_THETA, KIND_REAL, ARCH_ROPE_THETA, { ELSE_FIXED, .fixed = 10000 } },                                  \
	{ P_ROPE_DIM, KIND_COUNT, NULL, { ELSE_PART, P_HEAD_DIM, P_ROPE_PART }, .max = ARCH_MAX_WIDTH,                 \
	  .when = { P_LATENT_ROPE, ARCH_UNSET } },                                                                     \
	{ P_ROPE_DIM, KIND_COUNT, NULL, { ELSE_SAME, P_LATENT_ROPE }, .max = ARCH_MAX_WIDTH,                           \
	  .when = { P_LATENT_ROPE, ARCH_SET } },                                                                       \
	{ P_ROPE_PAIRS, KIND_COUNT, NULL, { ELSE_QUOTIENT, P_ROPE_DIM, .fixed = 2 }, .max = ARCH_MAX_WIDTH },          \
	{ P_ROPE_FACTOR, KIND_REAL, IN_ROPE("factor"), { ELSE_UNSET } },                                               \
	{ P_ROPE_ORIG_CONTEXT, KIND_COUNT,                                                                             \
	  "original_max_position_embeddings " IN_ROPE("original_max_position_embeddings"), { ELSE_SAME, P_CONTEXT },   \
	  .max = UINT32_MAX },                                                                                         \
	{ P_YARN_TRUNCATE, KIND_FLAG, IN_ROPE("truncate"), { ELSE_UNSET } },                                           \
	{ P_YARN_EXT, KIND_REAL, IN_ROPE("extrapolation_factor"), { ELSE_UNSET } },                                    \
	{ P_YARN_ATTN, KIND_REAL, IN_ROPE("attention_factor") " " IN_ROPE("attn_factor"), { ELSE_UNSET } },            \
	{ P_YARN_MSCALE, KIND_LIMIT, IN_ROPE("mscale"), { ELSE_UNSET } },                                              \
	{ P_YARN_UNDER, KIND_LIMIT, IN_ROPE("mscale_all_dim"), { ELSE_UNSET } },                                       \
	{ P_YARN_BETA_FAST, KIND_REAL, IN_ROPE("beta_fast"), { ELSE_UNSET } },                                         \
	{ P_YARN_BETA_SLOW, KIND_REAL, IN_ROPE("beta_slow"), { ELSE_UNSET } },                                         \
	{ P_ROPE_LOW, KIND_REAL, IN_ROPE("low_freq_factor"), { ELSE_FIXED, .fixed = 1 } },                             \
	{ P_ROPE_HIGH, KIND_REAL, IN_ROPE("high_freq_factor"), { ELSE_FIXED, .fixed = 4 } }

const struct arch_param_row arch_rope_params[] = {
	ROPE_ROWS,
	{ P_NONE },
};

const struct arch_param_row arch_rope_part_params[] = {
	{ P_ROPE_PART, KIND_REAL, ARCH_ROPE_PART, { ELSE_UNSET } },
	ROPE_ROWS,
	{ P_NONE },
};
