/* The mixes as rows. Source: the behaviour of llama-quantize of August 2026 (value tensors that are fused with others,
 * attn_qkv and attn_kv_b, follow the rules of attn_v since March 2026); scripts/compare-recipes holds the two
 * together, on models, on headers and on names of every architecture that llama.cpp knows. */
#include <string.h>

#include "mix.h"

/* Tensors that stay as they are: routers, positions, convolutions, small matrices of recurrent layers, encoders of
 * images and sound. A name that contains one of these is left alone. */
static const char *const never[] = {
	"_norm.weight",
	"ffn_gate_inp.weight",
	"ffn_gate_tid2eid.weight",
	"altup",
	"laurel",
	"per_layer_model_proj",
	"ssm_conv1d",
	"shortconv.conv.weight",
	"indexer.k_proj.weight",
	"indexer.q_proj.weight",
	"time_mix_first.weight",
	"time_mix_w0.weight",
	"time_mix_w1.weight",
	"time_mix_w2.weight",
	"time_mix_v0.weight",
	"time_mix_v1.weight",
	"time_mix_v2.weight",
	"time_mix_a0.weight",
	"time_mix_a1.weight",
	"time_mix_a2.weight",
	"time_mix_g1.weight",
	"time_mix_g2.weight",
	"time_mix_decay_w1.weight",
	"time_mix_decay_w2.weight",
	"time_mix_lerp_fused.weight",
	"attn_rel_b.weight",
	"position_embd",
	"token_types.weight",
	"sam.pos_embd",
	"sam.neck.",
	"sam.net_",
	".rel_pos",
	".patch_embd",
	".patch_merger",
	"a.rvq.codebook",
	"mm.a.code_embd",
};

/* The same of single architectures: small matrices that steer much. */
static const struct {
	const char *arch, *text;
} never_of[] = {
	{ "glm5-next", "hc_" },
	{ "glm5-next", "indexer." },
	{ "glm5-next", "indexer_compressor_ape." },
	{ "glm5-next", "indexer_compressor_gate." },
	{ "glm5-next", "attn_k_b.weight" },
	{ "glm5-next", "attn_v_b.weight" },
	{ "glm5-next", "attn_kv_a_mqa.weight" },
	{ "glm5-next", "ssm_beta.weight" },
	{ "glm5-next", "ssm_f_a.weight" },
	{ "glm5-next", "ssm_f_b.weight" },
	{ "glm5-next", "ssm_g_a.weight" },
	{ "glm5-next", "ssm_g_b.weight" },
	{ "vllm-decision2", "decision." },
};

static const struct {
	const char *text;
	bool whole; /* the whole name, not a part of it */
	enum quant_mix_kind kind;
} kinds[] = {
	{ "output.weight", true, MIX_OUTPUT },
	{ "token_embd.weight", true, MIX_TOKEN_EMBD },
	{ "per_layer_token_embd.weight", true, MIX_TOKEN_EMBD },
	{ "attn_qkv.weight", false, MIX_ATTN_QKV },
	{ "attn_kv_b.weight", false, MIX_ATTN_KV_B },
	{ "attn_v.weight", false, MIX_ATTN_V },
	{ "attn_k.weight", false, MIX_ATTN_K },
	{ "attn_q.weight", false, MIX_ATTN_Q },
	{ "attn_output.weight", false, MIX_ATTN_OUTPUT },
	{ "ffn_up", false, MIX_FFN_UP },
	{ "ffn_gate", false, MIX_FFN_GATE },
	{ "ffn_down", false, MIX_FFN_DOWN },
};

#define N_OF(array) (sizeof(array) / sizeof(array)[0])

bool quant_mix_allowed(struct fmt_str arch, struct fmt_str name)
{
	if (!fmt_str_ends(name, "weight"))
		return false;
	for (size_t i = 0; i < N_OF(never); i++)
		if (fmt_str_has(name, never[i]))
			return false;
	for (size_t i = 0; i < N_OF(never_of); i++)
		if (fmt_str_is(arch, never_of[i].arch) && fmt_str_has(name, never_of[i].text))
			return false;
	return true;
}

static bool is_small(const struct quant_mix_model *m, struct fmt_str name)
{
	return fmt_str_is(m->arch, "glm5-next") && (fmt_str_has(name, "attn_q_a.weight") || fmt_str_has(name, "attn_q_b.weight") ||
	                                            fmt_str_has(name, "nextn.eh_proj.weight"));
}

enum quant_mix_kind quant_mix_kind(const struct quant_mix_model *m, struct fmt_str name)
{
	for (size_t i = 0; i < N_OF(kinds); i++) {
		if (!(kinds[i].whole ? fmt_str_is(name, kinds[i].text) : fmt_str_has(name, kinds[i].text)))
			continue;
		return kinds[i].kind == MIX_TOKEN_EMBD && m->tied ? MIX_OUTPUT : kinds[i].kind;
	}
	return is_small(m, name) ? MIX_SMALL : MIX_OTHER;
}

bool quant_mix_is_value(enum quant_mix_kind k)
{
	return k == MIX_ATTN_V || k == MIX_ATTN_QKV || k == MIX_ATTN_KV_B;
}

/* Conditions of the rules. */
struct place {
	const struct quant_mix_model *m;
	const struct quant_mix_tensor *t;
	enum fmt_type type; /* as the rules before this one left it */
};

typedef bool condition(const struct place *p);

static bool always(const struct place *p)
{
	(void)p;
	return true;
}

static bool first_8th(const struct place *p)
{
	return p->t->i < p->t->n / 8;
}

static bool first_16th(const struct place *p)
{
	return p->t->i < p->t->n / 16;
}

/* Both ends of the model and every third layer between: where errors cost most. */
static bool more_bits(const struct place *p)
{
	uint32_t i = p->t->i, n = p->t->n;

	return i < n / 8 || i >= 7 * (uint64_t)n / 8 || (i - n / 8) % 3 == 2;
}

static bool first_2(const struct place *p)
{
	return p->t->i < 2;
}

static bool first_4(const struct place *p)
{
	return p->t->i < 4;
}

static bool gqa_4(const struct place *p)
{
	return p->m->n_gqa >= 4;
}

static bool experts_8(const struct place *p)
{
	return p->m->n_experts == 8;
}

static bool falcon(const struct place *p)
{
	return fmt_str_is(p->m->arch, "falcon");
}

static bool not_falcon(const struct place *p)
{
	return !falcon(p);
}

static bool experts_8_not_falcon(const struct place *p)
{
	return experts_8(p) && not_falcon(p);
}

static bool not_experts_8_not_falcon(const struct place *p)
{
	return !experts_8(p) && not_falcon(p);
}

static bool falcon_or_misfit(const struct place *p)
{
	return falcon(p) || !p->t->fits;
}

static bool more_bits_or_not_falcon(const struct place *p)
{
	return not_falcon(p) || more_bits(p);
}

static bool more_bits_not_falcon(const struct place *p)
{
	return not_falcon(p) && more_bits(p);
}

static bool more_bits_falcon(const struct place *p)
{
	return falcon(p) && more_bits(p);
}

static bool first_16th_falcon(const struct place *p)
{
	return falcon(p) && first_16th(p);
}

static bool first_8th_not_falcon(const struct place *p)
{
	return not_falcon(p) && first_8th(p);
}

static bool first_8th_counted(const struct place *p)
{
	return p->t->count < p->t->n / 8;
}

static bool middle(const struct place *p)
{
	uint32_t i = p->t->i, n = p->t->n;

	return i >= n / 8 && i < 7 * (uint64_t)n / 8;
}

static bool gqa_4_or_experts_4(const struct place *p)
{
	return p->m->n_gqa >= 4 || p->m->n_experts >= 4;
}

static bool first_8th_or_experts_8_more_bits(const struct place *p)
{
	return first_8th(p) || (experts_8(p) && more_bits(p));
}

static bool with_imatrix(const struct place *p)
{
	return p->m->imatrix;
}

static bool no_imatrix(const struct place *p)
{
	return !p->m->imatrix;
}

static bool first_8th_with_imatrix(const struct place *p)
{
	return with_imatrix(p) && first_8th(p);
}

static bool first_8th_no_imatrix(const struct place *p)
{
	return no_imatrix(p) && first_8th(p);
}

/* Three dimensions are taken for experts, but where attention is known to have such matrices too. */
static bool experts(const struct place *p)
{
	enum quant_mix_kind k = p->t->kind;

	return p->t->stacked &&
	       (!fmt_str_is(p->m->arch, "bailingmoe3") || k == MIX_FFN_UP || k == MIX_FFN_GATE || k == MIX_FFN_DOWN);
}

/* What llama.cpp calls a 70B is a matter of layers, for two architectures also of heads: Qwen 2.5 72B is one. */
static bool is_70b(const struct quant_mix_model *m)
{
	static const struct {
		const char *arch;
		bool grouped_only;
	} those[] = { { "llama", true }, { "llama-embed", true }, { "qwen2", false }, { "deci", false }, { "olmo", false } };

	for (size_t i = 0; m->n_layers == 80 && i < N_OF(those); i++)
		if (fmt_str_is(m->arch, those[i].arch))
			return m->grouped || !those[i].grouped_only;
	return false;
}

static bool low_in_70b(const struct place *p)
{
	return is_70b(p->m) && (p->type == FMT_Q3_K || p->type == FMT_Q4_K);
}

#define R(name) (UINT64_C(1) << RECIPE_##name)
#define K(name) (1u << MIX_##name)

/* All that mix types; Q8_0 is above what any rule would give. Those below 3 bits have rules of their own. */
#define MIXED   (((UINT64_C(1) << RECIPE_COUNT) - 1) & ~(R(F32) | R(BF16) | R(F16) | R(Q8_0)))
#define LOW_2   (R(IQ2_S) | R(IQ2_M))
#define LOW_1   (R(IQ1_S) | R(IQ1_M))
#define LOW     (LOW_1 | LOW_2 | R(IQ2_XXS) | R(IQ2_XS))
#define ORDINARY (MIXED & ~(LOW | R(MXFP4_MOE)))
#define VALUES  (K(ATTN_V) | K(ATTN_QKV) | K(ATTN_KV_B))

/* Every row that matches sets the type; the last one wins, so the general rule stands before its exceptions. */
static const struct rule {
	uint64_t recipes;
	uint32_t kinds;
	condition *when;
	enum fmt_type type;
	const char *why;
} rules[] = {
	{ MIXED, K(OUTPUT), always, FMT_Q6_K, "output: Q6_K" },
	{ LOW | R(IQ3_XXS), K(OUTPUT), always, FMT_Q5_K, "output of a low recipe: Q5_K" },
	{ MIXED, K(OUTPUT), falcon_or_misfit, FMT_Q8_0, "output of falcon, or rows of no whole superblocks: Q8_0" },
	{ R(MXFP4_MOE), K(OUTPUT), always, FMT_Q8_0, "all but experts: Q8_0" },

	{ LOW & ~LOW_2, K(TOKEN_EMBD), always, FMT_Q2_K, "embedding: Q2_K" },
	{ LOW_2 | R(IQ3_XXS), K(TOKEN_EMBD), always, FMT_IQ3_S, "embedding: IQ3_S" },
	{ R(TQ1_0) | R(TQ2_0) | R(Q2_0), K(TOKEN_EMBD), always, FMT_Q4_K, "embedding: Q4_K" },

	{ R(MXFP4_MOE), ~K(OUTPUT), always, FMT_Q8_0, "all but experts: Q8_0" },
	{ R(MXFP4_MOE), ~K(OUTPUT), experts, FMT_MXFP4, "experts: MXFP4" },

	{ LOW, VALUES, always, FMT_Q2_K, "values: Q2_K" },
	{ LOW_2, VALUES, always, FMT_IQ3_S, "values: IQ3_S" },
	{ LOW, VALUES, gqa_4_or_experts_4, FMT_Q4_K, "values shared by 4 or more query heads, or beside experts: Q4_K" },
	{ LOW, K(ATTN_K), experts_8, FMT_Q4_K, "keys beside 8 experts: small, so Q4_K" },
	{ LOW, K(FFN_DOWN), first_8th_counted, FMT_Q2_K, "ffn_down of the first layers: Q2_K" },
	{ LOW_2, K(FFN_DOWN), first_8th_counted, FMT_IQ3_S, "ffn_down of the first layers: IQ3_S" },
	{ LOW_1, K(ATTN_OUTPUT), always, FMT_IQ2_XXS, "attn_output: a step up" },
	{ LOW_2, K(ATTN_OUTPUT), always, FMT_IQ3_S, "attn_output: a step up" },
	{ LOW, K(ATTN_OUTPUT), experts_8, FMT_Q5_K, "attn_output beside 8 experts: Q5_K" },

	{ R(Q2_K), VALUES, always, FMT_Q3_K, "values: a step up" },
	{ R(IQ3_XXS), VALUES, always, FMT_IQ3_S, "values: a step up" },
	{ R(IQ3_XXS), VALUES, with_imatrix, FMT_IQ3_XXS, "the recipe's own type" },
	{ R(Q2_K) | R(Q2_K_S) | R(IQ3_XXS) | R(IQ3_XS) | R(IQ3_S), VALUES, gqa_4, FMT_Q4_K,
	  "values shared by 4 or more query heads: two steps up" },
	{ R(Q3_K_M) | R(IQ3_M), VALUES, always, FMT_Q4_K, "values: a step up" },
	{ R(Q3_K_M), VALUES, first_2, FMT_Q5_K, "values of the first 2 layers: two steps up" },
	{ R(Q3_K_L), VALUES, always, FMT_Q5_K, "values: two steps up" },
	{ R(IQ4_NL) | R(IQ4_XS), VALUES, gqa_4, FMT_Q5_K, "values shared by 4 or more query heads: a step up" },
	{ R(Q4_K_M) | R(Q5_K_M), VALUES, more_bits, FMT_Q6_K, "values at both ends and in every third layer" },
	{ R(Q4_K_S), VALUES, first_4, FMT_Q5_K, "values of the first 4 layers: a step up" },
	{ ORDINARY, VALUES, low_in_70b, FMT_Q5_K, "values of a 70B model: small, so Q5_K" },
	{ R(IQ3_XS), K(ATTN_K) | K(ATTN_Q), always, FMT_IQ3_XXS, "queries and keys: a step down" },
	{ R(IQ3_XXS), K(ATTN_K) | K(ATTN_Q), always, FMT_IQ2_S, "queries and keys: a step down" },
	{ ORDINARY, VALUES | K(ATTN_K), experts_8, FMT_Q8_0, "keys and values beside 8 experts: small, so Q8_0" },

	{ R(IQ3_XXS), K(FFN_DOWN), no_imatrix, FMT_Q3_K, "ffn_down without importance: a step up" },
	{ R(IQ3_XXS), K(FFN_DOWN), first_8th_no_imatrix, FMT_Q4_K, "ffn_down of the first layers: two steps up" },
	{ R(Q2_K), K(FFN_DOWN), always, FMT_Q3_K, "ffn_down: a step up" },
	{ R(Q2_K_S), K(FFN_DOWN), first_8th, FMT_Q4_K, "ffn_down of the first layers: two steps up" },
	{ R(IQ3_M), K(FFN_DOWN), first_8th_or_experts_8_more_bits, FMT_Q4_K, "ffn_down of the first layers: a step up" },
	{ R(Q3_K_M), K(FFN_DOWN), more_bits_or_not_falcon, FMT_Q4_K, "ffn_down: a step up" },
	{ R(Q3_K_M), K(FFN_DOWN), first_16th, FMT_Q5_K, "ffn_down of the first layers: two steps up" },
	{ R(Q3_K_L), K(FFN_DOWN), always, FMT_Q5_K, "ffn_down: two steps up" },
	{ R(Q3_K_L), K(FFN_DOWN), falcon, FMT_Q4_K, "ffn_down of falcon: a step up" },
	{ R(Q4_K_M), K(FFN_DOWN), more_bits_falcon, FMT_Q5_K, "ffn_down of falcon, both ends and every third layer" },
	{ R(Q4_K_M), K(FFN_DOWN), first_16th_falcon, FMT_Q6_K, "ffn_down of falcon's first layers" },
	{ R(Q4_K_M), K(FFN_DOWN), more_bits_not_falcon, FMT_Q6_K, "ffn_down at both ends and in every third layer" },
	{ R(Q5_K_M), K(FFN_DOWN), more_bits, FMT_Q6_K, "ffn_down at both ends and in every third layer" },
	{ R(Q4_K_S), K(FFN_DOWN), first_8th_not_falcon, FMT_Q5_K, "ffn_down of the first layers: a step up" },
	{ R(IQ4_NL) | R(IQ4_XS), K(FFN_DOWN), first_8th_no_imatrix, FMT_Q5_K, "ffn_down of the first layers: a step up" },
	{ R(Q4_0), K(FFN_DOWN), first_8th_with_imatrix, FMT_Q4_1, "ffn_down of the first layers: Q4_1" },
	{ R(Q5_0), K(FFN_DOWN), first_8th_with_imatrix, FMT_Q5_1, "ffn_down of the first layers: Q5_1" },
	{ R(IQ3_XS), K(FFN_GATE) | K(FFN_UP), middle, FMT_IQ3_XXS, "gate and up between the ends: a step down" },

	{ R(Q2_K), K(ATTN_OUTPUT), not_experts_8_not_falcon, FMT_Q3_K, "attn_output: a step up" },
	{ R(IQ3_XXS), K(ATTN_OUTPUT), not_experts_8_not_falcon, FMT_IQ3_S, "attn_output: a step up" },
	{ R(Q3_K_M) | R(IQ3_M), K(ATTN_OUTPUT), not_experts_8_not_falcon, FMT_Q4_K, "attn_output: a step up" },
	{ R(Q3_K_L), K(ATTN_OUTPUT), not_experts_8_not_falcon, FMT_Q5_K, "attn_output: two steps up" },
	{ R(Q3_K_L), K(ATTN_OUTPUT), falcon, FMT_Q4_K, "attn_output of falcon: a step up" },
	{ R(Q2_K) | R(Q3_K_S) | R(Q3_K_M) | R(IQ3_XXS) | R(IQ3_XS) | R(IQ3_S) | R(IQ3_M) | R(IQ4_NL) | R(IQ4_XS) |
	          R(Q4_K_S) | R(Q4_K_M),
	  K(ATTN_OUTPUT), experts_8_not_falcon, FMT_Q5_K, "attn_output beside 8 experts: Q5_K" },

	{ MIXED, K(SMALL), always, FMT_Q8_0, "small beside the rest: Q8_0" },
};

enum fmt_type quant_mix_type(const struct quant_mix_model *m, const struct quant_mix_tensor *t,
                             enum quant_recipe_id recipe, enum fmt_type base, const char **why)
{
	struct place p = { .m = m, .t = t, .type = base };

	for (size_t i = 0; i < N_OF(rules); i++) {
		const struct rule *r = &rules[i];

		if (!(r->recipes >> recipe & 1) || !(r->kinds >> t->kind & 1) || !r->when(&p))
			continue;
		p.type = r->type;
		*why = r->why;
	}
	return p.type;
}
