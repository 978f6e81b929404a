/* Rows that many descriptions have. Each needs the sizes before it; see <libfmt/arch.h> for the order of tables. */
#ifndef FMT_ARCH_SHARED_H
#define FMT_ARCH_SHARED_H

#include "../arch_desc.h"

/* P_ACT, which must be SiLU. */
extern const struct arch_param_row arch_silu[];

/* P_NORM_TOPK; and notes for those of which llama.cpp always makes the weights add up to 1, and for those of which it never
 * does. The key expert_weights_norm is then carried for those who read it. */
extern const struct arch_param_row arch_norm_topk[];
extern const struct arch_note arch_note_normalises[];
extern const struct arch_note arch_note_no_normalising[];

/* P_ACT, which must be GELU by its tanh formula (arXiv:1606.08415). */
extern const struct arch_param_row arch_gelu_tanh[];

/* A setting of rotary positions by its names in transformers 5 and 4. */
#define IN_ROPE(name) "rope_parameters." name " rope_scaling." name

/* The names of P_ROPE_PART. */
#define ARCH_ROPE_PART "rope_parameters.partial_rotary_factor partial_rotary_factor rotary_pct"

/* Keys of a linear scaling. */
#define ARCH_LINEAR_KEYS \
	{ "rope.scaling.type", FMT_KV_STR, P_ROPE_TYPE, { P_ROPE_TYPE, ROPE_LINEAR } }, \
	{ "rope.scaling.factor", FMT_KV_F32, P_ROPE_FACTOR, { P_ROPE_TYPE, ROPE_LINEAR } }

/* The names of P_ROPE_THETA, for those whose default is not that of arch_rope_params. */
#define ARCH_ROPE_THETA "rope_parameters.rope_theta rope_theta"

/* P_HEAD_DIM where config.json may give it, P_HEAD_GIVEN if it does, P_Q_WIDTH, P_KV_WIDTH, P_QKV_WIDTH, P_FF_TWICE. */
extern const struct arch_param_row arch_widths[];

/* token_embd, output_norm (RMS: no bias) and, unless P_TIED, output, in the names of most classes. */
extern const struct arch_tensor arch_model_globals[];

/* For an architecture whose GGUF has only the keys that all share. */
extern const struct arch_key arch_no_keys[];

/* The window, and which layers have it: carried for those who do, where llama.cpp has none for the architecture. */
extern const struct arch_key arch_window_keys[];

#endif
