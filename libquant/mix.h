/* The mixes: which tensors of a model get more bits than the rest under a recipe such as Q4_K_M. */
#ifndef LIBQUANT_MIX_H
#define LIBQUANT_MIX_H

#include <libfmt/model.h>

/* In the order of --help. */
enum quant_recipe_id {
	RECIPE_F32,
	RECIPE_BF16,
	RECIPE_F16,
	RECIPE_Q8_0,
	RECIPE_Q6_K,
	RECIPE_Q5_K_M,
	RECIPE_Q5_K_S,
	RECIPE_Q5_1,
	RECIPE_Q5_0,
	RECIPE_Q4_K_M,
	RECIPE_Q4_K_S,
	RECIPE_Q4_1,
	RECIPE_Q4_0,
	RECIPE_IQ4_NL,
	RECIPE_IQ4_XS,
	RECIPE_Q3_K_L,
	RECIPE_Q3_K_M,
	RECIPE_Q3_K_S,
	RECIPE_IQ3_M,
	RECIPE_IQ3_S,
	RECIPE_IQ3_XS,
	RECIPE_IQ3_XXS,
	RECIPE_Q2_K,
	RECIPE_Q2_K_S,
	RECIPE_IQ2_M,
	RECIPE_IQ2_S,
	RECIPE_IQ2_XS,
	RECIPE_IQ2_XXS,
	RECIPE_IQ1_M,
	RECIPE_IQ1_S,
	RECIPE_MXFP4_MOE,
	RECIPE_Q2_0,
	RECIPE_Q1_0,
	RECIPE_TQ2_0,
	RECIPE_TQ1_0,
	RECIPE_COUNT
};

/* What a tensor's name says it is. The order is the order in which names are tried. */
enum quant_mix_kind {
	MIX_OUTPUT,     /* output.weight, or token_embd.weight where the two are tied */
	MIX_TOKEN_EMBD,
	MIX_ATTN_QKV,
	MIX_ATTN_KV_B,
	MIX_ATTN_V,
	MIX_ATTN_K,
	MIX_ATTN_Q,
	MIX_ATTN_OUTPUT,
	MIX_FFN_UP,
	MIX_FFN_GATE,
	MIX_FFN_DOWN,
	MIX_SMALL,      /* of GLM 5: too small beside the rest to save on */
	MIX_OTHER,
	MIX_KIND_COUNT
};

/* What the rules look at. */
struct quant_mix_model {
	struct fmt_str arch;   /* general.architecture */
	bool tied;             /* no output.weight: token_embd.weight is both */
	bool grouped;          /* layer 0 has fewer key heads than query heads */
	uint32_t n_layers;
	uint32_t n_gqa;        /* query heads per key head, of layer 0 */
	uint32_t n_experts;    /* 0: dense */
	uint32_t n_values;     /* tensors that hold value projections: attn_v, attn_qkv, attn_kv_b */
	bool imatrix;          /* there is importance: some tensors need no step up, some take one */
};

struct quant_mix_tensor {
	enum quant_mix_kind kind;
	uint32_t i, n;         /* the i-th of n of its kind, which decides who is near the ends of the model */
	uint32_t count;        /* those of its kind before it; `i` of experts is their layer */
	bool fits;             /* its rows are a whole number of the recipe's own blocks */
	bool stacked;          /* experts: three dimensions */
};

/* May a matrix of this name be quantized at all, in a model of this architecture? */
bool quant_mix_allowed(struct fmt_str arch, struct fmt_str name);
enum quant_mix_kind quant_mix_kind(const struct quant_mix_model *m, struct fmt_str name);
bool quant_mix_is_value(enum quant_mix_kind k);

/* The type that the recipe's mix gives, before any fallback for odd row lengths.
 * why     set to the text of the rule, left alone where the recipe's own type stands */
enum fmt_type quant_mix_type(const struct quant_mix_model *m, const struct quant_mix_tensor *t,
                             enum quant_recipe_id recipe, enum fmt_type base, const char **why);

#endif
