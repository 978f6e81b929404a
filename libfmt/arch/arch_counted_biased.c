/* Older decoders, with LayerNorm and biases in most places: counted, not converted yet.
 *
 * Source of defaults: the classes' configurations of transformers 5. */
#include "arch_shared.h"

#define LAYERS(keys) { P_LAYERS, KIND_COUNT, keys, .max = ARCH_MAX_LAYERS }
#define CONTEXT(keys) { P_CONTEXT, KIND_COUNT, keys, { ELSE_UNSET }, .max = UINT32_MAX }
#define MODEL(keys) { P_MODEL, KIND_COUNT, keys, .max = ARCH_MAX_WIDTH }
#define HEADS(keys) { P_HEADS, KIND_COUNT, keys, .max = ARCH_MAX_HEADS, .divides = P_MODEL }
#define FF(keys, times)                                                                                                \
	{ P_FF, KIND_COUNT, keys, { ELSE_PRODUCT, P_MODEL, .fixed = times }, { ELSE_PRODUCT, P_MODEL, .fixed = times },        \
	  .max = 4 * ARCH_MAX_WIDTH }
#define VOCAB { P_VOCAB, KIND_COUNT, "vocab_size", .max = ARCH_MAX_VOCAB }
#define TIED { P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } }
#define YES(param) { param, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } }

static const struct arch_param_row biased[] = {
	YES(P_ATTN_BIAS), YES(P_O_BIAS), YES(P_MLP_BIAS), YES(P_NORM_BIAS), { P_NONE },
};

static const struct arch_param_row bloom[] = {
	LAYERS("num_hidden_layers n_layer"), MODEL("hidden_size n_embed"), HEADS("num_attention_heads n_head"),
	{ P_HEADS_KV, KIND_COUNT, NULL, { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS },
	CONTEXT("seq_length"), FF(NULL, 4), VOCAB, TIED, { P_NONE },
};

static const struct arch_param_row opt[] = {
	LAYERS("num_hidden_layers"), CONTEXT("max_position_embeddings"), MODEL("hidden_size"), HEADS("num_attention_heads"),
	{ P_HEADS_KV, KIND_COUNT, NULL, { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS },
	{ P_FF, KIND_COUNT, "ffn_dim", .max = ARCH_MAX_WIDTH },
	VOCAB, TIED,
	{ P_POSITIONS, KIND_COUNT, NULL, { ELSE_SUM, P_CONTEXT, P_ONE, 2 }, .max = UINT32_MAX },
	{ P_EMBD, KIND_COUNT, "word_embed_proj_dim", { ELSE_SAME, P_MODEL }, { ELSE_SAME, P_MODEL }, .max = ARCH_MAX_WIDTH },
	{ P_EMBD_APART, KIND_COUNT, NULL, { ELSE_UNLESS, P_EMBD, P_MODEL }, .max = ARCH_MAX_WIDTH },
	{ P_NORM_FIRST, KIND_FLAG, "do_layer_norm_before", { ELSE_FIXED, .fixed = 1 } },
	{ P_UNUSED, KIND_TRUE, "enable_bias", { ELSE_UNSET } },
	{ P_UNUSED, KIND_TRUE, "layer_norm_elementwise_affine", { ELSE_UNSET } },
	{ P_UNUSED, KIND_FALSE, "_remove_final_layer_norm", { ELSE_UNSET } },
	{ P_NONE },
};

static const struct arch_param_row gptj[] = {
	LAYERS("n_layer num_hidden_layers"), CONTEXT("n_positions max_position_embeddings"), MODEL("n_embd hidden_size"),
	HEADS("n_head num_attention_heads"), { P_HEADS_KV, KIND_COUNT, NULL, { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS },
	FF("n_inner", 4), VOCAB, TIED, YES(P_NORM_BIAS), YES(P_MLP_BIAS), { P_NONE },
};

static const struct arch_param_row mpt[] = {
	LAYERS("n_layers num_hidden_layers"), CONTEXT("max_seq_len"), MODEL("d_model hidden_size"),
	HEADS("n_heads num_attention_heads"), { P_HEADS_KV, KIND_COUNT, NULL, { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS },
	{ P_UNUSED, KIND_FALSE, "attn_config.qk_ln", { ELSE_UNSET } },
	FF(NULL, 4), VOCAB, TIED, { P_NONE },
};

static const struct arch_param_row bigcode[] = {
	LAYERS("n_layer num_hidden_layers"), CONTEXT("n_positions max_position_embeddings"), MODEL("n_embd hidden_size"),
	HEADS("n_head num_attention_heads"),
	{ P_MULTI_QUERY, KIND_FLAG, "multi_query", { ELSE_FIXED, .fixed = 1 } },
	{ P_HEADS_KV, KIND_COUNT, NULL, { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 1, .when = { P_MULTI_QUERY, 1 } },
	FF("n_inner", 4), VOCAB, TIED, { P_NONE },
};

static const struct arch_param_row one[] = { { P_ONE, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 1 }, { P_NONE } };

#define EMBEDDING(hf) { FMT_ROLE_TOKEN_EMBD, "token_embd.weight", hf, { P_VOCAB, P_MODEL } }
#define OUT_NORM(hf) { FMT_ROLE_OUTPUT_NORM, "output_norm.weight", hf ".weight", { P_MODEL } }
#define OUT_NORM_BIAS(hf) { FMT_ROLE_OUTPUT_NORM_B, "output_norm.bias", hf ".bias", { P_MODEL } }
#define HEAD { FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } }
#define HEAD_BIAS { FMT_ROLE_OUTPUT_B, "output.bias", "lm_head.bias", { P_VOCAB } }

static const struct arch_tensor bloom_globals[] = {
	EMBEDDING("transformer.word_embeddings.weight"), OUT_NORM("transformer.ln_f"), OUT_NORM_BIAS("transformer.ln_f"), HEAD,
	{ FMT_ROLE_TOKEN_EMBD, "token_embd_norm.weight", "transformer.word_embeddings_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_TOKEN_EMBD, "token_embd_norm.bias", "transformer.word_embeddings_layernorm.bias", { P_MODEL } },
	{ FMT_ROLE_NONE },
};

/* The embedding may be narrower than the model, with a matrix on each side; OPT-350M, where norms come after, has no
 * norm at the end. */
static const struct arch_tensor opt_globals[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.decoder.embed_tokens.weight", { P_VOCAB, P_EMBD } },
	{ FMT_ROLE_POSITION_EMBD, "position_embd.weight", "model.decoder.embed_positions.weight", { P_POSITIONS, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "model.decoder.final_layer_norm.weight", { P_MODEL }, { P_NORM_FIRST, 1 } },
	{ FMT_ROLE_OUTPUT_NORM_B, "output_norm.bias", "model.decoder.final_layer_norm.bias", { P_MODEL }, { P_NORM_FIRST, 1 } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_EMBD }, { P_TIED, 0 } },
	{ FMT_ROLE_LAYER_PROJ, "project_in.weight", "model.decoder.project_in.weight", { P_MODEL, P_EMBD_APART },
	  { P_EMBD_APART, ARCH_SET } },
	{ FMT_ROLE_LAYER_PROJ, "project_out.weight", "model.decoder.project_out.weight", { P_EMBD_APART, P_MODEL },
	  { P_EMBD_APART, ARCH_SET } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor gptj_globals[] = {
	EMBEDDING("transformer.wte.weight"), OUT_NORM("transformer.ln_f"), OUT_NORM_BIAS("transformer.ln_f"), HEAD, HEAD_BIAS,
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor mpt_globals[] = {
	EMBEDDING("transformer.wte.weight"), OUT_NORM("transformer.norm_f"), HEAD, { FMT_ROLE_NONE },
};

static const struct arch_tensor bigcode_globals[] = {
	EMBEDDING("transformer.wte.weight"), OUT_NORM("transformer.ln_f"), OUT_NORM_BIAS("transformer.ln_f"), HEAD,
	{ FMT_ROLE_POSITION_EMBD, "position_embd.weight", "transformer.wpe.weight", { P_CONTEXT, P_MODEL } },
	{ FMT_ROLE_NONE },
};

/* One norm for attention and feed-forward block, which read the residual side by side. */
static const struct arch_tensor one_norm[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_NORM_B, "attn_norm.bias", "input_layernorm.bias", { P_MODEL } },
	{ FMT_ROLE_NONE },
};

/* Queries, keys and values in one matrix. */
static const struct arch_tensor fused_attention[] = {
	{ FMT_ROLE_ATTN_QKV, "attn_qkv.weight", "attn.c_attn.weight", { P_QKV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_QKV_B, "attn_qkv.bias", "attn.c_attn.bias", { P_QKV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "attn.c_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "attn.c_proj.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_NONE },
};

#define NAMES(...) (const char *const[]){ __VA_ARGS__, NULL }
#define PARAMS(...) (const struct arch_param_row *const[]){ __VA_ARGS__, NULL }
#define PARTS(...) (const struct arch_tensor *const[]){ __VA_ARGS__, NULL }
#define DEFAULTS(...) (const struct arch_default[]){ __VA_ARGS__, { P_NONE } }

const struct fmt_arch arch_bloom = {
	.gguf = "bloom",
	.classes = NAMES("BloomForCausalLM", "BloomModel"),
	.types = NAMES("bloom"),
	.defaults = DEFAULTS({ P_LAYERS, 2 }, { P_MODEL, 64 }, { P_HEADS, 8 }, { P_VOCAB, 250880 }, { P_TIED, 1 }),
	.params = PARAMS(bloom, arch_widths, biased),
	.keys = arch_no_keys,
	.globals = bloom_globals,
	.parts = PARTS(arch_norms, fused_attention, arch_plain_ff),
	.layer_prefix = "transformer.h.",
};

const struct fmt_arch arch_opt = {
	.gguf = "opt",
	.classes = NAMES("OPTForCausalLM"),
	.types = NAMES("opt"),
	.defaults = DEFAULTS({ P_LAYERS, 12 }, { P_CONTEXT, 2048 }, { P_MODEL, 768 }, { P_FF, 3072 }, { P_HEADS, 12 },
	                     { P_VOCAB, 50272 }, { P_TIED, 1 }),
	.params = PARAMS(one, opt, arch_widths, biased),
	.keys = arch_no_keys,
	.globals = opt_globals,
	.parts = PARTS(arch_norms, arch_attention, arch_plain_ff),
	.layer_prefix = "model.decoder.layers.",
};

const struct fmt_arch arch_gptj = {
	.gguf = "gptj",
	.classes = NAMES("GPTJForCausalLM"),
	.types = NAMES("gptj"),
	.defaults = DEFAULTS({ P_LAYERS, 28 }, { P_CONTEXT, 2048 }, { P_MODEL, 4096 }, { P_HEADS, 16 }, { P_VOCAB, 50400 }),
	.params = PARAMS(gptj, arch_widths),
	.keys = arch_no_keys,
	.globals = gptj_globals,
	.parts = PARTS(one_norm, arch_attention, arch_plain_ff),
	.layer_prefix = "transformer.h.",
};

const struct fmt_arch arch_mpt = {
	.gguf = "mpt",
	.classes = NAMES("MptForCausalLM", "MPTForCausalLM"),
	.types = NAMES("mpt"),
	.defaults = DEFAULTS({ P_LAYERS, 24 }, { P_CONTEXT, 2048 }, { P_MODEL, 2048 }, { P_HEADS, 16 }, { P_VOCAB, 50368 },
	                     { P_TIED, 1 }),
	.params = PARAMS(mpt, arch_widths),
	.keys = arch_no_keys,
	.globals = mpt_globals,
	.parts = PARTS(arch_norms, fused_attention, arch_plain_ff),
	.layer_prefix = "transformer.blocks.",
};

const struct fmt_arch arch_gptbigcode = {
	.gguf = "starcoder",
	.classes = NAMES("GPTBigCodeForCausalLM"),
	.types = NAMES("gpt_bigcode"),
	.defaults = DEFAULTS({ P_LAYERS, 12 }, { P_CONTEXT, 1024 }, { P_MODEL, 768 }, { P_HEADS, 12 }, { P_VOCAB, 50257 },
	                     { P_TIED, 1 }),
	.params = PARAMS(bigcode, arch_widths, biased),
	.keys = arch_no_keys,
	.globals = bigcode_globals,
	.parts = PARTS(arch_norms, fused_attention, arch_plain_ff),
	.layer_prefix = "transformer.h.",
};
